"""Decay of the amplitude with the distance from the largest channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.metrics.kernels.reflective_fit import fit_exponentials

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["exponential_decay"]

_SLOWEST, _FASTEST, _START = 1e-5, 2.0, 1e-3
_FROM_BOUND = 1e-10


def exponential_decay(
    positions_um: NDArray[np.float64], peak_to_peak: NDArray[np.float64], offsets: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fit ``amplitude = a exp(-decay · distance) + offset`` to each unit, as SpikeInterface does.

    It starts at a decay of 1e-3, the largest and the smallest amplitude; bounds are 1e-5 to 2 for the decay, half to
    one and a half times the largest amplitude for ``a``, and 0 to twice the smallest one for the offset
    (``spikeinterface.metrics.template.metrics.get_exp_decay``).

    Parameters
    ----------
    positions_um : array of float64, shape (n_present, 2)
    peak_to_peak : array of float64, shape (n_present,)
        Amplitude of each channel, in µV: where the fit stops depends on their scale.
    offsets : array of int64, shape (n_units + 1,)
        The channels of unit ``i`` are number ``offsets[i]`` to ``offsets[i + 1] - 1``.

    Returns
    -------
    decay : array of float64, shape (n_units,)
        In 1/µm; NaN where there is no fit.
    r_squared : array of float64, shape (n_units,)
    """
    largest, smallest, total = _of_each_unit(peak_to_peak, offsets)
    low, high, start = np.full((3, len(largest), 3), np.nan)
    low[:, 0], low[:, 1], low[:, 2] = _SLOWEST, 0.5 * largest, 0.0
    high[:, 0], high[:, 1], high[:, 2] = _FASTEST, 1.5 * largest, 2 * smallest
    start[:, 0], start[:, 1], start[:, 2] = _START, largest, smallest
    start = np.maximum(start, np.minimum(low + _FROM_BOUND * np.maximum(1.0, low), 0.5 * (low + high)))
    start[(np.diff(offsets) < 2) | ~(smallest > 0)] = np.nan
    found, cost = fit_exponentials(peak_to_peak, positions_um, offsets, start, low, high)
    fitted = np.isfinite(cost) & (total > 0)
    decays = np.where(fitted, found[:, 0], np.nan)
    r_squared = np.full(len(decays), np.nan)
    r_squared[fitted] = 1 - 2 * cost[fitted] / total[fitted]
    return decays, r_squared


def _of_each_unit(
    values: NDArray[np.float64], offsets: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Largest and smallest value of each unit, and the sum of squares about the mean; NaN for a unit without any."""
    counts = np.diff(offsets)
    some = counts > 0
    starts = offsets[:-1][some]
    largest, smallest, total = np.full((3, len(counts)), np.nan)
    if len(starts):
        largest[some] = np.maximum.reduceat(values, starts)
        smallest[some] = np.minimum.reduceat(values, starts)
        means = np.add.reduceat(values, starts) / counts[some]
        total[some] = np.add.reduceat((values - np.repeat(means, counts[some])) ** 2, starts)
    return largest, smallest, total
