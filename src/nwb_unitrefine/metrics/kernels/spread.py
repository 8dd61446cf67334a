"""Depth range over which a unit's amplitude is large."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.metrics.kernels.compiled import compiled
from nwb_unitrefine.metrics.kernels.order_statistics import median

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["depth_spread"]

_SMOOTH_UM = 20.0
_REACH = 4.0
_THRESHOLD = 0.2


@compiled
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
    for unit in range(len(offsets) - 1):
        depths = depths_um[offsets[unit] : offsets[unit + 1]]
        amplitudes = peak_to_peak[offsets[unit] : offsets[unit + 1]]
        n_channels = len(depths)
        steps = np.empty(n_channels)
        n_steps = 0
        for i in range(1, n_channels):
            if depths[i] > depths[i - 1]:
                steps[n_steps] = depths[i] - depths[i - 1]
                n_steps += 1
        if n_steps == 0:
            continue
        sigma = _SMOOTH_UM / median(steps[:n_steps])
        reach = int(_REACH * sigma + 0.5)
        weights = np.empty(reach + 1)
        total = 0.0
        for k in range(reach + 1):
            weights[k] = np.exp(-0.5 / (sigma * sigma) * k * k)
            total += weights[k] if k == 0 else 2 * weights[k]
        smooth = np.empty(n_channels)
        for i in range(n_channels):
            smooth[i] = amplitudes[i] * weights[0] / total
            for k in range(1, reach + 1):
                near = _mirror(i - k, n_channels)
                far = _mirror(i + k, n_channels)
                smooth[i] += (amplitudes[near] + amplitudes[far]) * weights[k] / total
        limit = smooth[0]
        for i in range(1, n_channels):
            limit = max(limit, smooth[i])
        lowest, highest = np.inf, -np.inf
        for i in range(n_channels):
            if smooth[i] / limit > _THRESHOLD:
                lowest = min(lowest, depths[i])
                highest = max(highest, depths[i])
        spreads[unit] = highest - lowest
    return spreads


@compiled
def _mirror(place: int, length: int) -> int:
    """Place within the array of one outside it, the ends repeated: ``d c b a | a b c d | d c b a``."""
    place %= 2 * length
    return place if place < length else 2 * length - 1 - place
