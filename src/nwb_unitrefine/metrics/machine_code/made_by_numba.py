"""Make an object file of a function with numba."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from types import FunctionType
from typing import TYPE_CHECKING, Any

import llvmlite.binding as llvm
import numba
from numba import njit, types

from nwb_unitrefine.metrics.machine_code.compiled import arguments_of
from nwb_unitrefine.metrics.machine_code.object_files import ENTRY, target_machine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from nwb_unitrefine.metrics.machine_code.compiled import Argument, Kernel

__all__ = ["UnknownNumbaError", "make_function", "make_object"]


_OPTIONS = {
    "error_model": "numpy",
    "_nrt": False,  # nothing is allocated, which also takes a third of the time to compile
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
    "no_rewrites": True,  # of expressions of arrays, which kernels do not have
}
_FROM_C = frozenset({"exp", "log", "pow", "rint", "sqrt", "memset", "memcpy", "memmove"})
_INTRINSIC = "llvm."


class UnknownNumbaError(RuntimeError):
    """Numba compiles in another way than the versions that are known here."""


_compiled: dict[tuple[Callable[..., Any], tuple[str, ...]], Any] = {}
"""What several kernels call is compiled once."""


def make_object(kernel: Kernel[Any], inlined: Sequence[Callable[..., Any]]) -> bytes:
    """Compile a function and those that it calls, for this processor.

    Parameters
    ----------
    kernel : Kernel
    inlined : sequence of callable
        Functions that it may call.

    Returns
    -------
    bytes
        An object file with one function, named `ENTRY`, that needs nothing but the C library.

    Raises
    ------
    UnknownNumbaError
        If this version of numba makes something else of it.
    """
    with _without_garbage_collection():
        try:
            return _make_object(kernel, inlined)
        except Exception as error:
            why = str(error).partition("\n")[0]
            message = f"numba {numba.__version__} compiles {kernel.name} in a way that is unknown here ({why})."
            raise UnknownNumbaError(message) from error


def make_function(kernel: Kernel[Any], inlined: Sequence[Callable[..., Any]]) -> Callable[..., None]:
    """Have numba compile a function in its usual way, with none of the options that are its own affair.

    Parameters
    ----------
    kernel, inlined
        As of `make_object`.
    """
    function: Callable[..., None] = _compile(kernel.function, inlined, {"error_model": "numpy"})
    return function


def _make_object(kernel: Kernel[Any], inlined: Sequence[Callable[..., Any]]) -> bytes:
    """Have numba compile it, and take out what it made."""
    from nwb_unitrefine.metrics.machine_code.unoptimized import Unoptimized

    options = _OPTIONS | {"pipeline_class": Unoptimized}
    (made,) = _compile(kernel.function, inlined, options).overloads.values()
    module = made.library.module.clone()
    entry = module.get_function(made.fndesc.llvm_func_name)
    for function in module.functions:
        if not function.is_declaration:
            function.linkage = "internal"
    entry.name, entry.linkage = ENTRY, "external"
    _optimize(module)
    n_expected = 2 + sum(len(one.c_types) for one in kernel.arguments)
    declared = {one.name for one in module.functions if one.is_declaration and not one.name.startswith(_INTRINSIC)}
    if len(list(entry.arguments)) != n_expected or declared - _FROM_C:
        raise RuntimeError(f"{len(list(entry.arguments))} arguments, not {n_expected}; it calls {sorted(declared)}")
    return bytes(target_machine().emit_object(module))


def _optimize(module: Any) -> None:
    """Run the passes of LLVM that count: with more of them, or loops unrolled, kernels are no faster, only larger."""
    options = llvm.create_pipeline_tuning_options(speed_level=1)
    options.loop_vectorization, options.loop_unrolling = True, False
    builder = llvm.create_pass_builder(target_machine(), options)
    builder.getModulePassManager().run(module, builder)


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Do not look through the compiler's many objects meanwhile, which takes an eighth of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _numba_type(argument: Argument) -> Any:
    """Name an argument's type as numba does."""
    number = {"f": types.float64, "i": types.int64, "b": types.boolean, "u": types.uint8}[argument.dtype.kind]
    return types.Array(number, argument.axes, "C") if argument.axes else number


def _compile(function: Callable[..., Any], inlined: Sequence[Callable[..., Any]], options: dict[str, Any]) -> Any:
    """Compile a function for the types that its annotations name, once, and before it those that it calls."""
    key = function, tuple(options)
    if key not in _compiled:
        assert isinstance(function, FunctionType)
        scope = dict(function.__globals__)
        for name in function.__code__.co_names:
            callee = scope.get(name)
            if callee is not None and callee in inlined:
                scope[name] = _compile(callee, inlined, options)
        copy = FunctionType(function.__code__, scope, function.__name__)
        copy.__module__ = function.__module__
        _compiled[key] = njit(tuple(map(_numba_type, arguments_of(function))), **options)(copy)
    return _compiled[key]
