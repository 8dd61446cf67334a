"""The units of an NWB file, however it is stored: what each part reads is joined here."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import NoUnitsError, SourceError
from nwb_unitrefine.read.context import ReadContext
from nwb_unitrefine.read.nwb import session
from nwb_unitrefine.read.nwb.columns import column_arrays, further_columns, read_columns
from nwb_unitrefine.read.nwb.electrodes import read_electrodes, read_unit_electrodes
from nwb_unitrefine.read.nwb.ragged import plain_ids
from nwb_unitrefine.read.nwb.recordings import read_recordings, recorded_s, recording_intervals
from nwb_unitrefine.read.nwb.spikes import observed_length, read_obs_intervals, read_spike_times, stored_intervals
from nwb_unitrefine.read.nwb.waveforms import read_waveforms
from nwb_unitrefine.read.spike_times import clean_spike_times, stored_per_second
from nwb_unitrefine.read.time_unit import FROM_GRID, rate_of_grid
from nwb_unitrefine.records import SourceHints, Units
from nwb_unitrefine.storage.tree import attribute_text
from nwb_unitrefine.vocabulary.dialects import position_columns, recognise

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from numpy.typing import NDArray

    from nwb_unitrefine.records import Column, Electrodes
    from nwb_unitrefine.storage.tree import Array, Group
    from nwb_unitrefine.vocabulary.dialects import Dialect

__all__ = ["read_nwb"]

_UNITS = "units"
_UNITS_TYPES = frozenset({"Units", "UnitTimes"})
_OTHER_PLACES = ("processing", "acquisition", "analysis", "scratch")
_DEPTH = 2
"""Groups within groups that are looked into for a units table, such as ``processing/ecephys/units``."""

_OWN_ARRAYS = ("id", "spike_times", "obs_intervals", "electrodes", "waveform_mean")
"""Columns of the units table that are always read."""


def read_nwb(
    root: Group,
    *,
    uri: str,
    kind: str,
    size_bytes: int,
    columns: Collection[str] = (),
    hints: SourceHints | None = None,
) -> Units:
    """Read the units of an NWB file.

    Parameters
    ----------
    root : Group
        The file.
    uri, kind : str
        As of `Source`.
    size_bytes : int
        Size of the file.
    columns : collection of str, optional
        Further columns to read whatever their size.
    hints : SourceHints, optional
        What the user states about the file.

    Raises
    ------
    NoUnitsError
        If the file has no units table, or an empty one.
    SourceError
        If it is not an NWB file, its ids are not unique, or columns do not fit together.
    """
    hints = hints or SourceHints()
    table = _units_table(root, uri, hints.units)
    unit_ids = _unit_ids(table, uri)
    if unknown := sorted(set(columns) - set(table.names())):
        raise SourceError(f"{uri} has no units column {unknown[0]!r}.")
    context = ReadContext(uri, unit_ids, hints=hints)
    names, unread = further_columns(table, context, columns=columns)
    dialect = recognise(table.names(), namespaces=_namespaces(root))
    root.fetch(_needed(root, table, names, dialect))
    electrodes = read_electrodes(root, context)
    unit_electrodes = read_unit_electrodes(table, electrodes, context)
    stored = read_spike_times(table, context)
    intervals = stored_intervals(table)
    recordings = read_recordings(root)
    rate = session.stated_rate(root, table, recordings, context)
    per_second = stored_per_second(context, sampling_rate_hz=rate.hz)
    trains = clean_spike_times(
        stored,
        context,
        per_second=per_second,
        sampling_rate_hz=rate.hz,
        recorded_s=recorded_s(recordings),
        observed_s=observed_length(intervals),
    )
    if rate.hz is None and (hz := rate_of_grid(trains.values)):
        rate = session.SamplingRate(hz, FROM_GRID)
    further = read_columns(table, names, context)
    peak_rows = _peak_rows(further, dialect, electrodes)
    waveforms = read_waveforms(
        table,
        context,
        electrodes=electrodes,
        unit_electrodes=unit_electrodes,
        local_rows=_local_rows(root, dialect, peak_rows),
        peak_rows=peak_rows,
        sampling_rate_hz=rate.hz,
        n_spikes=stored.counts,
    )
    source = session.identify(root, table, uri=uri, kind=kind, size_bytes=size_bytes)
    source = replace(source, units_path=(hints.units or _UNITS).strip("/"))
    return Units(
        unit_ids=unit_ids,
        spike_times_s=trains,
        source=replace(source, dialect=dialect.name if dialect else ""),
        obs_intervals_s=read_obs_intervals(
            table, intervals, trains, context, per_second=per_second, sampling_rate_hz=rate.hz
        ),
        recording_intervals_s=recording_intervals(recordings, trains, context),
        sampling_rate_hz=rate.hz,
        sampling_rate_from=rate.origin,
        stored_per_second=per_second,
        waveforms=waveforms,
        electrodes=electrodes,
        unit_electrodes=unit_electrodes,
        columns=further,
        unread_columns=tuple(unread),
        problems=context.problems,
    )


def _units_table(root: Group, uri: str, wanted: str | None) -> Group:
    """The units table that the user names, else that at ``/units``; the refusal names the tables that there are."""
    path = (wanted or _UNITS).strip("/")
    table = root.group(path)
    if table is not None and (wanted is None or _is_units_table(table)):
        return table
    elsewhere = list(dict.fromkeys(_units_tables(root)))
    if elsewhere:
        named = ", ".join(elsewhere)
        raise NoUnitsError(
            f"{uri} has no units table at /{path}; it has one at {named}.",
            tip=f"Read it with --units {elsewhere[0]} (in Python, units={elsewhere[0]!r}).",
        )
    version = session.nwb_version(root)
    if not version:
        raise SourceError(f"{uri} is not an NWB file: it has no nwb_version.")
    if version.removeprefix("NWB-").startswith("1"):
        raise SourceError(f"{uri} is a file of NWB version 1.", tip="Convert it to NWB 2; only that is read.")
    raise NoUnitsError(f"{uri} has no units table" + ("." if wanted is None else f" at /{path}."))


def _is_units_table(table: Group) -> bool:
    """Whether a group is a table of units, by its type or by what is in it."""
    is_typed = attribute_text(table.attributes, "neurodata_type") in _UNITS_TYPES
    return is_typed or (table.array("spike_times_index") is not None and _ids_array(table) is not None)


def _units_tables(root: Group) -> Iterator[str]:
    """Paths of units tables outside ``/units``, where some conversions put a second sorting."""
    for place in _OTHER_PLACES:
        yield from _tables_below(root, place, depth=_DEPTH)


def _tables_below(root: Group, path: str, *, depth: int) -> Iterator[str]:
    """Paths of units tables at `path` and below it."""
    group = root.group(path)
    if group is None:
        return
    if _is_units_table(group):
        yield path
    elif depth:
        for name in group.names():
            yield from _tables_below(root, f"{path}/{name}", depth=depth - 1)


def _ids_array(table: Group) -> Array | None:
    """Ids of a units table; ``unit_ids`` is what the beta of NWB 2.0 called them."""
    return table.array("id") or table.array("unit_ids")


def _unit_ids(table: Group, uri: str) -> NDArray[Any]:
    """Ids of the units, which everything is joined by: present, one a row, and unique."""
    array = _ids_array(table)
    if array is None:
        raise SourceError(f"{uri}: the units table has no ids.")
    unit_ids = plain_ids(array.read())
    if unit_ids.ndim != 1 or unit_ids.dtype.kind not in "iuO":
        raise SourceError(
            f"{uri}: unit ids are not whole numbers, one a unit: {unit_ids.dtype} of shape {unit_ids.shape}."
        )
    if not len(unit_ids):
        raise NoUnitsError(f"{uri} has a units table without units.")
    values, counts = np.unique(unit_ids, return_counts=True)
    if (counts > 1).any():
        raise SourceError(
            f"{uri}: unit ids are not unique: {values[counts > 1][0]} occurs {counts[counts > 1][0]} times.",
            tip="Labels are joined to units by their ids. Number the units anew in the conversion that made the file.",
        )
    return unit_ids


def _needed(root: Group, table: Group, names: Iterable[str], dialect: Dialect | None) -> Iterable[Array]:
    """Every array that reading the units takes."""
    yield from column_arrays(table, [*_OWN_ARRAYS, *names])
    electrodes = root.group("general/extracellular_ephys/electrodes")
    if electrodes is not None:
        positions = (name for columns in position_columns() for name in columns)
        of_dialect = (dialect.channel_number, dialect.probe_id) if dialect else ()
        yield from column_arrays(electrodes, [name for name in ("id", "group_name", *positions, *of_dialect) if name])


def _namespaces(root: Group) -> list[str]:
    """Extensions whose specification the file carries."""
    specifications = root.group("specifications")
    return [] if specifications is None else list(specifications.names())


def _peak_rows(
    columns: dict[str, Column], dialect: Dialect | None, electrodes: Electrodes | None
) -> NDArray[np.int64] | None:
    """Electrodes row of each unit's main channel, where a column names its id; -1 where the table lacks it."""
    column = columns.get(dialect.peak_electrode_id) if dialect and dialect.peak_electrode_id else None
    if column is None or electrodes is None or not isinstance(column.values, np.ndarray):
        return None
    rows = {electrode_id: row for row, electrode_id in enumerate(electrodes.ids.tolist())}
    return np.array([rows.get(electrode_id, -1) for electrode_id in column.values.tolist()], dtype=np.int64)


def _local_rows(root: Group, dialect: Dialect | None, peak_rows: NDArray[np.int64] | None) -> NDArray[np.int64] | None:
    """Rows of the electrodes table of all channels of each unit's probe, by their number on the probe.

    Allen's waveforms have one row for each channel of the unit's probe, in the order of the channels' numbers; the
    electrodes table is in another order and lacks some. Shape (n_units, n_channels), -1 where the table has no such
    channel.
    """
    table = root.group("general/extracellular_ephys/electrodes")
    if table is None or peak_rows is None or dialect is None or not (dialect.channel_number and dialect.probe_id):
        return None
    local, probe = table.array(dialect.channel_number), table.array(dialect.probe_id)
    if local is None or probe is None:
        return None
    numbers, probes = local.read().astype(np.int64), probe.read()
    rows = np.full((len(peak_rows), int(numbers.max(initial=-1)) + 1), -1, np.int64)
    for probe_id in np.unique(probes):
        on_probe = np.flatnonzero(probes == probe_id)
        by_number = np.full(rows.shape[1], -1, np.int64)
        by_number[numbers[on_probe]] = on_probe
        rows[(peak_rows >= 0) & (probes[np.maximum(peak_rows, 0)] == probe_id)] = by_number
    return rows
