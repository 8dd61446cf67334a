"""Which files a list of places stands for."""

from __future__ import annotations

import pytest

from nwb_unitrefine.batch import find_sources, label_sources
from nwb_unitrefine.errors import SourceError


def test_folder_stands_for_the_nwb_files_below_it_in_order_of_name(tmp_path) -> None:
    """A folder is replaced by its NWB files, at any depth; other files are not meant."""
    for name in ("b.nwb", "a.nwb", "notes.txt", "inner/c.nwb"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert find_sources([tmp_path]) == [str(tmp_path / name) for name in ("a.nwb", "b.nwb", "inner/c.nwb")]


def test_zarr_store_is_one_source(tmp_path) -> None:
    """A folder that is a Zarr store is a source, not a place to look into."""
    (tmp_path / "x.nwb.zarr" / "units").mkdir(parents=True)
    (tmp_path / "x.nwb.zarr" / "units" / "odd.nwb").touch()
    assert find_sources([tmp_path]) == [str(tmp_path / "x.nwb.zarr")]
    assert find_sources([tmp_path / "x.nwb.zarr"]) == [str(tmp_path / "x.nwb.zarr")]


def test_folder_without_nwb_files_and_address_stand_for_themselves(tmp_path) -> None:
    """A sorter's folder and an address are kept as they are, each once."""
    assert find_sources([tmp_path, "DANDI:000001/a.nwb", tmp_path]) == [str(tmp_path), "DANDI:000001/a.nwb"]


def test_two_sources_of_one_name_cannot_go_to_one_folder(tmp_path) -> None:
    """Copies that would overwrite each other are refused before anything is labelled."""
    with pytest.raises(SourceError, match="overwrite each other"):
        list(label_sources(["a/x.nwb", "b/x.nwb"], output=tmp_path))
