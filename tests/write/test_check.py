"""What a change is checked for before it is applied: a fault of this program is found, and the file stays as it is."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import h5py
import numpy as np
import pytest

from helpers.bare_nwb import make_small_session
from helpers.curations import curation_of, zarr_curation_of
from nwb_unitrefine.errors import SourceError, WriteError
from nwb_unitrefine.history.layout import run_to_group
from nwb_unitrefine.history.tree import HISTORY, Dataset, text_array
from nwb_unitrefine.journal.transaction import change_hdf5
from nwb_unitrefine.records import Run, RunKind
from nwb_unitrefine.storage.hdf5_guard import GuardedFile
from nwb_unitrefine.write import read_history, write_curation
from nwb_unitrefine.write.check import require_only_ours_changed
from nwb_unitrefine.write.stores.hdf5 import Hdf5Store

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
    path = make_small_session(tmp_path / "session.nwb")
    if contiguous:
        with h5py.File(path, "r+") as file:
            for column in ("spike_times", "id"):
                values, attributes = file["units"][column][()], dict(file["units"][column].attrs)
                del file["units"][column]
                file["units"].create_dataset(column, data=values).attrs.update(attributes)
    content = path.read_bytes()
    with pytest.raises(WriteError, match=f"would have changed /{name}"):
        change_hdf5(path, change, check=require_only_ours_changed, guard=GuardedFile)
    assert path.read_bytes() == content


def test_lost_columns_are_found(tmp_path: Path) -> None:
    """Column names may be added, and not lost."""
    path = make_small_session(tmp_path / "session.nwb")
    with pytest.raises(WriteError, match="would have lost columns"):
        change_hdf5(
            path,
            lambda file: file["units"].attrs.modify("colnames", ["x"] * 3),
            check=require_only_ours_changed,
            guard=GuardedFile,
        )


def test_a_run_cannot_claim_what_was_there_before_it(tmp_path: Path) -> None:
    """That a run says of a column that it wrote it does not make the column one of ours."""
    path = make_small_session(tmp_path / "session.nwb", columns={"theirs": list("abcdef")})
    run = Run(
        kind=RunKind.RULE,
        agent="a fault",
        created=datetime(2026, 1, 1, tzinfo=UTC),
        predictions=curation_of(path).predictions,
        software={},
        inputs={},
        label_column="theirs",
    )

    def change(file: h5py.File) -> None:
        store = Hdf5Store(file, name="session.nwb")
        store.add_run("run_0001", run_to_group(run, rows=np.arange(6)), about={})
        store.set_column("theirs", Dataset(text_array(run.predictions.labels), description="Labels."))

    with pytest.raises(WriteError, match="would have changed /units/theirs"):
        change_hdf5(path, change, check=require_only_ours_changed, guard=GuardedFile)


def test_a_column_under_a_second_name_is_not_written(tmp_path: Path) -> None:
    """A column of ours that is another program's under a second name is told from it: neither gets other values."""
    path = make_small_session(tmp_path / "session.nwb", columns={"snr": [float(unit) for unit in range(6)]})
    write_curation(curation_of(path))
    with h5py.File(path, "r+") as file:
        units = file["units"]
        values = units["unitrefine_probability"][()]
        described = dict(units["unitrefine_probability"].attrs)
        for name in ("unitrefine_probability", "snr"):
            del units[name]
        units.create_dataset("snr", data=values, maxshape=(None,), chunks=(6,)).attrs.update(described)
        units["unitrefine_probability"] = units["snr"]
    content = path.read_bytes()
    with pytest.raises(WriteError, match="would have changed /units/snr"):
        write_curation(curation_of(path, seed=1))
    assert path.read_bytes() == content


@pytest.mark.parametrize("backend", ["hdf5", "zarr"])
def test_a_column_with_huge_chunks_is_made_anew(tmp_path: Path, backend: str) -> None:
    """A whole chunk would be written, however few values it holds."""
    path = make_small_session(tmp_path / ("session.nwb" if backend == "hdf5" else "session.nwb.zarr"))
    curate = curation_of if backend == "hdf5" else zarr_curation_of
    write_curation(curate(path))
    if backend == "hdf5":
        with h5py.File(path, "r+") as file:
            old = file["units/unitrefine_uncertain"]
            values, described = old[()], dict(old.attrs)
            del file["units/unitrefine_uncertain"]
            new = file["units"].create_dataset(
                "unitrefine_uncertain", values.shape, values.dtype, maxshape=(None,), chunks=(1 << 27,)
            )
            new.attrs.update(described)
    else:
        document = path / "units/unitrefine_uncertain/.zarray"
        document.write_text(json.dumps(json.loads(document.read_text()) | {"chunks": [1 << 27]}))
        (path / "units/unitrefine_uncertain/0").unlink()
        (path / ".zmetadata").unlink()
    report = write_curation(curate(path, seed=1), overwrite_columns=["unitrefine_uncertain"])
    assert report.bytes_written < 1_000_000


def test_groups_that_hold_each_other_have_an_end(tmp_path: Path) -> None:
    """A run that leads back to itself, twice at each step, is not followed for ever."""
    path = make_small_session(tmp_path / "session.nwb")
    write_curation(curation_of(path))
    with h5py.File(path, "r+") as file:
        run = file[f"{HISTORY}/run_0001"]
        levels = [run.create_group("level0")]
        for number in range(1, 60):
            levels.append(run.create_group(f"level{number}"))
            levels[-2]["a"] = levels[-2]["b"] = levels[-1]
    with pytest.raises(SourceError, match="deep"):
        read_history(path)
    content = path.read_bytes()
    with pytest.raises(SourceError, match="deep"):
        write_curation(curation_of(path, seed=1))
    assert path.read_bytes() == content
