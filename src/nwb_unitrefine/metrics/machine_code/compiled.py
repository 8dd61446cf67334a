"""Loops over arrays in machine code: compiled by numba on the first use on a machine, kept, and loaded without numba.

Importing numba and having it load what it keeps takes as long as labelling a small file, in every process. Therefore
what numba makes of a function is kept as an object file, which llvmlite, its back end, loads in a few milliseconds;
numba itself is imported where there is none yet. This asks of a function that it stands alone: its arguments are
arrays and numbers of the types that its annotations name, it writes its results into arrays, and it allocates nothing.

Machine code that is made when the package is built would need a compiler wherever the package is installed from source,
and a wheel for every platform; numba's own way of doing that (``numba.pycc``) is deprecated.
"""

from __future__ import annotations

import ctypes
import functools
import inspect
import logging
import os
import threading
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, ParamSpec, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float64]
    Floats2: TypeAlias = NDArray[np.float64]
    Floats3: TypeAlias = NDArray[np.float64]
    Ints: TypeAlias = NDArray[np.int64]
    Ints2: TypeAlias = NDArray[np.int64]
    Flags: TypeAlias = NDArray[np.bool_]
    Bytes: TypeAlias = NDArray[np.uint8]

__all__ = [
    "Argument",
    "Bytes",
    "Flags",
    "Floats",
    "Floats2",
    "Floats3",
    "Ints",
    "Ints2",
    "Kernel",
    "arguments_of",
    "compiled",
    "inlined",
]

P = ParamSpec("P")
F = TypeVar("F", bound="Callable[..., Any]")

_logger = logging.getLogger(__name__)
_lock = threading.Lock()
_inlined: list[Callable[..., Any]] = []


class Argument(NamedTuple):
    """Type of an argument: a number, or a C-contiguous array of so many axes."""

    dtype: np.dtype[Any]
    axes: int

    @property
    def c_types(self) -> tuple[Any, ...]:
        """What numba passes for it: of an array owner, parent, size, size of an item, address, shape and strides."""
        if not self.axes:
            return ({"f": ctypes.c_double, "i": ctypes.c_int64, "b": ctypes.c_bool}[self.dtype.kind],)
        pointer, size = ctypes.c_void_p, ctypes.c_ssize_t
        return (pointer, pointer, size, size, pointer, *[size] * (2 * self.axes))

    def values(self, given: Any) -> tuple[Any, ...]:
        """Values of these types.

        Raises
        ------
        TypeError
            If an array is another one: the machine code would read and write past its end.
        """
        if not self.axes:
            return (given,)
        if (
            given.dtype != self.dtype
            or given.ndim != self.axes
            or not (given.flags.c_contiguous and given.flags.aligned)
        ):
            raise TypeError(
                f"Not a contiguous array of {self.dtype} with {self.axes} axes: {given.dtype} {given.shape}."
            )
        return (None, None, given.size, given.itemsize, given.ctypes.data, *given.shape, *given.strides)


_ARGUMENTS = {
    "float": Argument(np.dtype(np.float64), 0),
    "int": Argument(np.dtype(np.int64), 0),
    "Floats": Argument(np.dtype(np.float64), 1),
    "Floats2": Argument(np.dtype(np.float64), 2),
    "Floats3": Argument(np.dtype(np.float64), 3),
    "Ints": Argument(np.dtype(np.int64), 1),
    "Ints2": Argument(np.dtype(np.int64), 2),
    "Flags": Argument(np.dtype(np.bool_), 1),
    "Bytes": Argument(np.dtype(np.uint8), 1),
}


def arguments_of(function: Callable[..., Any]) -> list[Argument]:
    """Types of a function's arguments, by its annotations."""
    return [_ARGUMENTS[one.annotation] for one in inspect.signature(function).parameters.values()]


def compiled(function: Callable[P, None]) -> Kernel[P]:
    """Have a function run as machine code, without Python objects and without the interpreter's lock.

    Its annotations are names of `_ARGUMENTS`. It may call numpy's and `math`'s functions of numbers, and functions that
    are `inlined`. No rounding is traded for speed; dividing by zero gives NaN or infinity.
    """
    return Kernel(function)


def inlined(function: F) -> F:
    """Let compiled functions call this one, which Python may call as well. It is annotated as they are."""
    _inlined.append(function)
    return function


class Kernel(Generic[P]):
    """A function that is machine code from its first call on; `function` is the one that it was made from."""

    def __init__(self, function: Callable[P, None]) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.name = f"{function.__module__.rpartition('.')[2]}.{function.__name__.lstrip('_')}"
        self.arguments = arguments_of(function)
        self._call: Callable[[tuple[Any, ...], list[Any]], None] | None = None

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Run it on arguments given by position; with ``NUMBA_DISABLE_JIT=1``, for debuggers, the function itself.

        Raises
        ------
        TypeError
            If they are not of the types that the annotations name.
        """
        flat = [part for one, given in zip(self.arguments, args, strict=True) for part in one.values(given)]
        if os.environ.get("NUMBA_DISABLE_JIT") == "1":
            self.function(*args, **kwargs)
            return
        if self._call is None:
            with _lock:
                self._call = self._call or self._load()
        self._call(args, flat)

    def _load(self) -> Callable[[tuple[Any, ...], list[Any]], None]:
        """Find the machine code that was made for this processor, or make it."""
        from nwb_unitrefine.metrics.machine_code.object_files import address_of, find_object, one_at_a_time

        made: bytes | Callable[..., None] | None = find_object(self.name)
        if made is None:
            with one_at_a_time(self.name):
                made = find_object(self.name) or self._make()
        if callable(made):
            function = made
            return lambda args, _: function(*args)
        pointer = ctypes.c_void_p
        types = [one for argument in self.arguments for one in argument.c_types]
        code = ctypes.CFUNCTYPE(ctypes.c_int32, pointer, pointer, *types)(address_of(made, self.name))

        def call(_: tuple[Any, ...], flat: list[Any]) -> None:
            unused = ctypes.c_void_p()
            if code(ctypes.byref(unused), ctypes.byref(unused), *flat):
                raise RuntimeError(f"{self.name} cannot run on these values.")

        return call

    def _make(self) -> bytes | Callable[..., None]:
        """Make machine code and keep it; where numba compiles otherwise than is known, what it makes in its own way."""
        from nwb_unitrefine.metrics.machine_code.made_by_numba import UnknownNumbaError, make_function, make_object
        from nwb_unitrefine.metrics.machine_code.object_files import keep_object

        _tell_once()
        try:
            made = make_object(self, _inlined)
        except UnknownNumbaError as error:
            _logger.warning("%s It is compiled anew in each process.", error)
            return make_function(self, _inlined)
        keep_object(self.name, made)
        return made


@functools.cache
def _tell_once() -> None:
    """Say why the first call takes so long."""
    _logger.warning("Compiling loops for this machine: a few seconds, once.")
