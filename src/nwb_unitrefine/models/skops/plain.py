"""An object of an archive as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Plain", "is_exactly"]


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


def is_exactly(value: Any, module: str, name: str) -> bool:
    """Whether a value is of one class, built or plain, and of no class derived from it."""
    if type(value) is Plain:
        return value.kind == f"{module}.{name}"
    return type(value).__name__ == name and type(value).__module__ == module
