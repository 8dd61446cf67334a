"""Quantiles of the gamma distribution, which bound the mean of a Poisson variable, compiled.

`scipy.special.gammaincinv` gives them too; it is not used because importing ``scipy.special`` takes a fifth of the time
in which a small file is labelled, for this one function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.metrics.machine_code.compiled import compiled, inlined

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nwb_unitrefine.metrics.machine_code.compiled import Floats

__all__ = ["gamma_quantiles"]

_LOG_TWO_PI = float(np.log(2 * np.pi))
_ASYMPTOTIC_FROM = 12.0
_PRECISION = float(np.finfo(np.float64).eps)
_TINY = 1e-300
_MAX_STEPS = 40


def gamma_quantiles(shapes: NDArray[np.float64], probability: float) -> NDArray[np.float64]:
    """Find the values below which a gamma variable of scale 1 is with some probability.

    If a Poisson variable was at most k, its mean is with that confidence below the quantile of shape
    ``k + 1`` (Garwood 1936).

    Parameters
    ----------
    shapes : array of float64
        At least 1.
    probability : float
        Between 0 and 1.

    Returns
    -------
    array of float64
        Of the same shape, to a relative error of 1e-10; NaN for a shape below 1 and for none.

    Examples
    --------
    >>> gamma_quantiles(np.array([1.0]), 0.9).round(6).tolist()  # -log(0.1)
    [2.302585]
    """
    different, which = np.unique(np.asarray(shapes, dtype=np.float64), return_inverse=True)
    found = np.full(len(different), np.nan)
    _quantiles(different, probability, found)
    return found[which].reshape(np.shape(shapes))


@inlined
def _log_factor(shape: float) -> float:
    """Logarithm of ``gamma(shape + 1) (e / shape)**shape``: Stirling's series, carried down from larger shapes."""
    lifted = shape
    product = 1.0
    while lifted < _ASYMPTOTIC_FROM:
        lifted += 1
        product *= lifted
    inverse = 1 / lifted
    square = inverse * inverse
    series = inverse * (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square * (1 / 1680 - square / 1188))))
    at_lifted = 0.5 * (_LOG_TWO_PI + np.log(lifted)) + series
    if lifted == shape:
        return float(at_lifted)
    return float(at_lifted + lifted * (np.log(lifted) - 1) - shape * (np.log(shape) - 1) - np.log(product))


@inlined
def _below(shape: float, x: float, front: float) -> float:
    """Probability of a value below `x`, by its series or the continued fraction of its complement (Lentz 1976).

    `front` is ``x**shape exp(-x) / gamma(shape + 1)``.
    """
    if x < shape + 1:
        total, term, n = 1.0, 1.0, shape
        while term > total * _PRECISION:
            n += 1
            term *= x / n
            total += term
        return front * total
    b = x + 1 - shape
    c, d = 1 / _TINY, 1 / b
    fraction = d
    i, change = 0, 0.0
    while abs(change - 1) > _PRECISION and i < 1_000_000:
        i += 1
        a = -i * (i - shape)
        b += 2
        d = a * d + b
        d = 1 / (d if abs(d) > _TINY else _TINY)
        c = b + a / c
        c = c if abs(c) > _TINY else _TINY
        change = c * d
        fraction *= change
    return 1 - front * shape * fraction


@compiled
def _quantiles(shapes: Floats, probability: float, found: Floats) -> None:
    tail = probability if probability < 0.5 else 1 - probability
    t = np.sqrt(-2 * np.log(tail))
    normal = t - (2.30753 + t * 0.27061) / (1 + t * (0.99229 + t * 0.04481))  # Abramowitz and Stegun 26.2.22
    if probability < 0.5:
        normal = -normal
    for k in range(len(shapes)):
        shape = shapes[k]
        if not 1 <= shape < np.inf:
            continue
        log_factor = _log_factor(shape)
        cube = 1 - 1 / (9 * shape) + normal / (3 * np.sqrt(shape))  # Wilson and Hilferty 1931
        x = shape * cube**3
        if x < 1e-3:
            x = 1e-3
        for _ in range(_MAX_STEPS):
            ratio = x / shape
            front = np.exp(shape * (np.log(ratio) + 1 - ratio) - log_factor)
            newton = (_below(shape, x, front) - probability) / (front * shape / x)
            curved = newton * ((shape - 1) / x - 1)
            step = newton / (1 - 0.5 * (curved if curved < 1 else 1.0))  # Halley
            x = x - step if step < x else 0.5 * x
            if abs(step) <= 1e-6 * x / np.sqrt(shape):  # the next step would be its cube
                break
        found[k] = x
