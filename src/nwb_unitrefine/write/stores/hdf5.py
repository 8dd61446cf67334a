"""The units table of an HDF5 file, and its curation runs, through h5py alone.

Nothing here goes through pynwb: it would raise ``nwb_version``, add its own schema and so lock out the release that
wrote the file. What is added is laid out as pynwb lays it out.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from nwb_unitrefine.errors import NoUnitsError, SourceError
from nwb_unitrefine.history.tree import ABOUT_REPLACED, HISTORY, NAMESPACE, Dataset, Group, text_array
from nwb_unitrefine.read.nwb.ragged import plain_ids
from nwb_unitrefine.storage.hdf5 import Hdf5Group
from nwb_unitrefine.storage.hdf5_guard import is_ragged, read_attribute
from nwb_unitrefine.storage.hdf5_links import find_linked, lies_in
from nwb_unitrefine.storage.hdf5_values import require_readable
from nwb_unitrefine.storage.tree import attribute_text, attribute_texts, scalar
from nwb_unitrefine.write.stores.names import require_column_name
from nwb_unitrefine.write.stores.specification import cached_specification

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["Hdf5Store"]

_TEXT = h5py.string_dtype("utf-8")
_BLOCK_BYTES = 1 << 26
_SMALL_CHUNK = 1 << 14
_COMPRESS_FROM_BYTES = 1 << 14


class Hdf5Store:
    """A `UnitsStore` over an open HDF5 file.

    Parameters
    ----------
    file : h5py.File
    name : str
        Of the file, for messages.
    folder : Path, optional
        Of the file: columns may be links to other files there, which are read and never written.

    Raises
    ------
    NoUnitsError
        If there is no units table.
    SourceError
        If it is not in this file, or not a table.
    """

    def __init__(self, file: h5py.File, *, name: str, folder: Path | None = None) -> None:
        self.name = name
        self._file = file
        self._folder = folder
        link = file.get("units", getlink=True)
        if link is None:
            raise NoUnitsError(f"{name} has no units table.")
        if isinstance(link, h5py.ExternalLink):
            raise SourceError(
                f"{name} links to the units table of {link.filename}.", tip="Label that file; this one will show it."
            )
        units = file.get("units")
        if not isinstance(units, h5py.Group) or not isinstance(units.get("id"), h5py.Dataset):
            raise SourceError(f"{name} has a units table without ids.")
        self._units = units

    def names(self) -> tuple[str, ...]:
        """Names of all that is in the table's group, whether its ``colnames`` list it or not."""
        return tuple(text_array(list(self._units)).tolist())

    def columns(self) -> tuple[str, ...]:
        """Names in the table's ``colnames``, in order."""
        names = read_attribute(self._units, "colnames") if "colnames" in self._units.attrs else None
        if isinstance(names, h5py.Empty):
            return ()
        if names is None or np.asarray(names).dtype.kind not in "OSU":
            raise SourceError(f"{self.name} has a units table without colnames.")
        return tuple(text_array(names).reshape(-1).tolist())

    def shape(self, dataset: str) -> tuple[int, ...] | None:
        """Shape of a dataset of the table, None where there is none that can be opened.

        Raises
        ------
        SourceError
            If it is in another file that is not there.
        """
        found = self._find(dataset)
        return None if found is None else tuple(found.shape)

    def read(self, dataset: str) -> NDArray[Any]:
        """All of a dataset of the table; text as ``str``, ids as whole numbers."""
        values = _read(self._dataset(dataset))
        return plain_ids(values) if dataset == "id" else values

    def blocks(self, dataset: str) -> Iterator[NDArray[Any]]:
        """A dataset of the table piece by piece along its first axis."""
        source = self._dataset(dataset)
        rows = source.shape[0] if source.shape else 0
        row_bytes = max(1, source.dtype.itemsize * int(np.prod(source.shape[1:], dtype=np.int64)))
        step = max(1, _BLOCK_BYTES // row_bytes)
        for start in range(0, rows, step):
            yield source[start : start + step]

    def _find(self, name: str) -> h5py.Dataset | None:
        """A dataset of the table, in this file or in another."""
        found = find_linked(self._units, name, folder=self._folder)
        link = self._units.get(name, getlink=True)
        if found is None and isinstance(link, h5py.ExternalLink):
            if self._folder is not None and not lies_in(self._folder, link.filename):
                raise SourceError(
                    f"{self.name}: its column {name!r} is a link to {link.filename}, outside the folder of the file: "
                    "it is not followed."
                )
            raise SourceError(
                f"{self.name}: its column {name!r} is in {link.filename}, which is not there.",
                tip="Put that file there, or write a small file with all that labels need: --output with --units-only.",
            )
        if not isinstance(found, h5py.Dataset):
            return None
        require_readable(found)
        return found

    def _dataset(self, name: str) -> h5py.Dataset:
        """A dataset of the table that has to be there."""
        found = self._find(name)
        if found is None:
            raise SourceError(f"{self.name}: its column {name!r} cannot be opened.")
        return found

    def describe_source(self, attributes: dict[str, str]) -> None:
        """Record which file this one was derived from."""
        self._require_history()
        for name, value in attributes.items():
            self._file[HISTORY].attrs[name] = value

    def group(self, path: str) -> Hdf5Group | None:
        """A group of the file for reading, or None where there is none; links to other files are not followed."""
        if path == HISTORY:
            own = self._own_group(HISTORY)
            return None if own is None else Hdf5Group(own)
        return Hdf5Group(self._file).group(path)

    def add_run(self, name: str, run: Group, *, about: dict[str, str | int]) -> None:
        """Add a curation run, and what it needs around it; `about` are the history's own attributes."""
        self._require_history()
        self._write_group(f"{HISTORY}/{name}", run)
        self._file[HISTORY].attrs.update(about)
        self._cache_specification()

    def set_column(self, name: str, column: Dataset) -> None:
        """Add a column, or give the one of this name new values and their description."""
        require_column_name(name, file=self.name)
        existing = self._units.get(name) if name in self._units and _is_stored_here(self._units, name) else None
        if existing is None and self._units.get(name, getlink=True) is not None:
            del self._units[name]  # the link alone: what it leads to is not ours
        if existing is not None:
            same_kind = existing.dtype == (_TEXT if column.values.dtype == object else column.values.dtype)
            is_as_ours = existing.shape == column.values.shape and existing.maxshape == (None,)
            if same_kind and is_as_ours and not existing.id.get_create_plist().get_nfilters() and _is_small(existing):
                existing[...] = column.values
                if attribute_text(existing.attrs, "description") != column.description:
                    existing.attrs["description"] = column.description
            else:
                del self._units[name]
        if name not in self._units:
            self._write_dataset(self._units, name, column)
        if name not in self.columns():
            self._set_colnames((*self.columns(), name))

    def remove_column(self, name: str) -> None:
        """Take a column of ours away."""
        require_column_name(name, file=self.name)
        if self._units.get(name, getlink=True) is not None:
            del self._units[name]
        self._set_colnames(tuple(column for column in self.columns() if column != name))

    def set_aside(self, columns: tuple[str, ...], run: str) -> None:
        """Move columns by another program out of the table into a run's record of what it replaced."""
        table = self._file.create_group(f"{HISTORY}/{run}/replaced_columns")
        self._type(table, "DynamicTable", self._table_namespace())
        table.attrs["description"] = ABOUT_REPLACED
        table.attrs.create("colnames", np.array(columns, dtype=object), dtype=_TEXT)
        ids = table.create_dataset("id", data=self._units["id"][()])
        self._type(ids, "ElementIdentifiers", self._table_namespace())
        for column in columns:
            for name in _with_indices(self._units, column):
                self._file.move(f"{self._units.name}/{name}", f"{table.name}/{name}")
        self._set_colnames(tuple(name for name in self.columns() if name not in columns))

    def bring_back(self, run: str) -> tuple[str, ...]:
        """Move the columns that a run set aside back, and return their names."""
        table = self._file.get(f"{HISTORY}/{run}/replaced_columns")
        if table is None:
            return ()
        columns = tuple(attribute_texts(table.attrs, "colnames"))
        for column in columns:
            self.remove_column(column)
            for name in _with_indices(table, column):
                self._file.move(f"{table.name}/{name}", f"{self._units.name}/{name}")
        self._set_colnames((*self.columns(), *columns))
        del self._file[table.name]
        return columns

    def rewrite(self, path: str, name: str, value: Any) -> None:
        """Give an attribute or a dataset of text in a group below the history another value."""
        group = self._own_group(f"{HISTORY}/{path}".rstrip("/"))
        assert group is not None
        if name not in group.attrs:
            group[name][...] = value
        elif isinstance(value, list):
            group.attrs.create(name, np.array(value, dtype=object), dtype=_TEXT)
        else:
            group.attrs[name] = value

    def _require_history(self) -> None:
        """Make the group that holds the runs, where there is none yet."""
        if self._own_group(HISTORY) is None:
            self._write_group(HISTORY, Group("UnitCuration"))

    def _own_group(self, path: str) -> h5py.Group | None:
        """A group of this file that no link leads to: what is written into it is written into this file.

        Raises
        ------
        SourceError
            If a link leads there, or it is not a group.
        """
        place = self._file["/"]
        for name in path.split("/"):
            link = place.get(name, getlink=True)
            if link is None:
                return None
            found = place.get(name) if isinstance(link, h5py.HardLink) else None
            if not isinstance(found, h5py.Group):
                raise SourceError(
                    f"{self.name}: /{path} is behind a link ({name}), or not a group.",
                    tip="Labels and their history are kept in the file itself: remove the link.",
                )
            place = found
        return place

    def _write_group(self, path: str, group: Group) -> None:
        """Write a typed group with everything in it."""
        place = self._file.create_group(path)
        self._type(place, group.type_name, NAMESPACE)
        for name, value in group.attributes.items():
            if not isinstance(value, list):
                place.attrs[name] = value
            else:
                place.attrs.create(name, np.array(value, dtype=object), dtype=_TEXT)
        for name, dataset in group.datasets.items():
            self._write_dataset(place, name, dataset)
        for name, inner in group.groups.items():
            self._write_group(f"{path}/{name}", inner)

    def _write_dataset(self, place: h5py.Group, name: str, dataset: Dataset) -> None:
        """Write one dataset, with its type if it is a column or a region."""
        values = dataset.values
        options: dict[str, Any] = {"dtype": _TEXT} if values.dtype == object else {}
        if values.dtype != object and values.nbytes >= _COMPRESS_FROM_BYTES and not dataset.description:
            options = {"compression": "gzip", "shuffle": True}
        if dataset.description and not dataset.refers_to:  # a column grows with its table, when units are appended
            options |= {"maxshape": (None,), "chunks": (max(1, len(values)),)}
        written = place.create_dataset(name, data=values, **options)
        if dataset.description:
            type_name = "DynamicTableRegion" if dataset.refers_to else "VectorData"
            self._type(written, type_name, self._table_namespace())
            written.attrs["description"] = dataset.description
        if dataset.refers_to:
            written.attrs["table"] = self._file[dataset.refers_to].ref

    def _type(self, place: h5py.Group | h5py.Dataset, type_name: str, namespace: str) -> None:
        """Give an object its type and id, as NWB does."""
        place.attrs["namespace"] = namespace
        place.attrs["neurodata_type"] = type_name
        place.attrs["object_id"] = str(uuid.uuid4())
        if "help" in self._units.attrs:  # NWB 2.0 asks for it on every object
            place.attrs["help"] = type_name

    def _table_namespace(self) -> str:
        """Namespace of the table types: until NWB 2.0 they were in ``core``, and a file keeps to its own time."""
        return attribute_text(self._units["id"].attrs, "namespace", "hdmf-common")

    def _set_colnames(self, names: tuple[str, ...]) -> None:
        """Rewrite ``colnames`` as the kind of text that it is: a reader of that age expects no other."""
        kind = self._units.attrs.get_id("colnames").dtype
        if kind.kind == "S":
            encoded = [name.encode() for name in names]
            longest = max([kind.itemsize, *map(len, encoded)])
            info = h5py.check_string_dtype(kind)
            dtype = h5py.string_dtype(
                info.encoding if info and all(name.isascii() for name in names) else "utf-8", longest
            )
            self._units.attrs.create("colnames", np.array(encoded, dtype=f"S{longest}"), dtype=dtype)
        else:
            self._units.attrs.create("colnames", np.array(names, dtype=object), dtype=_TEXT)

    def _cache_specification(self) -> None:
        """Keep the extension's specification in the file, so that it is read where the extension is not installed."""
        version, texts = cached_specification()
        if ".specloc" in self._file.attrs:
            specifications = self._file[scalar(self._file.attrs[".specloc"])]
        else:
            specifications = self._own_group("specifications") or self._file.create_group("specifications")
            self._file.attrs[".specloc"] = specifications.ref
        if f"{NAMESPACE}/{version}" not in specifications:
            place = specifications.create_group(f"{NAMESPACE}/{version}")
            for name, text in texts.items():
                place.create_dataset(name, data=text, dtype=_TEXT)


def _is_stored_here(table: h5py.Group, name: str) -> bool:
    """Whether a dataset's values are in its own file: not behind a link, in external storage or a virtual dataset."""
    if not isinstance(table.get(name, getlink=True), h5py.HardLink):
        return False
    item = table.get(name)
    return isinstance(item, h5py.Dataset) and not item.external and not item.is_virtual


def _is_small(column: h5py.Dataset) -> bool:
    """Whether a chunk of a column is about as large as its values: HDF5 writes whole chunks."""
    return bool(column.chunks) and column.chunks[0] <= max(_SMALL_CHUNK, 2 * len(column))


def _with_indices(table: h5py.Group, column: str) -> list[str]:
    """Return a column and the indices over it, innermost first."""
    names = [column]
    while f"{names[-1]}_index" in table:
        names.append(f"{names[-1]}_index")
    return names


def _read(dataset: h5py.Dataset) -> NDArray[Any]:
    """All of a dataset; text as ``str``."""
    if is_ragged(dataset.dtype):
        raise SourceError(f"{dataset.name} holds rows of any length, as NWB does not store them.")
    require_readable(dataset)
    values = dataset[()]
    if h5py.check_string_dtype(dataset.dtype) is not None:
        return text_array(values)
    return np.asarray(values)
