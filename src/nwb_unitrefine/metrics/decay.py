"""Decay of the amplitude with the distance from the largest channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.metrics.compiled import compiled
from nwb_unitrefine.metrics.reflective_fit import fit_exponential

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["exponential_decay"]

_SLOWEST, _FASTEST, _START = 1e-5, 2.0, 1e-3
_FROM_BOUND = 1e-10


@compiled
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
    n_units = len(offsets) - 1
    decays = np.full(n_units, np.nan)
    r_squared = np.full(n_units, np.nan)
    x, low, high = np.empty(3), np.empty(3), np.empty(3)
    for unit in range(n_units):
        start, stop = offsets[unit], offsets[unit + 1]
        amplitude = peak_to_peak[start:stop]
        if stop - start < 2 or not np.min(amplitude) > 0:
            continue
        place = start + np.argmax(amplitude)
        distance = np.empty(stop - start)
        for c in range(start, stop):
            across = positions_um[c, 0] - positions_um[place, 0]
            along = positions_um[c, 1] - positions_um[place, 1]
            distance[c - start] = np.sqrt(across * across + along * along)
        largest, smallest = peak_to_peak[place], np.min(amplitude)
        low[0], low[1], low[2] = _SLOWEST, largest - 0.5 * largest, 0.0
        high[0], high[1], high[2] = _FASTEST, largest + 0.5 * largest, 2 * smallest
        x[0], x[1], x[2] = _START, largest, smallest
        for k in range(3):
            if x[k] - low[k] <= _FROM_BOUND * max(1.0, low[k]):
                x[k] = min(low[k] + _FROM_BOUND * max(1.0, low[k]), 0.5 * (low[k] + high[k]))
        converged, cost = fit_exponential(x, distance, amplitude, low, high)
        mean = np.mean(amplitude)
        total = 0.0
        for i in range(len(amplitude)):
            total += (amplitude[i] - mean) ** 2
        if converged and total > 0:
            decays[unit] = x[0]
            r_squared[unit] = 1 - 2 * cost / total
    return decays, r_squared
