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

from nwb_unitrefine.metrics.kernels.compiled import compiled
from nwb_unitrefine.metrics.kernels.trust_region import decompose, norm, solve_within

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vector = NDArray[np.float64]

__all__ = ["fit_exponential"]

_N = 3
_EPSILON = float(np.finfo(np.float64).eps)
_DIFFERENCE = _EPSILON**0.5
_TOLERANCE = 1e-8
_MAX_EVALUATIONS = 100 * _N


@compiled
def _residuals(x: Vector, distance: Vector, amplitude: Vector, out: Vector) -> float:
    """Write ``a exp(-decay distance) + offset - amplitude``, and return half the sum of squares."""
    cost = 0.0
    for i in range(len(distance)):
        out[i] = x[1] * np.exp(-x[0] * distance[i]) + x[2] - amplitude[i]
        cost += out[i] * out[i]
    return 0.5 * cost


@compiled
def _difference(value: float, low: float, high: float) -> float:
    """Step of a forward difference, turned round where it would leave the bounds."""
    step = _DIFFERENCE * max(1.0, abs(value)) * (1.0 if value >= 0 else -1.0)
    if not low <= value + step <= high:
        below, above = value - low, high - value
        fits = abs(step) <= max(below, above)
        step = -step if fits else above if above >= below else -below
    return float((value + step) - value)


@compiled
def _jacobian(
    x: Vector, f: Vector, distance: Vector, amplitude: Vector, low: Vector, high: Vector, out: Vector
) -> None:
    """Forward differences of `_residuals`."""
    h0, h1, h2 = (
        _difference(x[0], low[0], high[0]),
        _difference(x[1], low[1], high[1]),
        _difference(x[2], low[2], high[2]),
    )
    for i in range(len(f)):
        e = np.exp(-x[0] * distance[i])
        faster = np.exp(-(x[0] + h0) * distance[i])
        out[i, 0] = (x[1] * faster + x[2] - amplitude[i] - f[i]) / h0
        out[i, 1] = ((x[1] + h1) * e + x[2] - amplitude[i] - f[i]) / h1
        out[i, 2] = (x[1] * e + (x[2] + h2) - amplitude[i] - f[i]) / h2


@compiled
def _dot(a: Vector, b: Vector) -> float:
    return float(a[0] * b[0] + a[1] * b[1] + a[2] * b[2])


@compiled
def _quadratic(b_h: Vector, g_h: Vector, s: Vector) -> float:
    """``½ s B s + g s``."""
    return 0.5 * _form(b_h, s, s) + _dot(g_h, s)


@compiled
def _form(b_h: Vector, s: Vector, t: Vector) -> float:
    """``s B t``."""
    total = 0.0
    for i in range(_N):
        for j in range(_N):
            total += s[i] * b_h[i, j] * t[j]
    return total


@compiled
def _lowest_on_line(a: float, b: float, c: float, start: float, stop: float) -> tuple[float, float]:
    """Where ``a t² + b t + c`` is least between `start` and `stop`, and how low."""
    best, value = start, start * (a * start + b) + c
    at_stop = stop * (a * stop + b) + c
    if at_stop < value:
        best, value = stop, at_stop
    if a != 0:
        extremum = -0.5 * b / a
        if start < extremum < stop:
            at_extremum = extremum * (a * extremum + b) + c
            if at_extremum < value:
                best, value = extremum, at_extremum
    return best, value


@compiled
def _to_bound(x: Vector, s: Vector, low: Vector, high: Vector, hits: Vector) -> float:
    """How far along `s` the first bound is; `hits` marks the parameters that reach it."""
    nearest = np.inf
    for k in range(_N):
        hits[k] = np.inf
        if s[k] != 0:
            hits[k] = max((low[k] - x[k]) / s[k], (high[k] - x[k]) / s[k])
        nearest = min(nearest, hits[k])
    for k in range(_N):
        hits[k] = 1.0 if hits[k] == nearest and s[k] != 0 else 0.0
    return nearest


