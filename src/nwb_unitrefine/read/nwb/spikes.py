"""Spike times and observation intervals, checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import SourceError
from nwb_unitrefine.read.nwb.columns import CANNOT_BE_OPENED
from nwb_unitrefine.read.nwb.ragged import name_units, offsets_of, take_rows
from nwb_unitrefine.records import Problem, Ragged

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nwb_unitrefine.storage.tree import Group

__all__ = ["check_spike_times", "read_obs_intervals", "read_spike_times"]

_FEW_SPIKES = 20
"""Below this many spikes, whole numbers may be seconds by chance."""

_LONG_S = 10_000.0
"""Whole numbers up to this may be a spike train in whole seconds; sample numbers soon go beyond it."""

_YEAR_S = 365.25 * 86_400


def read_spike_times(table: Group, unit_ids: NDArray[Any], *, uri: str, problems: list[Problem]) -> Ragged:
    """Spike times of every unit.

    Parameters
    ----------
    table : Group
        The units table.
    unit_ids : array, shape (n_units,)
    uri : str
        The file, for errors.
    problems : list of Problem
        Gets what is wrong and could be dealt with: units whose spikes are not there, or with NaN, get none.

    Returns
    -------
    Ragged of float64
        As stored, where nothing is reported; in order within each unit always.

    Raises
    ------
    SourceError
        If spike times are no numbers, are sample numbers, or their index does not fit the table; or if there are some
        and they cannot be opened, since labels made without them would replace better ones.
    """
    array, index = table.array("spike_times"), table.array("spike_times_index")
    for name, found in {"spike_times": array, "spike_times_index": index}.items():
        if found is None and name in table.names():
            raise SourceError(f"{uri}: {name} {CANNOT_BE_OPENED}.")
    n_units = len(unit_ids)
    none = Ragged(np.empty(0), np.zeros(n_units + 1, np.int64))
    if array is None:
        problems.append(Problem("The file has no spike times."))
        return none
    if len(array.shape) != 1 or array.dtype.kind not in "fiu":
        raise SourceError(f"{uri}: spike_times is an array of {array.dtype} of shape {array.shape}, not of times.")
    values = np.asarray(array.read(), dtype=np.float64)
    if n_missing := array.n_missing_chunks():
        raise SourceError(
            f"{uri}: {n_missing} chunks of spike_times are missing; they would count as spikes at 0 s.",
            tip="Copy or download it again.",
        )
    if index is None:
        if n_units > 1:
            problems.append(Problem("Spike times were not read: they have no index that says whose they are."))
            return none
        offsets = np.array([0, len(values)], np.int64)
    else:
        offsets = offsets_of(index.read(), n_rows=n_units, name="units/spike_times_index", uri=uri)
    trains = take_rows(values, offsets, name="Spike times", unit_ids=unit_ids, problems=problems, keep_beginnings=True)
    return check_spike_times(trains, unit_ids, uri=uri, problems=problems)


def check_spike_times(trains: Ragged, unit_ids: NDArray[Any], *, uri: str, problems: list[Problem]) -> Ragged:
    """Return spike trains that can be computed with: finite, in order, in seconds.

    Parameters are those of `read_spike_times`. Trains with times that cannot be (NaN, infinite, a year away from the
    others, as a flipped bit makes them) are emptied, trains out of order are sorted; both are reported.

    Raises
    ------
    SourceError
        If the times are sample numbers.
    """
    values = trains.values
    if len(values) >= _FEW_SPIKES and values.max() > _LONG_S and np.array_equal(values, np.floor(values)):
        raise SourceError(
            f"{uri}: spike times are whole numbers up to {values.max():.0f}: sample numbers, not seconds.",
            tip="Divide them by the sampling rate in the conversion that made the file.",
        )
    usable = _usable(values)
    if not usable.all():
        bad = _units_with(~usable, trains)
        what = "Spike times of {} not used: some are NaN, infinite, or more than a year away from the others."
        problems.append(_of_units(what, unit_ids[bad]))
        keep = ~np.repeat(bad, trains.counts)
        counts = np.where(bad, 0, trains.counts)
        trains = Ragged(values[keep], np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]))
        values = trains.values
    descends = np.zeros(len(values), bool)
    descends[1:] = values[1:] < values[:-1]
    starts = trains.offsets[:-1]
    descends[starts[starts < len(values)]] = False
    if descends.any():
        bad = _units_with(descends, trains)
        problems.append(_of_units("Spike times of {} were out of order and were sorted.", unit_ids[bad]))
        rows = np.repeat(np.arange(len(trains)), trains.counts)
        trains = Ragged(values[np.lexsort((values, rows))], trains.offsets)
    if len(values) and (longest_s := np.abs(values).max()) > _YEAR_S:
        problems.append(Problem(f"Spike times reach {longest_s:.0f} s, more than a year: not a session's clock."))
    return trains


def _usable(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which spike times can be those of one session."""
    usable = np.isfinite(values)
    known = values[usable]
    if len(known) and known.max() - known.min() > _YEAR_S:
        usable[usable] = np.abs(known - np.median(known)) <= _YEAR_S
    return usable


def _units_with(flags: NDArray[np.bool_], trains: Ragged) -> NDArray[np.bool_]:
    """Which units have a spike that is flagged."""
    hits = np.searchsorted(trains.offsets, np.flatnonzero(flags), side="right") - 1
    bad = np.zeros(len(trains), bool)
    bad[hits] = True
    return bad


def _of_units(what: str, unit_ids: NDArray[Any]) -> Problem:
    """A problem of some units, named in the place of the braces."""
    return Problem(what.format(name_units(unit_ids)), tuple(unit_ids.tolist()))


def read_obs_intervals(table: Group, unit_ids: NDArray[Any], *, uri: str, problems: list[Problem]) -> Ragged | None:
    """When each unit was observed, as rows of shape (n_intervals, 2); None where the file does not say.

    Parameters are those of `read_spike_times`. Intervals that are not pairs of start and end are reported and not used.
    """
    array, index = table.array("obs_intervals"), table.array("obs_intervals_index")
    if array is None:
        return None
    if len(array.shape) != 2 or array.shape[1] != 2 or array.dtype.kind not in "fiu":
        problems.append(Problem(f"obs_intervals not used: shape {array.shape} is not (n_intervals, 2)."))
        return None
    values = np.asarray(array.read(), dtype=np.float64)
    if index is not None:
        offsets = offsets_of(index.read(), n_rows=len(unit_ids), name="units/obs_intervals_index", uri=uri)
    elif len(values) == len(unit_ids):
        offsets = np.arange(len(unit_ids) + 1, dtype=np.int64)
    else:
        problems.append(Problem("obs_intervals not used: they have no index that says whose they are."))
        return None
    if not (np.isfinite(values).all() and (values[:, 1] >= values[:, 0]).all()):
        problems.append(Problem("obs_intervals not used: some end before they start, or are NaN."))
        return None
    return take_rows(values, offsets, name="Observation intervals", unit_ids=unit_ids, problems=problems)
