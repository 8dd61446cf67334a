"""Worker processes: how they start, and what becomes of what a task raises."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.worker_tasks import fail
from nwb_unitrefine.batch.processes import run_in_processes
from nwb_unitrefine.errors import WriteError

PROGRAM = """
import json, os, threading
from contextlib import ExitStack
from multiprocessing import active_children
from pathlib import Path
import h5py
from helpers.worker_tasks import die_once, double, parent_of_worker
from nwb_unitrefine.batch.processes import WorkerDiedError, run_in_processes

if __name__ == "__main__":
    with ExitStack() as stack:
        if {state!r} == "thread":
            go_on = threading.Event()
            threading.Thread(target=go_on.wait).start()
            stack.callback(go_on.set)
        if {state!r} == "file":
            stack.enter_context(h5py.File("open.h5", "w"))
        parents = {{parent for _, parent in run_in_processes(parent_of_worker, range(4), workers=2)}}
        doubled = sorted(result for _, result in run_in_processes(double, range(9), workers=2))
        places = [str(Path(name).resolve()) for name in ("a", "once", "always", "b")]
        deaths = run_in_processes(die_once, places, workers=2)
        found = {{Path(task).name: str(type(result).__name__) for task, result in deaths}}
        dropped = run_in_processes(double, range(4), workers=3)
        workers = active_children()
        del dropped
        for worker in workers:
            worker.join(60)
        ended = [worker.exitcode for worker in workers]
    print(json.dumps([os.getpid() in parents, len(parents), doubled, found, ended]))
"""

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("state", ["alone", "thread", "file"])
def test_a_worker_is_a_fork_of_a_process_that_nothing_else_runs_in(tmp_path: Path, state: str) -> None:
    """With a thread or an open HDF5 file, workers start from another process; what they give is the same.

    Those of a run that nobody goes on with end.
    """
    paths = [Path(__file__).parents[1], *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM.format(state=state)],
        check=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))},
        stdout=subprocess.PIPE,
        text=True,
    )
    is_fork, n_parents, doubled, found, ended = json.loads(done.stdout)
    assert is_fork == (state == "alone" and sys.platform == "linux")
    assert n_parents == 1
    assert doubled == list(range(0, 18, 2))
    assert found == {"a": "str", "once": "str", "always": "WorkerDiedError", "b": "str"}
    assert ended == [0, 0, 0]


def test_what_a_task_raises_ends_the_run_where_it_is_seen() -> None:
    """An error comes out as it was raised, with the lines that it came from; results before it are not lost."""
    with pytest.raises(WriteError, match="No room") as raised:
        list(run_in_processes(fail, ["write"], workers=2))
    assert raised.value.tip == "Make some."
    assert any("worker_tasks.py" in note for note in raised.value.__notes__)


def test_an_error_that_cannot_be_sent_is_not_taken_for_a_death() -> None:
    """It names what it was: a worker that dies of its error would be given the task again, three times."""
    with pytest.raises(RuntimeError, match=r"_UnsendableError.*It holds a function"):
        list(run_in_processes(fail, ["unsendable"], workers=2))
