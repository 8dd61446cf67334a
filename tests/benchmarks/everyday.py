"""Measure what people wait for, as ratios that hold on a busy machine, too.

    python tests/benchmarks/everyday.py                     # commands, metrics and the write, some minutes
    python tests/benchmarks/everyday.py --file SESSION.nwb  # commands on a file of one's own
    python tests/benchmarks/everyday.py --busy              # and again while other processes use all cores
    python tests/benchmarks/everyday.py --files FOLDER      # and a study over the files of a folder, five times each
    python tests/benchmarks/everyday.py --large             # and 10^8 spikes of 100,000 units

Times are seconds of processor time, user and system together. Each command takes turns with its reference,
``python -c 'import h5py'``, and the ratio is that of the medians. Metrics are compared with reading the bytes and with
SpikeInterface's way by `metrics_speed`, on one thread and on two. The first call ever has an empty folder for compiled
code. The write is that of `write_cost`. Workers are compared by the clock on the wall, so that their ratio means
something on a machine with idle cores only.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import h5py
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
import metrics_speed
import study_scale
import write_cost

from nwb_unitrefine.demo import simulate_session

if TYPE_CHECKING:
    from collections.abc import Iterator

RATE_HZ = 30_000.0
SPIN = "import os, sys\nwhile os.getppid() == int(sys.argv[1]):\n    sum(range(100_000))"
"""Work without end, but not without its parent."""


class Cost(NamedTuple):
    """What one process took."""

    cpu_s: float
    wall_s: float
    peak_mb: float  # or that of this process before it started the other, if that is more


def run(*arguments: str, cache: Path, allowed: tuple[int, ...] = (0,)) -> Cost:
    """Run Python in a process of its own, with bytecode kept as in any ordinary installation."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(cache), "PYTHONPYCACHEPREFIX": str(cache.parent / "bytecode")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    begin = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in allowed:
        sys.exit(f"{' '.join(arguments)} ended with {process.returncode}")
    return Cost(used.ru_utime + used.ru_stime, time.perf_counter() - begin, used.ru_maxrss / 1024)


