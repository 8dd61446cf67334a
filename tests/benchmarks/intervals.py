"""Intervals that the benchmarks print beside shares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.learn.scoring.scores import share_interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["bootstrap", "wilson"]


def wilson(successes: int, trials: int, *, z: float = 1.96) -> tuple[float, float]:
    """Interval of a share, of 95 % by default (Wilson 1927)."""
    low, high = share_interval(successes, trials, z=z)
    return float(low), float(high)


def bootstrap(shares: NDArray[np.float64], *, draws: int = 2000) -> tuple[float, float]:
    """Interval of the mean of one share a unit, of 95 %: units are drawn with replacement."""
    rng = np.random.default_rng(0)
    means = shares[rng.integers(0, len(shares), size=(draws, len(shares)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)
