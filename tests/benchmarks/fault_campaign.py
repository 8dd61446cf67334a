"""Kill, starve and crowd the writing of labels, and count what is left: the old file, the new one, or neither.

    python tests/benchmarks/fault_campaign.py                          # the full campaign, some minutes
    python tests/benchmarks/fault_campaign.py --kills 20 --calls 10    # the small one, as the tests run it

For a file and for a Zarr store, a process of its own writes labels and is

- killed with SIGKILL at random moments;
- killed at each call that changes the disk (a write is half done first), and so is recovery;
- given ENOSPC or EIO by each of these calls;
- crowded by readers that check what they read, and by a second writer.

Afterwards `recover` runs, and the target is compared byte by byte with the old and new one. Prints one JSON document;
the exit code is 1 if anything else than old or new was found. The code must not change while this runs: what is new is
compared with what a writer of the beginning wrote.
"""

from __future__ import annotations

import argparse
import errno
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
import uuid
import warnings
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import FileBusyError, SourceError, WriteError
from nwb_unitrefine.journal import journal_path, recover
from nwb_unitrefine.records import (
    CLASSES,
    Curation,
    Features,
    ModelIdentity,
    Origin,
    OriginKind,
    Predictions,
    Ragged,
    Source,
    Units,
)
from nwb_unitrefine.verification import verify
from nwb_unitrefine.write import read_history, write_curation

if TYPE_CHECKING:
    from collections.abc import Callable

CALLS = ("pwrite", "fsync", "ftruncate", "replace", "unlink", "mkdir", "rmdir")
"""Calls to the system that change the disk."""

N_UNITS = 60


