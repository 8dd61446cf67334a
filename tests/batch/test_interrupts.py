"""Ctrl-C while files are labelled: a real signal to a real process."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from helpers.bare_nwb import make_small_session
from nwb_unitrefine.batch.executors import run_tasks
from nwb_unitrefine.batch.interrupts import Interrupts
from nwb_unitrefine.cli import main
from nwb_unitrefine.write import read_history

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
import os, signal, sys
import nwb_unitrefine.{module} as module
real, calls = module.{function}, iter(range(1000))
def interrupted(*arguments, **options):
    if next(calls) == {call}:
        os.kill(os.getpid(), signal.SIGINT)
    return real(*arguments, **options)
module.{function} = interrupted
from nwb_unitrefine.cli import main
sys.exit(main(["label", {folder!r}, *{options!r}]))
"""


pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three sessions in a folder."""
    (tmp_path / "sessions").mkdir()
    for name in ("a.nwb", "b.nwb", "c.nwb"):
        make_small_session(tmp_path / "sessions" / name)
    return tmp_path / "sessions"


def _label_and_interrupt(folder: Path, where: str, call: int, *options: str) -> subprocess.CompletedProcess[str]:
    """Label a folder in a process that gets SIGINT when a function is called for the n-th time."""
    module, _, function = where.rpartition(".")
    program = PROGRAM.format(module=module, function=function, call=call, folder=str(folder), options=list(options))
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("where", "n_labelled"),
    [
        ("batch.files.curate", 1),  # while the second file is computed
        ("batch.files.write_curation", 2),  # when its write begins
        ("journal.protocol.apply_edits", 2),  # with its journal on the disk
        ("journal.protocol.remove_file", 2),  # when all but the journal is done
    ],
)
def test_the_file_in_hand_is_finished_or_left_alone(folder: Path, where: str, n_labelled: int) -> None:
    """Whenever the signal comes, each file is labelled or as it was, none has a journal, and the summary names all."""
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    done = _label_and_interrupt(folder, where, 1)
    assert done.returncode == 130, done.stderr
    assert f"Interrupted: {3 - n_labelled} of 3 sources are as they were." in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["a.nwb", "b.nwb", "c.nwb"]
    for number, (name, content) in enumerate(before.items()):
        labelled = sorted(before).index(name) < n_labelled
        row = next(line for line in done.stdout.splitlines() if name in line)
        assert row.endswith("written" if labelled else "not labelled"), number
        assert len(read_history(folder / name)) == int(labelled)
        if labelled:
            assert main(["verify", str(folder / name)]) == 0
        else:
            assert (folder / name).read_bytes() == content


def test_an_interrupted_copy_does_not_appear(folder: Path, tmp_path: Path) -> None:
    """Copies are not waited for: the one in hand is dropped with all that was made for it."""
    output = tmp_path / "copies"
    done = _label_and_interrupt(folder, "journal.protocol.apply_edits", 1, "--output", str(output))
    assert done.returncode == 130, done.stderr
    assert sorted(path.name for path in output.iterdir()) == ["a.nwb"]
    assert main(["verify", str(output / "a.nwb")]) == 0


def test_an_interruption_is_remembered_only_while_it_is_held() -> None:
    """Inside, the signal is noted and the work goes on; outside it is raised, as before."""
    interrupts = Interrupts()
    with interrupts.held():
        signal.raise_signal(signal.SIGINT)
        assert interrupts.pending
    with pytest.raises(KeyboardInterrupt):
        interrupts.raise_if_pending()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


class _Interrupted:
    """Gets Ctrl-C while Python frees it, where no exception can leave."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


def _free_one(number: int) -> int:
    """Do a task in which Ctrl-C comes while an object is freed."""
    _Interrupted()
    return number


def test_an_interruption_that_python_drops_is_acted_on_after_the_task() -> None:
    """Python prints and drops one in a destructor or a callback of a weak reference; here it ends the run, silently."""
    running = run_tasks(_free_one, range(5))
    assert next(running) == (0, 0)
    with pytest.raises(KeyboardInterrupt):
        next(running)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_handler_of_the_program_is_left_in_place() -> None:
    """Who handles Ctrl-C in another way, as a server does, gets it during tasks too."""
    seen: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: seen.append(number))
    try:
        assert len(list(run_tasks(_free_one, range(2)))) == 2
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == [signal.SIGINT, signal.SIGINT]
