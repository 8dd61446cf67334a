"""HDF5 behind the protocols of `nwb_unitrefine.storage.tree`, and the one door through which HDF5 files are opened."""

from __future__ import annotations

import io
import math
from contextlib import contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from nwb_unitrefine.errors import SourceError, UnitRefineError
from nwb_unitrefine.storage.hdf5_guard import (
    GuardedFile,
    is_ragged,
    read_attribute,
)
from nwb_unitrefine.storage.hdf5_links import find_linked
from nwb_unitrefine.storage.hdf5_values import require_readable
from nwb_unitrefine.storage.local_files import is_family_member, require_content
from nwb_unitrefine.storage.tree import text, text_array

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
    from typing import BinaryIO

    from numpy.typing import NDArray

    from nwb_unitrefine.storage.tree import Array

__all__ = ["Hdf5Array", "Hdf5Group", "open_hdf5"]

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_START_BYTES = 512

_H5_ERRORS = (OSError, RuntimeError, KeyError, ValueError, MemoryError)
"""What h5py raises on damaged files."""


@contextmanager
def open_hdf5(source: Path | h5py.File | BinaryIO, *, name: str, descriptor: int | None = None) -> Iterator[h5py.File]:
    """Open an HDF5 file for reading, and turn what h5py raises into `SourceError`.

    Parameters
    ----------
    source : Path, h5py.File or binary file object
        An open ``h5py.File`` stays open.
    name : str
        What to call it in errors.
    descriptor : int, optional
        Of the file at a path, where it is open for reading already, as by `nwb_unitrefine.journal.held_for_reading`; it
        stays open.

    Raises
    ------
    SourceError
        If the file does not exist, is not HDF5, is cut off or is damaged.
    """
    if isinstance(source, h5py.File):
        yield source
        return
    try:
        opened = _open_file(source, descriptor) if isinstance(source, Path) else nullcontext(source)
        with opened as raw:
            if isinstance(source, Path):
                _check_start(source, raw)
            with h5py.File(GuardedFile(raw), "r") as file:
                yield file
    except (UnitRefineError, *_H5_ERRORS) as error:
        _raise_failure(source)
        if isinstance(error, UnitRefineError):
            raise
        raise SourceError(f"{name} cannot be read: {_reason(error)}.", tip=_tip(error)) from error
    _raise_failure(source)


def _raise_failure(source: Path | BinaryIO) -> None:
    """Raise what went wrong beneath HDF5, if anything did."""
    take_failure = getattr(source, "take_failure", None)
    failure = take_failure() if take_failure else None
    if failure is not None:
        raise failure


def _open_file(path: Path, descriptor: int | None) -> io.FileIO:
    """Open a file, or go on with what has it open, and state what is wrong with a path before HDF5 does so."""
    require_content(path, name=str(path))
    if not path.is_file():
        raise SourceError(f"{path} is not a file.")
    try:
        return io.FileIO(path if descriptor is None else descriptor, "rb", closefd=descriptor is None)
    except OSError as error:
        raise SourceError(f"{path} cannot be opened: {error.strerror}.") from error


def _check_start(path: Path, raw: BinaryIO) -> None:
    """State what a file is that is not a whole HDF5 file."""
    start = raw.read(_START_BYTES)
    if not start:
        raise SourceError(f"{path} is empty.")
    if is_family_member(path, start):
        raise SourceError(
            f"{path} is one part of a family of HDF5 files, which are one file in pieces.",
            tip="Join them first: h5repart -m 1g NAME_%d.nwb whole.nwb",
        )
    place, size = 0, raw.seek(0, io.SEEK_END)
    while place < size:  # there may be something else before it, of 512, 1024, 2048 … bytes
        raw.seek(place)
        if raw.read(len(_SIGNATURE)) == _SIGNATURE:
            raw.seek(0)
            return
        place = max(_START_BYTES, 2 * place)
    raise SourceError(f"{path} is not an HDF5 file.", tip="NWB files are HDF5 files or Zarr folders.")


def _reason(error: BaseException) -> str:
    """The part of an HDF5 message that a person can use, on one line."""
    message = " ".join(str(error.args[0] if error.args else error).split())
    if "truncated file" in message:
        return "the file is cut off; its end is missing"
    return message.rstrip(".")


def _tip(error: BaseException) -> str:
    """What to do about the failures that users meet most."""
    message = str(error)
    if "truncated file" in message or "has no end" in message:
        return "Copy or download it again."
    if "filter" in message:
        return "It is compressed in a way that needs a plugin: pip install hdf5plugin."
    return ""