@contextmanager
def busy_cores(number: int) -> Iterator[None]:
    """Keep so many cores busy with other processes meanwhile."""
    others = [subprocess.Popen([sys.executable, "-c", SPIN, str(os.getpid())]) for _ in range(number)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def measure_commands(file: Path, folder: Path, *, repeats: int) -> float:
    """Let commands and the reference take turns; return the processor time of the reference."""
    cache, output = folder / "cache", folder / "labelled.nwb"
    cache.mkdir(mode=0o700)
    ours = ("-m", "nwb_unitrefine")
    cases = {
        "python -c 'import h5py'": ("-c", "import h5py"),
        "import nwb_unitrefine": ("-c", "import nwb_unitrefine"),
        "nwb-unitrefine --help": (*ours, "--help"),
        "nwb-unitrefine show FILE": (*ours, "show", str(file)),
        "nwb-unitrefine label FILE": (*ours, "label", str(file), "--output", str(output)),
    }
    for case in cases.values():  # bytecode, and what the disk keeps in memory
        output.unlink(missing_ok=True)
        run(*case, cache=folder / "other-cache")
    output.unlink()
    first = run(*cases["nwb-unitrefine label FILE"], cache=cache)
    costs: dict[str, list[Cost]] = {name: [] for name in cases}
    for _ in range(repeats):
        for name, case in cases.items():
            output.unlink(missing_ok=True)
            costs[name].append(run(*case, cache=cache))
    reference = statistics.median(one.cpu_s for one in costs["python -c 'import h5py'"])
    print(f"{'command':32}{'CPU s':>8}{'ratio':>8}{'least wall s':>14}")
    for name, each in costs.items():
        cpu_s = statistics.median(one.cpu_s for one in each)
        print(f"{name:32}{cpu_s:8.2f}{cpu_s / reference:8.1f}{min(one.wall_s for one in each):14.2f}")
    more_s = first.cpu_s - statistics.median(one.cpu_s for one in costs["nwb-unitrefine label FILE"])
    print(f"{'the first label ever, more':32}{more_s:8.2f}{more_s / reference:8.1f}{first.wall_s:14.2f}")
    return reference


def measure_metrics(folder: Path) -> None:
    """Compare metrics with reading and with SpikeInterface's way; each in processes of its own."""
    path = folder / "metrics.h5"
    metrics_speed.generate(path, n_units=400, n_spikes=7_500_000, n_channels=384, sparse=None)
    metrics_speed.in_process("ours", path, n_threads=1, wall=False)  # compiles
    print(
        f"\n{'metrics of 400 units':32}{'CPU s':>8}{'wall s':>8}{'of reading':>12}{'SpikeInterface':>16}{'faster':>8}"
    )
    for n_threads in (1, 2):
        theirs = metrics_speed.in_process("spikeinterface", path, n_threads=n_threads, wall=False)
        ours, on_wall = (
            metrics_speed.in_process("ours", path, n_threads=n_threads, wall=wall) for wall in (False, True)
        )
        for case, which in (("first call in a process", "first"), ("next call", "again")):
            cpu_s, wall_s, other_s = (one[f"compute_{which}_s"] for one in (ours, on_wall, theirs))
            name = f"{case}, {n_threads} thread{'s' if n_threads > 1 else ''}"
            ratios = f"{cpu_s / ours['read_s']:12.1f}{other_s:16.1f}{other_s / cpu_s:8.0f}"
            print(f"{name:32}{cpu_s:8.2f}{wall_s:8.2f}{ratios}")
    metrics_speed.compare(ours["values"], theirs["values"])


def measure_write(folder: Path, reference_s: float, *, repeats: int) -> None:
    """Write labels of 188 units into HDF5, for the first time and after many."""
    folder.mkdir()
    write_cost.make_originals(folder, n_units=188)
    worker = write_cost.Worker(write_cost.SOURCE, folder / "own", folder)
    print(f"\n{'the write of 188 units':32}{'CPU s':>8}{'ratio':>8}{'opens':>8}{'kB read':>9}{'kB written':>12}")
    costs = []
    for case, n_runs in (("the first labels", 0), ("after 10 runs", 10), ("after 100 runs", 100)):
        cost = write_cost.in_turns({case: worker}, suffix=".nwb", n_runs=n_runs, n_rounds=repeats)[case]
        costs.append(cost["cpu_s"])
        sizes = f"{cost['opens']:8.0f}{cost['read_kB']:9.0f}{cost['written_kB']:12.0f}"
        print(f"{case:32}{cost['cpu_s']:8.3f}{cost['cpu_s'] / reference_s:8.2f}{sizes}")
    print(f"after 100 runs it takes {costs[2] / costs[1]:.2f} times as long as after 10")


def measure_large(folder: Path) -> None:
    """Read 10^7 and 10^8 spikes, a thousand of each unit, and compute what spike times give.

    The limit of memory is one and a half times the spikes and 300 MB.
    """
    print(f"\n{'spikes':>12}{'units':>10}{'spikes MB':>11}{'peak MB':>9}{'of limit':>10}{'CPU s':>8}{'ns a spike':>12}")
    for n_spikes in (10_000_000, 100_000_000):
        path, n_units = folder / "large.nwb", n_spikes // 1000
        simulate_session(path, n_units=2, duration_s=60.0)
        with h5py.File(path, "a") as file:
            _fill_units(file["units"], n_units, n_spikes // n_units)
        cost = run(__file__, "--compute", str(path), cache=folder / "cache")
        spikes_mb = n_spikes * 8 / 2**20
        of_limit = cost.peak_mb / (1.5 * spikes_mb + 300)
        sizes = f"{n_spikes:12}{n_units:10}{spikes_mb:11.0f}{cost.peak_mb:9.0f}{of_limit:10.2f}"
        print(f"{sizes}{cost.cpu_s:8.1f}{1e9 * cost.cpu_s / n_spikes:12.0f}")
        path.unlink()


def _fill_units(units: h5py.Group, n_units: int, n_each: int) -> None:
    """Replace all columns by spike times, a thousand units at once."""
    about = {name: dict(units[name].attrs) for name in ("id", "spike_times", "spike_times_index")}
    for name in list(units):
        del units[name]
    units.attrs["colnames"] = np.array(["spike_times"], dtype=h5py.string_dtype())
    rng = np.random.default_rng(0)
    times = units.create_dataset("spike_times", (n_units * n_each,), dtype=np.float64)
    for start in range(0, n_units, 1000):
        some = np.sort(rng.integers(0, int(3600 * RATE_HZ), (min(1000, n_units - start), n_each)), axis=1) / RATE_HZ
        times[start * n_each : start * n_each + some.size] = some.ravel()
    units["spike_times_index"] = np.arange(1, n_units + 1) * n_each
    units["id"] = np.arange(n_units)
    for name, attributes in about.items():
        units[name].attrs.update({key: value for key, value in attributes.items() if key != "target"})
    units["spike_times_index"].attrs["target"] = times.ref


def compute(path: Path) -> None:
    """Read a file, and compute what spike times give."""
    from nwb_unitrefine import compute_features, read_units
    from nwb_unitrefine.vocabulary import MetricGroup, feature_names

    compute_features(read_units(path), names=feature_names(groups=(MetricGroup.SPIKE_TRAIN,)))


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--file", type=Path, help="NWB file for the commands; by default a simulated one of 48 units")
    parser.add_argument("--files", type=Path, help="folder of NWB files for a study")
    parser.add_argument("--large", action="store_true", help="10^7 and 10^8 spikes, too")
    parser.add_argument("--busy", action="store_true", help="once more, with all cores kept busy by other processes")
    parser.add_argument("--no-metrics", action="store_true")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--compute", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.compute:
        compute(given.compute)
        return
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        file = given.file or folder / "session.nwb"
        if given.file is None:
            simulate_session(file)
        n_cores = len(os.sched_getaffinity(0))
        for n_busy in (0, n_cores) if given.busy else (0,):
            state = folder / f"{n_busy}-busy"
            state.mkdir()
            print(f"{'' if n_busy == 0 else chr(10)}with {n_busy} of {n_cores} cores kept busy")
            with busy_cores(n_busy):
                reference_s = measure_commands(file, state, repeats=given.repeats)
                measure_write(state / "write", reference_s, repeats=given.repeats)
                if not given.no_metrics:
                    measure_metrics(state)
        if given.large:
            measure_large(folder)
        if given.files:
            print()
            study_scale.measure_workers(given.files, 5, 2, folder)
        print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