def main(arguments: list[str] | None = None) -> int:
    """Run the campaign and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=600, help="kills at random moments, over both backends")
    parser.add_argument("--calls", type=int, default=1000, help="calls to try in each part, spread over all")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    begin = time.perf_counter()
    results = {}
    memory = Path("/dev/shm")
    where = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="faults-", dir=where) as folder:
        os.environ["XDG_STATE_HOME"] = f"{folder}/state"  # the secret of journals is not the user's
        for backend in ("hdf5", "zarr"):
            trial = Trial(Path(folder) / backend, backend)
            rng = random.Random(options.seed)
            results[backend] = {
                "killed_at_random": kill_at_random(trial, options.kills // 2, rng),
                "killed_at_each_call": kill_at_each_call(trial, options.calls),
                "recovery_killed_at_each_call": kill_recovery_at_each_call(trial, options.calls),
                "ENOSPC_at_each_call": fail_each_call(trial, errno.ENOSPC, options.calls),
                "EIO_at_each_call": fail_each_call(trial, errno.EIO, options.calls),
                "two_writers_and_readers": crowd(trial, rounds=max(2, options.kills // 30)),
            }
    bad = sum(counts.get("neither", 0) for backend in results.values() for counts in backend.values())
    kills = sum(
        sum(counts.values()) for backend in results.values() for name, counts in backend.items() if "kill" in name
    )
    seconds = round(time.perf_counter() - begin, 1)
    print(json.dumps({"kills": kills, "neither_old_nor_new": bad, "seconds": seconds, **results}, indent=2))
    return int(bad > 0)


class Trial:
    """A target to write to again and again, and what it is before and after."""

    def __init__(self, folder: Path, backend: str) -> None:
        folder.mkdir(parents=True)
        self.backend = backend
        self.pristine = folder / f"pristine.nwb{'.zarr' * (backend == 'zarr')}"
        self.target = folder / f"session.nwb{'.zarr' * (backend == 'zarr')}"
        self.trains = make_session(self.pristine)
        self.old = digest(self.pristine)
        for _ in range(2):  # the first one takes longer
            self.reset()
            begin = time.perf_counter()
            _in_child(self.write)
            self.seconds = time.perf_counter() - begin
        self.new = digest(self.target)

    def reset(self) -> None:
        """Put the old target back."""
        place = journal_path(self.target)
        place.unlink(missing_ok=True)
        if self.target.is_dir():
            shutil.rmtree(self.target)
        if self.pristine.is_dir():
            shutil.copytree(self.pristine, self.target)
        else:
            shutil.copyfile(self.pristine, self.target)

    def write(self, *, seed: int = 0) -> None:
        """Write labels; object ids come from the seed, so that the outcome is the same to the byte."""
        ids = random.Random(seed)
        uuid.uuid4 = lambda: uuid.UUID(int=ids.getrandbits(128), version=4)
        write_curation(make_curation(self.target, self.trains, seed=seed))

    def outcome(self) -> str:
        """What is there now: old, new or neither."""
        found = digest(self.target)
        whole = not journal_path(self.target).exists()
        return "old" if whole and found == self.old else "new" if whole and found == self.new else "neither"


class Fault:
    """At the n-th call that changes the disk, kill the process, or let the call fail."""

    def __init__(self, number: int, action: int) -> None:
        self.number, self.action, self.count = number, action, 0
        self.counting = threading.Lock()  # files are synced by several threads
        for name in CALLS:
            setattr(os, name, self._watched(name, getattr(os, name)))

    def _watched(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*arguments: Any, **options: Any) -> Any:
            with self.counting:
                self.count += 1
                is_due = self.count == self.number
            if not is_due:
                return call(*arguments, **options)
            if name == "pwrite":
                descriptor, data, offset = arguments
                call(descriptor, memoryview(data)[: len(data) // 2], offset)
            if self.action == -signal.SIGKILL:
                os.kill(os.getpid(), signal.SIGKILL)
            raise OSError(self.action, os.strerror(self.action))

        return watched


def kill_at_random(trial: Trial, count: int, rng: random.Random) -> Counter[str]:
    """Kill the writer at moments spread over a little more than the time it takes."""
    found: Counter[str] = Counter()
    for _ in range(count):
        trial.reset()
        process = _fork(trial.write)
        time.sleep(rng.random() * trial.seconds * 1.2)
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        recover(trial.target)
        found[trial.outcome()] += 1
    return found


def kill_at_each_call(trial: Trial, limit: int) -> Counter[str]:
    """Kill the writer at each of its calls that change the disk."""
    found: Counter[str] = Counter()
    for number in _spread(_number_of_calls(trial.reset, trial.write), limit):
        trial.reset()
        assert _in_child(trial.write, fault=(number, -signal.SIGKILL)) == -signal.SIGKILL
        recover(trial.target)
        found[trial.outcome()] += 1
    return found


def kill_recovery_at_each_call(trial: Trial, limit: int) -> Counter[str]:
    """Kill the writer half-way, then recovery at each of its calls, then recover once more."""
    found: Counter[str] = Counter()
    middle = _number_of_calls(trial.reset, trial.write) // 2

    def interrupt() -> None:
        trial.reset()
        _in_child(trial.write, fault=(middle, -signal.SIGKILL))

    def finish() -> None:
        recover(trial.target)

    for number in _spread(_number_of_calls(interrupt, finish), limit):
        interrupt()
        assert _in_child(finish, fault=(number, -signal.SIGKILL)) == -signal.SIGKILL
        finish()
        found[trial.outcome()] += 1
    return found


def fail_each_call(trial: Trial, code: int, limit: int) -> Counter[str]:
    """Let each call fail once, and the writer go on; it must say so in an error of ours, or have written."""
    found: Counter[str] = Counter()
    for number in _spread(_number_of_calls(trial.reset, trial.write), limit):
        trial.reset()
        status = _in_child(trial.write, fault=(number, code))
        recover(trial.target)
        outcome = trial.outcome()
        contradicts = status not in (0, 1) or (status == 0) != (outcome == "new")
        found["neither" if contradicts else outcome] += 1
    return found


def crowd(trial: Trial, *, rounds: int) -> Counter[str]:
    """Let two writers and two readers at the target at once; each writer that is not refused adds one run."""
    found: Counter[str] = Counter()
    for _ in range(rounds):
        trial.reset()
        writers = [_fork(lambda seed=seed: trial.write(seed=seed)) for seed in (1, 2)]
        readers = [_fork(lambda: _read_all_along(trial.target, seconds=trial.seconds * 2)) for _ in range(2)]
        written = sum(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0 for process in writers)
        misread = sum(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) != 0 for process in readers)
        recover(trial.target)
        history = read_history(trial.target)
        sound = len(history) == written and (not history or verify(trial.target).passed)
        found[f"{written} written" if sound and not misread else "neither"] += 1
    return found


def _read_all_along(path: Path, *, seconds: float) -> None:
    """Read the file again and again; whatever is read must be consistent."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with suppress(FileBusyError):
            if read_history(path):
                assert verify(path).passed
    for _ in range(3):
        with suppress(FileBusyError, SourceError):
            read_history(path)


