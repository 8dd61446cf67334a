"""Decay of the amplitude with the distance from the largest channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.metrics.kernels.reflective_fit import fit_exponential

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
    n_units = len(offsets) - 1
    decays = np.full(n_units, np.nan)
    r_squared = np.full(n_units, np.nan)
    for unit, (start, stop) in enumerate(zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)):
        amplitude = peak_to_peak[start:stop]
        if stop - start < 2 or not amplitude.min() > 0:
            continue
        place = int(np.argmax(amplitude))
        away = positions_um[start:stop] - positions_um[start + place]
        distance = np.sqrt(away[:, 0] ** 2 + away[:, 1] ** 2)
        largest, smallest = amplitude[place], amplitude.min()
        low = np.array([_SLOWEST, 0.5 * largest, 0.0])
        high = np.array([_FASTEST, 1.5 * largest, 2 * smallest])
        inside = np.minimum(low + _FROM_BOUND * np.maximum(1.0, low), 0.5 * (low + high))
        x = np.maximum([_START, largest, smallest], inside)
        converged, cost = fit_exponential(x, distance, amplitude, low, high)
        total = np.sum((amplitude - amplitude.mean()) ** 2)
        if converged and total > 0:
            decays[unit] = x[0]
            r_squared[unit] = 1 - 2 * cost / total
    return decays, r_squared
