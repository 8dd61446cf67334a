"""Spike times and observation intervals of an NWB file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.read.nwb.columns import CANNOT_BE_OPENED
from nwb_unitrefine.read.nwb.ragged import is_vector, offsets_of, take_rows
from nwb_unitrefine.records import ProblemCode, Ragged

if TYPE_CHECKING:
    from nwb_unitrefine.read.context import ReadContext
    from nwb_unitrefine.storage.tree import Group

__all__ = ["read_obs_intervals", "read_spike_times"]

_FAR_LONGER = 20.0
"""Intervals this many times longer than the spikes span are in the unit that the spikes were stored in."""


def read_spike_times(table: Group, context: ReadContext) -> Ragged:
    """Spike times of every unit, as stored.

    Parameters
    ----------
    table : Group
        The units table.
    context : ReadContext
        Gets what is wrong and could be dealt with: units whose spikes are not there get none.

    Raises
    ------
    SourceError
        If spike times are no numbers, or their index does not fit the table; or if there are some and they cannot be
        opened, since labels made without them would replace better ones.
    """
    array, index = table.array("spike_times"), table.array("spike_times_index")
    for name, found in {"spike_times": array, "spike_times_index": index}.items():
        if found is None and name in table.names():
            raise context.refusal(f"{name} {CANNOT_BE_OPENED}.")
    none = Ragged.from_counts(np.empty(0), np.zeros(context.n_units))
    if array is None:
        context.report(ProblemCode.SPIKE_TIMES_ABSENT, "The file has no spike times.")
        return none
    if not is_vector(array.shape) or array.dtype.kind not in "fiu":
        raise context.refusal(f"spike_times is an array of {array.dtype} of shape {array.shape}, not of times.")
    values = np.asarray(array.read(), dtype=np.float64).reshape(-1)
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
    return take_rows(values, offsets, name="Spike times", context=context, keep_beginnings=True)


def read_obs_intervals(table: Group, trains: Ragged, context: ReadContext, *, per_second: float = 1.0) -> Ragged | None:
    """When each unit was observed, as rows of shape (n_intervals, 2); None where the file does not say.

    Intervals that are not pairs of start and end are reported and not used.

    Parameters
    ----------
    table : Group
        The units table.
    trains : Ragged of float64
        Spike times in seconds.
    context : ReadContext
    per_second : float, optional
        What stored spike times were divided by. Intervals far longer than the spikes are in the same unit as these
        were, and are divided too.
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
    if per_second != 1.0 and len(trains.values) and len(values):
        span_s = float(trains.values.max() - trains.values.min())
        if values.max() - values.min() > _FAR_LONGER * max(span_s, 1.0):
            values = values / per_second
            what = "Observation intervals are far longer than the spike times; they are taken to be in the same unit."
            context.report(ProblemCode.OBS_INTERVALS_CONVERTED, what)
    return take_rows(values, offsets, name="Observation intervals", context=context)
