"""The step of a trust-region reflective method in three parameters: along the subproblem's solution, or turned round.

With the choices of ``scipy.optimize._lsq.trf.select_step`` (Branch, Coleman and Li 1999).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.metrics.kernels.trust_region import norm
from nwb_unitrefine.metrics.machine_code.compiled import inlined

if TYPE_CHECKING:
    from nwb_unitrefine.metrics.machine_code.compiled import Floats, Floats2
__all__ = ["select_step"]

_N = 3


@inlined
def _dot(a: Floats, b: Floats) -> float:
    return float(a[0] * b[0] + a[1] * b[1] + a[2] * b[2])


@inlined
def _quadratic(b_h: Floats2, g_h: Floats, s: Floats) -> float:
    """``½ s B s + g s``."""
    return 0.5 * _form(b_h, s, s) + _dot(g_h, s)


@inlined
def _form(b_h: Floats2, s: Floats, t: Floats) -> float:
    """``s B t``."""
    total = 0.0
    for i in range(_N):
        for j in range(_N):
            total += s[i] * b_h[i, j] * t[j]
    return total


@inlined
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


@inlined
def _to_bound(x: Floats, s: Floats, low: Floats, high: Floats, hits: Floats) -> float:
    """How far along `s` the first bound is; `hits` marks the parameters that reach it."""
    nearest = np.inf
    for k in range(_N):
        hits[k] = np.inf
        if s[k] != 0:
            to_low, to_high = (low[k] - x[k]) / s[k], (high[k] - x[k]) / s[k]
            hits[k] = to_high if to_high > to_low else to_low
        nearest = hits[k] if hits[k] < nearest else nearest
    for k in range(_N):
        hits[k] = 1.0 if hits[k] == nearest and s[k] != 0 else 0.0
    return nearest


@inlined
def select_step(
    x: Floats,
    b_h: Floats2,
    g_h: Floats,
    p_h: Floats,
    d: Floats,
    radius: float,
    low: Floats,
    high: Floats,
    theta: float,
    step_h: Floats,
    scratch: Floats2,
) -> float:
    """Write the best of the step cut at the bound, its reflection and the gradient's step; return the gain expected."""
    p, hits, unused, r_h = scratch[0], scratch[1], scratch[2], scratch[3]
    on_bound, cut, reflected, down_h = scratch[4], scratch[5], scratch[6], scratch[7]
    inside = True
    for k in range(_N):
        p[k] = d[k] * p_h[k]
        inside = inside and low[k] <= x[k] + p[k] <= high[k]
    if inside:
        for k in range(_N):
            step_h[k] = p_h[k]
        return -_quadratic(b_h, g_h, p_h)
    stride = _to_bound(x, p, low, high, hits)
    for k in range(_N):
        r_h[k] = -p_h[k] if hits[k] else p_h[k]
        reflected[k] = d[k] * r_h[k]
        cut[k] = p_h[k] * stride
        on_bound[k] = x[k] + p[k] * stride

    a, b, c = _dot(r_h, r_h), _dot(cut, r_h), _dot(cut, cut) - radius * radius
    square = b * b - a * c
    root = np.sqrt(square) if square > 0 else 0.0
    q = -(b + (root if b >= 0 else -root))
    to_region = root / a
    if q != 0:
        to_region = q / a if q / a > c / q else c / q
    to_bound = _to_bound(on_bound, reflected, low, high, unused)
    far = to_region if to_region < to_bound else to_bound
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

    for k in range(_N):
        down_h[k] = -g_h[k]
        reflected[k] = d[k] * down_h[k]
    to_region = radius / norm(down_h)
    to_bound = _to_bound(x, reflected, low, high, unused)
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
