"""How long work is followed: a caller is handed the steps, and may count them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Follow", "unseen"]

Step = TypeVar("Step")


class Follow(Protocol):
    """Yields the steps that it is given, one by one, and may show how many of `total` are done."""

    def __call__(self, steps: Iterable[Step], /, *, total: int, doing: str) -> Iterator[Step]:
        """Yield each of `steps`; `doing` names the work."""
        ...


def unseen(steps: Iterable[Step], /, *, total: int, doing: str) -> Iterator[Step]:  # noqa: ARG001 - as `Follow`
    """Yield the steps and show nothing."""
    yield from steps
