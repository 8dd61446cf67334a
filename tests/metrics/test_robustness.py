"""No units, however broken, are a crash, a warning or an impossible value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from helpers.made_units import make_units
from nwb_unitrefine.metrics import compute_features
from nwb_unitrefine.read import read_units
from nwb_unitrefine.vocabulary import feature_names, resolve

NAMES = feature_names() + feature_names(definition="0.101")


def _train(rng: np.random.Generator) -> np.ndarray:
    """Few or many spikes, sometimes unsorted, all at once, or with a value that is no time."""
    times = rng.uniform(-1, rng.choice([0.001, 1, 100, 5000]), rng.choice([0, 1, 2, 3, 50, 500]))
    if len(times) and rng.random() < 0.2:
        times[rng.integers(len(times))] = rng.choice([np.nan, np.inf, -np.inf, 1e300, -1e300])
    if len(times) and rng.random() < 0.1:
        times[:] = times[0]
    return np.sort(times) if rng.random() < 0.7 else times


def _waveforms(rng: np.random.Generator, n_units: int, n_channels: int) -> np.ndarray | None:
    """Noise of any size and length, sometimes flat, one-sided, partly absent, or of another byte order."""
    if rng.random() < 0.1:
        return None
    shape = (n_units, int(rng.choice([1, 2, 5, 20, 40, 82, 150])), n_channels)
    waves = rng.normal(0, rng.choice([1e-9, 1e-5, 1, 50, 1e6]), shape)
    spoil = int(rng.integers(10))
    if spoil < 5:
        waves = [np.zeros(shape), np.ones(shape), np.round(waves), np.abs(waves), -np.abs(waves)][spoil]
    elif spoil == 5:
        waves[rng.integers(n_units)] = np.nan
    elif spoil == 6:
        waves[:, :, rng.integers(n_channels)] = np.inf
    return waves.astype(rng.choice([">f4", "<f4", ">f8", "<f8"]))


def _units(rng: np.random.Generator) -> Any:
    """Some units of a session that nobody should have written."""
    n_units, n_channels = int(rng.integers(1, 6)), int(rng.choice([1, 2, 3, 5, 9, 20]))
    options: dict[str, Any] = {}
    if rng.random() < 0.8:
        options["positions_um"] = rng.choice([0.0, 20.0, 40.0, np.nan, 1e9], (n_channels, 2))
        if rng.random() < 0.6:
            options["positions_um"] = np.stack([np.zeros(n_channels), np.arange(n_channels) * 20.0], axis=1)
    if rng.random() < 0.4:
        options["obs_intervals"] = [[[0, rng.choice([0, 1, 100, 6000])]] for _ in range(n_units)]
    if rng.random() < 0.4:
        options["recorded_s"] = float(rng.choice([0, 1, 100, 6000]))
    if rng.random() < 0.3:
        options["sampling_rate_hz"] = rng.choice([None, 1.0, 500.0, 24414.0625, 1e6])
    return make_units(
        [_train(rng) for _ in range(n_units)],
        waveforms=_waveforms(rng, n_units, n_channels),
        declared_unit=str(rng.choice(["volts", "", "uV", "counts"])),
        **options,
    )


@pytest.mark.parametrize("seed", range(150))
def test_anything_gives_values_in_range_or_reasons(seed: int) -> None:
    """Whatever is wrong, there is a table of finite values within each metric's range, and a reason for each NaN."""
    units = read_units(_units(np.random.default_rng(seed)))
    features = compute_features(units, names=NAMES)
    for column, name in enumerate(NAMES):
        values = features.values[:, column]
        low, high = resolve(name).metric.valid
        there = values[~np.isnan(values)]
        assert np.isfinite(there).all(), name
        assert ((there >= low - 1e-9) & (there <= high + 1e-9)).all(), name
        for row in range(len(units)):
            assert (features.origin(row, name).kind == "missing") == bool(np.isnan(values[row]))
            assert features.origin(row, name).detail
