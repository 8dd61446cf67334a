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

__all__ = [
    "Array",
    "Group",
    "attribute_number",
    "attribute_text",
    "attribute_texts",
    "scalar",
    "text",
    "text_array",
]


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
        """Attributes as stored; `attribute_text` and `attribute_number` read one value, however it is stored."""
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

    def read_range(self, start: int, stop: int) -> NDArray[Any]:
        """Numbers from row `start` to before row `stop`."""
        ...


class Group(Protocol):
    """One group."""

    @property
    def attributes(self) -> Mapping[str, Any]:
        """Attributes as stored; `attribute_text` and `attribute_number` read one value, however it is stored."""
        ...

    def names(self) -> Sequence[str]:
        """Names of all that is in it."""
        ...

    def listed(self) -> Sequence[str]:
        """Names of all that may be in it, without a look at each: fast where there are many."""
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


def scalar(value: Any) -> Any:
    """One value as plain Python, whichever way a program stored it.

    MATLAB's ``h5writeatt``, R and early MatNWB write every value as an array of one; others write text of fixed length,
    or text as an object.

    Parameters
    ----------
    value : object
        A plain value, a numpy scalar, an array or list of any depth, an ``h5py.Empty``.

    Returns
    -------
    object
        ``str``, ``bool``, ``int``, ``float`` or whatever else the one value is; None for no value and for several.

    Examples
    --------
    >>> [scalar(value) for value in (30_000.0, np.array([[30_000.0]]), b"volts", np.array([b"volts"]), ["a", "b"])]
    [30000.0, 30000.0, 'volts', 'volts', None]
    """
    while isinstance(value, list | tuple | np.ndarray | np.generic):
        if isinstance(value, np.ndarray | np.generic):
            value = value.item() if value.size == 1 else None
        else:
            value = value[0] if len(value) == 1 else None
    if getattr(value, "shape", ()) is None:  # h5py.Empty
        return None
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else value


def attribute_text(attributes: Mapping[str, Any], name: str, default: str = "") -> str:
    """Text of an attribute that holds one value; `default` where it is absent, or holds none or several."""
    value = scalar(attributes.get(name))
    return default if value is None else str(value)


def attribute_texts(attributes: Mapping[str, Any], name: str) -> list[str]:
    """Texts of an attribute that holds a list of them, as ``colnames``; empty where it is absent or holds no texts.

    Examples
    --------
    >>> attribute_texts({"colnames": np.array([[b"spike_times", b"quality"]])}, "colnames")
    ['spike_times', 'quality']
    """
    value = attributes.get(name)
    if value is None or getattr(value, "shape", ()) is None:
        return []
    texts = [scalar(one) for one in np.asarray(value, dtype=object).reshape(-1).tolist()]
    return texts if all(isinstance(one, str) for one in texts) else []


def attribute_number(attributes: Mapping[str, Any], name: str) -> float | None:
    """Value of an attribute that holds one finite number; None where it is absent, or is anything else."""
    value = scalar(attributes.get(name))
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if np.isfinite(number) else None


def text(value: Any) -> str:
    """Text of a value as files store it, the first of several; empty for None and for nothing."""
    if isinstance(value, np.ndarray | list | tuple):
        values = np.asarray(value, dtype=object).reshape(-1)
        value = values[0] if values.size else None
    value = scalar(value)
    return "" if value is None else str(value)


def text_array(values: NDArray[Any]) -> NDArray[Any]:
    """`values` with every ``bytes`` decoded: an object array of ``str``."""
    decoded = np.empty(values.shape, dtype=object)
    decoded.reshape(-1)[:] = [text(value) for value in values.reshape(-1).tolist()]
    return decoded
