"""The ids that units had in the sorter's output, for tables: neuroconv and others number the units of a file anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nwb_unitrefine.records import Units

__all__ = ["SORTER_ID", "sorter_ids"]

SORTER_ID = "sorter's id"
"""Heading of their column."""

_COLUMNS = ("original_cluster_id", "unit_name")
"""Columns that hold the sorter's ids, Phy's before those that neuroconv gives every unit."""


def sorter_ids(units: Units) -> list[str] | None:
    """Return the sorter's id of each unit; None where no column states it, or it is the unit's id.

    Parameters
    ----------
    units : Units
    """
    for name in _COLUMNS:
        column = units.columns.get(name)
        if column is not None and isinstance(column.values, np.ndarray) and column.values.ndim == 1:
            found = [f"{one:g}" if isinstance(one, float) else str(one) for one in column.values.tolist()]
            return None if found == [str(unit_id) for unit_id in units.unit_ids.tolist()] else found
    return None
