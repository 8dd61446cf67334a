"""Speed at which the trough travels along the probe, in both of SpikeInterface's definitions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.metrics.kernels.extrema import mean_of
from nwb_unitrefine.metrics.kernels.order_statistics import median
from nwb_unitrefine.metrics.kernels.threads import by_units
from nwb_unitrefine.metrics.machine_code.compiled import compiled, inlined

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nwb_unitrefine.metrics.machine_code.compiled import Floats, Floats2, Ints, Kernel

__all__ = ["old_velocities", "velocities"]

_MIN_CHANNELS, _MIN_R2 = 3, 0.2
_OLD_MIN_CHANNELS, _OLD_MIN_R2 = 5, 0.5
_TINY = 1e-12

_MAX_PAIRS = 10_000
_MAX_STEPS = 300
_BLOCK = 512
_STEP = 1e-3
_EPSILON = float(np.finfo(np.float64).eps)


def velocities(
    positions_um: NDArray[np.float64],
    lowest: NDArray[np.float64],
    lowest_at: NDArray[np.int64],
    offsets: NDArray[np.int64],
    rate: float,
) -> NDArray[np.float64]:
    """Fit the trough's time on the distance from the largest channel, and invert the slope (SpikeInterface 0.105).

    The slope is Theil and Sen's: the median over all pairs of channels. At least 3 channels and an r² above 0.2.

    Parameters
    ----------
    positions_um : array of float64, shape (n_present, 2)
        Position of each channel, in each unit sorted by depth (second axis).
    lowest, lowest_at : array, shape (n_present,)
        Lowest upsampled value of each channel, and its sample.
    offsets : array of int64, shape (n_units + 1,)
        The channels of unit ``i`` are number ``offsets[i]`` to ``offsets[i + 1] - 1``.
    rate : float
        Of the upsampled waveforms, in Hz.

    Returns
    -------
    array of float64, shape (n_units, 2)
        Above and below, in µm/ms; NaN where there is no acceptable fit.
    """
    return _of_all(_velocities, (1, None), positions_um, lowest, lowest_at, offsets, rate)


def old_velocities(
    positions_um: NDArray[np.float64],
    lowest: NDArray[np.float64],
    lowest_at: NDArray[np.int64],
    offsets: NDArray[np.int64],
    rate: float,
) -> NDArray[np.float64]:
    """Fit the distance from the largest channel on the trough's time (SpikeInterface 0.100 to 0.102).

    That release used scikit-learn's ``TheilSenRegressor``: the spatial median of (intercept, slope) over all pairs of
    channels, found by Weiszfeld's iteration as modified by Vardi and Zhang, stopped at a step of 1e-3 (which is where
    its value is, converged or not). Above 10,000 pairs it draws as many at random, unseeded; here an even selection of
    them is taken, so that the value is the same every time. At least 5 channels and an r² of 0.5.

    Parameters and return value are those of `velocities`.
    """
    return _of_all(_old_velocities, (8, _MAX_PAIRS), positions_um, lowest, lowest_at, offsets, rate)


def _of_all(
    kernel: Kernel[[Floats2, Floats, Ints, Ints, float, Floats, Floats, Floats2, Floats2]],
    scratch: tuple[int, int | None],
    positions_um: NDArray[np.float64],
    lowest: NDArray[np.float64],
    lowest_at: NDArray[np.int64],
    offsets: NDArray[np.int64],
    rate: float,
) -> NDArray[np.float64]:
    """Either definition, on all cores, with so many rows of scratch for so many pairs of channels."""
    found = np.full((len(offsets) - 1, 2), np.nan)

    def of_units(units: slice, items: slice) -> None:
        here = offsets[units.start : units.stop + 1] - items.start
        widest = int(np.diff(here).max(initial=0))
        n_pairs = widest * (widest - 1) // 2
        lines = np.empty((scratch[0], max(min(n_pairs, scratch[1] or n_pairs), widest)))
        distance, time_ms = np.empty((2, widest))
        kernel(positions_um[items], lowest[items], lowest_at[items], here, rate, distance, time_ms, lines, found[units])

    by_units(of_units, offsets)
    return found


@inlined
def _side(
    positions: Floats2,
    lowest: Floats,
    lowest_at: Ints,
    start: int,
    stop: int,
    side: int,
    rate: float,
    distance: Floats,
    time_ms: Floats,
) -> int:
    """Write distance from the largest channel and time after it, of the channels on one side; return how many."""
    largest = start
    for c in range(start, stop):
        if lowest[c] < lowest[largest] or (lowest[c] == lowest[largest] and lowest_at[c] < lowest_at[largest]):
            largest = c
    n = 0
    for c in range(start, stop):
        rise = positions[c, 1] - positions[largest, 1]
        if (side == 0 and rise >= 0) or (side == 1 and rise <= 0):
            across = positions[c, 0] - positions[largest, 0]
            distance[n] = np.sqrt(across * across + rise * rise)
            time_ms[n] = lowest_at[c] / rate * 1000 - lowest_at[largest] / rate * 1000
            n += 1
    return n


@compiled
def _velocities(
    positions: Floats2,
    lowest: Floats,
    lowest_at: Ints,
    offsets: Ints,
    rate: float,
    distance: Floats,
    time_ms: Floats,
    lines: Floats2,
    found: Floats2,
) -> None:
    for unit in range(len(found)):
        start, stop = offsets[unit], offsets[unit + 1]
        for side in range(2 if stop > start else 0):
            n = _side(positions, lowest, lowest_at, start, stop, side, rate, distance, time_ms)
            found[unit, side] = _fit(distance[:n], time_ms[:n], lines[0])


@compiled
def _old_velocities(
    positions: Floats2,
    lowest: Floats,
    lowest_at: Ints,
    offsets: Ints,
    rate: float,
    distance: Floats,
    time_ms: Floats,
    lines: Floats2,
    found: Floats2,
) -> None:
    for unit in range(len(found)):
        start, stop = offsets[unit], offsets[unit + 1]
        for side in range(2 if stop > start else 0):
            n = _side(positions, lowest, lowest_at, start, stop, side, rate, distance, time_ms)
            found[unit, side] = _old_fit(time_ms[:n], distance[:n], lines)


@inlined
def _r_squared(x: Floats, y: Floats, slope: float, intercept: float, softening: float) -> float:
    residual = 0.0
    total = 0.0
    mean = mean_of(y, 0, len(y))
    for i in range(len(x)):
        residual += (y[i] - (slope * x[i] + intercept)) ** 2
        total += (y[i] - mean) ** 2
    if total + softening == 0:
        return 1.0 if residual == 0 else 0.0
    return 1 - residual / (total + softening)


@inlined
def _fit(distance: Floats, time_ms: Floats, slopes: Floats) -> float:
    n = len(distance)
    if n < _MIN_CHANNELS:
        return np.nan
    n_slopes = 0
    for i in range(n):
        for j in range(i + 1, n):
            apart = distance[j] - distance[i]
            if abs(apart) > _TINY:
                slopes[n_slopes] = (time_ms[j] - time_ms[i]) / apart
                n_slopes += 1
    if n_slopes == 0:
        return np.nan
    slope = median(slopes[:n_slopes])
    for i in range(n):
        slopes[i] = time_ms[i] - slope * distance[i]
    intercept = median(slopes[:n])
    if slope == 0 or not _r_squared(distance, time_ms, slope, intercept, _TINY) > _MIN_R2:
        return np.nan
    return 1 / slope


@inlined
def _old_fit(
    time_ms: Floats,
    distance: Floats,
    lines: Floats2,
) -> float:
    n = len(distance)
    if n < _OLD_MIN_CHANNELS:
        return np.nan
    intercepts, slopes, work = lines[0], lines[1], lines[2:]
    n_pairs = n * (n - 1) // 2
    every = n_pairs / _MAX_PAIRS if n_pairs > _MAX_PAIRS else 1.0
    n_lines = n_pairs if n_pairs < _MAX_PAIRS else _MAX_PAIRS
    pair = 0
    line = 0
    for i in range(n):
        for j in range(i + 1, n):
            if line < n_lines and pair >= line * every:
                intercepts[line], slopes[line] = _line(time_ms[i], distance[i], time_ms[j], distance[j])
                line += 1
            pair += 1
    intercept, slope = _spatial_median(intercepts[:line], slopes[:line], work)
    if _r_squared(time_ms, distance, slope, intercept, 0.0) < _OLD_MIN_R2:
        return np.nan
    return slope


@inlined
def _line(x0: float, y0: float, x1: float, y1: float) -> tuple[float, float]:
    """Through two points; of points at one place, the least-squares line with the smallest coefficients."""
    if x0 == x1:
        scale = 0.5 * (y0 + y1) / (1 + x0 * x0)
        return scale, scale * x0
    slope = (y1 - y0) / (x1 - x0)
    return y0 - slope * x0, slope


@inlined
def _over(values: Floats, origin: float, distance: Floats, out: Floats, n: int) -> None:
    """Divide what is off a point by its distance, and leave out what is on it."""
    for i in range(n):
        out[i] = (values[i] - origin) / distance[i] if distance[i] >= _EPSILON else 0.0


@inlined
def _spatial_median(first: Floats, second: Floats, work: Floats2) -> tuple[float, float]:
    """Point with the least sum of distances to all others, as far as the iteration goes (Vardi and Zhang 2000).

    The quotients are written before they are added: a processor divides several numbers at once, but adds in order.
    """
    distance, weights, pulls_x, pulls_y = work[0], work[1], work[2], work[3]
    shares_x, shares_y = work[4], work[5]
    x, y = mean_of(first, 0, len(first)), mean_of(second, 0, len(second))
    for _ in range(_MAX_STEPS):
        weight = 0.0
        pull_x, pull_y = 0.0, 0.0
        sum_x, sum_y = 0.0, 0.0
        n_off = 0
        for start in range(0, len(first), _BLOCK):
            stop = start + _BLOCK if start + _BLOCK < len(first) else len(first)
            these, those = first[start:stop], second[start:stop]
            n = stop - start
            for i in range(n):
                dx, dy = these[i] - x, those[i] - y
                distance[i] = np.sqrt(dx * dx + dy * dy)
            for i in range(n):
                n_off += distance[i] >= _EPSILON
            for i in range(n):
                weights[i] = 1 / distance[i] if distance[i] >= _EPSILON else 0.0
            _over(these, x, distance, pulls_x, n)
            _over(those, y, distance, pulls_y, n)
            _over(these, 0.0, distance, shares_x, n)
            _over(those, 0.0, distance, shares_y, n)
            for i in range(n):
                weight += weights[i]
                pull_x += pulls_x[i]
                pull_y += pulls_y[i]
                sum_x += shares_x[i]
                sum_y += shares_y[i]
        here = 1.0 if n_off < len(first) else 0.0
        pull = np.sqrt(pull_x * pull_x + pull_y * pull_y)
        toward_x, toward_y = 1.0, 1.0  # scikit-learn's value where the pulls cancel out
        if pull > _EPSILON:
            toward_x, toward_y = sum_x / weight, sum_y / weight
        else:
            pull = 1.0
        stay = here / pull if here < pull else 1.0
        move = 1 - here / pull if here < pull else 0.0
        next_x = move * toward_x + stay * x
        next_y = move * toward_y + stay * y
        step = (next_x - x) ** 2 + (next_y - y) ** 2
        x, y = next_x, next_y
        if step < _STEP**2:
            break
    return x, y
