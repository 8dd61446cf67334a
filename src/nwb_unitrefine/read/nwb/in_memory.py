"""An ``NWBFile`` object of pynwb behind the protocols of `nwb_unitrefine.storage.tree`.

What a file will hold is decided when hdmf builds it: numbers get the type that the schema asks for, indices the
narrowest one, references a target. So the object is built as for writing, and the build is read, not the object: units
and digests are those of the file that will be written. The object itself, and the file that it may have been read
from, stay as they are.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import SourceError
from nwb_unitrefine.read.nwb.units import read_nwb
from nwb_unitrefine.records import SourceHints
from nwb_unitrefine.storage.tree import text_array

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from nwb_unitrefine.records import Units
    from nwb_unitrefine.storage.tree import Array

__all__ = ["BuiltArray", "BuiltGroup", "build_nwbfile", "describe_nwbfile", "read_nwb_object", "read_nwbfile"]


def describe_nwbfile(nwbfile: Any) -> str:
    """What to call an ``NWBFile`` object: the file it was read from, or its identifier."""
    return nwbfile.container_source or f"NWBFile {nwbfile.identifier!r} in memory"


def read_nwbfile(
    nwbfile: Any,
    *,
    built: BuiltGroup | None = None,
    columns: Collection[str] = (),
    hints: SourceHints | None = None,
) -> Units:
    """Read the units of an ``NWBFile`` object, as those of the file that it would be written to.

    Parameters
    ----------
    nwbfile : pynwb.NWBFile
    built : BuiltGroup, optional
        What `build_nwbfile` made of it, where that already exists.
    columns : collection of str, optional
        As of `read_units`.
    hints : SourceHints, optional
        What the user states about it.
    """
    root = build_nwbfile(nwbfile) if built is None else built
    return read_nwb(root, uri=describe_nwbfile(nwbfile), kind="nwb-memory", size_bytes=0, columns=columns, hints=hints)


def read_nwb_object(container: Any, *, columns: Collection[str] = (), hints: SourceHints | None = None) -> Units:
    """Read an ``NWBFile``, or a units table that is part of one.

    Raises
    ------
    SourceError
        If it is another object of pynwb, or a table that is not in an ``NWBFile`` yet.
    """
    kind = getattr(container, "neurodata_type", type(container).__name__)
    if hasattr(container, "add_unit") and hasattr(container, "container_source") and kind != "Units":
        return read_nwbfile(container, columns=columns, hints=hints)
    if kind != "Units":
        raise SourceError(f"A {kind} has no units.", tip="Give the NWBFile, or its units table.")
    nwbfile = container.get_ancestor("NWBFile")
    if nwbfile is None:
        raise SourceError(
            f"The units table {container.name!r} is not part of an NWBFile, which has its electrodes.",
            tip="Set it as the NWBFile's units, or give the path of the file that it is in.",
        )
    if container is not nwbfile.units:
        hints = replace(hints or SourceHints(), units=_path_in(nwbfile, container))
    return read_nwbfile(nwbfile, columns=columns, hints=hints)


def _path_in(nwbfile: Any, container: Any) -> str:
    """Path of a table in the file that its ``NWBFile`` is written to."""
    names: list[str] = []
    while container is not nwbfile:
        names.insert(0, container.name)
        parent = container.parent
        if parent is nwbfile:
            places = ("processing", "scratch", "analysis", "acquisition")
            found = [place for place in places if container.name in (getattr(nwbfile, place, None) or {})]
            names[:0] = found[:1]
        container = parent
    return "/".join(names)


def build_nwbfile(nwbfile: Any) -> BuiltGroup:
    """Build an ``NWBFile`` object as for writing, and show the build as a group.

    Parameters
    ----------
    nwbfile : pynwb.NWBFile
        In memory, or opened with pynwb from HDF5 or Zarr; what is on disk is read when it is asked for.

    Raises
    ------
    SourceError
        If it cannot be built, and so could not be written either.
    """
    from hdmf.build import BuildManager
    from pynwb import get_manager

    read_io = nwbfile.get_read_io()
    manager = get_manager() if read_io is None else BuildManager(read_io.manager.type_map)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what hdmf warns of is warned of when the file is written
            # as for an export: neither the object nor the builders of its file take notice
            built = manager.build(nwbfile, source="memory", root=True, export=True)
    except Exception as error:  # mappers raise whatever the objects they meet lead to
        reason = " ".join(str(error).split()) or type(error).__name__
        raise SourceError(f"{describe_nwbfile(nwbfile)} cannot be built for writing: {reason}.") from error
    return BuiltGroup(built)


class BuiltArray:
    """One dataset of a build.

    Parameters
    ----------
    builder : hdmf.build.DatasetBuilder
    """

    def __init__(self, builder: Any) -> None:
        self.name: str = builder.name
        self._builder = builder

    @cached_property
    def _data(self) -> Any:
        """Data without the settings for writing that may be around it; lists as arrays."""
        from hdmf.data_utils import DataIO

        data = self._builder.data
        while isinstance(data, DataIO):
            data = data.data
        if hasattr(data, "shape") or self._is_iterator(data):
            return data
        wanted = self._builder.dtype
        if isinstance(wanted, type) and issubclass(wanted, np.generic):
            return np.asarray(data, dtype=wanted)
        return _as_array(data)

    @staticmethod
    def _is_iterator(data: Any) -> bool:
        """Whether data are made as they are written."""
        return hasattr(data, "__next__")

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis; 0 for one that is known only when the data were written."""
        shape = self._data.maxshape if self._is_iterator(self._data) else self._data.shape
        return tuple(0 if length is None else int(length) for length in shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """As it will be stored; ``object`` for text and references."""
        dtype = np.dtype(self._data.dtype)
        return np.dtype(object) if dtype.kind in "SU" else dtype

    @property
    def attributes(self) -> Mapping[str, Any]:
        """Attributes, text as ``str``."""
        attributes: Mapping[str, Any] = self._builder.attributes
        return attributes

    @property
    def size_bytes(self) -> int:
        """What it takes in memory."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    def n_missing_chunks(self) -> int:
        """0: what is in memory is there."""
        return 0

    def read(self) -> NDArray[Any]:
        """All of it; text as ``str`` objects, references as the name of what they refer to."""
        self._require_values()
        values = np.asarray(self._data[()] if self.shape == () else self._data[:])
        return _named(values) if values.dtype.kind in "OSU" else values

    def read_range(self, start: int, stop: int) -> NDArray[Any]:
        """Numbers from row `start` to before row `stop`."""
        self._require_values()
        return np.asarray(self._data[start:stop])

    def _require_values(self) -> None:
        """Refuse data that can be had only once: they are the file's."""
        if self._is_iterator(self._data):
            raise SourceError(
                f"{self.name} is made as the file is written, and cannot be read before.",
                tip="Give it as an array, or label the file when it is written: nwb-unitrefine label.",
            )


class BuiltGroup:
    """One group of a build.

    Parameters
    ----------
    builder : hdmf.build.GroupBuilder
    """

    def __init__(self, builder: Any) -> None:
        self._builder = builder

    @property
    def attributes(self) -> Mapping[str, Any]:
        """Attributes, text as ``str``."""
        attributes: Mapping[str, Any] = self._builder.attributes
        return attributes

    def names(self) -> Sequence[str]:
        """Names of all that is in it."""
        return [*self._builder.datasets, *self._builder.groups, *self._builder.links]

    def listed(self) -> Sequence[str]:
        """Names of all that is in it."""
        return self.names()

    def array(self, name: str) -> BuiltArray | None:
        """Dataset of that name, or None."""
        found = self._builder.datasets.get(name)
        return None if found is None else BuiltArray(found)

    def group(self, path: str) -> BuiltGroup | None:
        """Group at that path, links followed, or None."""
        first, _, rest = path.partition("/")
        found = self._builder.groups.get(first)
        if found is None and first in self._builder.links:
            found = self._builder.links[first].builder
        if found is None or not hasattr(found, "groups"):
            return None
        return BuiltGroup(found).group(rest) if rest else BuiltGroup(found)

    def fetch(self, arrays: Iterable[Array]) -> None:
        """Nothing to prepare."""


def _as_array(data: Any) -> NDArray[Any]:
    """Data as an array; numpy would take references, which are dictionaries, apart."""
    if isinstance(data, list | tuple) and data and hasattr(data[0], "builder"):
        references = np.empty(len(data), dtype=object)
        references[:] = data
        return references
    return np.asarray(data)


def _named(values: NDArray[Any]) -> NDArray[Any]:
    """Text as ``str``, and every reference or object as the name of its target."""
    named = np.empty(values.shape, dtype=object)
    named.reshape(-1)[:] = [_name(value) for value in values.reshape(-1).tolist()]
    return text_array(named)


def _name(value: Any) -> Any:
    """Name of what a value of a column of references or objects is; anything else as it is."""
    target = getattr(value, "builder", value)  # a ReferenceBuilder
    return getattr(target, "name", value)
