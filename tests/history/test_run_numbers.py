"""Runs are in order of their numbers, however many digits these have."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import pytest

from helpers.bare_nwb import make_small_session
from helpers.curations import curation_of, zarr_curation_of
from nwb_unitrefine.history import runs
from nwb_unitrefine.history.newest import read_deciding, read_newest_header
from nwb_unitrefine.history.run_numbers import in_order, name_of_run, next_name, run_number
from nwb_unitrefine.history.tree import HISTORY
from nwb_unitrefine.verification import verify
from nwb_unitrefine.write import read_history, relabel, undo, write_curation
from nwb_unitrefine.write.stores.open import read_store

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:hdmf_zarr")


@pytest.fixture(params=["hdf5", "zarr"])
def session(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A session with one run, whose number is 9999."""
    monkeypatch.setattr(runs, "next_name", lambda names, n_added: next_name(names, n_added + 9998))
    path = tmp_path / ("session.nwb" if request.param == "hdf5" else "session.nwb.zarr")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # hdmf-zarr's own
        make_small_session(path)
    label(path)
    return path


def label(path: Path, *, seed: int = 0) -> None:
    """Add a run of a model."""
    write_curation(zarr_curation_of(path, seed=seed) if path.is_dir() else curation_of(path, seed=seed), again=True)


def test_run_10000_follows_run_9999(session: Path) -> None:
    """Whoever reads a history, finds its newest run, takes runs back or verifies the file goes by the number."""
    label(session, seed=1)
    relabel(session, {2: "noise"}, by="S. Cajal", again=True)
    with read_store(session) as store:
        history = store.group(HISTORY)
        newest = read_newest_header(history, where="")
        deciding = read_deciding(history, where="", unit_ids=store.read("id"), columns=())
    assert newest is not None
    assert newest.name == "run_10001"
    assert [run.name for run in deciding] == ["run_10000", "run_10001"]
    undo(session)
    undo(session)
    assert [(run.name, run.undoes) for run in read_history(session)] == [
        ("run_9999", ""),
        ("run_10000", ""),
        ("run_10001", ""),
        ("run_10002", "run_10001"),
        ("run_10003", "run_10000"),
    ]
    with read_store(session) as store:
        history = store.group(HISTORY)
        (deciding,) = read_deciding(history, where="", unit_ids=store.read("id"), columns=["unitrefine_label"])
        assert store.read("unitrefine_label").tolist() == deciding.predictions.labels.tolist()
    assert deciding.name == "run_9999"
    assert verify(session).passed


def test_names_that_are_no_numbers_keep_the_order_of_text() -> None:
    """A run that another program added has its place among names, and any number of digits can be compared."""
    enormous = "run_" + "9" * 5000
    names = ["run_0001", "run_0010", "run_2000", "run_10000", enormous, "run_b", "second"]
    assert in_order(reversed(names)) == names
    assert run_number(enormous) is run_number("second") is run_number("run_") is None
    assert next_name(names, 5) == name_of_run(10_001) == "run_10001"
