"""Where units were recorded: their electrode group, their place on the probe and their brain region."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nwb_unitrefine.records import Units

__all__ = ["main_electrodes", "unit_groups", "unit_positions_um", "unit_regions"]

_REGION_COLUMNS = ("brain_area", "brain_region", "region", "location", "structure", "ecephys_structure_acronym", "area")
"""Columns of the units table that name a brain region, as archives call them."""

_NO_REGION = frozenset({"", "unknown", "none", "nan", "n/a"})


def main_electrodes(units: Units) -> NDArray[np.int64]:
    """Row of the electrodes table of each unit's main channel, shape (n_units,); -1 where it is not known.

    The main channel has the largest mean waveform; without waveforms, it is the one electrode of the unit.
    """
    electrodes, waveforms = units.electrodes, units.waveforms
    rows = np.full(len(units), -1, dtype=np.int64)
    if electrodes is None:
        return rows
    if waveforms is not None and waveforms.mean.size:
        size = np.nan_to_num(np.abs(waveforms.mean).max(axis=1), nan=-1)
        main = waveforms.channels[np.arange(len(units)), size.argmax(axis=1)]
        rows = np.where(size.max(axis=1) > 0, main, -1)
    elif units.unit_electrodes is not None:
        rows = np.array([row[0] if len(row) == 1 else -1 for row in units.unit_electrodes], dtype=np.int64)
    return np.where((rows >= 0) & (rows < len(electrodes.ids)), rows, -1)


def unit_groups(units: Units) -> list[str]:
    """Electrode group (probe or shank) of each unit's main channel; an empty list where there are no electrodes."""
    if units.electrodes is None:
        return []
    return _named(units.electrodes.groups, main_electrodes(units))


def unit_positions_um(units: Units) -> NDArray[np.float64] | None:
    """Position of each unit's main channel, shape (n_units, 3), NaN where it is not known; None without positions."""
    if units.electrodes is None or units.electrodes.positions_um is None:
        return None
    rows = main_electrodes(units)
    return np.where((rows >= 0)[:, None], units.electrodes.positions_um[np.maximum(rows, 0)], np.nan)


def unit_regions(units: Units) -> list[str]:
    """Brain region of each unit, from a column of the units, or else of its main channel; empty where none is named."""
    for name in _REGION_COLUMNS:
        column = units.columns.get(name)
        if column is not None and isinstance(column.values, np.ndarray) and column.values.dtype.kind in "OU":
            return [_known(str(value)) for value in column.values.tolist()]
    locations = None if units.electrodes is None else units.electrodes.locations
    if locations is None:
        return []
    known = [_known(region) for region in _named(locations, main_electrodes(units))]
    return known if any(known) else []


def _known(region: str) -> str:
    """The name of a region; empty for a word that means that none is known."""
    return "" if region.strip().casefold() in _NO_REGION else region


def _named(names: NDArray[np.object_] | NDArray[np.str_], rows: NDArray[np.int64]) -> list[str]:
    """The name at each row; empty where the row is -1."""
    return [str(names[row]) if row >= 0 else "" for row in rows.tolist()]
