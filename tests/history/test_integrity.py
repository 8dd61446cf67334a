"""A history that cannot be changed unnoticed: every edit of a labelled file is found, and named."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from helpers import tampering
from nwb_unitrefine.errors import SourceError, WriteError
from nwb_unitrefine.history.digests import digest_value
from nwb_unitrefine.history.tree import text_array
from nwb_unitrefine.verification import verify
from nwb_unitrefine.write import read_history, redact, relabel, undo

if TYPE_CHECKING:
    from collections.abc import Iterable

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.fixture(scope="module", params=["hdf5", pytest.param("zarr", marks=pytest.mark.slow)])
def session(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A session with three runs, HDF5 and Zarr."""
    folder = tmp_path_factory.mktemp(request.param)
    return tampering.labelled(folder / ("session.nwb" if request.param == "hdf5" else "session.nwb.zarr"))


def copied(session: Path, target: Path) -> Path:
    """A copy that nothing was done to."""
    return tampering.edited(session, tampering.Attempt("nothing", lambda _: None, ()), target)


def unnoticed(session: Path, folder: Path, attempts: Iterable[tampering.Attempt]) -> list[str]:
    """The edits that `verify` does not find, or finds and does not name."""
    missed = []
    for number, attempt in enumerate(attempts):
        target = folder / f"{number}{''.join(session.suffixes)}"
        outcome = verify(tampering.edited(session, attempt, target))
        found = "; ".join(f"{check.what}: {check.detail}" for check in outcome.checks if not check.passed)
        lacking = [text for text in attempt.named if text not in found]
        if lacking or not found:
            missed.append(f"{attempt.title}: {lacking} not in {found!r}")
    return missed


def test_an_untouched_history_is_as_recorded(session: Path) -> None:
    """Nothing fails, and every run is among what was checked."""
    outcome = verify(session)
    assert [check for check in outcome.checks if not check.passed] == []
    assert {f"{run} as recorded" for run in tampering.RUNS} <= {check.what for check in outcome.checks}


@pytest.mark.slow
def test_every_edit_of_a_specified_field_is_named(session: Path, tmp_path: Path) -> None:
    """Each attribute, dataset and group of the specification: changed, removed, shortened, or added."""
    attempts = list(tampering.specified_edits(session, ["run_0002"]))  # the campaign in benchmarks edits all runs
    assert len(attempts) > 80
    assert unnoticed(session, tmp_path, attempts) == []


@pytest.mark.slow
def test_every_edit_of_whole_runs_is_named(session: Path, tmp_path: Path) -> None:
    """Runs removed, renamed, exchanged, copied and added, one or all; fields that no specification names."""
    assert unnoticed(session, tmp_path, tampering.run_edits()) == []


@pytest.mark.slow
def test_every_edit_of_an_input_is_named(session: Path, tmp_path: Path) -> None:
    """Datasets of the units, units of measure, rates, positions and groups; with the run's line about it or without."""
    assert unnoticed(session, tmp_path, tampering.input_edits()) == []


def test_undo_restores_nothing_that_was_edited(session: Path, tmp_path: Path) -> None:
    """An edited label of an older run does not get into the column."""
    attempt = tampering.Attempt("", tampering.change(f"{tampering.HISTORY}/run_0002", "label"), ())
    path = tampering.edited(session, attempt, tmp_path / f"edited{''.join(session.suffixes)}")
    with pytest.raises(WriteError, match="run_0002: changed: label"):
        undo(path)
    assert undo(
        tampering.edited(session, tampering.Attempt("", lambda _: None, ()), tmp_path / f"b{session.suffix}")
    ).run


def test_a_run_that_takes_back_what_is_not_there_is_named(session: Path, tmp_path: Path) -> None:
    """Reading says so in one line, and verifying too."""
    attempt = tampering.Attempt("", tampering.delete(tampering.HISTORY, "run_0003"), ())
    undone = copied(session, tmp_path / f"c{session.suffix}")
    undo(undone)
    path = tampering.edited(undone, attempt, tmp_path / f"d{session.suffix}")
    with pytest.raises(SourceError, match="run_0004 takes back 'run_0003', which is not in the history"):
        read_history(path)
    assert any("run_0003" in check.what and not check.passed for check in verify(path).checks)


def without_digests(root: Any) -> None:
    """Make a history as version 0.1.0 wrote it."""
    history = root[tampering.HISTORY]
    for name in ("num_runs", "newest_digest"):
        del history.attrs[name]
    for run in tampering.RUNS:
        for name in ("digest", "previous_digest"):
            if name in history[run].attrs:
                del history[run].attrs[name]
        del history[run]["field_digests"]


