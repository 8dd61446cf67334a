"""The electrodes table: positions on the probe, groups, and which electrodes each unit has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.read.nwb.ragged import offsets_of, plain_ids, take_rows
from nwb_unitrefine.records import Electrodes, ProblemCode, Ragged
from nwb_unitrefine.vocabulary.dialects import position_columns

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nwb_unitrefine.read.context import ReadContext
    from nwb_unitrefine.storage.tree import Group

__all__ = ["read_electrodes", "read_unit_electrodes"]


_PITCH_UM = (1.0, 2000.0)
"""Distances from a site to its nearest neighbour that can be micrometres."""


def read_electrodes(root: Group, context: ReadContext) -> Electrodes | None:
    """The electrodes table of a file, or None where it has none.

    Parameters
    ----------
    root : Group
        The file.
    context : ReadContext
        Gets what could not be used, and why.
    """
    table = root.group("general/extracellular_ephys/electrodes")
    ids_array = table.array("id") if table else None
    if table is None or ids_array is None:
        return None
    ids = ids_array.read()
    groups = _groups(table, len(ids))
    positions_um, source = _positions(table, groups, context)
    locations = _texts(table, "location", len(ids))
    return Electrodes(ids=ids, positions_um=positions_um, groups=groups, position_source=source, locations=locations)


def _groups(table: Group, n_electrodes: int) -> NDArray[Any]:
    """Each electrode's group by name; references serve where the file has no names."""
    for name in ("group_name", "group"):
        names = _texts(table, name, n_electrodes)
        if names is not None:
            return names
    return np.full(n_electrodes, "", dtype=object)


def _texts(table: Group, name: str, n_electrodes: int) -> NDArray[Any] | None:
    """A column of text; None where there is none of this name and length."""
    array = table.array(name)
    if array is None or array.shape != (n_electrodes,) or array.dtype.kind not in "OSU":
        return None
    return array.read()


def _positions(table: Group, groups: NDArray[Any], context: ReadContext) -> tuple[NDArray[np.float64] | None, str]:
    """Positions from the first columns that hold usable ones, and the names of these columns."""
    for columns in position_columns():
        found = [name for name in columns if name and (array := table.array(name)) and array.shape == groups.shape]
        if columns.across not in found or columns.along not in found:
            continue
        values = np.zeros((len(groups), 3))
        for axis, name in enumerate(columns):
            if name in found:
                values[:, axis] = _numbers(table, name)
        source = ", ".join(found)
        if not np.isfinite(values[:, :2]).any():
            if not all(_holds_numbers(table, name) for name in found):
                what = f"Electrode positions {source} not used: they are not numbers."
                context.report(ProblemCode.ELECTRODES_POSITIONS_UNUSABLE, what)
            continue
        values[:, 2] = np.nan_to_num(values[:, 2])
        reason = _why_unusable(values, groups)
        if not reason:
            return values, source
        what = f"Electrode positions {source} not used: {reason}."
        context.report(ProblemCode.ELECTRODES_POSITIONS_UNUSABLE, what)
    return None, ""


def _holds_numbers(table: Group, name: str) -> bool:
    """Whether a column is of a type of numbers."""
    array = table.array(name)
    return array is not None and array.dtype.kind in "fiu"


def _numbers(table: Group, name: str) -> NDArray[np.float64]:
    """A column as numbers; NaN throughout where it holds none."""
    array = table.array(name)
    assert array is not None
    if not _holds_numbers(table, name):
        return np.full(array.shape, np.nan)
    return np.asarray(array.read(), dtype=np.float64)


def _why_unusable(positions: NDArray[np.float64], groups: NDArray[Any]) -> str:
    """Why these cannot be places on a probe in µm; empty where they can.

    Sites of one probe differ, and lie micrometres apart. Placeholders (all zero), one place for a whole bundle, and
    millimetres are recognised by that.
    """
    pitches = []
    for group in np.unique(groups.astype(str)).tolist():
        rows = positions[(groups.astype(str) == group) & np.isfinite(positions).all(axis=1)]
        if len(rows) < 2:
            continue
        if len(np.unique(rows, axis=0)) < len(rows):
            return f"sites of group {group!r} share one place"
        pitches.append(_nearest_neighbour(rows))
    if not pitches:
        return ""
    pitch = float(np.median(np.concatenate(pitches)))
    if not _PITCH_UM[0] <= pitch <= _PITCH_UM[1]:
        return f"neighbouring sites lie {pitch:.3g} apart, which cannot be micrometres"
    return ""


def _nearest_neighbour(positions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance of each of the first hundred sites to its nearest neighbour."""
    some = positions[:100]
    distances = np.linalg.norm(some[:, None] - positions[None], axis=2)
    distances[np.arange(len(some)), np.arange(len(some))] = np.inf
    return np.asarray(distances.min(axis=1))


def read_unit_electrodes(table: Group, electrodes: Electrodes | None, context: ReadContext) -> Ragged | None:
    """Rows of the electrodes table that each unit came from; None where the file does not state it.

    A region without an index, one electrode a unit, is what some older files have.

    Parameters
    ----------
    table : Group
        The units table.
    electrodes : Electrodes or None
    context : ReadContext
        Gets what could not be used, and why.
    """
    array, index = table.array("electrodes"), table.array("electrodes_index")
    if array is None:
        return None
    rows = plain_ids(array.read()) if array.dtype.kind in "iuf" else np.empty(0)
    if rows.dtype.kind not in "iu" or rows.ndim != 1:
        what = (
            f"Electrodes of units not used: an array of {array.dtype} of shape {array.shape}, not of rows of a table."
        )
        context.report(ProblemCode.UNIT_ELECTRODES_UNUSABLE, what)
        return None
    rows = rows.astype(np.int64)
    n_electrodes = 0 if electrodes is None else len(electrodes.ids)
    outside = (rows < 0) | (rows >= n_electrodes)
    if outside.any():
        what = f"Electrodes of units not used: they name row {rows[outside][0]} of a table of {n_electrodes}."
        context.report(ProblemCode.UNIT_ELECTRODES_UNUSABLE, what)
        return None
    if index is not None:
        offsets = offsets_of(index.read(), name="units/electrodes_index", context=context)
        return _each_once(take_rows(rows, offsets, name="Electrodes", context=context), context)
    if len(rows) == context.n_units:
        return Ragged(rows, np.arange(len(rows) + 1, dtype=np.int64))
    what = "Electrodes of units not used: they have no index that assigns them to units."
    context.report(ProblemCode.UNIT_ELECTRODES_UNUSABLE, what)
    return None


def _each_once(rows: Ragged, context: ReadContext) -> Ragged | None:
    """Electrodes of each unit, if no unit has one twice: then nothing states which channel is where."""
    units = np.repeat(np.arange(len(rows)), rows.counts)
    order = np.lexsort((rows.values, units))
    values, units = rows.values[order], units[order]
    twice = np.flatnonzero((values[1:] == values[:-1]) & (units[1:] == units[:-1]))
    if not len(twice):
        return rows
    bad = np.zeros(len(rows), np.bool_)
    bad[units[twice]] = True
    what = "Electrodes of units not used: those of {units} name an electrode twice."
    context.report(ProblemCode.UNIT_ELECTRODES_UNUSABLE, what, bad)
    return None
