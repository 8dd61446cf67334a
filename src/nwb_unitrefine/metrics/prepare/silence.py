"""Whether the time that counts as observed can be: hours in which no unit fires were not recorded.

Without observation intervals, a unit is taken to be observed from the first to the last spike of any unit. A single
stray spike weeks later, two sessions joined with a pause between them, or intervals ten times too long then make every
rate and presence ratio many times too low.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.records import Problem, ProblemCode

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nwb_unitrefine.metrics.prepare.observed_time import ObservedTime

__all__ = ["find_silence"]

_BINS = 1000
_ENOUGH_SPIKES = 20_000
"""So many spikes, taken evenly from all, show where there are none."""

_EXPECTED = 30.0
"""Bins in a row without a spike are no chance where so many spikes would be in them if all were spread evenly."""

_MOST = 0.5
"""Share of the observed time that may be silent."""

_MANY_UNITS = 5
"""Fewer units may all be lost, as when a probe moves; then only a pause amid inferred time is one of the recording."""


def find_silence(
    times_s: NDArray[np.float64],
    observed: ObservedTime,
    *,
    sampling_rate_hz: float,
    n_firing: int,
) -> Problem | None:
    """Report that no unit fires for most of the time that counts as observed; None where units do.

    Parameters
    ----------
    times_s : array of float64, shape (n_spikes,)
        Observed spikes of all units.
    observed : ObservedTime
    sampling_rate_hz : float
    n_firing : int
        Number of units with spikes.
    """
    if not len(times_s) or (n_firing < _MANY_UNITS and not observed.is_inferred):
        return None
    bounds = np.unique(np.stack([observed.starts, observed.stops], axis=1), axis=0)
    bounds = bounds[bounds[:, 1] > bounds[:, 0]]
    if not len(bounds):
        return None
    first, last = bounds[:, 0].min(), bounds[:, 1].max()
    per_bin = (last - first) / _BINS

    def bins_of(samples: NDArray[Any]) -> NDArray[np.int64]:
        return np.asarray(np.clip((samples - first) / per_bin, 0, _BINS - 1), dtype=np.int64)

    changes = np.zeros(_BINS + 1, np.int64)
    np.add.at(changes, bins_of(bounds[:, 0]), 1)
    np.add.at(changes, bins_of(bounds[:, 1] - 1) + 1, -1)
    covered = np.cumsum(changes[:-1]) > 0
    some = times_s[:: max(1, len(times_s) // _ENOUGH_SPIKES)]
    counts = np.bincount(bins_of(some * sampling_rate_hz), minlength=_BINS)
    shortest = int(np.ceil(_EXPECTED * covered.sum() / len(some)))
    silent = _in_long_runs(covered & (counts == 0), shortest)
    share = silent.sum() / covered.sum()
    if share <= _MOST:
        return None
    what = f"No unit fires for {share:.0%} of the time that counts as observed; rates and presence ratios are too low."
    return Problem(ProblemCode.RECORDING_SILENT, what)


def _in_long_runs(flags: NDArray[np.bool_], shortest: int) -> NDArray[np.bool_]:
    """Keep the flags that are in runs of at least `shortest`."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    kept = np.zeros(len(flags), np.bool_)
    for start, stop in edges.reshape(-1, 2).tolist():
        kept[start:stop] = stop - start >= shortest
    return kept
