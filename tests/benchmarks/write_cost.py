"""What the writing of labels costs: first labels, labels again, and labels again in a long history.

    python tests/benchmarks/write_cost.py                                 # HDF5 and Zarr, 188 units
    python tests/benchmarks/write_cost.py --history 10 100 300            # and files with that many runs
    python tests/benchmarks/write_cost.py --against OTHER/src             # compared with another checkout, by turns

Every figure is of a process that has labelled before, on a copy of the same simulated file. Times are seconds of
processor time, the median of all rounds; where two checkouts are compared, they take turns, so that other programs on
the machine disturb both alike. Bytes are those that the process asked the system to read and to write
(``/proc/self/io``), opens are of the file itself or of files of the store.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).parents[2] / "src"
SUFFIXES = {"hdf5": ".nwb", "zarr": ".nwb.zarr"}
FIGURES = ("cpu_s", "read_kB", "written_kB", "opens", "syncs")


def main() -> None:
    """Measure, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--units", type=int, default=188)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--history", type=int, nargs="*", default=[])
    parser.add_argument("--against", type=Path, help="source folder of another checkout")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options.worker)
        return
    with tempfile.TemporaryDirectory(prefix="write-cost-") as name:
        measure(Path(name), options)


def measure(folder: Path, options: argparse.Namespace) -> None:
    """Let each checkout write its copies, by turns."""
    make_originals(folder, n_units=options.units)
    checkouts = {"this": SOURCE} | ({"other": options.against} if options.against else {})
    workers = {name: Worker(source, folder / name, folder) for name, source in checkouts.items()}
    cases = [("first labels", 0), ("labels again", 1), *((f"again, after {n} runs", n) for n in options.history)]
    print(f"{'':28}{'':8}" + "".join(f"{figure:>12}" for figure in FIGURES) + "    ratio of cpu_s")
    for suffix in SUFFIXES.values():
        for case, n_runs in cases:
            medians = in_turns(workers, suffix=suffix, n_runs=n_runs, n_rounds=options.rounds)
            for name, found in medians.items():
                ratio = f"{medians['this']['cpu_s'] / found['cpu_s']:12.2f}" if name != "this" else ""
                cells = "".join(f"{found[figure]:12.{3 if figure == 'cpu_s' else 0}f}" for figure in FIGURES)
                print(f"{case + ', ' + suffix[-4:]:28}{name:8}{cells}{ratio}", flush=True)


def make_originals(folder: Path, *, n_units: int) -> None:
    """Write one session in each format."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from helpers.simulated_nwb import make_session, write_nwb

    session = make_session(n_units=n_units, n_channels=64, duration_s=600.0)
    for backend, suffix in SUFFIXES.items():
        write_nwb(folder / f"original{suffix}", session, backend=backend)


def in_turns(workers: dict[str, Worker], *, suffix: str, n_runs: int, n_rounds: int) -> dict[str, dict[str, float]]:
    """Have each worker label its copy of a file that has so many runs, by turns; return the medians."""
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in workers}
    for worker in workers.values():
        worker.ask({"prepare": n_runs, "suffix": suffix})
    for number in range(n_rounds):
        for name in list(workers)[:: 1 if number % 2 else -1]:
            rounds[name].append(workers[name].ask({"write": True}))
    return {
        name: {figure: statistics.median(one[figure] for one in found) for figure in FIGURES}
        for name, found in rounds.items()
    }


class Worker:
    """A process that runs one checkout."""

    def __init__(self, source: Path, own: Path, originals: Path) -> None:
        own.mkdir()
        paths = [source, source.parent / "extensions" / "ndx-unit-curation" / "src" / "pynwb"]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths)), "OMP_NUM_THREADS": "1"}
        environment |= {"XDG_STATE_HOME": str(originals / "state")}
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--worker", str(own)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, task: dict[str, Any]) -> dict[str, float]:
        """Give it a task, and wait for what it found."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(task), file=self._process.stdin, flush=True)
        answer: dict[str, float] = json.loads(self._process.stdout.readline())
        return answer


def work(own: Path) -> None:
    """Do the tasks that come in, and print what each cost."""
    import warnings

    from nwb_unitrefine import curate, write_curation

    warnings.simplefilter("ignore")
    events = {"open": 0, "os.fsync": 0}
    prepared, place, curation = own, own, None

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and (str(arguments[0]).startswith(str(own)) or not str(arguments[0]).startswith("/")):
            events["open"] += 1

    sys.addaudithook(note)
    fsync = os.fsync

    def counted(descriptor: int) -> None:
        events["os.fsync"] += 1
        fsync(descriptor)

    os.fsync = counted
    keywords = {"again": True} if "again" in (write_curation.__kwdefaults__ or {}) else {}
    for line in sys.stdin:
        task = json.loads(line)
        if "prepare" in task:
            original = own.parent / f"original{task['suffix']}"
            prepared, place = own / f"prepared{task['suffix']}", own / f"session{task['suffix']}"
            copy(original, place)
            curation = curate(place)
            for _ in range(task["prepare"]):
                write_curation(curation, **keywords)
            copy(place, prepared)
            copy(original, place)
            write_curation(curation)
            print("{}", flush=True)
            continue
        copy(prepared, place)
        events.update(dict.fromkeys(events, 0))
        read, written, begin = *transferred(), time.process_time()
        write_curation(curation, **keywords)
        cpu_s = time.process_time() - begin
        now_read, now_written = transferred()
        found = (cpu_s, (now_read - read) / 1e3, (now_written - written) / 1e3, events["open"], events["os.fsync"])
        print(json.dumps(dict(zip(FIGURES, found, strict=True))), flush=True)


def copy(source: Path, target: Path) -> None:
    """Copy a file or a folder over another."""
    if target.is_dir():
        shutil.rmtree(target)
    (shutil.copytree if source.is_dir() else shutil.copyfile)(source, target)


def transferred() -> tuple[int, int]:
    """Bytes that this process has asked the system to read and to write."""
    lines = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(lines["rchar"]), int(lines["wchar"])


if __name__ == "__main__":
    main()
