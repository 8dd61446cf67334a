"""Labelling units tables with ids of another layout, and tables at other places than /units."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from helpers.bare_nwb import make_small_session
from nwb_unitrefine import label, relabel, verify
from nwb_unitrefine.cli import main
from nwb_unitrefine.records import SourceHints

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["float", "column", "row", "float_column"])
def test_a_file_whose_ids_are_plain_is_labelled_as_any_other(tmp_path: Path, layout: str) -> None:
    """What reading takes for ids, writing does too: labelled, corrected, labelled again and verified."""
    import h5py

    path = make_small_session(tmp_path / "a.nwb")
    with h5py.File(path, "r+") as file:
        ids, attributes = file["units/id"][()], dict(file["units/id"].attrs)
        ids = ids.astype(float) if "float" in layout else ids
        del file["units/id"]
        file["units/id"] = ids[:, None] if "column" in layout else ids[None] if layout == "row" else ids
        file["units/id"].attrs.update(attributes)
    label(path)
    relabel(path, {2: "noise"}, by="me")
    assert label(path).report.n_kept == 1
    assert verify(path).passed


@pytest.mark.slow
def test_labels_of_the_main_table_are_not_those_of_another(tmp_path: Path) -> None:
    """Units of a second sorting have the same ids: what a person decided on for the first does not pass to them."""
    import h5py

    path = make_small_session(tmp_path / "a.nwb")
    relabel(path, {2: "noise"}, by="me")
    with h5py.File(path, "r+") as file:
        file.copy("units", "processing/second/units")
    assert any(label(path, dry_run=True).labels.people)
    second = label(path, hints=SourceHints(units="processing/second/units"), dry_run=True)
    assert not any(second.labels.people)
    assert main(["show", str(path), "--units", "processing/second/units"]) == 0
