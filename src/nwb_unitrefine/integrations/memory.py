"""An NWB file that pynwb holds in memory, seen as the reader and the writer see files.

A conversion labels its units before there is a file. `MemoryGroup` shows such an ``NWBFile`` through the protocols of
`nwb_unitrefine.read.storage`, `MemoryStore` through those of `nwb_unitrefine.write.store`; so units are read, checked
and labelled by the same code as those of a file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import WriteError
from nwb_unitrefine.read.storage import text_array

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from nwb_unitrefine.read.storage import Array
    from nwb_unitrefine.write.tree import Dataset, Group

__all__ = ["MemoryArray", "MemoryGroup", "MemoryStore", "show_as_storage"]


@dataclass(frozen=True, slots=True, eq=False)
class MemoryArray:
    """An array and its attributes."""

    name: str
    values: NDArray[Any]
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        return self.values.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of its values."""
        return self.values.dtype

    @property
    def size_bytes(self) -> int:
        """What it takes in memory."""
        return int(self.values.nbytes)

    def read(self) -> NDArray[Any]:
        """All of it."""
        return self.values

    def read_ends(self) -> tuple[float, float]:
        """First and last value."""
        return float(self.values[0]), float(self.values[-1])


@dataclass(frozen=True, slots=True, eq=False)
class MemoryGroup:
    """Arrays and groups by name."""

    attributes: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, MemoryArray] = field(default_factory=dict)
    groups: Mapping[str, MemoryGroup] = field(default_factory=dict)

    def names(self) -> Sequence[str]:
        """Names of all that is in it."""
        return [*self.arrays, *self.groups]

    def array(self, name: str) -> MemoryArray | None:
        """Array of that name, or None."""
        return self.arrays.get(name)

    def group(self, path: str) -> MemoryGroup | None:
        """Group at that path, or None."""
        first, _, rest = path.partition("/")
        found = self.groups.get(first)
        return found.group(rest) if found is not None and rest else found

    def fetch(self, arrays: Iterable[Array]) -> None:
        """Nothing to prepare."""


def show_as_storage(nwbfile: Any) -> MemoryGroup:
    """Show an ``NWBFile`` in memory as the tree that the reader knows.

    Parameters
    ----------
    nwbfile : pynwb.NWBFile
    """
    from pynwb import get_type_map

    series = [one for one in nwbfile.acquisition.values() if hasattr(one, "electrodes") and hasattr(one, "rate")]
    general = {"session_id": nwbfile.session_id}
    subject = {"subject_id": nwbfile.subject.subject_id if nwbfile.subject else None}
    groups = {
        "acquisition": MemoryGroup(groups={one.name: _series(one) for one in series}),
        "general": MemoryGroup(
            arrays=_scalars(general),
            groups={
                "subject": MemoryGroup(arrays=_scalars(subject)),
                "extracellular_ephys": MemoryGroup(
                    groups={} if nwbfile.electrodes is None else {"electrodes": _table(nwbfile.electrodes)}
                ),
            },
        ),
    }
    if nwbfile.units is not None:
        groups["units"] = _table(nwbfile.units)
    start = {"identifier": nwbfile.identifier, "session_start_time": nwbfile.session_start_time.isoformat()}
    version = get_type_map().namespace_catalog.get_namespace("core").version
    attributes = {"nwb_version": version, "object_id": nwbfile.object_id}
    return MemoryGroup(attributes=attributes, arrays=_scalars(start), groups=groups)


def _scalars(values: Mapping[str, str | None]) -> dict[str, MemoryArray]:
    """Texts as arrays of one; those that are not there are left out."""
    return {name: MemoryArray(name, np.array([value], dtype=object)) for name, value in values.items() if value}


def _table(table: Any) -> MemoryGroup:
    """A DynamicTable with its indices."""
    about = {
        "spike_times": {"resolution": getattr(table, "resolution", None)},
        "waveform_mean": {
            "sampling_rate": getattr(table, "waveform_rate", None),
            "unit": getattr(table, "waveform_unit", None),
        },
    }
    arrays = {"id": MemoryArray("id", _values(table.id.data))}
    for column in table.columns:
        attributes = {"description": column.description, **about.get(column.name, {})}
        arrays[column.name] = MemoryArray(column.name, _values(column.data), attributes)
    return MemoryGroup({"colnames": list(table.colnames), "object_id": table.object_id}, arrays)


