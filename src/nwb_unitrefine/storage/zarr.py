"""Zarr behind the protocols of `nwb_unitrefine.storage.tree`.

hdmf-zarr stores object references with the pickle codec, which runs whatever a file tells it to. This reader never
uses that codec: numbers and text are read column by column, and references are taken out of the pickle's bytes by an
interpreter that can build nothing but records of what it saw.
"""

from __future__ import annotations

import io
import pickle
import struct
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import MissingExtraError, SourceError
from nwb_unitrefine.storage.tree import attribute_texts, text_array
from nwb_unitrefine.storage.zarr_consolidated import require_current_metadata

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence

    from numpy.typing import NDArray

    from nwb_unitrefine.storage.tree import Array

__all__ = ["ZarrArray", "ZarrGroup", "is_zarr_folder", "open_zarr", "require_zarr"]

_MARKS = (".zmetadata", ".zgroup", "zarr.json")
"""Files that make a folder a Zarr store."""


def is_zarr_folder(path: Path) -> bool:
    """Whether a folder is a Zarr store."""
    return any((path / mark).is_file() for mark in _MARKS)


_BLOSC_HEADER = struct.Struct("<12sI")

DAMAGE = (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError, MemoryError)
"""What zarr and its codecs raise where a store is damaged."""


def open_zarr(store: Path | MutableMapping[str, bytes], *, name: str) -> ZarrGroup:
    """Open a Zarr store for reading, by its consolidated metadata where there is one.

    Parameters
    ----------
    store : Path or mapping
        A folder, or a mapping from keys to bytes.
    name : str
        What to call it in errors.

    Raises
    ------
    MissingExtraError
        If zarr is not installed.
    SourceError
        If it is no Zarr store, or one of a version that the installed zarr cannot read, or a folder whose consolidated
        metadata are out of date.
    """
    zarr = require_zarr()
    target = zarr.storage.DirectoryStore(str(store)) if isinstance(store, Path) else store
    try:
        if isinstance(store, Path):
            require_current_metadata(store, name=name)
        if ".zmetadata" in target:
            return ZarrGroup(zarr.open_consolidated(target, mode="r"))
        return ZarrGroup(zarr.open_group(target, mode="r"))
    except (*DAMAGE, zarr.errors.MetadataError, zarr.errors.GroupNotFoundError) as error:
        tip = "It is Zarr version 3; hdmf-zarr writes version 2." if "zarr.json" in target else ""
        raise SourceError(f"{name} is not a Zarr store that can be read.", tip=tip) from error


def require_zarr() -> Any:
    """The one door to zarr.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    try:
        import zarr
    except ImportError as error:
        raise MissingExtraError("zarr", extra="zarr", purpose="to read Zarr files") from error
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
        store = self._array.chunk_store
        if store.is_listable():
            return int(self._array.nchunks - self._array.nchunks_initialized)
        return sum(key.startswith(f"{self._array.path}/") for key in store.absent)

    def read(self) -> NDArray[Any]:
        """All of it; text as ``str``, references as the last name of their target."""
        if any(codec.codec_id == "pickle" for codec in self._array.filters or ()):
            return _target_names(self._array)
        values = np.asarray(self._array[...])
        self._require_whole_chunks()
        return text_array(values) if values.dtype.kind in "OSU" else values

    def _require_whole_chunks(self) -> None:
        """Refuse chunks that are cut off: Blosc, unlike other codecs, makes up what it does not find.

        Its header ends with the length of the chunk; see the "Blosc Chunk Format".
        """
        if getattr(self._array.compressor, "codec_id", None) != "blosc":
            return
        for key, head, size in _chunk_heads(self._array):
            if len(head) < _BLOSC_HEADER.size or _BLOSC_HEADER.unpack(head)[1] != size:
                raise OSError(f"the chunk {key} is cut off")

    def read_ends(self) -> tuple[float, float]:
        """First and last value."""
        return float(self._array[0]), float(self._array[-1])


def _chunk_heads(array: Any) -> Iterator[tuple[str, bytes, int]]:
    """Key, first bytes and size of each chunk of an array that is there; of a remote store, of those that were read."""
    store = array.chunk_store
    if not store.is_listable():
        yield from ((key, *head) for key, head in store.heads.items() if key.startswith(f"{array.path}/"))
        return
    folder = Path(getattr(store, "path", ""), array.path)  # a store in memory has none
    for chunk in sorted(folder.rglob("[0-9]*")) if hasattr(store, "path") else ():
        if chunk.is_file():
            with chunk.open("rb") as file:
                yield str(chunk.relative_to(store.path)), file.read(_BLOSC_HEADER.size), chunk.stat().st_size


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
        return [*names, *(link["name"] for link in self.attributes.get("zarr_link", ()))]

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

    def _get(self, path: str) -> Any:
        """What is at `path`, links within the file followed; None where nothing is."""
        if path in self._group:
            return self._group[path]
        for link in self.attributes.get("zarr_link", ()):
            target = str(link.get("path", "")).lstrip("/")
            if link.get("name") == path and link.get("source") == ".":
                root = type(self._group)(self._group.store, read_only=True, chunk_store=self._group.chunk_store)
                return root.get(target)
        return None


class _Record(dict[str, Any]):
    """Stands for every object in a pickle: keeps what it is given and does nothing."""

    state: Any = None

    def __init__(self, *_: Any) -> None:
        super().__init__()

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _ReferenceReader(pickle.Unpickler):
    """Reads pickled arrays of references without building anything that a file could choose."""

    _KNOWN = frozenset(
        {
            ("numpy.core.multiarray", "_reconstruct"),
            ("numpy._core.multiarray", "_reconstruct"),
            ("numpy", "ndarray"),
            ("numpy", "dtype"),
            ("hdmf_zarr.utils", "ZarrReference"),
        }
    )

    def find_class(self, module: str, name: str) -> Any:
        """Return the inert record for the few names that references are made of; refuse every other."""
        if (module, name) in self._KNOWN:
            return _Record
        raise ValueError(f"it holds a pickled {module}.{name}, which is not read for safety")


def _target_names(array: Any) -> NDArray[Any]:
    """Last name of what each reference of a pickled array points to."""
    names = np.empty(array.shape, dtype=object)
    names[...] = ""
    for place in product(*(range(n) for n in array.cdata_shape)):
        key = array._chunk_key(place)  # noqa: SLF001  # zarr 2 has no public way to a chunk's bytes
        stored = array.chunk_store.get(key)
        if stored is None:
            continue
        raw = stored if array.compressor is None else array.compressor.decode(stored)
        record = _ReferenceReader(io.BytesIO(bytes(raw))).load()
        items = record.state[-1] if isinstance(record, _Record) and record.state else []
        chunk = np.empty(len(items), dtype=object)
        chunk[:] = [str(item.get("path", "")).rsplit("/", 1)[-1] if isinstance(item, dict) else "" for item in items]
        region = tuple(slice(i * n, (i + 1) * n) for i, n in zip(place, array.chunks, strict=True))
        target = names[region]
        target[...] = chunk.reshape(array.chunks)[tuple(slice(n) for n in target.shape)]
    return names