def test_runs_of_the_first_version_are_protected_by_the_next(session: Path, tmp_path: Path) -> None:
    """Until then, that is said; afterwards an edit of them is found and named, and they can be undone."""
    suffix = "".join(session.suffixes)
    old = tampering.edited(session, tampering.Attempt("", without_digests, ()), tmp_path / f"old{suffix}")
    outcome = verify(old)
    assert outcome.passed
    assert sum("not protected" in check.detail for check in outcome.checks) == 3
    relabel(old, {1: "mua"}, by="R. Levi")
    outcome = verify(old)
    assert outcome.passed
    assert not any("not protected" in check.detail for check in outcome.checks)
    attempt = tampering.Attempt("", tampering.change(f"{tampering.HISTORY}/run_0002/features", "value"), ())
    path = tampering.edited(old, attempt, tmp_path / f"new{suffix}")
    assert [check.detail for check in verify(path).checks if not check.passed] == ["changed: features/value"]
    undo(old)
    undo(old)
    assert verify(old).passed


@pytest.mark.parametrize("protected", [True, False])
def test_private_text_is_reported_and_taken_out(session: Path, tmp_path: Path, *, protected: bool) -> None:
    """Paths, addresses and tokens go; what was there before counts as redacted, and an edit after that as changed."""
    suffix = "".join(session.suffixes)
    path = copied(session, tmp_path / f"file{suffix}")
    secret = "https://ana:pw@lab.org/a.nwb?X-Amz-Signature=51"
    relabel(path, {1: "mua"}, by="S. Cajal", note=f"see /home/ana/notes.txt and {secret}")
    if not protected:
        with tampering.opened(path) as root:
            without_digests(root)
            for name in ("digest", "previous_digest"):
                del root[f"{tampering.HISTORY}/run_0004"].attrs[name]
            del root[f"{tampering.HISTORY}/run_0004"]["field_digests"]
            root[f"{tampering.HISTORY}/run_0001/model"].attrs["source"] = "/home/ana/models/best + packaged"
            root[tampering.HISTORY].attrs["source"] = secret
    (found,) = [check for check in verify(path).checks if check.what == "nothing private"]
    assert not found.passed
    assert "run_0004/note" in found.detail
    report = redact(path, by="R. Levi")
    outcome = verify(path)
    assert outcome.passed, outcome
    assert any(check.detail == "redacted: note" for check in outcome.checks)
    assert read_history(path)[3].note == "see notes.txt and a.nwb"
    if not protected:
        assert {(one.run, one.field) for one in report.redactions} >= {("", "source"), ("run_0001", "model/source")}
        assert read_history(path)[0].model.source == "best + packaged"
    assert redact(path).run == ""
    with tampering.opened(path) as root:
        root[f"{tampering.HISTORY}/run_0004"].attrs["note"] = "another"
    assert any("changed: note" in check.detail for check in verify(path).checks if not check.passed)


def test_a_redaction_does_not_make_an_edit_good(session: Path, tmp_path: Path) -> None:
    """A field that was edited before private text was taken out of it stays changed."""
    path = copied(session, tmp_path / f"file{''.join(session.suffixes)}")
    with tampering.opened(path) as root:
        root[f"{tampering.HISTORY}/run_0003"].attrs["note"] = "see /home/ana/notes.txt"
    redact(path)
    assert any("changed: note" in check.detail for check in verify(path).checks if not check.passed)


@pytest.mark.parametrize("frozen", sorted((Path(__file__).parent / "frozen").glob("*.nwb")), ids=lambda path: path.stem)
def test_digests_of_a_released_version_are_computed_as_then(frozen: Path) -> None:
    """A file that was labelled by it verifies: how a field is digested is part of the format."""
    outcome = verify(frozen)
    assert outcome.passed, outcome
    assert {f"{run} as recorded" for run in tampering.RUNS} <= {check.what for check in outcome.checks}


def test_the_digest_of_a_field_is_as_the_format_describes_it() -> None:
    """Shape, kind and content, worked by hand."""
    by_hand = hashlib.sha256(b"(2,)" + b"text" + b"3:sua5:noise").hexdigest()[:32]
    assert digest_value(text_array(["sua", "noise"])) == by_hand
    by_hand = hashlib.sha256(b"(1,)" + b"integer" + (1).to_bytes(8, "little")).hexdigest()[:32]
    assert digest_value(np.array([True])) == by_hand


@pytest.mark.slow
def test_a_history_exported_by_pynwb_is_as_recorded(tmp_path: Path) -> None:
    """What pynwb writes of it, to the other backend too, has the same digests."""
    from hdmf_zarr import NWBZarrIO
    from pynwb import NWBHDF5IO

    path = tampering.labelled(tmp_path / "file.nwb")
    with tampering.opened(path) as root:
        del root["acquisition/ElectricalSeries"]  # made by hand, and not as pynwb wants it
    for io_class, name in ((NWBHDF5IO, "exported.nwb"), (NWBZarrIO, "exported.nwb.zarr")):
        with NWBHDF5IO(path, "r") as source, io_class(str(tmp_path / name), "w") as target:
            target.export(src_io=source, write_args={"link_data": False})
        found = [check for check in verify(tmp_path / name).checks if check.what.endswith("as recorded")]
        assert [check for check in found if not check.passed] == []
        assert len(found) == 3
