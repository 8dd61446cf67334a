"""Measure a study's own work: plan, ledger and resume over many assets, and workers over real files.

    python tests/benchmarks/study_scale.py --assets 100000
    python tests/benchmarks/study_scale.py --unchanged 1000
    python tests/benchmarks/study_scale.py --memory 1000
    python tests/benchmarks/study_scale.py --files FOLDER --copies 5 --workers 2

The first plans as many assets as it is told (nothing is read), marks all as done through the ledger, and counts what is
still to be done, for that number and for a tenth of it: time per asset should be the same. The second runs the command
over a study of which everything is done. The third labels so many small files in one process and prints the most memory
that it ever had, on the way: it should not grow. The last labels each file of a folder several times under other names
with one worker and with several, each in a new process: with and without the time for imports and the model.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1]))
from nwb_unitrefine.batch.ledger import Ledger
from nwb_unitrefine.batch.plan import Entry, output_path, plan_files, read_plan, write_plan
from nwb_unitrefine.batch.study import Workforce, label_study, pending, study_options, study_status
from nwb_unitrefine.batch.tasks import TaskOptions

if TYPE_CHECKING:
    from collections.abc import Callable


def _entries(number: int) -> list[Entry]:
    """Entries as a listing of a dandiset gives them."""
    return [
        Entry(
            id=f"DANDI:000123@draft/sub-{n % 997}/sub-{n % 997}_ses-{n}_ecephys.nwb",
            source=f"dandi://dandi/assets/00000000-0000-4000-8000-{n:012d}",
            content=f"blob:{n}",
            digest=f"dandi-etag:{n:032x}-1",
            size_bytes=n,
            output=output_path(f"sub-{n % 997}/sub-{n % 997}_ses-{n}_ecephys.nwb"),
        )
        for n in range(number)
    ]


def _timed(what: str, number: int, work: Callable[[], object]) -> None:
    start, cpu = time.perf_counter(), time.process_time()
    work()
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    print(f"{what:<34}{number:>8} assets {seconds:8.2f} s {cpu:8.2f} s of CPU {1e6 * cpu / number:8.1f} µs each")


def measure_plan(number: int, folder: Path) -> None:
    """Time listing, ledger and resume for a number of assets of which none is read."""
    study, options = folder / f"study_{number}", TaskOptions(model_digest="sha256:0")
    entries = _entries(number)
    _timed("write the plan", number, lambda: write_plan(study, entries))
    _timed("plan again, unchanged", number, lambda: write_plan(study, entries))
    ledger = Ledger(study)
    output = "sub-1/sub-1_desc-curated_ecephys.nwb"
    line = {"outcome": "labelled", "output": output, "labels": {"sua": 10, "mua": 5}, "n_units": 15, "seconds": 1.5}
    half = number // 2
    keys = [options.key(entry) for entry in entries]
    with ledger.path.open("a", encoding="utf-8") as file:
        for entry, key in zip(entries[:half], keys[:half], strict=True):
            file.write(json.dumps({"key": key, "id": entry.id, **line}) + "\n")
    ledger.refresh()
    _timed("append a line, ledger half full", 500, lambda: [_append(ledger, f"x{n}", line) for n in range(500)])
    _timed("resume: find what is to be done", number, lambda: sum(1 for _ in pending(study, options)))
    list(label_study(study, options, only_new=True, workforce=Workforce(task_index=0, of=number + 1000)))
    _timed("status", number, lambda: study_status(study))
    print(f"{'most memory so far':<34}{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:>8.0f} MB")


def _append(ledger: Ledger, key: str, line: dict[str, object]) -> None:
    ledger.append({"key": key, "id": key, **line})


def measure_unchanged(number: int, folder: Path) -> None:
    """Time the command over a study of which all is done: wall clock, and CPU of the process."""
    study, options = folder / "unchanged", study_options(TaskOptions())
    entries = _entries(number)
    write_plan(study, entries)
    line = {"outcome": "labelled", "labels": {"sua": 10}, "n_units": 10, "seconds": 1.5}
    with Ledger(study).path.open("w", encoding="utf-8") as file:
        for entry in entries:
            done = {"key": options.key(entry), "id": entry.id, "output": entry.output, **line}
            file.write(json.dumps(done) + "\n")
    command = [sys.executable, "-m", "nwb_unitrefine", "dandiset", "label", str(study)]
    for run in ("first", "second"):
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(f"{run} run over {number} unchanged assets: {seconds:.2f} s, {cpu:.2f} s of CPU: {done.stdout.strip()}")


def measure_memory(number: int, folder: Path) -> None:
    """Label so many small files in this process, and print the most memory that it had until then."""
    from helpers.bare_nwb import make_small_session

    data, study = folder / "small", folder / "memory"
    data.mkdir()
    first = make_small_session(data / "0.nwb", n_units=3)
    for copy in range(1, number):
        shutil.copy(first, data / f"{copy}.nwb")
    write_plan(study, plan_files([data], study=study))
    start = time.perf_counter()
    for done, _ in enumerate(label_study(study, study_options(TaskOptions())), start=1):
        if done in {10, 100, number // 2, number}:
            most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(f"after {done:>5} files: most memory {most:.0f} MB, {time.perf_counter() - start:.0f} s", flush=True)


def measure_workers(files: Path, copies: int, workers: int, folder: Path) -> None:
    """Time one worker and several over the same files, each in a program of its own, as a user starts it."""
    data = folder / "data"
    data.mkdir()
    for source in sorted(files.glob("*.nwb")):
        for copy in range(copies):
            shutil.copy(source, data / f"{source.stem}_{copy}.nwb")
    os.sync()
    labelling, whole = {}, {}
    for number in (1, workers):
        study = folder / f"workers_{number}"
        write_plan(study, plan_files([data], study=study))
        command = [sys.executable, __file__, "--study", str(study), "--workers", str(number)]
        start = time.perf_counter()
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        whole[number] = time.perf_counter() - start
        labelling[number] = float(done.stdout.split()[0])
        print(
            f"{number} workers: {done.stdout.partition(' ')[2].strip()}, {whole[number]:.1f} s with the program's start"
        )
    print(
        f"{workers} workers are {labelling[1] / labelling[workers]:.2f} times as fast as one, "
        f"{whole[1] / whole[workers]:.2f} times with the program's start; load {os.getloadavg()[0]:.1f}"
    )


def label_planned(study: Path, workers: int) -> None:
    """Label a study that is planned, and print the time that it took without imports and loading the model."""
    options = study_options(TaskOptions(), workers=workers)
    start, cpu = time.perf_counter(), _cpu_s()
    lines = list(label_study(study, options, workforce=Workforce(workers=workers)))
    seconds, cpu = time.perf_counter() - start, _cpu_s() - cpu
    n_labelled = sum(line["outcome"] == "labelled" for line in lines)
    planned = len(list(read_plan(study)))
    print(f"{seconds} {n_labelled} of {planned} labelled in {seconds:.1f} s and {cpu:.1f} s of CPU")


def _cpu_s() -> float:
    """CPU time of this process, and of its workers that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--assets", type=int, default=0)
    parser.add_argument("--unchanged", type=int, default=0)
    parser.add_argument("--memory", type=int, default=0)
    parser.add_argument("--files", type=Path)
    parser.add_argument("--copies", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--study", type=Path, help="label this one, which is planned, and print the time it takes")
    given = parser.parse_args()
    if given.study:
        label_planned(given.study, given.workers)
        return
    with tempfile.TemporaryDirectory() as place:
        for number in (given.assets // 10, given.assets) if given.assets else ():
            measure_plan(number, Path(place))
        if given.unchanged:
            measure_unchanged(given.unchanged, Path(place))
        if given.memory:
            measure_memory(given.memory, Path(place))
        if given.files:
            measure_workers(given.files, given.copies, given.workers, Path(place))


if __name__ == "__main__":
    main()