class Hdf5Array:
    """One HDF5 dataset, by the name that leads to it."""

    def __init__(self, dataset: h5py.Dataset, *, name: str) -> None:
        self.dataset = dataset
        self.name = name

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis; empty for a scalar."""
        return self.dataset.shape or ()

    @property
    def dtype(self) -> np.dtype[Any]:
        """As stored."""
        dtype: np.dtype[Any] = self.dataset.dtype
        return dtype

    @cached_property
    def attributes(self) -> Mapping[str, Any]:
        """Attributes as stored."""
        return _attributes(self.dataset)

    @property
    def size_bytes(self) -> int:
        """What reading it fetches, uncompressed."""
        return int(self.dataset.size or 0) * int(self.dataset.dtype.itemsize)

    def n_missing_chunks(self) -> int:
        """How many pieces of it were never written, or are lost, and would be read as zeros."""
        if self.dataset.chunks is None:
            return 0
        lengths = zip(self.shape, self.dataset.chunks, strict=True)
        n_chunks = math.prod(-(-int(length) // int(chunk)) for length, chunk in lengths)
        return n_chunks - int(self.dataset.id.get_num_chunks())

    def read(self) -> NDArray[Any]:
        """All of it; text and enumerations as ``str``, references as the last name of their target."""
        dtype = self.dataset.dtype
        if is_ragged(dtype):
            raise SourceError(f"{self.name} holds rows of any length, as NWB does not store them.")
        require_readable(self.dataset)
        values = np.asarray(self.dataset[()])
        if h5py.check_string_dtype(dtype) is not None:
            return text_array(values)
        if h5py.check_ref_dtype(dtype) is not None:
            return self._names(values)
        if (codes := h5py.check_enum_dtype(dtype)) is not None and values.dtype.kind != "b":
            return _named(values, codes)
        return values

    def read_range(self, start: int, stop: int) -> NDArray[Any]:
        """Numbers from row `start` to before row `stop`."""
        require_readable(self.dataset)
        return np.asarray(self.dataset[start:stop])

    def places(self) -> list[tuple[int, int]]:
        """Where its bytes lie in the file: first byte and the byte behind the last of each contiguous part."""
        found: list[tuple[int, int]] = []
        dataset = self.dataset.id
        if self.dataset.chunks is not None:
            dataset.chunk_iter(lambda chunk: found.append((chunk.byte_offset, chunk.byte_offset + chunk.size)))
        elif (offset := dataset.get_offset()) is not None:
            found.append((offset, offset + dataset.get_storage_size()))
        return found

    def _names(self, references: NDArray[Any]) -> NDArray[Any]:
        """Last name of what each reference points to; empty where it points to nothing.

        HDF5 finds a target's name by walking through the whole file, so electrode groups, which is what references of
        units and electrodes point to, are recognised by their address, and anything else is looked up once.
        """
        file = self.dataset.file.id
        names = _electrode_groups(self.dataset.file)
        found = np.empty(references.shape, dtype=object)
        for position, reference in enumerate(references.reshape(-1)):
            if not reference:
                found.reshape(-1)[position] = ""
                continue
            target = h5py.h5r.dereference(reference, file)
            address = h5py.h5o.get_info(target).addr
            if address not in names:
                names[address] = text(h5py.h5i.get_name(target)).rsplit("/", 1)[-1]
            found.reshape(-1)[position] = names[address]
        return found


def _named(values: NDArray[Any], codes: Mapping[str, int]) -> NDArray[Any]:
    """The name of each value of an enumeration; a value without a name is its number."""
    names = {code: name for name, code in codes.items()}
    found = np.empty(values.shape, dtype=object)
    found.reshape(-1)[:] = [names.get(value, str(value)) for value in values.reshape(-1).tolist()]
    return found


def _electrode_groups(file: h5py.File) -> dict[int, str]:
    """Names of the electrode groups by their address in the file."""
    parent = file.get("general/extracellular_ephys")
    if not isinstance(parent, h5py.Group):
        return {}
    groups = {text(name): find_linked(parent, text(name), folder=None) for name in parent}
    return {h5py.h5o.get_info(group.id).addr: name for name, group in groups.items() if isinstance(group, h5py.Group)}


class Hdf5Group:
    """One HDF5 group.

    Parameters
    ----------
    group : h5py.Group
    fetch : callable, optional
        Gets the byte ranges of arrays before they are read, where that saves requests.
    folder : Path, optional
        Of the file, where links to other files begin and below which they lead; without it, they are not followed.
    outside : mapping, optional
        Gets each link that leads to another folder, and is not followed, with the file that it names.
    """

    def __init__(
        self,
        group: h5py.Group,
        *,
        fetch: Callable[[list[tuple[int, int]]], None] | None = None,
        folder: Path | None = None,
        outside: MutableMapping[str, str] | None = None,
    ) -> None:
        self._group = group
        self._outside = outside
        self._fetch = fetch
        self._folder = folder

    @cached_property
    def attributes(self) -> Mapping[str, Any]:
        """Attributes as stored."""
        return _attributes(self._group)

    def names(self) -> Sequence[str]:
        """Names of all that is in it."""
        return [text(name) for name in self._group]

    def listed(self) -> Sequence[str]:
        """Names of all that is in it."""
        return self.names()

    def array(self, name: str) -> Hdf5Array | None:
        """Dataset of that name, or None."""
        found = find_linked(self._group, name, folder=self._folder, outside=self._outside)
        return Hdf5Array(found, name=name) if isinstance(found, h5py.Dataset) else None

    def group(self, path: str) -> Hdf5Group | None:
        """Group at that path, or None."""
        found = find_linked(self._group, path, folder=self._folder, outside=self._outside)
        if not isinstance(found, h5py.Group):
            return None
        return Hdf5Group(found, fetch=self._fetch, folder=self._folder, outside=self._outside)

    def fetch(self, arrays: Iterable[Array]) -> None:
        """Get the bytes of arrays together; nothing to do for a local file, where each array is one read."""
        if self._fetch is not None:
            self._fetch([place for array in arrays if isinstance(array, Hdf5Array) for place in array.places()])


def _attributes(node: h5py.Group | h5py.Dataset) -> Mapping[str, Any]:
    """Attributes as h5py gives them; one that HDF5 cannot decode is left out."""
    values: dict[str, Any] = {}
    for name in node.attrs:
        try:
            value = read_attribute(node, name)
        except (OSError, TypeError, ValueError):
            continue
        values[text(name)] = value
    return values
