"""Every other column of the units table, as it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.errors import SourceError
from nwb_unitrefine.read.nwb.ragged import offsets_of, take_rows
from nwb_unitrefine.records import Column, ProblemCode
from nwb_unitrefine.storage.tree import attribute_text, attribute_texts

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from collections.abc import Set as AbstractSet

    from nwb_unitrefine.read.context import ReadContext
    from nwb_unitrefine.storage.tree import Array, Group

__all__ = ["CANNOT_BE_OPENED", "column_arrays", "further_columns", "read_columns"]

OWN_PLACE = frozenset({"id", "spike_times", "obs_intervals", "electrodes", "waveform_mean"})
"""Columns that have a field of their own in `Units`."""

_INDEX = "VectorIndex"

_SMALL_BYTES = 1 << 20
_SMALL_BYTES_PER_UNIT = 1 << 10


CANNOT_BE_OPENED = "cannot be opened: it is damaged, or in another file that is not here"
"""Of an array whose name is there, as errors and problems say it."""


def further_columns(
    table: Group, context: ReadContext, *, columns: Collection[str] = ()
) -> tuple[list[str], list[str]]:
    """Names of the further columns that are read, and of those that are not.

    Single spikes' waveforms, amplitudes or features are larger than all the rest together. A column beyond 1 MiB and 1
    KiB a unit, or with rows of rows, is read only when it is asked for.

    Parameters
    ----------
    table : Group
        The units table.
    context : ReadContext
        Gets what is named and cannot be opened.
    columns : collection of str, optional
        Columns to read whatever their size.
    """
    names = table.names()
    present = set(names)
    order = [name for name in _colnames(table) if name in present]
    order += [name for name in names if name not in set(order)]
    read: list[str] = []
    unread: list[str] = []
    for name in order:
        array = table.array(name)
        if array is None and table.group(name) is None:
            context.report(ProblemCode.COLUMN_UNREADABLE, f"Column {name!r} {CANNOT_BE_OPENED}.")
        if name in OWN_PLACE or array is None or _belongs_to_another(array, present):
            continue
        is_small = array.size_bytes <= max(_SMALL_BYTES, _SMALL_BYTES_PER_UNIT * context.n_units)
        is_nested = f"{name}_index_index" in present
        (read if (is_small or name in columns) and not is_nested else unread).append(name)
    return read, unread


def _belongs_to_another(array: Array, present: AbstractSet[str]) -> bool:
    """Whether an array is a part of another column: its index, or the texts of its codes."""
    if array.name.removesuffix("_index") in present - {array.name}:
        return attribute_text(array.attributes, "neurodata_type", _INDEX) == _INDEX
    return array.name.removesuffix("_elements") in present - {array.name}


def _index_of(table: Group, name: str) -> Array | None:
    """The index of a column; another column that happens to be called so is none."""
    array = table.array(f"{name}_index")
    return array if array is not None and attribute_text(array.attributes, "neurodata_type", _INDEX) == _INDEX else None


def _colnames(table: Group) -> Sequence[str]:
    """Columns in the order that the table gives."""
    return attribute_texts(table.attributes, "colnames")


def column_arrays(table: Group, names: Collection[str]) -> list[Array]:
    """Arrays that the columns `names` are made of, indexes among them."""
    parts = (name + end for name in names for end in ("", "_index", "_elements"))
    return [array for part in parts if (array := table.array(part)) is not None]


def read_columns(table: Group, names: Sequence[str], context: ReadContext) -> dict[str, Column]:
    """Columns by their name.

    Parameters
    ----------
    table : Group
        The units table.
    names : sequence of str
    context : ReadContext
        Gets each column that could not be read, and why.
    """
    columns: dict[str, Column] = {}
    for name in names:
        try:
            column = _read_column(table, name, context)
        except SourceError as error:
            context.report(ProblemCode.COLUMN_UNREADABLE, f"Column {name!r} not read: {error.message}")
        except (OSError, RuntimeError, KeyError, TypeError, ValueError) as error:
            reason = " ".join(str(error).split())
            context.report(ProblemCode.COLUMN_UNREADABLE, f"Column {name!r} not read: {reason}.")
        else:
            columns[name] = column
    return columns


def _read_column(table: Group, name: str, context: ReadContext) -> Column:
    """One column, with its index and the texts of its codes where it has them."""
    array, index, elements = table.array(name), _index_of(table, name), table.array(f"{name}_elements")
    assert array is not None
    values = array.read()
    if elements is not None and values.dtype.kind in "iu":
        values = np.asarray(elements.read(), dtype=object)[values]
    description = attribute_text(array.attributes, "description")
    if index is not None:
        offsets = offsets_of(index.read(), name=f"units/{name}_index", context=context)
        rows = take_rows(values, offsets, name=f"Column {name!r}", context=context)
        return Column(name, description, rows)
    if values.shape[:1] != (context.n_units,):
        raise SourceError(f"shape {values.shape} does not fit {context.n_units} units.")
    return Column(name, description, values)
