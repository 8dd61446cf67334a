"""For how long, and when, each unit was observed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.records import Problem, ProblemCode, Ragged, offsets_of_counts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nwb_unitrefine.records import Units

__all__ = ["ObservedTime", "observed_time"]

_BEYOND_S = 1e11

_BELIEVED_OUTSIDE = 0.01
"""Fraction of spikes outside the intervals above which the intervals, and not the spikes, are taken to be wrong."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ObservedTime:
    """Intervals of samples in which each unit was observed.

    Parameters
    ----------
    starts, stops : array of int64, shape (n_intervals,)
        First sample of each interval, and the one after the last.
    offsets : array of int64, shape (n_units + 1,)
        The intervals of unit ``i`` are number ``offsets[i]`` to ``offsets[i + 1] - 1``, in the order of time.
    note : str
        How it was decided.
    problems : tuple of Problem
    """

    starts: NDArray[np.int64]
    stops: NDArray[np.int64]
    offsets: NDArray[np.int64]
    note: str
    problems: tuple[Problem, ...] = ()

    @property
    def total_samples(self) -> NDArray[np.int64]:
        """Number of observed samples of each unit, shape (n_units,)."""
        sums = offsets_of_counts(self.stops - self.starts)
        return np.asarray(sums[self.offsets[1:]] - sums[self.offsets[:-1]], dtype=np.int64)


def observed_time(units: Units, *, sampling_rate_hz: float, extent_s: tuple[float, float] | None) -> ObservedTime:
    """Decide when each unit was observed.

    The file's ``obs_intervals`` are believed where nearly all spikes lie inside; otherwise the recording's interval is
    taken, and where the source does not say, the time from the first to the last spike of any unit.

    Parameters
    ----------
    units : Units
    sampling_rate_hz : float
    extent_s : tuple of float or None
        First and last spike time of all units; None where there is no spike.
    """
    problems: list[Problem] = []
    if units.obs_intervals_s is not None:
        intervals, trouble = _sane_intervals(units)
        if trouble is None:
            return ObservedTime(
                starts=np.rint(intervals.values[:, 0] * sampling_rate_hz).astype(np.int64),
                stops=np.rint(intervals.values[:, 1] * sampling_rate_hz).astype(np.int64),
                offsets=intervals.offsets,
                note=_say(intervals),
            )
        problems.append(trouble)
    if units.recording_interval_s is not None and _covers(units.recording_interval_s, extent_s):
        start, stop = units.recording_interval_s
        note = f"the recording, {start:.6g} to {stop:.6g} s"
        samples = (round(start * sampling_rate_hz), round(stop * sampling_rate_hz))
    elif extent_s is not None:
        note = f"from the first to the last spike of any unit, {extent_s[0]:.6g} to {extent_s[1]:.6g} s"
        samples = (round(extent_s[0] * sampling_rate_hz), round(extent_s[1] * sampling_rate_hz) + 1)
    else:
        note, samples = "none: there are no spikes", (0, 0)
    n_units = len(units)
    return ObservedTime(
        starts=np.full(n_units, samples[0], dtype=np.int64),
        stops=np.full(n_units, samples[1], dtype=np.int64),
        offsets=np.arange(n_units + 1, dtype=np.int64),
        note=note,
        problems=tuple(problems),
    )


def _covers(interval: tuple[float, float], extent: tuple[float, float] | None) -> bool:
    """Tell a recording on the session's clock from one on its own, whose spikes would lie outside."""
    return extent is None or (interval[0] - 1.0 <= extent[0] and extent[1] <= interval[1] + 1.0)


def _sane_intervals(units: Units) -> tuple[Ragged, Problem | None]:
    """Put the file's intervals in order of time, or say why they cannot be believed."""
    given = units.obs_intervals_s
    assert given is not None
    values = np.asarray(given.values, dtype=np.float64).reshape(-1, 2)
    ids = np.asarray(units.unit_ids)
    has_spikes = units.spike_times_s.counts > 0
    empty = (given.counts == 0) & has_spikes
    if empty.any():
        what = "Observation intervals are missing and not used."
        return given, Problem(ProblemCode.OBS_INTERVALS_MISSING, what, tuple(ids[empty].tolist()))
    if not (np.abs(values) < _BEYOND_S).all() or (values[:, 1] < values[:, 0]).any():
        what = "Observation intervals are not finite or end before they start; they are not used."
        return given, Problem(ProblemCode.OBS_INTERVALS_UNUSABLE, what)
    unit_of = np.repeat(np.arange(len(units)), given.counts)
    values = values[np.lexsort((values[:, 0], unit_of))]
    same_unit = unit_of[1:] == unit_of[:-1]
    if (same_unit & (values[1:, 0] < values[:-1, 1])).any():
        what = "Observation intervals of a unit overlap; they are not used."
        return given, Problem(ProblemCode.OBS_INTERVALS_UNUSABLE, what)
    sane = Ragged(values, given.offsets)
    outside = _outside(units, sane)
    n_spikes = units.spike_times_s.counts
    wrong = outside > _BELIEVED_OUTSIDE * n_spikes
    if wrong.any():
        return given, Problem(
            ProblemCode.OBS_INTERVALS_SPIKES_OUTSIDE,
            "More than 1 % of the spikes lie outside the observation intervals, which are not used.",
            tuple(ids[wrong].tolist()),
        )
    return sane, None


def _outside(units: Units, intervals: Ragged) -> NDArray[np.int64]:
    """Count each unit's spikes outside its intervals; a millisecond of slack allows for rounded bounds."""
    counts = np.zeros(len(units), dtype=np.int64)
    for row, (times, bounds) in enumerate(zip(units.spike_times_s, intervals, strict=True)):
        if len(times) and (np.min(times) < bounds[0, 0] or np.max(times) > bounds[-1, 1] or len(bounds) > 1):
            within = np.searchsorted(bounds[:, 0], times + 1e-3, side="right") - 1
            stop = bounds[np.maximum(within, 0), 1]
            counts[row] = np.count_nonzero(~((within >= 0) & (times <= stop + 1e-3)) & np.isfinite(times))
    return counts


def _say(intervals: Ragged) -> str:
    """One phrase for the whole table."""
    rows = {row.tobytes() for row in intervals}
    if len(rows) == 1 and len(intervals[0]) == 1:
        (start, stop) = intervals[0][0]
        return f"obs_intervals of the file, {start:.6g} to {stop:.6g} s"
    return "obs_intervals of the file, unit by unit"
