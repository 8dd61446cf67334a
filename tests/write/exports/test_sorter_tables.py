"""Labels of what is not an NWB file go into tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from helpers.bare_nwb import make_trains
from helpers.curations import curation
from nwb_unitrefine.errors import WriteError
from nwb_unitrefine.records import Source
from nwb_unitrefine.write import write_curation

if TYPE_CHECKING:
    from pathlib import Path

    from nwb_unitrefine.records import Curation


def sorter_curation(folder: Path) -> Curation:
    """A curation of a sorter's output."""
    return curation(Source(uri=str(folder), kind="sorter"), np.arange(6), make_trains(6))


@pytest.mark.parametrize(
    ("options", "says", "tip"),
    [
        ({"output": "small.nwb", "units_only": True}, "tables in a folder", "nwb-unitrefine convert"),
        ({"output": "small.nwb.zarr"}, "tables in a folder", "nwb-unitrefine convert"),
        ({"columns": "quality"}, "names of their own", "Leave"),
    ],
)
def test_what_tables_cannot_be_is_refused(tmp_path: Path, options: dict[str, Any], says: str, tip: str) -> None:
    """A file with units alone, a name of an NWB file, other columns: nothing else is written in their place."""
    folder = tmp_path / "sorted"
    folder.mkdir()
    if "output" in options:
        options = options | {"output": tmp_path / options["output"]}
    with pytest.raises(WriteError, match=says) as refusal:
        write_curation(sorter_curation(folder), **options)
    assert tip in refusal.value.tip
    assert list(tmp_path.rglob("*")) == [folder]


def test_tables_go_into_a_folder_that_is_named(tmp_path: Path) -> None:
    """With an output, the sorter's folder stays as it is."""
    folder = tmp_path / "sorted"
    folder.mkdir()
    report = write_curation(sorter_curation(folder), output=tmp_path / "tables")
    assert report.path == tmp_path / "tables" / "unitrefine_labels.csv"
    assert list(folder.iterdir()) == []
