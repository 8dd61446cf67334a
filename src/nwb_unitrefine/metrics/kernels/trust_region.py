"""The subproblem of a trust-region method for least squares in three parameters: the best step within a radius.

Solved exactly, by a singular value decomposition of the Jacobian and Newton's method for the Levenberg-Marquardt
parameter (Moré, The Levenberg-Marquardt algorithm: implementation and theory, 1977).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.metrics.machine_code.compiled import inlined

if TYPE_CHECKING:
    from nwb_unitrefine.metrics.machine_code.compiled import Floats, Floats2
__all__ = ["decompose", "norm", "solve_within"]

_N = 3
_EPSILON = float(np.finfo(np.float64).eps)
_TRIES, _RADIUS_TOLERANCE = 10, 0.01


@inlined
def norm(a: Floats) -> float:
    """Length of a vector of three."""
    return float(np.sqrt(a[0] * a[0] + a[1] * a[1] + a[2] * a[2]))


@inlined
def decompose(
    jac: Floats2, f: Floats, d: Floats, diag: Floats, work: Floats2, v: Floats2, s: Floats, uf: Floats
) -> None:
    """Singular values, right vectors and ``Uᵀ f`` of the scaled Jacobian above the square root of `diag`.

    Householder reflections leave a triangle of three, whose columns Jacobi rotations make orthogonal.
    """
    m = len(f)
    for i in range(m):
        for k in range(_N):
            work[i, k] = jac[i, k] * d[k]
        work[i, _N] = f[i]
    for i in range(_N):
        for k in range(_N + 1):
            work[m + i, k] = 0.0
        work[m + i, i] = np.sqrt(diag[i])
    _make_triangular(work)
    _make_orthogonal(work, v)
    for k in range(_N):
        length = 0.0
        product = 0.0
        for i in range(_N):
            length += work[i, k] * work[i, k]
            product += work[i, k] * work[i, _N]
        s[k] = np.sqrt(length)
        uf[k] = product / s[k] if s[k] > 0 else 0.0


@inlined
def _make_triangular(work: Floats2) -> None:
    """Apply Householder reflections that leave a triangle in the first columns."""
    rows = len(work)
    for k in range(_N):
        length = 0.0
        for i in range(k, rows):
            length += work[i, k] * work[i, k]
        length = np.sqrt(length)
        if length == 0:
            continue
        pivot = work[k, k] + (length if work[k, k] >= 0 else -length)
        half = length * (length + abs(work[k, k]))
        for j in range(k + 1, _N + 1):
            product = pivot * work[k, j]
            for i in range(k + 1, rows):
                product += work[i, k] * work[i, j]
            product /= half
            work[k, j] -= product * pivot
            for i in range(k + 1, rows):
                work[i, j] -= product * work[i, k]
        work[k, k] = -length if work[k, k] >= 0 else length
        for i in range(k + 1, rows):
            work[i, k] = 0.0


@inlined
def _make_orthogonal(work: Floats2, v: Floats2) -> None:
    """Apply Jacobi rotations, also to `v`, until the first columns are orthogonal."""
    for i in range(_N):
        for j in range(_N):
            v[i, j] = 1.0 if i == j else 0.0
    for _ in range(30):
        rotated = False
        for p in range(_N - 1):
            for q in range(p + 1, _N):
                pp = qq = pq = 0.0
                for i in range(_N):
                    pp += work[i, p] * work[i, p]
                    qq += work[i, q] * work[i, q]
                    pq += work[i, p] * work[i, q]
                if abs(pq) <= 1e-16 * np.sqrt(pp * qq) or pq == 0:
                    continue
                rotated = True
                zeta = (qq - pp) / (2 * pq)
                t = (1.0 if zeta >= 0 else -1.0) / (abs(zeta) + np.sqrt(1 + zeta * zeta))
                cos = 1 / np.sqrt(1 + t * t)
                sin = cos * t
                for i in range(_N):
                    a, b = work[i, p], work[i, q]
                    work[i, p], work[i, q] = cos * a - sin * b, sin * a + cos * b
                    a, b = v[i, p], v[i, q]
                    v[i, p], v[i, q] = cos * a - sin * b, sin * a + cos * b
        if not rotated:
            break


@inlined
def solve_within(m: int, uf: Floats, s: Floats, v: Floats2, radius: float, alpha: float, out: Floats) -> float:
    """Write the step that is best within `radius`, and return its Levenberg-Marquardt parameter (Moré 1977)."""
    largest = smallest = s[0]
    for k in range(1, _N):
        largest = s[k] if s[k] > largest else largest
        smallest = s[k] if s[k] < smallest else smallest
    full_rank = m >= _N and smallest > _EPSILON * m * largest
    if full_rank:
        for i in range(_N):
            out[i] = -(v[i, 0] * uf[0] / s[0] + v[i, 1] * uf[1] / s[1] + v[i, 2] * uf[2] / s[2])
        if norm(out) <= radius:
            return 0.0
    norm_suf = 0.0
    for k in range(_N):
        norm_suf += (s[k] * uf[k]) ** 2
    upper = np.sqrt(norm_suf) / radius
    lower = 0.0
    if full_rank:
        excess, change = _excess(0.0, s, uf, radius)
        lower = -excess / change
    elif alpha == 0:
        alpha = _between(lower, upper)
    for _ in range(_TRIES):
        if alpha < lower or alpha > upper:
            alpha = _between(lower, upper)
        excess, change = _excess(alpha, s, uf, radius)
        if excess < 0:
            upper = alpha
        ratio = excess / change
        lower = alpha - ratio if alpha - ratio > lower else lower
        alpha -= (excess + radius) * ratio / radius
        if abs(excess) < _RADIUS_TOLERANCE * radius:
            break
    for i in range(_N):
        out[i] = 0.0
        for k in range(_N):
            out[i] -= v[i, k] * s[k] * uf[k] / (s[k] * s[k] + alpha)
    shrink = radius / norm(out)
    for i in range(_N):
        out[i] *= shrink
    return alpha


@inlined
def _between(lower: float, upper: float) -> float:
    """Start between the bounds of the parameter, and not too near zero."""
    middle = np.sqrt(lower * upper)
    return middle if middle > 0.001 * upper else 0.001 * upper


@inlined
def _excess(alpha: float, s: Floats, uf: Floats, radius: float) -> tuple[float, float]:
    """How much longer than `radius` the step for `alpha` is, and the derivative of that."""
    length = 0.0
    change = 0.0
    for k in range(_N):
        suf = s[k] * uf[k]
        denominator = s[k] * s[k] + alpha
        length += (suf / denominator) ** 2
        change += suf * suf / denominator**3
    length = np.sqrt(length)
    return length - radius, -change / length
