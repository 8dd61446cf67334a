"""Timestamps of raw series as clocks really write them: with jitter, rounded, and going back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from nwb_unitrefine.read import read_units
from nwb_unitrefine.records import ProblemCode

if TYPE_CHECKING:
    from pathlib import Path

    from nwb_unitrefine.records import Units


def codes(units: Units) -> set[ProblemCode]:
    """Codes of what was noticed on reading."""
    return {problem.code for problem in units.problems}


def file_of_timestamps(path: Path, times: np.ndarray, *, spikes: np.ndarray | None = None) -> Path:
    """A file of one unit, and a raw series with these timestamps."""
    import h5py

    spikes = times.astype(float)[::1000] if spikes is None else spikes
    with h5py.File(path, "w") as file:
        file.attrs["nwb_version"] = "2.6.0"
        series = file.create_group("acquisition/AP")
        series.attrs["neurodata_type"] = "ElectricalSeries"
        series["data"] = np.zeros((len(times), 1), np.int8)
        series["timestamps"] = times
        file["units/id"] = [0]
        file["units/spike_times"] = np.sort(spikes)
        file["units/spike_times_index"] = [len(spikes)]
    return path


@pytest.mark.parametrize(
    ("start_s", "jitter_s", "dtype"),
    [(0, 5e-6, "f8"), (0, 1e-5, "f8"), (500, 0, "f4"), (5000, 0, "f4"), (1.6e9, 0, "f8"), (0, 5e-6, "column")],
)
def test_jitter_and_rounding_of_timestamps_are_no_gaps(
    tmp_path: Path, start_s: float, jitter_s: float, dtype: str
) -> None:
    """Of timestamps that jitter, or that are 32-bit floats, one gap is found, and the rate is that of the clock."""
    n = 90_000
    times = start_s + np.arange(2 * n) / 30_000 + 4.0 * (np.arange(2 * n) >= n)
    times += np.random.default_rng(0).normal(0, jitter_s, 2 * n) if jitter_s else 0.0
    times = times[:, None] if dtype == "column" else times.astype(dtype)
    units = read_units(file_of_timestamps(tmp_path / "a.nwb", times, spikes=times.astype(float).ravel()[::1000]))
    assert units.sampling_rate_hz == pytest.approx(30_000, rel=1e-6)
    assert units.recording_intervals_s.shape == (2, 2)
    assert np.diff(units.recording_intervals_s).sum() == pytest.approx(6, rel=1e-4)


def test_timestamps_that_go_back_keep_their_rate_and_are_reported(tmp_path: Path) -> None:
    """Two sessions of one clock have the rate of each; that they overlap is reported."""
    times = np.tile(np.arange(60_000) / 30_000, 2)
    units = read_units(file_of_timestamps(tmp_path / "a.nwb", times))
    assert units.sampling_rate_hz == 30_000
    assert ProblemCode.RECORDING_GOES_BACK in codes(units)


@pytest.mark.parametrize("fill", [np.nan, np.inf])
def test_timestamps_that_are_no_times_are_not_used(tmp_path: Path, fill: float) -> None:
    """A series whose timestamps are NaN states no rate and no length, and gives no warning of numpy's."""
    units = read_units(file_of_timestamps(tmp_path / "a.nwb", np.full(60_000, fill), spikes=np.array([1.0, 2.0])))
    assert units.recording_intervals_s is None
    assert units.sampling_rate_from != "of the recording"


def test_spikes_in_gaps_of_the_recording_are_reported(tmp_path: Path) -> None:
    """Spike times that were counted from sample numbers run on through the gaps."""
    times = np.arange(120_000) / 30_000 + 2.0 * (np.arange(120_000) >= 60_000)
    true, counted = times[::1000], np.arange(120_000)[::1000] / 30_000
    assert ProblemCode.RECORDING_SPIKES_IN_GAPS not in codes(read_units(file_of_timestamps(tmp_path / "a.nwb", times)))
    units = read_units(file_of_timestamps(tmp_path / "b.nwb", times, spikes=counted))
    assert ProblemCode.RECORDING_SPIKES_IN_GAPS in codes(units)
    assert len(true) == len(counted)
