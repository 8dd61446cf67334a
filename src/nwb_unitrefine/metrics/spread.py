"""Depth range over which a unit's amplitude is large."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["depth_spread"]

_SMOOTH_UM = 20.0
_THRESHOLD = 0.2


def depth_spread(depths_um: NDArray[np.float64], peak_to_peak: NDArray[np.float64]) -> NDArray[np.float64]:
    """Measure the depth range of the channels whose smoothed amplitude exceeds a fifth of the largest.

    The amplitudes, in the order of depth, are smoothed by a Gaussian whose width is 20 µm at the median distance
    between depths, counted in channels (``spikeinterface.metrics.template.metrics.get_spread``).

    Parameters
    ----------
    depths_um : array of float64, shape (n_channels,)
        Ascending.
    peak_to_peak : array of float64, shape (n_units, n_channels)
        Amplitudes of units on channels at these depths.

    Returns
    -------
    array of float64, shape (n_units,)
        In µm; NaN where all channels are at one depth.
    """
    from scipy.ndimage import gaussian_filter1d

    steps = np.diff(np.unique(depths_um))
    if not len(steps):
        return np.full(len(peak_to_peak), np.nan)
    smooth = gaussian_filter1d(peak_to_peak, _SMOOTH_UM / np.median(steps), axis=1)
    large = smooth / np.max(smooth, axis=1, keepdims=True) > _THRESHOLD
    first = np.argmax(large, axis=1)
    last = large.shape[1] - 1 - np.argmax(large[:, ::-1], axis=1)
    return np.asarray(depths_um[last] - depths_um[first])
