"""Zarr behind the protocols of `nwb_unitrefine.storage.tree`, and the one door through which Zarr stores are read.

The metadata of a store's arrays pass `nwb_unitrefine.storage.zarr_guard` before zarr sees it.
"""

from __future__ import annotations

import math
from contextlib import ExitStack, closing, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import MissingExtraError, SourceError, UnitRefineError
from nwb_unitrefine.storage.tree import attribute_texts, text, text_array

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence

    from numpy.typing import NDArray

    from nwb_unitrefine.storage.tree import Array

__all__ = [
    "DAMAGE",
    "ZarrArray",
    "ZarrGroup",
    "is_zarr_folder",
    "is_zarr_zip",
    "open_zarr",
    "read_array",
    "require_plausible_size",
    "require_zarr",
]

_MARKS = (".zmetadata", ".zgroup", "zarr.json")
"""Files that make a folder a Zarr store."""

_LARGE_BYTES = 1 << 32
_LARGE_TEXT_BYTES = 1 << 28
"""Sizes beyond which an array has to be there before memory for it is asked for."""

DAMAGE = (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError, MemoryError, OverflowError)
"""What zarr and its codecs raise where a store is damaged."""


def is_zarr_folder(path: Path) -> bool:
    """Whether a folder is a Zarr store."""
    return any((path / mark).is_file() for mark in _MARKS)


def is_zarr_zip(path: Path) -> bool:
    """Whether a file is a ZIP file that is called as one of a Zarr store."""
    return path.name.lower().endswith(".zarr.zip") and path.is_file()


