"""An object of an archive as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Plain", "is_count", "is_exactly"]


@dataclass(frozen=True, slots=True, eq=False)
class Plain:
    """An object that was not built.

    Parameters
    ----------
    kind : str
        Full name of its type.
    state : object
        Its state, translated and checked as for building it; the values of a dictionary are attributes, too.
    """

    kind: str
    state: Any

    def __getattr__(self, name: str) -> Any:
        if isinstance(self.state, dict) and name in self.state:
            return self.state[name]
        raise AttributeError(name)


def is_count(value: Any, *, limit: int) -> bool:
    """Whether a value is a whole number from 1 to a limit."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and 0 < int(value) <= limit


def is_exactly(value: Any, module: str, name: str) -> bool:
    """Whether a value is of one class, built or plain, and of no class derived from it."""
    if type(value) is Plain:
        return value.kind == f"{module}.{name}"
    return type(value).__name__ == name and type(value).__module__ == module
