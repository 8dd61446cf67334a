"""Depth range over which a unit's amplitude is large."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.metrics.kernels.extrema import highest
from nwb_unitrefine.metrics.kernels.order_statistics import median
from nwb_unitrefine.metrics.machine_code.compiled import compiled, inlined

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nwb_unitrefine.metrics.machine_code.compiled import Floats, Ints

__all__ = ["depth_spread"]

_SMOOTH_UM = 20.0
_REACH = 4.0
_THRESHOLD = 0.2


def depth_spread(
    depths_um: NDArray[np.float64], peak_to_peak: NDArray[np.float64], offsets: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Measure the depth range of the channels whose smoothed amplitude exceeds a fifth of the largest.

    The amplitudes, in the order of depth, are smoothed by a Gaussian whose width is 20 µm at the median distance
    between depths, counted in channels, and mirrored at the ends (``scipy.ndimage.gaussian_filter1d`` in
    ``spikeinterface.metrics.template.metrics.get_spread``).

    Parameters
    ----------
    depths_um, peak_to_peak : array of float64, shape (n_present,)
        Of each channel, in each unit sorted by depth.
    offsets : array of int64, shape (n_units + 1,)
        The channels of unit ``i`` are number ``offsets[i]`` to ``offsets[i + 1] - 1``.

    Returns
    -------
    array of float64, shape (n_units,)
        In µm; NaN where all channels are at one depth.
    """
    spreads = np.full(len(offsets) - 1, np.nan)
    widest = int(np.diff(offsets).max(initial=0))
    _spread(depths_um, peak_to_peak, offsets, np.empty(widest), spreads)
    return spreads


@compiled
def _spread(depths_um: Floats, peak_to_peak: Floats, offsets: Ints, scratch: Floats, spreads: Floats) -> None:
    for unit in range(len(spreads)):
        first = offsets[unit]
        n_channels = offsets[unit + 1] - first
        n_steps = 0
        for i in range(first + 1, first + n_channels):
            if depths_um[i] > depths_um[i - 1]:
                scratch[n_steps] = depths_um[i] - depths_um[i - 1]
                n_steps += 1
        if n_steps == 0:
            continue
        sigma = _SMOOTH_UM / median(scratch[:n_steps])
        reach = int(_REACH * sigma + 0.5)
        total = 0.0
        for k in range(reach + 1):
            weight = np.exp(-0.5 / (sigma * sigma) * k * k)
            if weight == 0:
                break
            total += weight if k == 0 else 2 * weight
        for k in range(reach + 1):
            weight = np.exp(-0.5 / (sigma * sigma) * k * k)
            if weight == 0:
                break
            for i in range(n_channels):
                if k == 0:
                    scratch[i] = peak_to_peak[first + i] * weight / total
                else:
                    near = first + _mirror(i - k, n_channels)
                    far = first + _mirror(i + k, n_channels)
                    scratch[i] += (peak_to_peak[near] + peak_to_peak[far]) * weight / total
        limit = scratch[highest(scratch, 0, n_channels)]
        low, high = np.inf, -np.inf
        for i in range(n_channels):
            if scratch[i] / limit > _THRESHOLD:
                low = depths_um[first + i] if depths_um[first + i] < low else low
                high = depths_um[first + i] if depths_um[first + i] > high else high
        spreads[unit] = high - low


@inlined
def _mirror(place: int, length: int) -> int:
    """Place within the array of one outside it, the ends repeated: ``d c b a | a b c d | d c b a``."""
    place %= 2 * length
    return place if place < length else 2 * length - 1 - place
