"""The unit of spike times is judged by the times; true seconds are never doubted, however few or slow the spikes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import h5py
import numpy as np
import pytest

from helpers.made_units import make_units
from nwb_unitrefine.errors import SourceError
from nwb_unitrefine.metrics import compute_features
from nwb_unitrefine.pipeline import curate
from nwb_unitrefine.read import read_units, time_unit
from nwb_unitrefine.read.time_unit import coarse_step, doubt_seconds
from nwb_unitrefine.records import ProblemCode, Ragged
from nwb_unitrefine.write import write_curation

if TYPE_CHECKING:
    from pathlib import Path

RATE_HZ = 30_000.0


def poisson(rates_hz: list[float], duration_s: float, *, refractory_s: float = 2e-3, seed: int = 0) -> Ragged:
    """Spike trains of random intervals behind a refractory period, on the grid of 30 kHz."""
    rng = np.random.default_rng(seed)
    trains = []
    for rate_hz in rates_hz:
        times = np.cumsum(refractory_s + rng.exponential(1 / rate_hz, int(3 * rate_hz * duration_s) + 10))
        trains.append(np.rint(times[times < duration_s] * RATE_HZ) / RATE_HZ)
    return Ragged.concatenated(trains)


def scaled(trains: Ragged, factor: float, *, noise: float = 0.0) -> Ragged:
    """The same times in another unit, with noise as of rounding."""
    rng = np.random.default_rng(1)
    return Ragged(trains.values * factor + rng.normal(0, noise, len(trains.values)), trains.offsets)


SESSIONS = {
    "ten minutes, slow units": ([0.67, 0.67, 0.67], 600.0),
    "an hour": ([0.1, 1.0, 5.0, 20.0], 3600.0),
    "a minute": ([5.0, 2.0, 8.0, 5.0, 4.0], 60.0),
}


@pytest.mark.parametrize("name", SESSIONS)
@pytest.mark.parametrize(
    ("factor", "noise"), [(1e3, 0.0), (1e3, 1e-2), (RATE_HZ, 0.0), (RATE_HZ, 1e-6), (RATE_HZ, 0.2)]
)
def test_milliseconds_and_samples_are_recognised(name: str, factor: float, noise: float) -> None:
    """On the grid or off it, in sessions of minutes and hours: nothing but another unit is plausible."""
    doubt = doubt_seconds(scaled(poisson(*SESSIONS[name]), factor, noise=noise))
    assert doubt is not None
    assert doubt.conclusive


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("rates_hz", "duration_s"),
    [
        *SESSIONS.values(),
        ([0.01, 0.01, 0.02], 7200.0),
        ([0.05], 3600.0),
        ([0.001] * 5, 20_000.0),
        ([3.0], 10.0),
        ([0.5, 1.0, 4.0], 3 * 86_400.0),
    ],
)
def test_true_seconds_are_not_doubted(rates_hz: list[float], duration_s: float, seed: int) -> None:
    """Neither short, nor few, nor slow units, nor recordings of days raise a doubt."""
    assert doubt_seconds(poisson(rates_hz, duration_s, seed=seed)) is None


def test_the_recording_distinguishes_seconds_from_milliseconds() -> None:
    """Times that span as many milliseconds as the recording lasts are milliseconds; within it they are seconds."""
    trains = poisson([0.1, 0.15], 600.0)
    off_grid = scaled(trains, 1e3, noise=0.05)
    assert doubt_seconds(off_grid, recorded_s=600.0).conclusive
    days = scaled(trains, 1e3)
    assert doubt_seconds(days).conclusive
    assert doubt_seconds(days, recorded_s=6e5) is None


def test_a_few_whole_numbers_are_a_doubt_and_no_proof() -> None:
    """A hundred times in whole seconds may be seconds; ten are nothing to think about."""
    assert not doubt_seconds(Ragged.concatenated([np.arange(200.0) * 7])).conclusive
    assert doubt_seconds(Ragged.concatenated([np.arange(10.0)])) is None


def test_periodic_trains_are_no_neurons_to_judge() -> None:
    """A train of a program, one spike every second and a half, is not doubted."""
    assert doubt_seconds(Ragged.concatenated([np.arange(400) * 1.5 + 0.123456])) is None


def _write(path: Path, trains: Ragged, factor: float, **datasets: np.ndarray) -> Path:
    with h5py.File(path, "w") as file:
        file.attrs.update({"nwb_version": "2.6.0", "neurodata_type": "NWBFile", "object_id": "f"})
        units = file.create_group("units")
        units.attrs.update({"neurodata_type": "Units", "object_id": "u", "colnames": ["spike_times"]})
        units["id"] = np.arange(len(trains))
        units["spike_times"] = trains.values * factor
        units["spike_times_index"] = trains.offsets[1:]
        for name, values in datasets.items():
            units[name] = values
    return path


@pytest.mark.parametrize(
    ("factor", "hints"), [(1e3, {"spike_times_in": "ms"}), (RATE_HZ, {"spike_times_in": "samples"})]
)
def test_another_unit_is_refused_and_read_when_stated(tmp_path: Path, factor: float, hints: dict[str, str]) -> None:
    """The refusal names the option; with it, every metric of spike trains equals that of the file in seconds."""
    trains = poisson([1.0, 3.0, 0.5], 600.0)
    true = _write(tmp_path / "s.nwb", trains, 1.0)
    other = _write(tmp_path / "o.nwb", trains, factor)
    with pytest.raises(SourceError, match="not in seconds") as caught:
        read_units(other)
    assert "--spike-times-in" in caught.value.tip
    units = read_units(other, sampling_rate_hz=RATE_HZ, **hints)
    expected = compute_features(read_units(true, sampling_rate_hz=RATE_HZ))
    np.testing.assert_allclose(compute_features(units).values, expected.values, rtol=1e-12)


def test_intervals_in_the_same_unit_are_converted_too(tmp_path: Path) -> None:
    """Observation intervals of 600,000 belong to spike times in ms: the unit fires at its rate."""
    trains = poisson([2.0], 600.0)
    intervals = {"obs_intervals": np.array([[0.0, 600_000.0]]), "obs_intervals_index": np.array([1])}
    units = read_units(_write(tmp_path / "o.nwb", trains, 1e3, **intervals), spike_times_in="ms")
    assert units.obs_intervals_s[0].tolist() == [[0.0, 600.0]]
    assert [problem.code for problem in units.problems] == [ProblemCode.OBS_INTERVALS_CONVERTED]


def test_samples_need_a_rate(tmp_path: Path) -> None:
    """Without a sampling rate, sample numbers cannot be converted, and the option is named."""
    path = _write(tmp_path / "o.nwb", poisson([2.0], 60.0), RATE_HZ)
    with pytest.raises(SourceError, match="sampling rate is not known") as caught:
        read_units(path, spike_times_in="samples")
    assert "--sampling-rate-hz" in caught.value.tip


@pytest.mark.slow
def test_a_doubt_marks_every_label_uncertain(tmp_path: Path) -> None:
    """Whole numbers below 10,000 are read as seconds, and no label is certain."""
    path = _write(tmp_path / "w.nwb", Ragged.concatenated([np.arange(150.0) * 7, np.arange(90.0) * 11]), 1.0)
    curation = curate(path)
    assert curation.predictions.uncertain.all()
    assert all("may not be in seconds" in reason for reason in curation.predictions.reasons)


@pytest.mark.parametrize(
    ("stored", "step_s"),
    [
        (lambda times: np.round(times, 3), 0.001),
        (lambda times: np.round(times, 2), 0.01),
        (lambda times: (times + 5000).astype(np.float32).astype(float), 2.0**-11),
        (lambda times: times.astype(np.float32).astype(float), None),
        (lambda times: np.round(times, 4), None),
        (lambda times: times, None),
    ],
)
def test_steps_far_longer_than_a_sample_are_recognised(stored, step_s: float | None, tmp_path: Path) -> None:
    """Times in whole milliseconds and single precision late in a session are coarse; those on a grid of samples not."""
    trains = poisson([2.0, 5.0], 100.0)
    times = stored(trains.values)
    assert coarse_step(times) == pytest.approx(step_s) if step_s else coarse_step(times) is None
    units = read_units(_write(tmp_path / "a.nwb", Ragged(times, trains.offsets), 1.0))
    found = [problem for problem in units.problems if problem.code is ProblemCode.SPIKE_TIMES_COARSE]
    assert len(found) == (step_s is not None)
    assert not found or f"{1000 * step_s:.2g} ms" in found[0].what


def test_labels_go_into_a_file_in_milliseconds(tmp_path: Path) -> None:
    """What was converted on reading is still recognised as this file's when labels are written."""
    path = _write(tmp_path / "o.nwb", poisson([2.0, 3.0], 120.0), 1e3)
    write_curation(curate(read_units(path, spike_times_in="ms")))
    assert "unitrefine_label" in read_units(path, spike_times_in="ms").columns


