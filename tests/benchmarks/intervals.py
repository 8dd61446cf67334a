"""Intervals that the benchmarks print beside shares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["bootstrap", "wilson"]


def wilson(successes: int, trials: int, *, z: float = 1.96) -> tuple[float, float]:
    """Interval of a share, of 95 % by default (Wilson 1927)."""
    if not trials:
        return float("nan"), float("nan")
    share = successes / trials
    centre = (share + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z * (share * (1 - share) / trials + z**2 / (4 * trials**2)) ** 0.5 / (1 + z**2 / trials)
    return centre - half, centre + half


def bootstrap(shares: NDArray[np.float64], *, draws: int = 2000) -> tuple[float, float]:
    """Interval of the mean of one share a unit, of 95 %: units are drawn with replacement."""
    rng = np.random.default_rng(0)
    means = shares[rng.integers(0, len(shares), size=(draws, len(shares)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)
