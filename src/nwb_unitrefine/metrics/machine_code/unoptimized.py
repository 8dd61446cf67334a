"""Have numba make code and leave it at that.

By itself numba optimises each function and makes machine code of it, and does so again as a part of each function that
calls it. Only the whole of a kernel is needed here, which takes half of the time to compile. All this is numba's own
affair: where a version of it does otherwise, importing or using this fails, and kernels are compiled in its usual way.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.compiler_machinery import PassManager
from numba.core.typed_passes import InlineOverloads
from numba.core.untyped_passes import InlineClosureLikes, WithLifting

__all__ = ["Unoptimized"]


class _Library(JITCodeLibrary):  # type: ignore[misc]  # numba has no types
    """Code of a function as numba makes it; it is optimised once, with all that it calls, and never loaded."""

    def _optimize_functions(self, module: Any) -> None:
        module.data_layout = str(self._codegen.target_data)

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalized = True

    def get_pointer_to_function(self, _: str) -> int:
        """Give no address: there is none."""
        self._ensure_finalized()
        return 0

    @property
    def codegen(self) -> _Library:
        """Stand in for the engine that would load it."""
        return self

    def set_env(self, *_: Any) -> None:
        """Connect nothing."""

    @property
    def module(self) -> Any:
        """All of its code."""
        return self._final_module


class _Typing:
    """Numba's rules for types, which are looked through once for a function of the same types, not at each call."""

    def __init__(self, context: Any) -> None:
        self._context = context
        self._known: dict[tuple[Any, ...], Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def resolve_function_type(self, function: Any, args: Any, kws: dict[str, Any]) -> Any:
        """Find the types of a call."""
        key = function, tuple(args), tuple(kws.items())
        if key not in self._known:
            self._known[key] = self._context.resolve_function_type(function, args, kws)
        return self._known[key]


_remembered = cache(_Typing)


class Unoptimized(Compiler):  # type: ignore[misc]  # numba has no types
    """Compile into a `_Library`, without looking for what kernels do not have."""

    _without = (InlineClosureLikes, InlineOverloads, WithLifting)

    def __init__(self, typing_context: Any, target_context: Any, _: None, *rest: Any) -> None:
        library = _Library(target_context.codegen(), "kernel")
        super().__init__(_remembered(typing_context), target_context, library, *rest)

    def define_pipelines(self) -> list[Any]:
        """Leave out the passes that would find nothing."""
        pipeline = PassManager("kernel")
        (usual,) = super().define_pipelines()
        for one, description in usual.passes:
            if one not in self._without:
                pipeline.add_pass(one, description)
        pipeline.finalize()
        return [pipeline]
