"""The door to numba: functions over loops, compiled on first use and kept for the next process."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from numba import njit
from numba.core import event

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["compiled"]

P = ParamSpec("P")
T = TypeVar("T")

_logger = logging.getLogger(__name__)
_OPTIONS = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}


def compiled(function: Callable[P, T]) -> Callable[P, T]:
    """Compile a function of arrays and numbers, without Python objects and without the interpreter's lock.

    The machine code is kept beside the module, or in the user's cache folder where that cannot be written; where
    neither can, it is made again in each process. No rounding is traded for speed; dividing by zero gives NaN or
    infinity.
    """
    try:
        return cast("Callable[P, T]", njit(cache=True, **_OPTIONS)(function))
    except RuntimeError:  # numba found no folder for its cache
        return cast("Callable[P, T]", njit(**_OPTIONS)(function))


class _TellOnce(event.Listener):  # type: ignore[misc]
    """Says why the first call takes so long, when something of ours is compiled."""

    def on_start(self, event: Any) -> None:
        if event.data["dispatcher"].py_func.__module__.startswith("nwb_unitrefine."):
            _unregister()
            _logger.warning("Compiling the metrics for this machine: about 20 seconds, once.")

    def on_end(self, event: Any) -> None:
        """Print nothing."""


_listener = _TellOnce()


def _unregister() -> None:
    """Once is enough."""
    event.unregister("numba:compile", _listener)


event.register("numba:compile", _listener)
