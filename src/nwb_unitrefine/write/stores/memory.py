"""The units table of an ``NWBFile`` object, as the writer of labels sees those of files.

A conversion labels its units before there is a file. `MemoryStore` shows the object through the protocol of
`nwb_unitrefine.history.store`, so that it is labelled by the code that labels a file.
"""

from __future__ import annotations

import warnings
from functools import cached_property
from typing import TYPE_CHECKING, Any

from nwb_unitrefine.errors import ColumnExistsError, WriteError
from nwb_unitrefine.history.tree import HISTORY, NAMESPACE
from nwb_unitrefine.read.nwb.in_memory import describe_nwbfile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from nwb_unitrefine.history.tree import Dataset, Group
    from nwb_unitrefine.read.nwb.in_memory import BuiltGroup

__all__ = ["MemoryStore"]


class MemoryStore:
    """A `UnitsStore` over an ``NWBFile`` object that has no labels yet.

    Parameters
    ----------
    nwbfile : pynwb.NWBFile
        With units.
    built : BuiltGroup
        What will be written of it: digests are of that.

    Raises
    ------
    WriteError
        If it has labels already.
    """

    def __init__(self, nwbfile: Any, built: BuiltGroup) -> None:
        table = built.group("units")
        assert table is not None
        self.name = describe_nwbfile(nwbfile)
        self._nwbfile = nwbfile
        self._built = built
        self._table = table
        if HISTORY.rpartition("/")[2] in nwbfile.lab_meta_data:
            raise WriteError(
                f"{self.name} has labels and a history of them already.",
                tip="Once it is written, nwb-unitrefine label adds a run to that history.",
            )

    def names(self) -> tuple[str, ...]:
        """Names of all columns: a table in memory has nothing else."""
        return self.columns()

    def columns(self) -> tuple[str, ...]:
        """Names in the table's ``colnames``, in order."""
        return tuple(self._nwbfile.units.colnames)

    def shape(self, dataset: str) -> tuple[int, ...] | None:
        """Shape of a dataset of the table, None where it is not there."""
        found = self._table.array(dataset)
        return None if found is None else found.shape

    def read(self, dataset: str) -> NDArray[Any]:
        """All of a dataset of the table, as it will be written; text as ``str``."""
        found = self._table.array(dataset)
        assert found is not None
        return found.read()

    def blocks(self, dataset: str) -> Iterator[NDArray[Any]]:
        """A dataset of the table, whole."""
        yield self.read(dataset)

    def describe_source(self, attributes: dict[str, str]) -> None:
        """Do nothing: an object in memory is derived from no file."""

    def group(self, path: str) -> BuiltGroup | None:
        """A group of what will be written, as it was before it got labels, or None where there is none."""
        return self._built.group(path)

    def add_run(self, name: str, run: Group, *, about: dict[str, str | int]) -> None:
        """Add a curation run as the extension's own objects; `about` are the history's own attributes."""
        with warnings.catch_warnings():  # the run, and with it its region, is not yet in the file when it is made
            warnings.filterwarnings("ignore", message="The linked table for DynamicTableRegion")
            history = self._class_of("UnitCuration")(curation_runs=[self._as_container(name, run)], **about)
            self._nwbfile.add_lab_meta_data(history)

    def set_column(self, name: str, column: Dataset) -> None:
        """Add a column."""
        self._nwbfile.units.add_column(name=name, description=column.description, data=column.values.tolist())

    def remove_column(self, name: str) -> None:
        """Refuse: nothing of ours is there."""
        raise WriteError(f"Column {name!r} cannot be taken out of {self.name}.")

    def set_aside(self, columns: tuple[str, ...], run: str) -> None:
        """Refuse: pynwb cannot take a column out of a table."""
        del run
        raise ColumnExistsError(f"{self.name} already has {', '.join(columns)}.", columns=columns)

    def bring_back(self, run: str) -> tuple[str, ...]:
        """Nothing was set aside."""
        del run
        return ()

    def rewrite(self, path: str, name: str, value: Any) -> None:
        """Refuse: an object without labels has no history."""
        del path, value
        raise WriteError(f"{self.name} has no history with a field {name!r}.")

    @cached_property
    def _type_map(self) -> Any:
        """Types of what will write the object, the extension's among them.

        An open file has types of its own, and knows the extension only if that was imported before the file was opened.
        """
        from pynwb import get_type_map

        import ndx_unit_curation

        read_io = self._nwbfile.get_read_io()
        type_map = get_type_map() if read_io is None else read_io.manager.type_map
        if NAMESPACE not in type_map.namespace_catalog.namespaces:
            type_map.load_namespaces(str(ndx_unit_curation.SPEC_FOLDER / f"{NAMESPACE}.namespace.yaml"))
        return type_map

    def _class_of(self, type_name: str) -> Any:
        """Class of one of the extension's types."""
        return self._type_map.get_dt_container_cls(type_name, NAMESPACE)

    def _as_container(self, name: str, group: Group) -> Any:
        """A typed object of the extension, with everything in it."""
        from hdmf.common import DynamicTableRegion

        fields: dict[str, Any] = dict(group.attributes)
        for key, dataset in group.datasets.items():
            values = dataset.values.tolist() if dataset.values.dtype == object else dataset.values
            if dataset.refers_to:
                values = DynamicTableRegion(
                    name=key, data=values, description=dataset.description, table=self._nwbfile.units
                )
            fields[key] = values
        for key, inner in group.groups.items():
            fields[key] = self._as_container(key, inner)
        return self._class_of(group.type_name)(name=name, **fields)