def _spread(count: int, limit: int) -> list[int]:
    """Return the numbers from 1 to `count`, or `limit` of them from first to last."""
    return np.unique(np.linspace(1, count, min(count, limit)).round().astype(int)).tolist()


def _number_of_calls(prepare: Callable[[], None], work: Callable[[], None]) -> int:
    """How many calls `work` makes that change the disk."""
    prepare()
    reading, writing = os.pipe()

    def count() -> None:
        fault = Fault(0, 0)
        work()
        os.write(writing, str(fault.count).encode())

    assert _in_child(count) == 0
    number = int(os.read(reading, 20))
    os.close(reading)
    os.close(writing)
    return number


def _in_child(work: Callable[[], Any], *, fault: tuple[int, int] | None = None) -> int:
    """Do `work` in a process of its own; return its exit code: 0 done, 1 an error of ours, 2 another, -9 killed."""

    def faulty() -> None:
        if fault is not None:
            Fault(*fault)
        work()

    return os.waitstatus_to_exitcode(os.waitpid(_fork(faulty), 0)[1])


def _fork(work: Callable[[], Any]) -> int:
    """Start a process that does `work` and exits."""
    process = os.fork()
    if process:
        return process
    code = 2
    try:
        work()
        code = 0
    except WriteError:
        code = 1
    except BaseException:  # noqa: BLE001 - whatever it is, it is shown, and this process ends here
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def digest(place: Path) -> str:
    """Digest a file, or every name and content of a folder."""
    hasher = hashlib.sha256()
    for entry in sorted(place.rglob("*")) if place.is_dir() else [place]:
        hasher.update(f"{entry.relative_to(place.parent)}{entry.is_dir()}".encode().replace(place.name.encode(), b""))
        if entry.is_file():
            hasher.update(entry.read_bytes())
    return hasher.hexdigest()


def make_session(path: Path) -> Ragged:
    """Write an NWB file or Zarr store with `N_UNITS` units and return their spike times."""
    from pynwb import NWBHDF5IO, NWBFile

    rng = np.random.default_rng(0)
    nwbfile = NWBFile("faults", "faults", datetime(2026, 1, 1, tzinfo=UTC), session_id="faults")
    nwbfile.add_unit_column("depth", "Depth in um.")
    trains = [np.sort(rng.uniform(0, 600, rng.integers(10, 2000))) for _ in range(N_UNITS)]
    for train in trains:
        nwbfile.add_unit(spike_times=train, depth=float(rng.uniform(0, 3000)))
    if path.suffix == ".zarr":
        from hdmf_zarr import NWBZarrIO

        with NWBZarrIO(str(path), "w") as io:
            io.write(nwbfile)
    else:
        with NWBHDF5IO(path, "w") as io:
            io.write(nwbfile)
    counts = [len(train) for train in trains]
    return Ragged(np.concatenate(trains), np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))


def make_curation(path: Path, trains: Ragged, *, seed: int) -> Curation:
    """Labels drawn from a seed: what is put to the test is the writing."""
    rng = np.random.default_rng(seed)
    ids = np.arange(N_UNITS)
    probabilities = rng.dirichlet(np.ones(3), size=N_UNITS)
    features = Features(
        unit_ids=ids,
        names=("firing_rate", "num_spikes"),
        values=np.column_stack([trains.counts / 600, trains.counts]),
        origins=(Origin(OriginKind.COMPUTED, "spike times"),),
        origin_index=np.zeros((N_UNITS, 2), dtype=np.intp),
    )
    predictions = Predictions(
        unit_ids=ids,
        probabilities=probabilities,
        labels=np.array(CLASSES)[probabilities.argmax(axis=1)],
        uncertain=np.zeros(N_UNITS, dtype=np.bool_),
        reasons=("",) * N_UNITS,
    )
    source = Source(uri=str(path), kind="nwb-zarr" if path.suffix == ".zarr" else "nwb-hdf5")
    return Curation(
        units=Units(unit_ids=ids, spike_times_s=trains, source=source),
        features=features,
        predictions=predictions,
        model=ModelIdentity(name="faults", source="packaged", revision="1", digest="sha256:0"),
        created=datetime(2026, 1, 1, tzinfo=UTC),
    )


if __name__ == "__main__":
    sys.exit(main())
