"""A history is read from its newest run back, and what is left unread could not count."""

from __future__ import annotations

import os
import random
import warnings
from typing import TYPE_CHECKING, Any

import h5py
import pytest

from helpers.bare_nwb import make_small_session
from helpers.curations import curation_of, zarr_curation_of
from nwb_unitrefine.errors import SourceError
from nwb_unitrefine.history.authors import label_authors
from nwb_unitrefine.history.newest import read_deciding, read_newest_header, written_columns
from nwb_unitrefine.history.runs import read_runs, runs_in_effect
from nwb_unitrefine.history.tree import HISTORY
from nwb_unitrefine.journal.inside import FolderFiles
from nwb_unitrefine.records import RunKind
from nwb_unitrefine.verification import verify
from nwb_unitrefine.write import read_history, relabel, undo, write_curation
from nwb_unitrefine.write.columns import column_names, deciding_runs, edited_columns, marked_columns, writers
from nwb_unitrefine.write.stores.open import read_store

if TYPE_CHECKING:
    from pathlib import Path

    from nwb_unitrefine.records import Run

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:hdmf_zarr")


@pytest.fixture(params=["hdf5", "zarr"])
def session(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A session with six units."""
    path = tmp_path / ("session.nwb" if request.param == "hdf5" else "session.nwb.zarr")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # hdmf-zarr's own
        make_small_session(path)
    return path


def label(path: Path, **options: Any) -> None:
    """Add a run of a model."""
    seed = options.pop("seed", 0)
    made = zarr_curation_of(path, seed=seed) if path.is_dir() else curation_of(path, seed=seed)
    write_curation(made, again=True, **options)


def do_anything(path: Path, rng: random.Random) -> None:
    """One of the things that add a run."""
    chosen = rng.choice(["label", "label", "label over people", "relabel", "relabel", "other columns", "undo"])
    if chosen == "relabel":
        units = rng.sample(range(6), rng.choice([1, 1, 2, 6]))
        with read_store(path) as store:
            ids = store.read("id").tolist()
        relabel(path, {ids[unit]: rng.choice(["sua", "noise"]) for unit in units}, by=rng.choice("AB"), again=True)
    elif chosen == "undo":
        if runs_in_effect(read_history(path)):
            undo(path)
    elif chosen == "other columns":
        label(path, seed=rng.randrange(100), columns="quality")
    else:
        label(path, seed=rng.randrange(100), replace_human=chosen == "label over people")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_what_is_read_decides_the_same_as_the_whole_history(session: Path, seed: int) -> None:
    """Authors of labels, writers and values of columns, and the newest runs, after any order of labels and undoing."""
    rng = random.Random(seed)
    for _ in range(9):
        do_anything(session, rng)
        with read_store(session) as store:
            whole = runs_in_effect(read_runs(store.group(HISTORY), where=store.name))
            partly = deciding_runs(store, column_names("unitrefine"))
            columns = set(marked_columns(store))
            assert columns == set(writers(whole)) & set(store.columns())
            assert edited_columns(store, partly) == ()
            assert written_columns(store.group(HISTORY), where=store.name, among={*columns, "id"}) == columns
        assert {name: run.name for name, run in writers(partly).items() if name in columns} == {
            name: run.name for name, run in writers(whole).items() if name in columns
        }
        ours, all_of_them = label_authors(partly), label_authors(whole)
        assert (ours.by_people, ours.people, ours.runs) == (
            all_of_them.by_people,
            all_of_them.people,
            all_of_them.runs,
        )
        assert [run.name for run in partly[-1:]] == [run.name for run in whole[-1:]]
        assert not partly or partly[-1].predictions.labels.tolist() == whole[-1].predictions.labels.tolist()
        assert newest_by_program(partly) == newest_by_program(whole)
    assert verify(session).passed or not partly


def newest_by_program(runs: tuple[Run, ...]) -> str:
    """Name of the newest run in effect that no person made."""
    return next((run.name for run in reversed(runs) if run.kind is not RunKind.HUMAN), "")


@pytest.mark.slow
def test_a_run_is_added_to_a_long_history_at_the_cost_of_a_short_one(
    session: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read of the file, and written into it, grows by a few pages; of a store, as many files are read.

    The consolidated metadata of a store repeat all of its metadata, and grow with it.
    """
    reads: list[int] = []
    pread, read = os.pread, FolderFiles.read

    def counted_bytes(descriptor: int, length: int, offset: int) -> bytes:
        found = pread(descriptor, length, offset)
        reads.append(len(found))
        return found

    def counted_files(self: FolderFiles, key: str) -> bytes | None:
        reads.append(1)
        return read(self, key)

    def cost() -> tuple[int, int]:
        made = zarr_curation_of(session) if session.is_dir() else curation_of(session)
        reads.clear()
        with monkeypatch.context() as patch:
            if session.is_dir():
                patch.setattr(FolderFiles, "read", counted_files)
            else:
                patch.setattr(os, "pread", counted_bytes)
            report = write_curation(made, again=True)
        return sum(reads), report.bytes_written

    if session.is_dir():
        (session / ".zmetadata").unlink()
    for _ in range(3):
        label(session)
    short = cost()
    for _ in range(15):
        label(session)
    long = cost()
    if session.is_dir():
        assert long[0] == short[0]
        assert long[1] - short[1] < 100
    else:
        assert long[0] - short[0] < 40_000
        assert long[1] - short[1] < 20_000
    assert verify(session).passed


def test_a_run_that_takes_back_what_is_not_there_is_named(tmp_path: Path) -> None:
    """Nothing is added to a history whose newest runs make no sense."""
    path = make_small_session(tmp_path / "session.nwb")
    label(path)
    with h5py.File(path, "r+") as file:
        file[f"{HISTORY}/run_0001"].attrs["undoes"] = "run_0007"
    with pytest.raises(SourceError, match="takes back 'run_0007', which is not in the history before it"):
        label(path)


def test_a_file_without_a_history_decides_nothing(tmp_path: Path) -> None:
    """No run decides a label, and none wrote a column."""
    path = make_small_session(tmp_path / "session.nwb")
    with read_store(path) as store:
        ids = store.read("id")
    assert read_deciding(None, where="", unit_ids=ids, columns=["a"]) == ()
    assert written_columns(None, where="", among=["a"]) == set()
    assert read_newest_header(None, where="") is None
