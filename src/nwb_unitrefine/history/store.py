"""What the writing of labels needs of a file, whatever its backend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from nwb_unitrefine.history.tree import Dataset, Group
    from nwb_unitrefine.storage import tree as storage

__all__ = ["UnitsStore"]


class UnitsStore(Protocol):
    """The units table of one open file, and its curation runs.

    Attributes
    ----------
    name : str
        Of the file, for messages.
    """

    name: str

    def names(self) -> tuple[str, ...]:
        """Names of all that is in the table's group, whether its ``colnames`` list it or not."""
        ...

    def columns(self) -> tuple[str, ...]:
        """Names in the table's ``colnames``, in order."""
        ...

    def shape(self, dataset: str) -> tuple[int, ...] | None:
        """Shape of a dataset of the table, None where it is not there."""
        ...

    def read(self, dataset: str) -> NDArray[Any]:
        """All of a dataset of the table; text as ``str``."""
        ...

    def blocks(self, dataset: str) -> Iterator[NDArray[Any]]:
        """A dataset of the table piece by piece along its first axis, so that a large one is not held at once."""
        ...

    def describe_source(self, attributes: dict[str, str]) -> None:
        """Record which file this one was derived from."""
        ...

    def group(self, path: str) -> storage.Group | None:
        """A group of the file for reading, or None where there is none; links to other files are not followed."""
        ...

    def add_run(self, name: str, run: Group, *, about: dict[str, str | int]) -> None:
        """Add a curation run, and what it needs around it; `about` are the history's own attributes."""
        ...

    def set_column(self, name: str, column: Dataset) -> None:
        """Add a column, or give the one of this name new values and their description."""
        ...

    def remove_column(self, name: str) -> None:
        """Take a column of ours away."""
        ...

    def set_aside(self, columns: tuple[str, ...], run: str) -> None:
        """Move columns by another program out of the table into a run's record of what it replaced."""
        ...

    def bring_back(self, run: str) -> tuple[str, ...]:
        """Move the columns that a run set aside back, and return their names."""
        ...

    def rewrite(self, path: str, name: str, value: Any) -> None:
        """Give an attribute or a dataset of text in a group below the history another value."""
        ...
