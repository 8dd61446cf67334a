"""The units table of a Zarr store, and its curation runs, laid out as hdmf-zarr lays them out."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr
from numcodecs import JSON, VLenUTF8

from nwb_unitrefine.errors import NoUnitsError, SourceError
from nwb_unitrefine.history.tree import ABOUT_REPLACED, HISTORY, NAMESPACE, Dataset, Group
from nwb_unitrefine.read.nwb.ragged import plain_ids
from nwb_unitrefine.storage.tree import attribute_text, attribute_texts
from nwb_unitrefine.storage.zarr import ZarrGroup, read_array, require_plausible_size
from nwb_unitrefine.storage.zarr_guard import GuardedStore
from nwb_unitrefine.write.stores.names import require_column_name
from nwb_unitrefine.write.stores.specification import cached_specification

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from nwb_unitrefine.journal.folder_overlay import FolderOverlay

__all__ = ["ZarrStore"]

_BLOCK_BYTES = 1 << 26
_DIMENSIONS = "_ARRAY_DIMENSIONS"


class ZarrStore:
    """A `UnitsStore` over a Zarr store.

    Parameters
    ----------
    overlay : FolderOverlay
    name : str
        Of the store, for messages.

    Raises
    ------
    NoUnitsError
        If there is no units table.
    SourceError
        If it is not a table, or not a store of Zarr format 2.
    """

    def __init__(self, overlay: FolderOverlay, *, name: str) -> None:
        self.name = name
        self._overlay = overlay
        if ".zgroup" not in overlay:
            raise SourceError(f"{name} is not a Zarr store of format 2, the one that NWB files have.")
        self._root = zarr.open_group(store=GuardedStore(overlay), mode="r+")
        if "units" not in self._root:
            raise NoUnitsError(f"{name} has no units table.")
        self._units = self._root["units"]
        if "units/id/.zarray" not in overlay:
            raise SourceError(f"{name} has a units table without ids.")

    def names(self) -> tuple[str, ...]:
        """Names of all that is in the table's group, whether its ``colnames`` list it or not."""
        return tuple(self._units)

    @property
    def specifications(self) -> str:
        """Where the store caches specifications, or would: the key of a group."""
        return attribute_text(self._root.attrs, ".specloc", "specifications").strip("/")

    def columns(self) -> tuple[str, ...]:
        """Names in the table's ``colnames``, in order."""
        if "colnames" not in self._units.attrs:
            raise SourceError(f"{self.name} has a units table without colnames.")
        return tuple(attribute_texts(self._units.attrs, "colnames"))

    def shape(self, dataset: str) -> tuple[int, ...] | None:
        """Shape of a dataset of the table, None where it is not there."""
        return tuple(self._units[dataset].shape) if f"units/{dataset}/.zarray" in self._overlay else None

    def read(self, dataset: str) -> NDArray[Any]:
        """All of a dataset of the table; text as ``str``, ids as whole numbers."""
        values = read_array(self._units[dataset])
        return plain_ids(values) if dataset == "id" else values

    def blocks(self, dataset: str) -> Iterator[NDArray[Any]]:
        """A dataset of the table piece by piece along its first axis."""
        source = self._units[dataset]
        require_plausible_size(source)
        row_bytes = max(1, source.dtype.itemsize * int(np.prod(source.shape[1:], dtype=np.int64)))
        chunk = max(1, source.chunks[0])
        step = max(chunk, _BLOCK_BYTES // row_bytes // chunk * chunk)
        for start in range(0, source.shape[0], step):
            yield source[start : start + step]

    def describe_source(self, attributes: dict[str, str]) -> None:
        """Record which file this one was derived from."""
        self._require_history()
        self._root[HISTORY].attrs.update(attributes)

    def group(self, path: str) -> ZarrGroup | None:
        """A group of the store for reading, or None where there is none."""
        return ZarrGroup(self._root).group(path)

    def add_run(self, name: str, run: Group, *, about: dict[str, str | int]) -> None:
        """Add a curation run, and what it needs around it; `about` are the history's own attributes."""
        self._require_history()
        self._write_group(f"{HISTORY}/{name}", run)
        self._root[HISTORY].attrs.update(about)
        self._cache_specification()

    def set_column(self, name: str, column: Dataset) -> None:
        """Add a column, or give the one of this name new values and their description."""
        require_column_name(name, file=self.name)
        if self.shape(name) is not None:
            existing = self._units[name]
            is_as_ours = existing.shape == column.values.shape and existing.dtype == column.values.dtype
            if is_as_ours and existing.chunks == _chunks(column.values):
                existing[...] = column.values
                if attribute_text(existing.attrs, "description") != column.description:
                    existing.attrs["description"] = column.description
            else:
                self._overlay.rmdir(f"units/{name}")
        if self.shape(name) is None:
            self._write_dataset(self._units, name, column)
        if name not in self.columns():
            self._units.attrs["colnames"] = [*self.columns(), name]

    def remove_column(self, name: str) -> None:
        """Take a column of ours away."""
        require_column_name(name, file=self.name)
        self._overlay.rmdir(f"units/{name}")
        self._units.attrs["colnames"] = [column for column in self.columns() if column != name]

    def set_aside(self, columns: tuple[str, ...], run: str) -> None:
        """Move columns by another program out of the table into a run's record of what it replaced."""
        path = f"{HISTORY}/{run}/replaced_columns"
        table = self._root.create_group(path)
        table.attrs.put(
            {
                **_type("DynamicTable", "hdmf-common"),
                "description": ABOUT_REPLACED,
                "colnames": list(columns),
            }
        )
        self._write_dataset(table, "id", Dataset(self.read("id")))
        table["id"].attrs.update(_type("ElementIdentifiers", "hdmf-common"))
        for column in columns:
            for name in self._with_indices("units", column):
                self._move(f"units/{name}", f"{path}/{name}")
        self._units.attrs["colnames"] = [name for name in self.columns() if name not in columns]

    def bring_back(self, run: str) -> tuple[str, ...]:
        """Move the columns that a run set aside back, and return their names."""
        path = f"{HISTORY}/{run}/replaced_columns"
        if f"{path}/.zattrs" not in self._overlay:
            return ()
        columns = tuple(attribute_texts(self._root[path].attrs, "colnames"))
        for column in columns:
            self.remove_column(column)  # which refuses what is not a column's name
            for name in self._with_indices(path, column):
                self._move(f"{path}/{name}", f"units/{name}")
        self._units.attrs["colnames"] = [*self.columns(), *columns]
        self._overlay.rmdir(path)
        return columns

    def _move(self, source: str, target: str) -> None:
        """Rename a dataset, and have its index refer to it by its new name."""
        self._overlay.move(source, target)
        index = f"{source}_index"
        if f"{index}/.zattrs" in self._overlay:
            attributes = dict(self._root[index].attrs)
            reference = attributes.get("target", {}).get("value", {})
            if reference.get("path") == f"/{source}":
                attributes["target"] = {**attributes["target"], "value": {**reference, "path": f"/{target}"}}
                self._root[index].attrs.put(attributes)

    def _with_indices(self, table: str, column: str) -> list[str]:
        """Return a column and the indices over it, innermost first."""
        names = [column]
        while f"{table}/{names[-1]}_index/.zarray" in self._overlay:
            names.append(f"{names[-1]}_index")
        return names

    def rewrite(self, path: str, name: str, value: Any) -> None:
        """Give an attribute or a dataset of text in a group below the history another value."""
        group = self._root[f"{HISTORY}/{path}".rstrip("/")]
        if name in group.attrs:
            group.attrs[name] = value
        else:
            group[name][...] = value

    def _require_history(self) -> None:
        """Make the group that holds the runs, where there is none yet."""
        if f"{HISTORY}/.zgroup" not in self._overlay:
            self._write_group(HISTORY, Group("UnitCuration"))

    def _write_group(self, path: str, group: Group) -> None:
        """Write a typed group with everything in it."""
        place = self._root.create_group(path)
        place.attrs.put({**group.attributes, **_type(group.type_name, NAMESPACE)})
        for name, dataset in group.datasets.items():
            self._write_dataset(place, name, dataset)
        for name, inner in group.groups.items():
            self._write_group(f"{path}/{name}", inner)

    def _write_dataset(self, place: zarr.Group, name: str, dataset: Dataset) -> None:
        """Write one dataset, with its type if it is a column or a region."""
        values = dataset.values
        text = values.dtype == object
        options = {"object_codec": VLenUTF8()} if text else {}
        written = place.create_dataset(
            name, data=values, shape=values.shape, dtype=values.dtype, fill_value=0, chunks=_chunks(values), **options
        )
        attributes: dict[str, Any] = {
            _DIMENSIONS: [f"dim{axis}" for axis in range(values.ndim)],
            "zarr_dtype": "str" if text else str(values.dtype),
        }
        if dataset.description:
            attributes["description"] = dataset.description
            attributes |= _type("DynamicTableRegion" if dataset.refers_to else "VectorData", "hdmf-common")
        if dataset.refers_to:
            attributes["table"] = {"value": self._reference(dataset.refers_to), "zarr_dtype": "object"}
        written.attrs.put(attributes)

    def _reference(self, path: str) -> dict[str, str]:
        """Refer to an object of this store, as hdmf-zarr does."""
        return {
            "source": ".",
            "path": path,
            "object_id": self._root[path].attrs["object_id"],
            "source_object_id": self._root.attrs["object_id"],
        }

    def _cache_specification(self) -> None:
        """Keep the extension's specification in the store, so that it is read where the extension is not installed."""
        version, texts = cached_specification()
        place = f"{self.specifications}/{NAMESPACE}/{version}"
        if f"{place}/.zgroup" in self._overlay:
            return
        if ".specloc" not in self._root.attrs:
            self._root.attrs[".specloc"] = "specifications"
        group = self._root.create_group(place)
        for name, text in texts.items():
            values = np.array([text], dtype=object)
            group.create_dataset(
                name, data=values, shape=(1,), dtype=object, object_codec=JSON(), compressor=None, fill_value=0
            ).attrs["zarr_dtype"] = "scalar"


def _type(type_name: str, namespace: str) -> dict[str, str]:
    """Give an object its type and id, as NWB does."""
    return {"namespace": namespace, "neurodata_type": type_name, "object_id": str(uuid.uuid4())}


def _chunks(values: NDArray[Any]) -> tuple[int, ...]:
    """One chunk: everything that is written here is small; a length of 0 is not a chunk."""
    return tuple(max(1, length) for length in values.shape)
