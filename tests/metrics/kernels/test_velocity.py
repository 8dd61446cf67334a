"""Velocities of the trough, and the iteration of which the old definition takes the value."""

from __future__ import annotations

import functools
import operator

import numpy as np
import pytest

from nwb_unitrefine.metrics.kernels.velocity import _BLOCK, _spatial_median, old_velocities


def _one_after_another(first: list[float], second: list[float]) -> tuple[float, float]:
    """The iteration of Vardi and Zhang, a point at a time."""
    # `sum` compensates for rounding since Python 3.12.
    x, y = (functools.reduce(operator.add, values) / len(values) for values in (first, second))
    for _ in range(300):
        weight = pull_x = pull_y = sum_x = sum_y = 0.0
        n_on = 0
        for a, b in zip(first, second, strict=True):
            distance = float(np.sqrt((a - x) * (a - x) + (b - y) * (b - y)))
            if distance < np.finfo(np.float64).eps:
                n_on += 1
                continue
            weight += 1 / distance
            pull_x += (a - x) / distance
            pull_y += (b - y) / distance
            sum_x += a / distance
            sum_y += b / distance
        pull = float(np.sqrt(pull_x * pull_x + pull_y * pull_y))
        toward = (sum_x / weight, sum_y / weight) if pull > np.finfo(np.float64).eps else (1.0, 1.0)
        stay = min(1.0, (n_on > 0) / (pull if pull > np.finfo(np.float64).eps else 1.0))
        next_x, next_y = (1 - stay) * toward[0] + stay * x, (1 - stay) * toward[1] + stay * y
        step = (next_x - x) ** 2 + (next_y - y) ** 2
        x, y = next_x, next_y
        if step < 1e-6:
            break
    return x, y


@pytest.mark.parametrize("n", [30, _BLOCK - 1, _BLOCK, _BLOCK + 1, 2 * _BLOCK + 5])
@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_quotients_of_many_points_at_once_are_added_in_order(n: int, scale: float) -> None:
    """The value is that of one point after another to the last bit, also where it starts on one of the points."""
    rng = np.random.default_rng(n)
    first, second = rng.normal(size=(2, n)) * scale
    work = np.full((6, _BLOCK), np.nan)
    assert _spatial_median(first, second, work) == _one_after_another(first.tolist(), second.tolist())
    around = rng.integers(-9, 30, (2, n)).astype(np.float64)
    around[:, 0] = 0.0
    around[:, 1] -= around.sum(axis=1)
    around += [[3.0], [-2.0]]  # their mean is the first of them
    expected = _one_after_another(around[0].tolist(), around[1].tolist())
    assert _spatial_median(around[0], around[1], work) == expected != (3.0, -2.0)


def test_machine_code_divides_as_one_after_another() -> None:
    """The old velocity of 48 channels, 1,128 pairs, is the slope of the spatial median of their lines."""
    rng = np.random.default_rng(0)
    depth = np.arange(48) * 20.0
    at = 300 + np.cumsum(rng.integers(1, 9, 48))
    positions, lowest = np.stack([np.zeros(48), depth], axis=1), -np.linspace(100, 10, 48)
    above, _ = old_velocities(positions, lowest, at, np.array([0, 48]), 3e5)[0]
    time_ms = at / 3e5 * 1000 - at[0] / 3e5 * 1000
    pairs = [(i, j) for i in range(48) for j in range(i + 1, 48)]
    slopes = [float((depth[j] - depth[i]) / (time_ms[j] - time_ms[i])) for i, j in pairs]
    intercepts = [float(depth[i] - slope * time_ms[i]) for slope, (i, _) in zip(slopes, pairs, strict=True)]
    assert above == _one_after_another(intercepts, slopes)[1]
