"""Decay of the amplitude with the distance from the largest channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["exponential_decay"]

_SLOWEST, _FASTEST = 1e-5, 2.0
_GRID = np.geomspace(_SLOWEST, _FASTEST, 64)
_GOLDEN = 0.5 * (3 - 5**0.5)
_TOLERANCE = 1e-7


def exponential_decay(
    positions_um: NDArray[np.float64], peak_to_peak: NDArray[np.float64], offsets: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fit ``amplitude = a exp(-decay · distance) + offset`` by least squares, within SpikeInterface's bounds.

    The bounds are 1e-5 to 2 for the decay, half to one and a half times the largest amplitude for ``a``, and 0 to twice
    the smallest one for the offset. For a given decay the best ``a`` and offset are those of a straight-line fit in a
    box, in closed form, so that only the decay is searched for (variable projection, Golub and Pereyra 1973).

    Parameters
    ----------
    positions_um : array of float64, shape (n_present, 2)
    peak_to_peak : array of float64, shape (n_present,)
        Amplitude of each channel.
    offsets : array of int64, shape (n_units + 1,)
        The channels of unit ``i`` are number ``offsets[i]`` to ``offsets[i + 1] - 1``.

    Returns
    -------
    decay : array of float64, shape (n_units,)
        In 1/µm; NaN where there is no fit.
    r_squared : array of float64, shape (n_units,)
    """
    decay, r_squared = _fit_all(positions_um, peak_to_peak, offsets, _GRID)
    return decay, r_squared


@njit(cache=True, nogil=True)
def _clip(value, low, high):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    return min(max(value, low), high)


@njit(cache=True, nogil=True)
def _residual(decay, distance, amplitude, box):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Least sum of squares for that decay, over ``a`` and offset in the box."""
    n = len(distance)
    s_e = s_ee = s_ey = s_y = s_yy = 0.0
    for i in range(n):
        e = np.exp(-decay * distance[i])
        y = amplitude[i]
        s_e += e
        s_ee += e * e
        s_ey += e * y
        s_y += y
        s_yy += y * y
    a_low, a_high, b_low, b_high = box
    spread = n * s_ee - s_e * s_e
    if spread > 1e-14 * n * s_ee:
        a = (n * s_ey - s_e * s_y) / spread
        b = (s_y - a * s_e) / n
        if a_low <= a <= a_high and b_low <= b <= b_high:
            return _sum_of_squares(decay, distance, amplitude, a, b)
    best = np.inf
    for a in (a_low, a_high):
        b = _clip((s_y - a * s_e) / n, b_low, b_high)
        best = min(best, _sum_of_squares(decay, distance, amplitude, a, b))
    for b in (b_low, b_high):
        a = _clip((s_ey - b * s_e) / s_ee, a_low, a_high)
        best = min(best, _sum_of_squares(decay, distance, amplitude, a, b))
    return best


@njit(cache=True, nogil=True)
def _sum_of_squares(decay, distance, amplitude, a, b):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    total = 0.0
    for i in range(len(distance)):
        total += (amplitude[i] - a * np.exp(-decay * distance[i]) - b) ** 2
    return total


@njit(cache=True, nogil=True)
def _search(distance, amplitude, box, grid):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Decay with the least residual: the best of the grid, then a golden section around it, in the logarithm."""
    best, least = 0, np.inf
    for i in range(len(grid)):
        here = _residual(grid[i], distance, amplitude, box)
        if here < least:
            best, least = i, here
    low, high = np.log(grid[max(best - 1, 0)]), np.log(grid[min(best + 1, len(grid) - 1)])
    left, right = low + _GOLDEN * (high - low), high - _GOLDEN * (high - low)
    at_left = _residual(np.exp(left), distance, amplitude, box)
    at_right = _residual(np.exp(right), distance, amplitude, box)
    while high - low > _TOLERANCE:
        if at_left < at_right:
            high, right, at_right = right, left, at_left
            left = low + _GOLDEN * (high - low)
            at_left = _residual(np.exp(left), distance, amplitude, box)
        else:
            low, left, at_left = left, right, at_right
            right = high - _GOLDEN * (high - low)
            at_right = _residual(np.exp(right), distance, amplitude, box)
    decay = np.exp(0.5 * (low + high))
    return decay, _residual(decay, distance, amplitude, box)


@njit(cache=True, nogil=True)
def _fit_all(positions, peak_to_peak, offsets, grid):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    n_units = len(offsets) - 1
    decays = np.full(n_units, np.nan)
    r_squared = np.full(n_units, np.nan)
    for unit in range(n_units):
        start, stop = offsets[unit], offsets[unit + 1]
        amplitude = peak_to_peak[start:stop]
        if len(amplitude) < 3:
            continue
        largest, smallest = np.max(amplitude), np.min(amplitude)
        if not (smallest > 0 and largest > smallest):
            continue
        place = start + np.argmax(amplitude)
        distance = np.empty(stop - start)
        for c in range(start, stop):
            across = positions[c, 0] - positions[place, 0]
            along = positions[c, 1] - positions[place, 1]
            distance[c - start] = np.sqrt(across * across + along * along)
        box = (0.5 * largest, 1.5 * largest, 0.0, 2 * smallest)
        decays[unit], residual = _search(distance, amplitude, box, grid)
        total = np.sum((amplitude - np.mean(amplitude)) ** 2)
        r_squared[unit] = 1 - residual / total
    return decays, r_squared
