"""The sliding refractory period of the International Brain Laboratory, in both of SpikeInterface's definitions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.metrics.kernels.gamma_quantiles import gamma_quantiles

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["correlogram_bins", "old_correlogram_bins", "old_sliding_rp_violation", "sliding_rp_violation"]

_BIN_S = 0.25e-3
_SHORTEST_S = 0.5e-3
_LONGEST_S = 10e-3
_CONFIDENCE = 0.9


def correlogram_bins(rate: float) -> tuple[int, int]:
    """Bin size in samples, rounded, and number of bins up to 10 ms."""
    size = max(round(rate * 0.25 * 1e-3), 1)
    edge = np.arange(2) * size * 1e3 / rate / 1000
    return size, int(10 / 1000 / (edge[1] - edge[0]))


def old_correlogram_bins(rate: float) -> tuple[int, int]:
    """Bin size in samples, rounded down, and number of bins of 0.25 ms up to 10 ms."""
    return max(int(0.25 / 1000 * rate), 1), len(np.arange(0, _LONGEST_S, _BIN_S))


def sliding_rp_violation(
    correlogram: NDArray[np.int64], n_spikes: NDArray[np.int64], duration_s: NDArray[np.float64], rate: float
) -> NDArray[np.float64]:
    """Find the lowest contamination excluded with 90 % confidence, as SpikeInterface 0.105 does.

    ``expected = 2 rp / T · Nc · (Nb + (Nc - 1) / 2)`` violations with ``Nc = c N`` contaminating and ``Nb = (1 - c) N``
    other spikes (Llobet and Wyngaard 2022); contamination 0.5 to 35 %.

    Parameters
    ----------
    correlogram : array of int64, shape (n_units, n_bins)
        Violations in each bin of `correlogram_bins`.
    n_spikes, duration_s : array, shape (n_units,)
    rate : float
        Samples per second.

    Returns
    -------
    array of float64, shape (n_units,)
        NaN where no contamination up to 35 % is excluded.
    """
    size, n_bins = correlogram_bins(rate)
    edges = np.arange(n_bins + 1) * size / rate
    tested = (edges[:-1] + edges[1:]) / 2 > _SHORTEST_S
    grid = np.arange(0.5, 35.5, 0.5) / 100
    spikes = n_spikes[:, np.newaxis]
    contaminating = spikes * grid
    pairs = contaminating * (spikes * (1 - grid) + (contaminating - 1) / 2)
    per_second = 2 * pairs / np.maximum(duration_s, np.finfo(float).tiny)[:, np.newaxis]
    return _lowest_excluded(correlogram, per_second, edges[1:], tested, grid)


def old_sliding_rp_violation(
    correlogram: NDArray[np.int64], n_spikes: NDArray[np.int64], duration_s: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Find the lowest contamination excluded with 90 % confidence, as SpikeInterface 0.100 to 0.102 did.

    ``expected = 2 rp · c N² / T``; contamination 0.5 to 34.5 %; a bin counts for 0.25 ms whatever its size in samples.

    Parameters
    ----------
    correlogram : array of int64, shape (n_units, n_bins)
        Violations in each bin of `old_correlogram_bins`.
    n_spikes, duration_s : array, shape (n_units,)

    Returns
    -------
    array of float64, shape (n_units,)
        NaN where no contamination up to 34.5 % is excluded.
    """
    starts = np.arange(0, _LONGEST_S, _BIN_S)
    centers = starts + (starts[1] - starts[0]) / 2
    grid = np.arange(0.5, 35, 0.5) / 100
    rate = n_spikes / np.maximum(duration_s, np.finfo(float).tiny)
    per_second = rate[:, np.newaxis] * grid * 2 * n_spikes[:, np.newaxis]
    return _lowest_excluded(correlogram, per_second, centers + _BIN_S / 2, centers > _SHORTEST_S, grid)


def _lowest_excluded(
    correlogram: NDArray[np.int64],
    per_second: NDArray[np.float64],
    periods_s: NDArray[np.float64],
    tested: NDArray[np.bool_],
    grid: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Compare the expected number of violations with the one at which so few would be seen once in ten.

    A Poisson variable of mean m is k or less with probability Q(k + 1, m), so the confidence exceeds 0.9 just where m
    exceeds the inverse of the lower incomplete gamma function: one inverse a period instead of a probability for each
    contamination and period.
    """
    seen = np.cumsum(correlogram, axis=1)[:, tested]
    needed = gamma_quantiles(seen.astype(np.float64) + 1, _CONFIDENCE)
    least = np.min(needed / periods_s[tested], axis=1, initial=np.inf)
    excluded = per_second > least[:, np.newaxis]
    return np.where(excluded.any(axis=1), grid[np.argmax(excluded, axis=1)], np.nan)
