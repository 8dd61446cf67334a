"""Compare our metrics with SpikeInterface's own way on one generated file: values, time, memory, growth.

Each way runs in a process of its own, on one thread unless ``--threads`` says otherwise. Times are seconds of processor
time, which other programs on the machine disturb least, or with ``--wall`` of the clock on the wall. "First" includes
loading numba and compiled functions, and SpikeInterface's compiling, which it does in every process; "again" is a
second call::

    python tests/benchmarks/metrics_speed.py           # 400 units, 7.5 M spikes, 384 channels
    python tests/benchmarks/metrics_speed.py --sparse  # 30 channels a unit
    python tests/benchmarks/metrics_speed.py --growth  # 1 M to 30 M spikes, ours alone
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np

clock = time.perf_counter if os.environ.get("METRICS_SPEED_WALL") else time.process_time

RATE_HZ = 30_000.0
DURATION_S = 3600.0
N_BEFORE, N_SAMPLES = 30, 82
SPIKE_TRAIN = (
    "num_spikes", "firing_rate", "presence_ratio", "isi_violation", "rp_violation", "sliding_rp_violation",
    "synchrony", "firing_range",
)  # fmt: skip


def generate(path: Path, *, n_units: int, n_spikes: int, n_channels: int, sparse: int | None, seed: int = 0) -> None:
    """Write a units table and an electrodes table with h5py, as an NWB file has them.

    Rates are log-normal; a few spikes of each unit break its refractory period, and a tenth of all spikes fall together
    with another unit's. Templates are biphasic, decay over a staggered probe and travel along it, with noise.
    """
    rng = np.random.default_rng(seed)
    share = rng.lognormal(0, 1, n_units)
    counts = np.maximum(rng.multinomial(n_spikes, share / share.sum()), 1)
    last_sample = int(DURATION_S * RATE_HZ) - 1
    shared = rng.integers(0, last_sample, n_spikes // 40)
    trains = []
    for count in counts.tolist():
        samples = rng.integers(0, last_sample, count)
        together = rng.random(count) < 0.1
        samples[together] = rng.choice(shared, together.sum())
        samples = np.sort(samples)
        keep = np.concatenate([[True], (np.diff(samples) > 60) | (rng.random(count - 1) < 0.02)])
        trains.append(samples[keep] / RATE_HZ)
    x = np.tile([43.0, 11.0, 59.0, 27.0], n_channels // 4 + 1)[:n_channels]
    y = np.repeat(np.arange(n_channels // 2 + 1) * 20.0, 2)[:n_channels]
    templates, rows = _templates(rng, n_units, np.stack([x, y], axis=1), sparse)
    with h5py.File(path, "w") as file:
        units = file.create_group("units")
        units["spike_times"] = np.concatenate(trains)
        units["spike_times_index"] = np.cumsum([len(train) for train in trains])
        units["obs_intervals"] = np.tile([0.0, DURATION_S], (n_units, 1))
        units["obs_intervals_index"] = np.arange(1, n_units + 1)
        units["id"] = np.arange(n_units)
        units["waveform_mean"] = templates
        units["waveform_mean"].attrs.update(sampling_rate=RATE_HZ, unit="volts")
        units["electrodes"] = rows.reshape(-1)
        units["electrodes_index"] = np.cumsum(np.full(n_units, rows.shape[1]))
        file["electrodes/rel_x"], file["electrodes/rel_y"] = x, y


def _templates(
    rng: np.random.Generator, n_units: int, places: np.ndarray, sparse: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Templates in volts, shape (n_units, n_samples, n_channels), and the electrode of each channel."""
    n_kept = sparse or len(places)
    templates = np.empty((n_units, N_SAMPLES, n_kept), dtype=np.float32)
    rows = np.empty((n_units, n_kept), dtype=np.int64)
    time_ms = (np.arange(N_SAMPLES) - N_BEFORE) / RATE_HZ * 1e3
    for unit in range(n_units):
        centre = places[rng.integers(len(places))] + rng.normal(0, 5, 2)
        distance = np.linalg.norm(places - centre, axis=1)
        rows[unit] = np.sort(np.argsort(distance, kind="stable")[:n_kept])
        distance = distance[rows[unit]]
        delay = distance / rng.uniform(300, 3000) * rng.choice([-1, 1])
        at = time_ms[:, np.newaxis] - delay
        width, late = rng.uniform(0.08, 0.2), rng.uniform(0.3, 0.7)
        shape = -np.exp(-((at / width) ** 2)) + rng.uniform(0.2, 0.6) * np.exp(-(((at - late) / (2 * width)) ** 2))
        amplitude = rng.uniform(40, 400) * np.exp(-distance / rng.uniform(20, 60)) * rng.choice([1, 1, 1, 1, -1])
        templates[unit] = (shape * amplitude + rng.normal(0, 1.0, shape.shape)) * 1e-6
    return templates, rows


