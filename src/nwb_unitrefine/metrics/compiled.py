"""The door to numba: functions over loops, compiled on first use and kept for the next process."""

from __future__ import annotations

from typing import TYPE_CHECKING, ParamSpec, TypeVar, cast

from numba import njit

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["compiled"]

P = ParamSpec("P")
T = TypeVar("T")


def compiled(function: Callable[P, T]) -> Callable[P, T]:
    """Compile a function of arrays and numbers, without Python objects and without the interpreter's lock.

    The machine code is kept beside the module, or in the user's cache folder where that cannot be written; where
    neither can, it is made again in each process. No rounding is traded for speed.
    """
    try:
        return cast("Callable[P, T]", njit(cache=True, nogil=True)(function))
    except RuntimeError:  # numba found no folder for its cache
        return cast("Callable[P, T]", njit(nogil=True)(function))