@compiled
def _select_step(
    x: Vector,
    b_h: Vector,
    g_h: Vector,
    p_h: Vector,
    d: Vector,
    radius: float,
    low: Vector,
    high: Vector,
    theta: float,
    step_h: Vector,
) -> float:
    """Write the best of the step cut at the bound, its reflection and the gradient's step; return the gain expected."""
    p = d * p_h
    inside = True
    for k in range(_N):
        inside = inside and low[k] <= x[k] + p[k] <= high[k]
    if inside:
        for k in range(_N):
            step_h[k] = p_h[k]
        return -_quadratic(b_h, g_h, p_h)
    hits = np.empty(_N)
    unused = np.empty(_N)
    stride = _to_bound(x, p, low, high, hits)
    r_h = np.empty(_N)
    on_bound = np.empty(_N)
    cut = np.empty(_N)
    for k in range(_N):
        r_h[k] = -p_h[k] if hits[k] else p_h[k]
        cut[k] = p_h[k] * stride
        on_bound[k] = x[k] + p[k] * stride
    reflected = d * r_h

    a, b, c = _dot(r_h, r_h), _dot(cut, r_h), _dot(cut, cut) - radius * radius
    root = np.sqrt(max(b * b - a * c, 0.0))
    q = -(b + (root if b >= 0 else -root))
    to_region = max(q / a, c / q) if q != 0 else root / a
    to_bound = _to_bound(on_bound, reflected, low, high, unused)
    far = min(to_bound, to_region)
    near_limit, far_limit = 0.0, -1.0
    if far > 0:
        near_limit = (1 - theta) * stride / far
        far_limit = theta * to_bound if far == to_bound else to_region
    r_value = np.inf
    if near_limit <= far_limit:
        t, r_value = _lowest_on_line(
            0.5 * _form(b_h, r_h, r_h),
            _dot(g_h, r_h) + _form(b_h, cut, r_h),
            _quadratic(b_h, g_h, cut),
            near_limit,
            far_limit,
        )
        for k in range(_N):
            r_h[k] = r_h[k] * t + cut[k]
    for k in range(_N):
        cut[k] *= theta
    p_value = _quadratic(b_h, g_h, cut)

    down_h = -g_h
    to_region = radius / norm(down_h)
    to_bound = _to_bound(x, d * down_h, low, high, unused)
    reach = theta * to_bound if to_bound < to_region else to_region
    t, down_value = _lowest_on_line(0.5 * _form(b_h, down_h, down_h), _dot(g_h, down_h), 0.0, 0.0, reach)
    if p_value < r_value and p_value < down_value:
        for k in range(_N):
            step_h[k] = cut[k]
        return -p_value
    if r_value < p_value and r_value < down_value:
        for k in range(_N):
            step_h[k] = r_h[k]
        return -r_value
    for k in range(_N):
        step_h[k] = down_h[k] * t
    return -down_value


@compiled
def fit_exponential(x: Vector, distance: Vector, amplitude: Vector, low: Vector, high: Vector) -> tuple[bool, float]:
    """Fit ``amplitude = a exp(-decay distance) + offset``.

    Parameters
    ----------
    x : array of float64, shape (3,)
        Start, strictly within the bounds: decay, a, offset. Overwritten with where the fit stops.
    distance, amplitude : array of float64, shape (n,)
    low, high : array of float64, shape (3,)
        Bounds.

    Returns
    -------
    converged : bool
        Whether it stopped before the last evaluation.
    cost : float
        Half the sum of squares.
    """
    m = len(distance)
    f = np.empty(m)
    f_new = np.empty(m)
    jac = np.empty((m, _N))
    work = np.empty((m + _N, _N + 1))
    v, b_h = np.empty((_N, _N)), np.empty((_N, _N))
    g, d, diag, g_h, scaling = np.empty(_N), np.empty(_N), np.empty(_N), np.empty(_N), np.empty(_N)
    s, uf, p_h, step_h, x_new = np.empty(_N), np.empty(_N), np.empty(_N), np.empty(_N), np.empty(_N)
    cost = _residuals(x, distance, amplitude, f)
    _jacobian(x, f, distance, amplitude, low, high, jac)
    evaluations = 1
    alpha = 0.0
    radius = -1.0
    stopped = False
    while True:
        optimality = 0.0
        for k in range(_N):
            g[k] = 0.0
            for i in range(m):
                g[k] += jac[i, k] * f[i]
            scaling[k], diag[k] = 1.0, 0.0
            if g[k] < 0:
                scaling[k], diag[k] = high[k] - x[k], -g[k]
            elif g[k] > 0:
                scaling[k], diag[k] = x[k] - low[k], g[k]
            optimality = max(optimality, abs(g[k] * scaling[k]))
            d[k] = np.sqrt(scaling[k])
            g_h[k] = d[k] * g[k]
        if radius < 0:
            radius = np.sqrt((x[0] / d[0]) ** 2 + (x[1] / d[1]) ** 2 + (x[2] / d[2]) ** 2)
            if radius == 0:
                radius = 1.0
        if optimality < _TOLERANCE:
            stopped = True
        if stopped or evaluations == _MAX_EVALUATIONS:
            return stopped, cost
        for i in range(_N):
            for j in range(i, _N):
                total = 0.0
                for row in range(m):
                    total += jac[row, i] * jac[row, j]
                b_h[i, j] = b_h[j, i] = total * d[i] * d[j]
            b_h[i, i] += diag[i]
        decompose(jac, f, d, diag, work, v, s, uf)
        theta = max(0.995, 1 - optimality)
        gain = -1.0
        cost_new = cost
        while gain <= 0 and evaluations < _MAX_EVALUATIONS:
            alpha = solve_within(m, uf, s, v, radius, alpha, p_h)
            expected = _select_step(x, b_h, g_h, p_h, d, radius, low, high, theta, step_h)
            length = 0.0
            for k in range(_N):
                length += (d[k] * step_h[k]) ** 2
                x_new[k] = x[k] + d[k] * step_h[k]
                if x_new[k] <= low[k]:
                    x_new[k] = np.nextafter(low[k], high[k])
                elif x_new[k] >= high[k]:
                    x_new[k] = np.nextafter(high[k], low[k])
            length = np.sqrt(length)
            cost_new = _residuals(x_new, distance, amplitude, f_new)
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
            for k in range(_N):
                x[k] = x_new[k]
            for i in range(m):
                f[i] = f_new[i]
            cost = cost_new
            _jacobian(x, f, distance, amplitude, low, high, jac)