def peak_mb() -> float:
    """Peak memory of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def read(path: Path) -> dict[str, np.ndarray]:
    """Read the bytes, and do nothing with them."""
    with h5py.File(path) as file:
        datasets = {f"units/{name}": dataset[()] for name, dataset in file["units"].items()}
        return datasets | {f"electrodes/{name}": dataset[()] for name, dataset in file["electrodes"].items()}


def run_ours(path: Path, *, old: bool) -> dict[str, object]:
    """Read, and compute all spike-train and waveform metrics."""
    started = clock()
    from nwb_unitrefine.metrics import compute_features
    from nwb_unitrefine.records import Electrodes, Ragged, Source, Units, Waveforms
    from nwb_unitrefine.vocabulary import NEW, OLD, MetricGroup, feature_names

    names = feature_names(definition=OLD if old else NEW, groups=(MetricGroup.SPIKE_TRAIN, MetricGroup.WAVEFORM))
    imported = clock()
    data = read(path)
    was_read = clock()
    before = peak_mb()

    def offsets(column: str) -> np.ndarray:
        return np.concatenate([[0], data[f"units/{column}_index"]]).astype(np.int64)

    places = np.stack([data["electrodes/rel_x"], data["electrodes/rel_y"]], axis=1)
    n_units = len(data["units/id"])
    units = Units(
        unit_ids=data["units/id"],
        spike_times_s=Ragged(data["units/spike_times"], offsets("spike_times")),
        source=Source(uri=str(path), kind="nwb-hdf5"),
        obs_intervals_s=Ragged(data["units/obs_intervals"], offsets("obs_intervals")),
        sampling_rate_hz=RATE_HZ,
        waveforms=Waveforms(
            mean=data["units/waveform_mean"],
            channels=data["units/electrodes"].reshape(n_units, -1),
            sampling_rate_hz=RATE_HZ,
            declared_unit="volts",
        ),
        electrodes=Electrodes(ids=np.arange(len(places)), positions_um=places, groups=np.full(len(places), "a")),
    )
    features = compute_features(units, names=names)
    done = clock()
    again = compute_features(units, names=names)
    assert np.array_equal(again.values, features.values, equal_nan=True)
    return {
        "import_s": imported - started,
        "read_s": was_read - imported,
        "compute_first_s": done - was_read,
        "compute_again_s": clock() - done,
        "peak_mb": peak_mb(),
        "after_reading_mb": before,
        "spikes_mb": data["units/spike_times"].nbytes / 2**20,
        "n_spikes": len(data["units/spike_times"]),
        "values": {name.partition("@")[0]: features.values[:, i].tolist() for i, name in enumerate(features.names)},
    }


def run_spikeinterface(path: Path) -> dict[str, object]:
    """Compute the same metrics through a SortingAnalyzer without a recording, with templates put in, on one job."""
    started = clock()
    import spikeinterface as si
    from probeinterface import Probe
    from spikeinterface.core import ChannelSparsity, NumpySorting, create_sorting_analyzer, generate_recording
    from spikeinterface.core.analyzer_extension_core import ComputeTemplates
    from spikeinterface.metrics import compute_quality_metrics, compute_template_metrics

    si.set_global_job_kwargs(n_jobs=1, progress_bar=False)
    imported = clock()
    data = read(path)
    was_read = clock()
    n_units, n_total = len(data["units/id"]), int(DURATION_S * RATE_HZ)
    ends = data["units/spike_times_index"]
    samples = np.rint(data["units/spike_times"] * RATE_HZ).astype(np.int64)
    labels = np.repeat(np.arange(n_units), np.diff(np.concatenate([[0], ends])))
    order = np.argsort(samples, kind="stable")
    sorting = NumpySorting.from_samples_and_labels([samples[order]], [labels[order]], RATE_HZ)
    places = np.stack([data["electrodes/rel_x"], data["electrodes/rel_y"]], axis=1)
    probe = Probe(ndim=2)
    probe.set_contacts(places, shapes="circle", shape_params={"radius": 5})
    probe.set_device_channel_indices(np.arange(len(places)))
    recording = generate_recording(
        num_channels=len(places), durations=[DURATION_S], sampling_frequency=RATE_HZ, set_probe=False
    )
    recording.set_probe(probe)
    rows = data["units/electrodes"].reshape(n_units, -1)
    dense = np.zeros((n_units, N_SAMPLES, len(places)))
    mask = np.zeros((n_units, len(places)), dtype=bool)
    for unit in range(n_units):
        dense[unit][:, rows[unit]] = data["units/waveform_mean"][unit].astype(np.float64) * 1e6
        mask[unit, rows[unit]] = True
    main = np.argmax(np.abs(dense).max(axis=1), axis=1)
    sparsity = None
    if not mask.all():
        sparsity = ChannelSparsity(mask, sorting.unit_ids, recording.channel_ids)
    analyzer = create_sorting_analyzer(
        sorting, recording, sparse=sparsity is not None, sparsity=sparsity, main_channel_indices=main
    )
    assert n_total == analyzer.get_total_samples()
    templates = ComputeTemplates(analyzer)
    templates.params = {
        "operators": ["average"], "ms_before": N_BEFORE / RATE_HZ * 1e3,
        "ms_after": (N_SAMPLES - N_BEFORE) / RATE_HZ * 1e3,
    }  # fmt: skip
    templates.data["average"] = dense
    templates.run_info = {"run_completed": True, "runtime_s": 0.0}
    analyzer.extensions["templates"] = templates
    prepared = clock()

    def compute() -> tuple[float, float, list[object]]:
        begun = clock()
        quality = compute_quality_metrics(
            analyzer, metric_names=list(SPIKE_TRAIN), skip_pc_metrics=True, delete_existing_metrics=True
        )
        between = clock()
        shape = compute_template_metrics(analyzer, include_multi_channel_metrics=True, delete_existing_metrics=True)
        return between - begun, clock() - between, [quality, shape]

    spike_trains_s, templates_s, frames = compute()
    again_spike_trains_s, again_templates_s, frames = compute()
    table = {name: column.astype(float).tolist() for frame in frames for name, column in frame.items()}
    return {
        "import_s": imported - started,
        "read_s": was_read - imported,
        "prepare_s": prepared - was_read,
        "compute_first_s": prepared - was_read + spike_trains_s + templates_s,
        "spike_trains_again_s": again_spike_trains_s,
        "templates_again_s": again_templates_s,
        "compute_again_s": prepared - was_read + again_spike_trains_s + again_templates_s,
        "peak_mb": peak_mb(),
        "values": table,
    }


def in_process(way: str, path: Path, *options: str, n_threads: int, wall: bool) -> dict[str, object]:
    """Run one way alone, with bytecode kept as in any ordinary installation."""
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    environment = (
        os.environ | dict.fromkeys(threads, str(n_threads)) | {"PYTHONPYCACHEPREFIX": str(path.parent / "bytecode")}
    )
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    if wall:
        environment["METRICS_SPEED_WALL"] = "1"
    command = [sys.executable, __file__, "--way", way, "--file", str(path), *options]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def show(title: str, result: dict[str, object]) -> None:
    """One line of figures."""
    figures = ", ".join(f"{name} {value:.3g}" for name, value in result.items() if isinstance(value, float | int))
    print(f"{title:18} {figures}")


def compare(ours: dict[str, list[float]], theirs: dict[str, list[float]]) -> None:
    """List the metrics that differ, and by how much."""
    worst = 0.0
    n_values = 0
    for name, values in ours.items():
        if name not in theirs:  # SpikeInterface has no such metric
            continue
        a, b = np.array(values, dtype=float), np.array(theirs[name], dtype=float)
        tolerance = 1e-4 if name == "exp_decay" else 1e-5
        equal = (np.isnan(a) & np.isnan(b)) | (np.abs(a - b) <= tolerance * np.abs(b))
        n_values += len(a)
        relative = np.abs(a - b)[~np.isnan(a) & ~np.isnan(b)] / np.maximum(
            np.abs(b[~np.isnan(a) & ~np.isnan(b)]), 1e-300
        )
        worst = max(worst, float(relative[np.isfinite(relative)].max(initial=0)) if name != "exp_decay" else 0)
        if not equal.all():
            row = int(np.flatnonzero(~equal)[0])
            print(f"  differs: {name}, {np.sum(~equal)} units, unit {row}: ours {a[row]:.8g}, theirs {b[row]:.8g}")
    n_metrics = len(ours.keys() & theirs.keys())
    largest = f"largest relative difference but exp_decay's {worst:.2g}"
    print(f"  {n_metrics} metrics, {n_values} values compared; {largest}")


def main() -> None:
    """Parse the command line, and run what it asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("metrics-speed"))
    parser.add_argument("--units", type=int, default=400)
    parser.add_argument("--spikes", type=int, default=7_500_000)
    parser.add_argument("--sparse", action="store_true", help="30 channels a unit instead of 384")
    parser.add_argument("--growth", action="store_true", help="1, 3, 10 and 30 million spikes, ours alone")
    parser.add_argument("--ours-only", action="store_true")
    parser.add_argument("--old", action="store_true", help="our metrics in the definition of SpikeInterface 0.101")
    parser.add_argument("--threads", type=int, default=1, help="threads that either way may use")
    parser.add_argument("--wall", action="store_true", help="seconds of the clock on the wall")
    parser.add_argument("--way", choices=["ours", "spikeinterface"], help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.way:
        run = run_spikeinterface(asked.file) if asked.way == "spikeinterface" else run_ours(asked.file, old=asked.old)
        print(json.dumps(run))
        return
    asked.folder.mkdir(parents=True, exist_ok=True)
    sizes = [1_000_000, 3_000_000, 10_000_000, 30_000_000] if asked.growth else [asked.spikes]
    how = {"n_threads": asked.threads, "wall": asked.wall}
    sparse = 30 if asked.sparse or asked.growth else None
    for n_spikes in sizes:
        path = asked.folder / f"units{asked.units}_spikes{n_spikes}_{sparse or 384}.h5"
        if not path.exists():
            generate(path, n_units=asked.units, n_spikes=n_spikes, n_channels=384, sparse=sparse)
        options = ("--old",) if asked.old else ()
        show(
            "ours, cold", in_process("ours", path, *options, **how)
        )  # compiles where that was not done on this machine
        ours = in_process("ours", path, *options, **how)
        show(f"ours, {n_spikes / 1e6:g} M", ours)
        if asked.growth or asked.ours_only:
            continue
        theirs = in_process("spikeinterface", path, **how)
        show("SpikeInterface", theirs)
        compare(ours["values"], theirs["values"])
        for which in ("first", "again"):
            faster = theirs[f"compute_{which}_s"] / ours[f"compute_{which}_s"]
            reading = ours[f"compute_{which}_s"] / ours["read_s"]
            print(f"  {which}: {faster:.0f} times faster after reading; {reading:.1f} times the time of reading")


if __name__ == "__main__":
    main()
