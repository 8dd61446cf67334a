"""What the further columns of a units table hold, for `show`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.cli._render import print_table, show_number
from nwb_unitrefine.records import Ragged

if TYPE_CHECKING:
    from collections.abc import Collection

    from nwb_unitrefine.records import Column, Units

__all__ = ["column_words", "columns_document", "print_columns"]

_FEW = 6
"""Distinct values up to which all are listed, with their counts."""

_LONGEST = 60


def columns_document(units: Units, *, ours: Collection[str] = ()) -> list[dict[str, str]]:
    """Describe each column that is not `ours`: what it holds, what its labels are read as, and its description.

    Parameters
    ----------
    units : Units
    ours : collection of str, optional
        Columns that this program wrote.
    """
    from nwb_unitrefine.read import existing_labels

    labels = existing_labels(units)
    return [
        {
            "column": name,
            "holds": _contents(column),
            "labels": ", ".join(f"{value} = {label or 'no class'}" for value, label in labels[name].meaning.items())
            if name in labels
            else "",
            "description": column.description,
        }
        for name, column in units.columns.items()
        if name not in ours
    ]


def print_columns(units: Units, *, ours: Collection[str] = ()) -> None:
    """Print a row for each column that is not `ours`."""
    described = columns_document(units, ours=ours)
    if not described:
        return
    rows = [[one["column"], _short(one["holds"]), one["labels"], _short(one["description"])] for one in described]
    print_table("Columns of the file", ["column", "holds", "labels", "description"], rows)


def column_words(units: Units, *, ours: Collection[str] = ()) -> dict[str, list[str]]:
    """Return each unit's value in the columns that hold labels and are not `ours`, by the column's name."""
    from nwb_unitrefine.read import existing_labels

    return {
        name: [str(value) for value in np.asarray(units.columns[name].values).tolist()]
        for name in existing_labels(units)
        if name not in ours and name in units.columns and not isinstance(units.columns[name].values, Ragged)
    }


def _contents(column: Column) -> str:
    """Sum up a column's values: few distinct ones are counted, of numbers the range and the median are given."""
    values = column.values
    if isinstance(values, Ragged):
        counts = values.counts
        return f"{counts.min()} to {counts.max()} values for each unit" if len(counts) else "no values"
    if values.ndim != 1:
        return f"arrays of {' × '.join(map(str, values.shape[1:]))} for each unit"
    counted = Counter(values.tolist())
    if len(counted) <= _FEW:
        return ", ".join(f"{_word(value)}: {count}" for value, count in counted.most_common())
    if values.dtype.kind in "iuf":
        there = values[np.isfinite(values)]
        missing = len(values) - len(there)
        low, middle, high = map(show_number, np.quantile(there, [0, 0.5, 1])) if len(there) else "–––"
        return f"{low} to {high}, median {middle}" + (f"; {missing} missing" if missing else "")
    return f"{len(counted)} different values"


def _word(value: object) -> str:
    """One value of a column."""
    return "(empty)" if value == "" else show_number(value) if isinstance(value, float) else str(value)


def _short(text: str) -> str:
    """A text for one line of a table."""
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
