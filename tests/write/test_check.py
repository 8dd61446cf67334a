"""What a change is checked for before it is applied: a fault of this program is found, and the file stays as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import h5py
import pytest

from nwb_unitrefine.errors import WriteError
from nwb_unitrefine.write.check import require_only_ours_changed
from nwb_unitrefine.write.transaction import change_hdf5
from sessions import make_session

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def set_value(name: str, value: object) -> Callable[[h5py.File], None]:
    """Change a value of a dataset."""
    return lambda file: file[name].__setitem__(0, value)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (set_value("units/spike_times", 7.0), "units/spike_times"),
        (set_value("units/id", 99), "units/id"),
        (lambda file: file.__delitem__("units/electrodes"), "units/electrodes"),
        (lambda file: file.move("general/lab", "general/laboratory"), "general/lab"),
        (lambda file: file.__delitem__("general/subject"), "general/subject"),
    ],
)
@pytest.mark.parametrize("contiguous", [True, False])
def test_a_change_of_anything_else_is_found(
    tmp_path: Path, change: Callable[[h5py.File], None], name: str, *, contiguous: bool
) -> None:
    """A value, a name, a dataset, a group: in one piece or in chunks: what is not ours may not change."""
    path = make_session(tmp_path / "session.nwb")
    if contiguous:
        with h5py.File(path, "r+") as file:
            for column in ("spike_times", "id"):
                values, attributes = file["units"][column][()], dict(file["units"][column].attrs)
                del file["units"][column]
                file["units"].create_dataset(column, data=values).attrs.update(attributes)
    content = path.read_bytes()
    with pytest.raises(WriteError, match=f"would have changed /{name}"):
        change_hdf5(path, change, check=require_only_ours_changed)
    assert path.read_bytes() == content


def test_lost_columns_are_found(tmp_path: Path) -> None:
    """Column names may be added, and not lost."""
    path = make_session(tmp_path / "session.nwb")
    with pytest.raises(WriteError, match="would have lost columns"):
        change_hdf5(
            path, lambda file: file["units"].attrs.modify("colnames", ["x"] * 3), check=require_only_ours_changed
        )
