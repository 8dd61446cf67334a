"""Time in which no unit fires, though many spikes would be expected, was not observed, and is reported."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.made_units import make_units
from nwb_unitrefine.metrics import compute_features
from nwb_unitrefine.records import ProblemCode, Severity

LENGTH_S = 600.0


def _trains(n_units: int = 6, rate_hz: float = 3.0) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [np.sort(rng.uniform(0, LENGTH_S, rng.poisson(rate_hz * LENGTH_S))) for _ in range(n_units)]


def _silence(trains: list[np.ndarray], **about: object) -> list[str]:
    features = compute_features(make_units(trains, **about), names=["firing_rate"])
    return [one.what for one in features.problems if one.code is ProblemCode.RECORDING_SILENT]


@pytest.mark.parametrize("n_units", [1, 6])
def test_a_stray_spike_and_a_pause_are_found(n_units: int) -> None:
    """A spike weeks later and a pause longer than the rest, where only the spikes state when was recorded."""
    trains = _trains(n_units)
    assert _silence(trains) == []
    (stray,) = _silence([np.append(trains[0], 30 * 86_400.0), *trains[1:]])
    assert "100%" in stray
    (pause,) = _silence([np.where(train > LENGTH_S / 2, train + 4 * LENGTH_S, train) for train in trains])
    assert "80%" in pause
    assert ProblemCode.RECORDING_SILENT.severity is Severity.CRITICAL


def test_intervals_that_are_too_long_are_found() -> None:
    """Observation intervals ten times as long as all units fire; with few units, these may be lost."""
    trains = _trains()
    (found,) = _silence(trains, obs_intervals=[[[0.0, 10 * LENGTH_S]]] * 6)
    assert "90%" in found
    assert _silence(trains[:2], obs_intervals=[[[0.0, 10 * LENGTH_S]]] * 2) == []


def test_silence_outside_the_observed_time_is_no_silence() -> None:
    """Trials with pauses between them are observed only while they last."""
    trials = np.arange(0, 60 * 100.0, 100.0)[:, None] + [0.0, 10.0]
    trains = [trials[(train // 10).astype(int), 0] + train % 10 for train in _trains()]
    assert _silence(trains, obs_intervals=[trials] * 6) == []
    assert len(_silence(trains)) == 1


def test_few_spikes_are_silent_by_chance() -> None:
    """Ten spikes of each of three units leave most of the session without one."""
    trains = [np.sort(np.random.default_rng(seed).uniform(0, LENGTH_S, 10)) for seed in range(3)]
    assert _silence(trains) == []
    assert _silence([[], [1.0], [1.0, 1.0]]) == []
