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

_NAMED_SINGLY = 5
"""Up to so many units with spikes outside their intervals get a line each."""

_BELIEVED_OUTSIDE = 0.01
"""Fraction of its spikes outside above which a unit's intervals, and not its spikes, are taken to be wrong."""


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
    is_inferred : bool
        Whether some unit's time is from the first to the last spike of any unit: nothing states it.
    problems : tuple of Problem
    """

    starts: NDArray[np.int64]
    stops: NDArray[np.int64]
    offsets: NDArray[np.int64]
    note: str
    is_inferred: bool = False
    problems: tuple[Problem, ...] = ()

    @property
    def total_samples(self) -> NDArray[np.int64]:
        """Number of observed samples of each unit, shape (n_units,)."""
        sums = offsets_of_counts(self.stops - self.starts)
        return np.asarray(sums[self.offsets[1:]] - sums[self.offsets[:-1]], dtype=np.int64)


def observed_time(units: Units, *, sampling_rate_hz: float, extent_s: tuple[float, float] | None) -> ObservedTime:
    """Decide when each unit was observed.

    A unit's ``obs_intervals`` are believed where nearly all of its spikes lie inside; otherwise the recording's
    intervals are taken, and where the source does not state these, the time from the first to the last spike of any
    unit.

    Parameters
    ----------
    units : Units
    sampling_rate_hz : float
    extent_s : tuple of float or None
        First and last spike time of all units; None where there is no spike.
    """
    everywhere, note = _of_all_units(units, extent_s)
    shared = np.rint(everywhere * sampling_rate_hz).astype(np.int64)
    is_inferred = units.recording_intervals_s is None or not _covers(units.recording_intervals_s, extent_s)
    if is_inferred:
        shared[:, 1] += len(shared) > 0 and extent_s is not None  # the last spike's sample is observed too
    problems: list[Problem] = []
    intervals, believed = None, np.zeros(len(units), dtype=np.bool_)
    if units.obs_intervals_s is not None:
        intervals, believed = _in_order(units.obs_intervals_s), _believed(units, problems)
    if intervals is None or not believed.any():
        parts, notes = [shared] * len(units), [note]
    else:
        own = np.rint(intervals.values * sampling_rate_hz).astype(np.int64)
        rows = Ragged(own, intervals.offsets)
        parts = [row if trusted else shared for row, trusted in zip(rows, believed.tolist(), strict=True)]
        notes = [_say(intervals)] + ([] if believed.all() else [f"for the other units {note}"])
    bounds = np.concatenate(parts) if parts else np.empty((0, 2), np.int64)
    return ObservedTime(
        starts=np.ascontiguousarray(bounds[:, 0]),
        stops=np.ascontiguousarray(bounds[:, 1]),
        offsets=offsets_of_counts([len(part) for part in parts]),
        note="; ".join(notes),
        is_inferred=is_inferred and not believed.all(),
        problems=tuple(problems),
    )


def _of_all_units(units: Units, extent_s: tuple[float, float] | None) -> tuple[NDArray[np.float64], str]:
    """Intervals of units without usable intervals of their own, shape (n_intervals, 2), and where they are from."""
    recorded = units.recording_intervals_s
    if recorded is not None and _covers(recorded, extent_s):
        note = f"the recording, {recorded[0, 0]:.6g} to {recorded[-1, 1]:.6g} s"
        if len(recorded) > 1:
            note += f" without its gaps, {(recorded[:, 1] - recorded[:, 0]).sum():.6g} s in all"
        return recorded, note
    if extent_s is not None:
        note = f"from the first to the last spike of any unit, {extent_s[0]:.6g} to {extent_s[1]:.6g} s"
        return np.array([extent_s]), note
    return np.zeros((1, 2)), "none: there are no spikes"


def _covers(recorded: NDArray[np.float64], extent: tuple[float, float] | None) -> bool:
    """Tell a recording on the session's clock from one on its own, whose spikes would lie outside."""
    return extent is None or bool(recorded[0, 0] - 1.0 <= extent[0] and extent[1] <= recorded[-1, 1] + 1.0)


def _in_order(given: Ragged) -> Ragged:
    """Each unit's intervals in order of time."""
    values = np.asarray(given.values, dtype=np.float64).reshape(-1, 2)
    unit_of = np.repeat(np.arange(len(given)), given.counts)
    return Ragged(values[np.lexsort((values[:, 0], unit_of))], given.offsets)


def _believed(units: Units, problems: list[Problem]) -> NDArray[np.bool_]:
    """Which units' intervals are believed; each reason not to is reported with its units."""
    given = units.obs_intervals_s
    assert given is not None
    intervals = _in_order(given)
    values, ids = intervals.values, np.asarray(units.unit_ids)
    unit_of = np.repeat(np.arange(len(units)), intervals.counts)
    n_spikes = units.spike_times_s.counts
    missing = (intervals.counts == 0) & (n_spikes > 0)
    if missing.any():
        what = "Units have spikes and no observation intervals."
        problems.append(Problem(ProblemCode.OBS_INTERVALS_MISSING, what, tuple(ids[missing].tolist())))
    odd = ~(np.abs(values) < _BEYOND_S).all(axis=1) | ~(values[:, 1] >= values[:, 0])
    odd[1:] |= (unit_of[1:] == unit_of[:-1]) & (values[1:, 0] < values[:-1, 1])
    wrong = np.bincount(unit_of[odd], minlength=len(units)) > 0
    if wrong.any():
        what = "Observation intervals are not finite, overlap, or end before they start; they are not used."
        problems.append(Problem(ProblemCode.OBS_INTERVALS_UNUSABLE, what, tuple(ids[wrong].tolist())))
    outside = np.where(wrong | missing, 0, _outside(units, intervals, skip=wrong | missing))
    contradicted = outside > _BELIEVED_OUTSIDE * n_spikes
    problems += _contradictions(ids[contradicted].tolist(), outside[contradicted], n_spikes[contradicted])
    believed: NDArray[np.bool_] = ~(missing | wrong | contradicted)
    return believed


def _contradictions(ids: list[int | str], outside: NDArray[np.int64], n_spikes: NDArray[np.int64]) -> list[Problem]:
    """Report units whose spikes lie outside their intervals: a few one by one with the numbers, many together."""
    code = ProblemCode.OBS_INTERVALS_SPIKES_OUTSIDE
    if len(ids) <= _NAMED_SINGLY:
        what = "{} of {} spikes of unit {} lie outside its observation intervals, which are not used for it."
        counts = zip(outside.tolist(), n_spikes.tolist(), ids, strict=True)
        return [Problem(code, what.format(*numbers), (numbers[2],)) for numbers in counts]
    share = float(outside.sum() / n_spikes.sum())
    what = f"{share:.0%} of the spikes of {len(ids)} units lie outside their observation intervals, which are not used."
    return [Problem(code, what, tuple(ids))]


def _outside(units: Units, intervals: Ragged, *, skip: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Count each unit's spikes outside its intervals; a millisecond of slack allows for rounded bounds."""
    counts = np.zeros(len(units), dtype=np.int64)
    for row, (times, bounds) in enumerate(zip(units.spike_times_s, intervals, strict=True)):
        if (
            not skip[row]
            and len(times)
            and (np.min(times) < bounds[0, 0] or np.max(times) > bounds[-1, 1] or len(bounds) > 1)
        ):
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