@contextmanager
def open_zarr(store: Path | MutableMapping[str, bytes], *, name: str) -> Iterator[ZarrGroup]:
    """Open a Zarr store for reading, by its consolidated metadata where there is one.

    Parameters
    ----------
    store : Path or mapping
        A folder, a ZIP file of one, or a mapping from keys to bytes.
    name : str
        What to call it in errors.

    Raises
    ------
    MissingExtraError
        If zarr is not installed.
    SourceError
        If it is not a Zarr store, or one of a version that the installed zarr cannot read, or a folder whose
        consolidated metadata are out of date.
    """
    zarr = require_zarr()
    from nwb_unitrefine.storage.zarr_consolidated import require_current_metadata
    from nwb_unitrefine.storage.zarr_guard import GuardedStore
    from nwb_unitrefine.storage.zarr_stores import FolderStore, ZipStore

    is_version_3 = isinstance(store, Path) and (store / "zarr.json").is_file()
    with ExitStack() as stack:
        try:
            if isinstance(store, Path) and store.is_dir():
                require_current_metadata(store, name=name)
                store = FolderStore(store)
            elif isinstance(store, Path):
                store = stack.enter_context(closing(ZipStore(store)))
            root = ZarrGroup(zarr.open_group(GuardedStore(store, consolidated=True), mode="r"))
        except UnitRefineError:
            raise
        except (zarr.errors.GroupNotFoundError, zarr.errors.ContainsArrayError) as error:
            tip = "It is Zarr version 3; hdmf-zarr writes version 2." if is_version_3 else ""
            raise SourceError(f"{name} is not a Zarr store that can be read.", tip=tip) from error
        except (*DAMAGE, zarr.errors.MetadataError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise SourceError(f"{name} is not a Zarr store that can be read: {reason}.") from error
        yield root


def require_zarr(purpose: str = "to read Zarr files") -> Any:
    """The one door to zarr.

    Parameters
    ----------
    purpose : str, optional
        What it is needed for, for the message.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    try:
        import zarr
    except ImportError as error:
        raise MissingExtraError("zarr", extra="zarr", purpose=purpose) from error
    return zarr


class ZarrArray:
    """One Zarr array."""

    def __init__(self, array: Any) -> None:
        self._array = array
        self.name: str = array.name.rsplit("/", 1)[-1]

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis; empty for a scalar."""
        return tuple(self._array.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """As stored; ``object`` for text and references."""
        dtype: np.dtype[Any] = self._array.dtype
        return dtype

    @cached_property
    def attributes(self) -> Mapping[str, Any]:
        """Attributes as stored."""
        return dict(self._array.attrs)

    @property
    def size_bytes(self) -> int:
        """What reading it fetches, uncompressed."""
        return int(self._array.nbytes)

    def n_missing_chunks(self) -> int:
        """How many pieces of it are not there and would be read as zeros; of a remote store, after it was read."""
        there = _count_chunks(self._array)
        if there is not None:
            return int(self._array.nchunks) - there
        store = self._array.store.inner
        return sum(key.startswith(f"{self._array.path}/") for key in store.absent)

    def read(self) -> NDArray[Any]:
        """All of it; text as ``str``, references as the last name of their target."""
        return read_array(self._array)

    def read_range(self, start: int, stop: int) -> NDArray[Any]:
        """Numbers from row `start` to before row `stop`."""
        _require_plausible_chunks(self._array)
        return np.asarray(self._array[start:stop])


def read_array(array: Any) -> NDArray[Any]:
    """All of a zarr array of a guarded store; text as ``str``, references as the last name of their target.

    Raises
    ------
    ValueError, OSError
        If it is damaged, or stored with a codec that is not read.
    """
    require_plausible_size(array)
    values = np.asarray(array[...])
    return text_array(values) if values.dtype.kind in "OSU" else values


def require_plausible_size(array: Any) -> None:
    """Refuse an array whose shape is damaged, before memory for it is asked for.

    Raises
    ------
    OSError
        If it is large and chunks of it are not there, or if its chunks are much larger than it.
    """
    _require_plausible_chunks(array)
    if array.nbytes <= (_LARGE_TEXT_BYTES if array.dtype == object else _LARGE_BYTES):
        return
    there = _count_chunks(array)
    is_whole = there >= array.nchunks if there is not None else _ends_are_there(array)
    if not is_whole:
        raise OSError(f"{array.path} would be {array.nbytes / 1e9:.1f} GB large, and most of it is not there")


def _require_plausible_chunks(array: Any) -> None:
    """Refuse chunks that are large, and much larger than the array itself."""
    size = math.prod(array.chunks) * array.dtype.itemsize
    if size > max(_LARGE_TEXT_BYTES, 2 * array.nbytes):
        raise OSError(f"{array.path} has chunks of {size / 1e9:.1f} GB, and is itself smaller: it is damaged")


def _count_chunks(array: Any) -> int | None:
    """How many chunks of an array are there; None for a store that cannot be listed."""
    from nwb_unitrefine.storage.zarr_stores import count_chunks

    return count_chunks(array.store.inner, array.path)


def _ends_are_there(array: Any) -> bool:
    """Whether the first and the last chunk are there."""
    last = tuple(n - 1 for n in array.cdata_shape)
    return all(array._chunk_key(at) in array.store.inner for at in ((0,) * len(last), last))  # noqa: SLF001  # zarr 2 has no public way to a chunk's key


class ZarrGroup:
    """One Zarr group."""

    def __init__(self, group: Any) -> None:
        self._group = group

    @cached_property
    def attributes(self) -> Mapping[str, Any]:
        """Attributes as stored."""
        return dict(self._group.attrs)

    def names(self) -> Sequence[str]:
        """Names of all that is in it; where the store cannot be listed, those that a table's attributes name."""
        names = list(self._group)
        if not names:
            columns = attribute_texts(self.attributes, "colnames")
            parts = [f"{name}{end}" for name in columns for end in ("", "_index")]
            names = [name for name in ("id", *parts) if name in self._group]
        return [*names, *(text(link.get("name")) for link in self._links())]

    def listed(self) -> Sequence[str]:
        """Names of the folders and files in it; those of `names` where the store cannot be listed."""
        listed = self._group.store.listdir(self._group.path)
        return [name for name in listed if not name.startswith(".")] if listed else self.names()

    def array(self, name: str) -> ZarrArray | None:
        """Array of that name, or None."""
        found = self._get(name)
        return ZarrArray(found) if found is not None and hasattr(found, "shape") else None

    def group(self, path: str) -> ZarrGroup | None:
        """Group at that path, or None."""
        found = self._get(path)
        return ZarrGroup(found) if found is not None and not hasattr(found, "shape") else None

    def fetch(self, arrays: Iterable[Array]) -> None:
        """Nothing to prepare: the chunks of an array are fetched together when it is read."""

    def _links(self) -> list[Mapping[str, Any]]:
        """hdmf-zarr's links, which are an attribute."""
        links = self.attributes.get("zarr_link", ())
        return [link for link in links if isinstance(link, dict)] if isinstance(links, list) else []

    def _get(self, path: str) -> Any:
        """What is at `path`, links within the file followed; None where nothing is."""
        if path in self._group:
            return self._group[path]
        for link in self._links():
            if link.get("name") == path and link.get("source") == ".":
                root = type(self._group)(self._group.store, read_only=True, chunk_store=self._group.chunk_store)
                return root.get(text(link.get("path")).lstrip("/"))
        return None
