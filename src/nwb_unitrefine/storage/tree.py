"""The two things that an NWB file is made of, whichever way it is stored.

The parsers of this package see groups and arrays only through these protocols, so that one parser reads HDF5 and Zarr,
local and remote. `nwb_unitrefine.storage.hdf5` and `nwb_unitrefine.storage.zarr` implement them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["Array", "Group", "text", "text_array"]


class Array(Protocol):
    """One dataset, known by the last part of its path, its `name`."""

    @property
    def name(self) -> str:
        """Last part of its path."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis; empty for a scalar."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """As stored; ``object`` for text and references."""
        ...

    @property
    def attributes(self) -> Mapping[str, Any]:
        """Attributes, text as ``str``."""
        ...

    @property
    def size_bytes(self) -> int:
        """What reading it fetches, uncompressed; a bound where text of any length is stored elsewhere."""
        ...

    def n_missing_chunks(self) -> int:
        """How many pieces of it are not there and would be read as zeros; of a remote store, after it was read."""
        ...

    def read(self) -> NDArray[Any]:
        """All of it in one pass; text as ``str`` objects, a reference as the name of what it refers to."""
        ...

    def read_ends(self) -> tuple[float, float]:
        """First and last value of a one-dimensional array of numbers."""
        ...


class Group(Protocol):
    """One group."""

    @property
    def attributes(self) -> Mapping[str, Any]:
        """Attributes, text as ``str``."""
        ...

    def names(self) -> Sequence[str]:
        """Names of all that is in it."""
        ...

    def array(self, name: str) -> Array | None:
        """Array of that name, or None where there is none that can be opened."""
        ...

    def group(self, path: str) -> Group | None:
        """Group of that name or path, or None where there is none that can be opened."""
        ...

    def fetch(self, arrays: Iterable[Array]) -> None:
        """Say which arrays are read next, so that a remote source can fetch them together."""
        ...


def text(value: Any) -> str:
    """Text of a scalar as files store it: bytes, ``str``, or an array of one; empty for None."""
    if isinstance(value, np.ndarray):
        value = value.reshape(-1)[0] if value.size else ""
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return "" if value is None else str(value)


def text_array(values: NDArray[Any]) -> NDArray[Any]:
    """`values` with every ``bytes`` decoded: an object array of ``str``."""
    decoded = np.empty(values.shape, dtype=object)
    decoded.reshape(-1)[:] = [text(value) for value in values.reshape(-1).tolist()]
    return decoded
