"""A small simulated session whose truth is known, for a first look without data of one's own.

Three kinds of unit on one column of a probe with 30 kHz:

- single units: one refractory train, a narrow trough and a slower peak that decay with distance;
- multi-units: several refractory trains that ignore each other, and their smaller, blurred mean;
- noise: events that many units share, or bursts of a few minutes, with a waveform that is not a spike.

It shows that everything works and what an answer looks like. It measures nothing: for figures on recordings that a
person labelled, see `nwb_unitrefine.learn`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

import numpy as np

from nwb_unitrefine.errors import WriteError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from pynwb import NWBFile

__all__ = ["TRUTH_COLUMN", "simulate_session"]

TRUTH_COLUMN = "ground_truth"
"""Name of the units column that holds the label each unit was simulated to have."""

SAMPLING_RATE_HZ = 30_000.0
N_CHANNELS = 64
N_UNIT_CHANNELS = 16
PITCH_UM = 20.0
N_SAMPLES, N_BEFORE = 90, 30
BACKGROUND_UV = 10.0
REFRACTORY_S = 2.5e-3


def simulate_session(path: Path, *, n_units: int = 48, duration_s: float = 1200.0, seed: int = 0) -> NDArray[np.str_]:
    """Write a simulated session and return its truth.

    Parameters
    ----------
    path : Path
        NWB file to make; one that is there is not replaced.
    n_units : int, optional
        Number of units: two fifths single, two fifths multi, one fifth noise.
    duration_s : float, optional
        Length of the session, in seconds.
    seed : int, optional
        The same seed gives the same units.

    Returns
    -------
    array of str, shape (n_units,)
        The label of each unit, also in the file's column `TRUTH_COLUMN`.

    Raises
    ------
    WriteError
        If `path` exists, or its folder does not.
    """
    if path.exists():
        raise WriteError(f"{path} exists already; nothing was written.", tip="Remove it, or name another file.")
    if not path.parent.is_dir():
        raise WriteError(f"{path} cannot be written: there is no folder {path.parent}.", tip="Make the folder first.")
    from pynwb import NWBHDF5IO

    rng = np.random.default_rng(seed)
    positions_um = np.column_stack([16.0 + 32.0 * (np.arange(N_CHANNELS) % 2), PITCH_UM * (np.arange(N_CHANNELS) // 2)])
    truth = rng.permutation(np.resize(["sua", "mua", "sua", "mua", "noise"], n_units))
    shared_events_s = np.sort(rng.uniform(0, duration_s, int(duration_s * 0.5)))
    nwbfile = _empty_session(positions_um)
    nwbfile.add_unit_column(TRUTH_COLUMN, "label that this unit was simulated to have")
    trains_s = [_simulate_train(label, shared_events_s, duration_s, rng) for label in truth.tolist()]
    for label, spike_times_s in zip(truth.tolist(), _with_leakage(trains_s, truth, rng), strict=True):
        center_um = positions_um[rng.integers(N_CHANNELS)] + rng.normal(0, 8, 2)
        distance_um = np.linalg.norm(positions_um - center_um, axis=1)
        channels = np.sort(np.argsort(distance_um, kind="stable")[:N_UNIT_CHANNELS])
        waveform_uv = _simulate_waveform(label, distance_um[channels], rng)
        waveform_uv += rng.normal(0, BACKGROUND_UV / np.sqrt(min(500, spike_times_s.size)), waveform_uv.shape)
        nwbfile.add_unit(
            spike_times=spike_times_s,
            obs_intervals=[[0.0, duration_s]],
            electrodes=channels.tolist(),
            waveform_mean=(waveform_uv * 1e-6).astype(np.float32),
            **{TRUTH_COLUMN: label},
        )
    nwbfile.units.waveform_rate = SAMPLING_RATE_HZ
    nwbfile.units.resolution = 1 / SAMPLING_RATE_HZ
    try:
        with NWBHDF5IO(path, "w-") as io:
            io.write(nwbfile)
    except OSError as error:
        raise WriteError(f"{path} cannot be written: {' '.join(str(error).split())}.") from error
    return truth


def _empty_session(positions_um: NDArray[np.float64]) -> NWBFile:
    """Session, subject and probe, complete enough for an archive to accept."""
    from pynwb import NWBFile
    from pynwb.file import Subject

    nwbfile = NWBFile(
        session_description="Simulated units with known labels.",
        identifier=str(uuid4()),
        session_start_time=datetime(2026, 1, 1, tzinfo=UTC),
        session_id="demo",
        keywords=["simulation"],
        subject=Subject(subject_id="simulated", species="Mus musculus", sex="U", age="P90D", description="Simulated."),
    )
    device = nwbfile.create_device(name="probe", description="Simulated probe with two columns of sites.")
    group = nwbfile.create_electrode_group(name="probe", description="All sites.", location="none", device=device)
    for x_um, y_um in positions_um.tolist():
        nwbfile.add_electrode(group=group, location="none", rel_x=x_um, rel_y=y_um)
    return nwbfile


def _simulate_train(
    label: str, shared_events_s: NDArray[np.float64], duration_s: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Spike times of one unit, on the sampling grid and sorted."""
    if label == "sua":
        times_s = _refractory_train(rng.lognormal(0.9, 0.8), duration_s, rng)
    elif label == "mua":
        sources = [_refractory_train(rng.lognormal(0.3, 0.5), duration_s, rng) for _ in range(rng.integers(5, 10))]
        times_s = np.concatenate(sources)
    elif rng.random() < 0.5:
        times_s = rng.choice(shared_events_s, size=shared_events_s.size // 2, replace=False)
        times_s = np.concatenate([times_s, times_s + rng.uniform(2e-4, 9e-4, times_s.size)])
    else:
        start_s = rng.uniform(0, 0.8 * duration_s)
        bursts_s = rng.uniform(start_s, start_s + 0.15 * duration_s, rng.integers(20, 60))
        times_s = (bursts_s[:, None] + np.cumsum(rng.exponential(1e-3, (bursts_s.size, 4)), axis=1)).ravel()
    samples = np.unique(np.round(times_s * SAMPLING_RATE_HZ))
    return samples[samples < duration_s * SAMPLING_RATE_HZ] / SAMPLING_RATE_HZ


def _with_leakage(
    trains_s: list[NDArray[np.float64]], truth: NDArray[np.str_], rng: np.random.Generator
) -> list[NDArray[np.float64]]:
    """Give units a few spikes of others at the same sample, as sorters do: more to multi-units than to single units."""
    everyone_s = np.concatenate(trains_s)
    leaking = []
    for train_s, label in zip(trains_s, truth.tolist(), strict=True):
        fraction = {"sua": 0.02, "mua": 0.07, "noise": 0.0}[label]
        joint_s = np.union1d(train_s, rng.choice(everyone_s, size=int(fraction * train_s.size), replace=False))
        leaking.append(joint_s[np.diff(joint_s, prepend=-1.0) > REFRACTORY_S] if label == "sua" else joint_s)
    return leaking


def _refractory_train(rate_hz: float, duration_s: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """A train whose rate drifts from minute to minute and whose intervals never fall below the refractory period."""
    n_minutes = int(np.ceil(duration_s / 60))
    drift = np.exp(rng.normal(0, 0.35, n_minutes))
    counts = rng.poisson(rate_hz * 60 * drift)
    times_s = np.sort(np.concatenate([60 * (minute + rng.random(count)) for minute, count in enumerate(counts)]))
    return times_s[np.diff(times_s, prepend=-1.0) > REFRACTORY_S]


def _simulate_waveform(label: str, distance_um: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Mean waveform of one unit in µV, shape (n_samples, n_channels)."""
    time_ms = (np.arange(N_SAMPLES) - N_BEFORE)[:, None] / SAMPLING_RATE_HZ * 1e3
    if label == "noise":
        frequency_khz = rng.uniform(0.4, 1.2)
        envelope = np.exp(-(((time_ms - rng.normal(0.2, 0.2)) / rng.uniform(0.6, 1.2)) ** 2))
        shape = -envelope * np.cos(2 * np.pi * frequency_khz * (time_ms - rng.normal(0, 0.05)))
        return rng.uniform(15, 40) * shape * rng.normal(1, 0.15, distance_um.size)
    amplitude_uv, blur = (rng.uniform(70, 220), 1.0) if label == "sua" else (rng.uniform(30, 60), rng.uniform(1.3, 1.7))
    delay_ms = distance_um / rng.uniform(400, 900)
    trough = np.exp(-(((time_ms - 0.1 * delay_ms) / (0.10 * blur)) ** 2))
    peak_at_ms, peak_ratio = rng.uniform(0.35, 0.6), rng.uniform(0.25, 0.45)
    peak = peak_ratio * np.exp(-(((time_ms - peak_at_ms - 0.1 * delay_ms) / (0.25 * blur)) ** 2))
    return amplitude_uv * np.exp(-distance_um / rng.uniform(30, 50)) * (peak - trough)
