"""Spike times and observation intervals, checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.read.nwb.columns import CANNOT_BE_OPENED
from nwb_unitrefine.read.nwb.ragged import offsets_of, take_rows
from nwb_unitrefine.records import ProblemCode, Ragged

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nwb_unitrefine.read.context import ReadContext
    from nwb_unitrefine.storage.tree import Group

__all__ = ["check_spike_times", "read_obs_intervals", "read_spike_times"]

_FEW_SPIKES = 20
"""Below this many spikes, whole numbers may be seconds by chance."""

_LONG_S = 10_000.0
"""Whole numbers up to this may be a spike train in whole seconds; sample numbers soon go beyond it."""

_YEAR_S = 365.25 * 86_400


def read_spike_times(table: Group, context: ReadContext) -> Ragged:
    """Spike times of every unit.

    Parameters
    ----------
    table : Group
        The units table.
    context : ReadContext
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
            raise context.refusal(f"{name} {CANNOT_BE_OPENED}.")
    none = Ragged.from_counts(np.empty(0), np.zeros(context.n_units))
    if array is None:
        context.report(ProblemCode.SPIKE_TIMES_ABSENT, "The file has no spike times.")
        return none
    if len(array.shape) != 1 or array.dtype.kind not in "fiu":
        raise context.refusal(f"spike_times is an array of {array.dtype} of shape {array.shape}, not of times.")
    values = np.asarray(array.read(), dtype=np.float64)
    if n_missing := array.n_missing_chunks():
        raise context.refusal(
            f"{n_missing} chunks of spike_times are missing; they would count as spikes at 0 s.",
            tip="Copy or download it again.",
        )
    if index is None:
        if context.n_units > 1:
            what = "Spike times were not read: they have no index that assigns them to units."
            context.report(ProblemCode.SPIKE_TIMES_ABSENT, what)
            return none
        offsets = np.array([0, len(values)], np.int64)
    else:
        offsets = offsets_of(index.read(), name="units/spike_times_index", context=context)
    trains = take_rows(values, offsets, name="Spike times", context=context, keep_beginnings=True)
    return check_spike_times(trains, context)


def check_spike_times(trains: Ragged, context: ReadContext) -> Ragged:
    """Return spike trains that can be computed with: finite, in order, in seconds.

    Trains with times that cannot be (NaN, infinite, a year away from the
    others, as a flipped bit makes them) are emptied, trains out of order are sorted; both are reported.

    Raises
    ------
    SourceError
        If the times are sample numbers.
    """
    values = trains.values
    if len(values) >= _FEW_SPIKES and values.max() > _LONG_S and np.array_equal(values, np.floor(values)):
        raise context.refusal(
            f"spike times are whole numbers up to {values.max():.0f}: sample numbers, not seconds.",
            tip="Divide them by the sampling rate in the conversion that made the file.",
        )
    usable = _usable(values)
    if not usable.all():
        bad = _units_with(~usable, trains)
        what = "Spike times of {units} not used: some are NaN, infinite, or more than a year away from the others."
        context.report(ProblemCode.SPIKE_TIMES_IMPOSSIBLE, what, bad)
        keep = ~np.repeat(bad, trains.counts)
        counts = np.where(bad, 0, trains.counts)
        trains = Ragged.from_counts(values[keep], counts)
        values = trains.values
    descends = np.zeros(len(values), bool)
    descends[1:] = values[1:] < values[:-1]
    starts = trains.offsets[:-1]
    descends[starts[starts < len(values)]] = False
    if descends.any():
        bad = _units_with(descends, trains)
        context.report(
            ProblemCode.SPIKE_TIMES_UNSORTED, "Spike times of {units} were out of order and were sorted.", bad
        )
        trains = Ragged.from_rows(values, np.repeat(np.arange(len(trains)), trains.counts), len(trains))
    if len(values) and (longest_s := np.abs(values).max()) > _YEAR_S:
        what = f"Spike times reach {longest_s:.0f} s, more than a year: not a session's clock."
        context.report(ProblemCode.SPIKE_TIMES_BEYOND_A_YEAR, what)
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


def read_obs_intervals(table: Group, context: ReadContext) -> Ragged | None:
    """When each unit was observed, as rows of shape (n_intervals, 2); None where the file does not say.

    Intervals that are not pairs of start and end are reported and not used.
    """
    array, index = table.array("obs_intervals"), table.array("obs_intervals_index")
    if array is None:
        return None
    if len(array.shape) != 2 or array.shape[1] != 2 or array.dtype.kind not in "fiu":
        what = f"obs_intervals not used: shape {array.shape} is not (n_intervals, 2)."
        context.report(ProblemCode.OBS_INTERVALS_UNUSABLE, what)
        return None
    values = np.asarray(array.read(), dtype=np.float64)
    if index is not None:
        offsets = offsets_of(index.read(), name="units/obs_intervals_index", context=context)
    elif len(values) == context.n_units:
        offsets = np.arange(context.n_units + 1, dtype=np.int64)
    else:
        what = "obs_intervals not used: they have no index that assigns them to units."
        context.report(ProblemCode.OBS_INTERVALS_UNUSABLE, what)
        return None
    if not (np.isfinite(values).all() and (values[:, 1] >= values[:, 0]).all()):
        what = "obs_intervals not used: some end before they start, or are NaN."
        context.report(ProblemCode.OBS_INTERVALS_UNUSABLE, what)
        return None
    return take_rows(values, offsets, name="Observation intervals", context=context)
