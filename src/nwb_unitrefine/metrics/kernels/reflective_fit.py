"""Least squares of an exponential with offset, within bounds, stopped where `scipy.optimize.curve_fit` stops.

SpikeInterface's ``exp_decay`` is not the least-squares optimum: the fit stops when its step is short against the vector
of all parameters, which is dominated by the amplitude in microvolts, so that the decay is often a part in a thousand
away from the optimum, and sometimes in another valley. To have its value one has to go its way.

This is the trust-region reflective method of Branch, Coleman and Li (SIAM J. Sci. Comput. 21, 1999) with the choices of
``scipy.optimize.least_squares``: the subproblem solved exactly by a singular value decomposition (Moré 1977), forward
differences, reflection at the bounds, tolerances of 1e-8 and at most 300 evaluations; written for three parameters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.metrics.kernels.extrema import highest
from nwb_unitrefine.metrics.kernels.reflective_step import select_step
from nwb_unitrefine.metrics.kernels.trust_region import decompose, norm, solve_within
from nwb_unitrefine.metrics.machine_code.compiled import compiled, inlined

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nwb_unitrefine.metrics.machine_code.compiled import Floats, Floats2, Floats3, Ints

__all__ = ["fit_exponentials"]

_N = 3
_EPSILON = float(np.finfo(np.float64).eps)
_DIFFERENCE = _EPSILON**0.5
_TOLERANCE = 1e-8
_MAX_EVALUATIONS = 100 * _N
_SHARED = 15
"""Rows of scratch that one fit needs, before those of `select_step`."""


@inlined
def _residuals(x: Floats, distance: Floats, amplitude: Floats, decayed: Floats, out: Floats) -> float:
    """Write ``exp(-decay distance)`` and ``a`` times it ``+ offset - amplitude``; return half the sum of squares."""
    cost = 0.0
    for i in range(len(distance)):
        decayed[i] = np.exp(-x[0] * distance[i])
        out[i] = x[1] * decayed[i] + x[2] - amplitude[i]
        cost += out[i] * out[i]
    return 0.5 * cost


@inlined
def _difference(value: float, low: float, high: float) -> float:
    """Step of a forward difference, turned round where it would leave the bounds."""
    step = _DIFFERENCE * (abs(value) if abs(value) > 1 else 1.0) * (1.0 if value >= 0 else -1.0)
    if not low <= value + step <= high:
        below, above = value - low, high - value
        fits = abs(step) <= below or abs(step) <= above
        step = -step if fits else above if above >= below else -below
    return float((value + step) - value)


@inlined
def _jacobian(
    x: Floats,
    f: Floats,
    distance: Floats,
    amplitude: Floats,
    decayed: Floats,
    low: Floats,
    high: Floats,
    out: Floats2,
) -> None:
    """Forward differences of `_residuals`, from what it wrote last."""
    h0, h1, h2 = (
        _difference(x[0], low[0], high[0]),
        _difference(x[1], low[1], high[1]),
        _difference(x[2], low[2], high[2]),
    )
    for i in range(len(f)):
        faster = np.exp(-(x[0] + h0) * distance[i])
        out[i, 0] = (x[1] * faster + x[2] - amplitude[i] - f[i]) / h0
        out[i, 1] = ((x[1] + h1) * decayed[i] + x[2] - amplitude[i] - f[i]) / h1
        out[i, 2] = (x[1] * decayed[i] + (x[2] + h2) - amplitude[i] - f[i]) / h2


@inlined
def _scale(
    x: Floats, f: Floats, jac: Floats2, low: Floats, high: Floats, g: Floats, d: Floats, diag: Floats, g_h: Floats
) -> float:
    """Write gradient and scaling (Coleman and Li), and return the largest component of the scaled gradient."""
    optimality = 0.0
    for k in range(_N):
        slope = 0.0
        for i in range(len(f)):
            slope += jac[i, k] * f[i]
        scaling, diag[k] = 1.0, 0.0
        if slope < 0:
            scaling, diag[k] = high[k] - x[k], -slope
        elif slope > 0:
            scaling, diag[k] = x[k] - low[k], slope
        scaled = abs(slope * scaling)
        optimality = scaled if scaled > optimality else optimality
        g[k] = slope
        d[k] = np.sqrt(scaling)
        g_h[k] = d[k] * slope
    return optimality


@inlined
def _curvature(jac: Floats2, d: Floats, diag: Floats, b_h: Floats2) -> None:
    """Write the scaled Hessian matrix of Gauss and Newton."""
    for i in range(_N):
        for j in range(i, _N):
            total = 0.0
            for row in range(len(jac)):
                total += jac[row, i] * jac[row, j]
            b_h[i, j] = b_h[j, i] = total * d[i] * d[j]
        b_h[i, i] += diag[i]


@inlined
def _move(x: Floats, d: Floats, step_h: Floats, bounds: Floats2, x_new: Floats) -> float:
    """Write where a step leads, strictly within the bounds, and return its length."""
    low, high, inner_low, inner_high = bounds[0], bounds[1], bounds[2], bounds[3]
    length = 0.0
    for k in range(_N):
        length += (d[k] * step_h[k]) ** 2
        x_new[k] = x[k] + d[k] * step_h[k]
        if x_new[k] <= low[k]:
            x_new[k] = inner_low[k]
        elif x_new[k] >= high[k]:
            x_new[k] = inner_high[k]
    return float(np.sqrt(length))


@inlined
def _copy(source: Floats, target: Floats) -> None:
    for k in range(len(source)):
        target[k] = source[k]


@inlined
def _fit(
    x: Floats,
    distance: Floats,
    amplitude: Floats,
    bounds: Floats2,
    decayed: Floats,
    f: Floats,
    f_new: Floats,
    jac: Floats2,
    work: Floats2,
    small: Floats2,
) -> tuple[bool, float]:
    """Fit one unit; `x` is overwritten. Whether it stopped before the last evaluation, and half the sum of squares."""
    m = len(distance)
    low, high = bounds[0], bounds[1]
    g, d, diag, g_h, s, uf = small[0], small[1], small[2], small[3], small[4], small[5]
    p_h, step_h, x_new, v, b_h = small[6], small[7], small[8], small[9:12], small[12:15]
    cost = _residuals(x, distance, amplitude, decayed, f)
    _jacobian(x, f, distance, amplitude, decayed, low, high, jac)
    evaluations = 1
    alpha = 0.0
    radius = -1.0
    stopped = False
    while True:
        optimality = _scale(x, f, jac, low, high, g, d, diag, g_h)
        if radius < 0:
            radius = np.sqrt((x[0] / d[0]) ** 2 + (x[1] / d[1]) ** 2 + (x[2] / d[2]) ** 2)
            if radius == 0:
                radius = 1.0
        if optimality < _TOLERANCE:
            stopped = True
        if stopped or evaluations == _MAX_EVALUATIONS:
            return stopped, cost
        _curvature(jac, d, diag, b_h)
        decompose(jac, f, d, diag, work, v, s, uf)
        theta = 1 - optimality if optimality < 0.005 else 0.995
        gain = -1.0
        cost_new = cost
        while gain <= 0 and evaluations < _MAX_EVALUATIONS:
            alpha = solve_within(m, uf, s, v, radius, alpha, p_h)
            expected = select_step(x, b_h, g_h, p_h, d, radius, low, high, theta, step_h, small[_SHARED:])
            length = _move(x, d, step_h, bounds, x_new)
            cost_new = _residuals(x_new, distance, amplitude, decayed, f_new)
            evaluations += 1
            length_h = norm(step_h)
            gain = cost - cost_new
            ratio = 0.0
            if expected > 0:
                ratio = gain / expected
            elif expected == gain == 0:
                ratio = 1.0
            new_radius = radius
            if ratio < 0.25:
                new_radius = 0.25 * length_h
            elif ratio > 0.75 and length_h > 0.95 * radius:
                new_radius = 2.0 * radius
            if (gain < _TOLERANCE * cost and ratio > 0.25) or length < _TOLERANCE * (_TOLERANCE + norm(x)):
                stopped = True
                break
            alpha *= radius / new_radius
            radius = new_radius
        if gain > 0:
            _copy(x_new, x)
            _copy(f_new, f)
            cost = cost_new
            _jacobian(x, f, distance, amplitude, decayed, low, high, jac)


@compiled
def _fit_all(
    amplitudes: Floats,
    positions: Floats2,
    offsets: Ints,
    bounds: Floats3,
    channels: Floats2,
    jac: Floats2,
    work: Floats2,
    small: Floats2,
    x: Floats2,
    cost: Floats,
) -> None:
    for unit in range(len(cost)):
        start, stop = offsets[unit], offsets[unit + 1]
        if not x[unit, 1] > 0:
            continue
        m = stop - start
        amplitude = amplitudes[start:stop]
        distance, decayed, f, f_new = channels[0, :m], channels[1, :m], channels[2, :m], channels[3, :m]
        largest = start + highest(amplitude, 0, m)
        for i in range(m):
            across, along = (
                positions[start + i, 0] - positions[largest, 0],
                positions[start + i, 1] - positions[largest, 1],
            )
            distance[i] = np.sqrt(across**2 + along**2)
        stopped, half = _fit(
            x[unit], distance, amplitude, bounds[unit], decayed, f, f_new, jac[:m], work[: m + _N], small
        )
        if stopped:
            cost[unit] = half


def fit_exponentials(
    peak_to_peak: NDArray[np.float64],
    positions_um: NDArray[np.float64],
    offsets: NDArray[np.int64],
    start: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fit ``amplitude = a exp(-decay distance) + offset`` to the channels of each unit.

    The distance is that from the channel of the largest amplitude.

    Parameters
    ----------
    peak_to_peak : array of float64, shape (n_present,)
        Amplitude of each channel.
    positions_um : array of float64, shape (n_present, 2)
    offsets : array of int64, shape (n_units + 1,)
        The channels of unit ``i`` are number ``offsets[i]`` to ``offsets[i + 1] - 1``.
    start : array of float64, shape (n_units, 3)
        Strictly within the bounds: decay, a, offset; NaN for a unit to leave out.
    low, high : array of float64, shape (n_units, 3)
        Bounds.

    Returns
    -------
    found : array of float64, shape (n_units, 3)
        Decay, a, offset.
    cost : array of float64, shape (n_units,)
        Half the sum of squares; NaN where there was no fit, or it did not stop before the last evaluation.
    """
    widest = int(np.diff(offsets).max(initial=0))
    found = start.copy()
    cost = np.full(len(start), np.nan)
    bounds = np.stack([low, high, np.nextafter(low, high), np.nextafter(high, low)], axis=1)
    _fit_all(
        peak_to_peak,
        positions_um,
        offsets,
        bounds,
        np.empty((4, widest)),
        np.empty((widest, _N)),
        np.empty((widest + _N, _N + 1)),
        np.empty((_SHARED + 8, _N)),
        found,
        cost,
    )
    return found, cost
