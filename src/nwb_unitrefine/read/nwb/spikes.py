"""Spike times and observation intervals of an NWB file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.read.nwb.columns import CANNOT_BE_OPENED
from nwb_unitrefine.read.nwb.ragged import goes_back, is_vector, offsets_of, take_rows
from nwb_unitrefine.records import ProblemCode, Ragged

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nwb_unitrefine.read.context import ReadContext
    from nwb_unitrefine.storage.tree import Group

__all__ = ["observed_length", "read_obs_intervals", "read_spike_times", "stored_intervals"]

_SOME_SPIKES, _SOON = 20, 1.5
"""So many spikes show how long a session lasts; its observation ends within this multiple of that."""

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
        If spike times are not numbers, or their index does not fit the table; or if there are some and they cannot be
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
        is_empty = len(values) > 0 and not offsets.any()
        if is_empty or goes_back(offsets, len(values)) or _overflowed(index.dtype, left=len(values) - int(offsets[-1])):
            raise context.refusal(
                f"spike_times_index does not fit the {len(values)} spikes: which are of which unit is not known.",
                tip=f"Its numbers ({index.dtype}) overflowed, or it is damaged. Write the file again from the sorting.",
            )
    return take_rows(values, offsets, name="Spike times", context=context, keep_beginnings=True)


def _overflowed(dtype: np.dtype[Any], *, left: int) -> bool:
    """Whether the last number of an index fell short by whole turns of its type, as 300 in eight bits is 44."""
    return dtype.kind in "iu" and left > 0 and left % (1 << 8 * dtype.itemsize) == 0


def stored_intervals(table: Group) -> NDArray[np.float64] | None:
    """Observation intervals of all units as stored, read once; None without any, or where they are not numbers."""
    array = table.array("obs_intervals")
    if array is None or array.dtype.kind not in "fiu":
        return None
    return np.asarray(array.read(), dtype=np.float64)


def observed_length(stored: NDArray[np.float64] | None) -> float | None:
    """From the start of the first observation interval to the end of the last, as stored; None without any."""
    if stored is None or not stored.size:
        return None
    length = float(stored.max() - stored.min())
    return length if np.isfinite(length) and length > 0 else None


def read_obs_intervals(
    table: Group,
    stored: NDArray[np.float64] | None,
    trains: Ragged,
    context: ReadContext,
    *,
    per_second: float = 1.0,
    sampling_rate_hz: float | None = None,
) -> Ragged | None:
    """When each unit was observed, as rows of shape (n_intervals, 2); None where the file does not state it.

    Intervals that are not pairs of start and end are reported and not used.

    Parameters
    ----------
    table : Group
        The units table.
    stored : array of float64 or None
        As of `stored_intervals`.
    trains : Ragged of float64
        Spike times in seconds.
    context : ReadContext
    per_second : float, optional
        What stored spike times were divided by. Intervals far longer than the spikes are in the same unit as these
        were, and are divided too.
    sampling_rate_hz : float, optional
        Of the recording. Intervals as many milliseconds or samples long as the spikes last seconds are not used.
    """
    array, index = table.array("obs_intervals"), table.array("obs_intervals_index")
    if array is None:
        return None
    if stored is not None and stored.ndim == 2 and stored.shape[0] == 2 != stored.shape[1]:
        what = f"obs_intervals has shape {array.shape}, a row of starts and one of stops: they were transposed."
        context.report(ProblemCode.OBS_INTERVALS_TRANSPOSED, what)
        stored = stored.T
    if stored is None or stored.ndim != 2 or stored.shape[1] != 2:
        what = f"obs_intervals not used: shape {array.shape} is not (n_intervals, 2)."
        context.report(ProblemCode.OBS_INTERVALS_UNUSABLE, what)
        return None
    values = stored
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
    if per_second == 1.0 and _are_in_another_unit(values, trains, sampling_rate_hz):
        what = (
            f"obs_intervals not used: they span {values.max() - values.min():.6g} where the spikes of all units span "
            f"{np.ptp(trains.values):.6g} s; they are not in seconds."
        )
        context.report(ProblemCode.OBS_INTERVALS_UNUSABLE, what)
        return None
    if per_second != 1.0 and len(trains.values) and len(values):
        span_s = float(trains.values.max() - trains.values.min())
        if values.max() - values.min() > _FAR_LONGER * max(span_s, 1.0):
            values = values / per_second
            what = "Observation intervals are far longer than the spike times; they are taken to be in the same unit."
            context.report(ProblemCode.OBS_INTERVALS_CONVERTED, what)
    return take_rows(values, offsets, name="Observation intervals", context=context)


def _are_in_another_unit(values: NDArray[np.float64], trains: Ragged, sampling_rate_hz: float | None) -> bool:
    """Whether intervals are milliseconds or samples where spikes are seconds: a session ends soon after its spikes."""
    if not len(values) or len(trains.values) < _SOME_SPIKES:
        return False
    span_s = float(np.ptp(trains.values))
    ratio = float(values.max() - values.min()) / span_s if span_s > 0 else 0.0
    return any(0.995 <= ratio / per_second <= _SOON for per_second in (1000.0, sampling_rate_hz or np.inf))
