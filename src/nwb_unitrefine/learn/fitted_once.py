"""Fit the same trees once: two subjects left out one after the other leave the same units in either order.

Scores leave each subject out, and calibration within leaves out another. So nearly every fit is asked for twice, once
for either order, and those with one subject left out serve both the scores and the calibration of the final model. The
same units, settings and seed give the same trees to the last bit, so remembering changes no result.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

__all__ = ["fit_once", "remembering_fits"]

MOST = 64
"""Fits that are kept, some 5 MB each: enough for eleven subjects; beyond, the oldest are made again."""

_remembered: ContextVar[OrderedDict[str, Any] | None] = ContextVar("remembered", default=None)


@contextmanager
def remembering_fits() -> Iterator[None]:
    """Remember what is fitted until the outermost of these blocks ends."""
    if _remembered.get() is not None:
        yield
        return
    token = _remembered.set(OrderedDict())
    try:
        yield
    finally:
        _remembered.reset(token)


def fit_once(fit: Callable[[], Any], *, settings: object, arrays: Sequence[NDArray[Any]]) -> Any:
    """Fit, or return what was fitted with the same settings on the same arrays; it must not be changed.

    Parameters
    ----------
    fit : callable
    settings : object
        All that decides the fit besides the arrays; its ``repr`` is compared.
    arrays : sequence of array
    """
    remembered = _remembered.get()
    if remembered is None:
        return fit()
    sha = hashlib.sha256(repr(settings).encode())
    for array in arrays:
        sha.update(f"{array.dtype}{array.shape}".encode())
        sha.update(np.ascontiguousarray(array).tobytes())
    key = sha.hexdigest()
    if key not in remembered:
        remembered[key] = fit()
    remembered.move_to_end(key)
    if len(remembered) > MOST:
        remembered.popitem(last=False)
    return remembered[key]