def test_units_made_by_hand_must_fit_together() -> None:
    """Parts of other numbers of units are refused in one line."""
    units = make_units([[1.0], [2.0]], waveforms=np.zeros((3, 30, 1)), channels=np.zeros((3, 1), np.int64))
    with pytest.raises(SourceError, match=r"waveforms\.mean is of 3 units and there are 2 unit ids"):
        read_units(units)


@pytest.mark.parametrize("per_second", [1.0, 1000.0, 30_000.0])
@pytest.mark.parametrize("rate_hz", [0.05, 8.0])
def test_times_are_judged_a_block_at_a_time(monkeypatch: pytest.MonkeyPatch, per_second: float, rate_hz: float) -> None:
    """Wherever blocks end within trains, and however few times they have, the judgement is the same."""
    rng = np.random.default_rng(0)
    counts = [0, 300, 1, 0, 250, 40, 0]
    rows = [np.sort(np.rint(rng.uniform(0, n / rate_hz, n) * 30_000)) / 30_000 * per_second for n in counts]
    trains = Ragged.concatenated(rows)
    whole = time_unit.doubt_seconds(trains, sampling_rate_hz=30_000.0)
    assert (whole is None) == (per_second == 1.0)
    for block in (1, 7, 300):
        monkeypatch.setattr(time_unit, "_BLOCK", block)
        assert time_unit.doubt_seconds(trains, sampling_rate_hz=30_000.0) == whole