def _values(data: Any) -> NDArray[Any]:
    """Data of a column as an array: text and the names of objects as ``str`` in an object array."""
    inner = getattr(data, "data", data) if hasattr(data, "data") and not isinstance(data, np.ndarray) else data
    values = np.asarray(inner[:] if hasattr(inner, "shape") else inner)
    if values.dtype.kind in "SU":
        return text_array(values.astype(object))
    if values.dtype == object:
        named = np.array([getattr(value, "name", value) for value in values.reshape(-1)], dtype=object)
        return text_array(named.reshape(values.shape))
    return values


def _series(series: Any) -> MemoryGroup:
    """A raw series: how long it is and when it was sampled, not its samples."""
    from hdmf.utils import get_data_shape

    shape = get_data_shape(series.data)
    arrays = {"data": MemoryArray("data", np.broadcast_to(np.zeros((), np.int8), shape))} if shape else {}
    if series.rate is not None:
        start = np.array([series.starting_time or 0.0])
        arrays["starting_time"] = MemoryArray("starting_time", start, {"rate": series.rate})
    elif series.timestamps is not None:
        arrays["timestamps"] = MemoryArray("timestamps", _values(series.timestamps))
    return MemoryGroup({"neurodata_type": series.neurodata_type}, arrays)


class MemoryStore:
    """A `UnitsStore` over an ``NWBFile`` in memory that has no labels yet.

    Parameters
    ----------
    nwbfile : pynwb.NWBFile
    """

    def __init__(self, nwbfile: Any) -> None:
        self.name = "the session in memory"
        self._nwbfile = nwbfile
        if "unit_curation" in nwbfile.lab_meta_data:
            raise WriteError(
                "The session has labels and a history of them already.", tip="Label the file with write_curation."
            )

    def columns(self) -> tuple[str, ...]:
        """Names in the table's ``colnames``, in order."""
        return tuple(self._nwbfile.units.colnames)

    def shape(self, dataset: str) -> tuple[int, ...] | None:
        """Shape of a dataset of the table, None where it is not there."""
        found = _table(self._nwbfile.units).array(dataset)
        return None if found is None else found.shape

    def read(self, dataset: str) -> NDArray[Any]:
        """All of a dataset of the table; text as ``str``."""
        return _table(self._nwbfile.units).arrays[dataset].values

    def blocks(self, dataset: str) -> Iterator[NDArray[Any]]:
        """A dataset of the table, whole."""
        yield self.read(dataset)

    def describe_source(self, attributes: dict[str, str]) -> None:
        """Do nothing: a session in memory is derived from no file."""

    def runs(self) -> dict[str, Group]:
        """None: see the class."""
        return {}

    def add_run(self, name: str, run: Group) -> None:
        """Add a curation run as the extension's own objects."""
        from ndx_unit_curation import UnitCuration

        history = UnitCuration(curation_runs=[self._as_container(name, run)])
        self._nwbfile.add_lab_meta_data(history)

    def set_column(self, name: str, column: Dataset) -> None:
        """Add a column."""
        self._nwbfile.units.add_column(name=name, description=column.description, data=column.values.tolist())

    def remove_column(self, name: str) -> None:
        """Refuse: nothing of ours is there."""
        raise WriteError(f"Column {name!r} cannot be taken out of a session in memory.")

    def set_aside(self, columns: tuple[str, ...], run: str) -> None:
        """Refuse: columns of a session in memory are replaced by not making them."""
        raise WriteError(f"Columns {', '.join(columns)} cannot be replaced by {run} in a session in memory.")

    def bring_back(self, run: str) -> tuple[str, ...]:
        """Nothing was set aside."""
        del run
        return ()

    def _as_container(self, name: str, group: Group) -> Any:
        """A typed object of the extension, with everything in it."""
        from hdmf.common import DynamicTableRegion

        import ndx_unit_curation

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
        return getattr(ndx_unit_curation, group.type_name)(name=name, **fields)
