"""Spike times made ready for the metrics: sorted, finite, observed, with a sampling rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.metrics.prepare.observed_time import ObservedTime, observed_time
from nwb_unitrefine.records import Problem, ProblemCode, Ragged, offsets_of_counts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nwb_unitrefine.records import Units

__all__ = ["SpikeTrains", "prepare_trains", "sampling_rate"]

_USUAL_RATES_HZ = (30000.0, 25000.0, 20000.0, 24414.0625, 32000.0, 32556.0, 40000.0, 48000.0, 10000.0, 12500.0, 50000.0)
_ASSUMED_RATE_HZ = 30000.0
_YEAR_S = 366 * 86400.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpikeTrains:
    """All spikes of all units, clean.

    Parameters
    ----------
    times_s : array of float64, shape (n_spikes,)
        Unit after unit, each in order of time, all finite and observed.
    offsets : array of int64, shape (n_units + 1,)
        The spikes of unit ``i`` are number ``offsets[i]`` to ``offsets[i + 1] - 1``.
    sampling_rate_hz : float
        What turns times into samples, ``round(time * rate)`` as SpikeInterface counts them.
    rate_note : str
        Where the rate is from.
    observed : ObservedTime
    problems : tuple of Problem
    """

    times_s: NDArray[np.float64]
    offsets: NDArray[np.int64]
    sampling_rate_hz: float
    rate_note: str
    observed: ObservedTime
    problems: tuple[Problem, ...] = ()

    @property
    def counts(self) -> NDArray[np.int64]:
        """Number of spikes of each unit, shape (n_units,)."""
        return np.diff(self.offsets)


def sampling_rate(units: Units) -> tuple[float, str]:
    """Find the sampling rate that the spike times were counted in, and say where it is from.

    The recording's, else the waveforms', else the usual rate on whose grid the spike times lie, else 30 kHz.
    """
    if units.sampling_rate_hz:
        return float(units.sampling_rate_hz), "of the recording"
    if units.waveforms is not None and units.waveforms.sampling_rate_hz:
        return float(units.waveforms.sampling_rate_hz), "of the waveforms"
    times = np.asarray(units.spike_times_s.values[:20_000], dtype=np.float64)
    times = times[np.isfinite(times)]
    if len(times):
        for rate in _USUAL_RATES_HZ:
            ticks = times * rate
            if np.mean(np.abs(ticks - np.rint(ticks)) < 1e-3) > 0.99:
                return rate, "inferred: the spike times lie on its grid"
    return _ASSUMED_RATE_HZ, "assumed: the source does not say"


def prepare_trains(units: Units) -> SpikeTrains:
    """Check the spike times, put right what can be put right, and report what was found.

    Times that are NaN or infinite, and the few outside the observed time, are left out; unsorted times are sorted;
    duplicated and negative ones are counted as SpikeInterface counts them, and reported.
    """
    from nwb_unitrefine.metrics.kernels.trains import scan

    rate, rate_note = sampling_rate(units)
    times = np.ascontiguousarray(units.spike_times_s.values, dtype=np.float64)
    offsets = np.ascontiguousarray(units.spike_times_s.offsets, dtype=np.int64)
    found = scan(times, offsets)
    ids = np.asarray(units.unit_ids)
    problems = _report(found, ids)
    if found.no_times.any() or found.unsorted.any():
        times, offsets = _clean(times, offsets, found.no_times + found.unsorted > 0)
    extent = (float(found.first.min()), float(found.last.max())) if len(times) else None
    if extent is not None:
        problems += _implausible(units, times, extent)
    observed = observed_time(units, sampling_rate_hz=rate, extent_s=extent)
    times, offsets, left_out = _keep_observed(times, offsets, rate, observed)
    if left_out.any():
        what = "Spikes outside the observed time are left out."
        problems.append(Problem(ProblemCode.SPIKE_TIMES_OUTSIDE, what, tuple(ids[left_out].tolist())))
    return SpikeTrains(
        times_s=times,
        offsets=offsets,
        sampling_rate_hz=rate,
        rate_note=rate_note,
        observed=observed,
        problems=(*problems, *observed.problems),
    )


def _report(found: object, ids: NDArray[np.generic]) -> list[Problem]:
    """Say which units have spike times that nobody would write on purpose."""
    says = (
        (
            "no_times",
            ProblemCode.SPIKE_TIMES_IMPOSSIBLE,
            "Spike times that are NaN, infinite or thousands of years away are left out.",
        ),
        ("unsorted", ProblemCode.SPIKE_TIMES_UNSORTED, "Spike times are not in order; they are sorted."),
        (
            "duplicated",
            ProblemCode.SPIKE_TIMES_DUPLICATED,
            "Spike times occur twice; they are counted twice, as SpikeInterface does.",
        ),
        ("negative", ProblemCode.SPIKE_TIMES_NEGATIVE, "Spike times are negative."),
    )
    problems = []
    for name, code, what in says:
        here = getattr(found, name) > 0
        if here.any():
            problems.append(Problem(code, what, tuple(ids[here].tolist())))
    return problems


def _implausible(units: Units, times: NDArray[np.float64], extent: tuple[float, float]) -> list[Problem]:
    """Notice sample numbers, or milliseconds, that were written as seconds."""
    head = times[:20_000]
    if extent[1] > _YEAR_S:
        what = f"Spike times reach {extent[1]:.3g} s, more than a year: are they in seconds?"
        return [Problem(ProblemCode.SPIKE_TIMES_BEYOND_A_YEAR, what)]
    if len(head) > 100 and units.sampling_rate_hz != 1.0 and np.array_equal(head, np.rint(head)):
        what = "All spike times are whole numbers: they may be samples or milliseconds, not seconds."
        return [Problem(ProblemCode.SPIKE_TIMES_DOUBTFUL_UNIT, what)]
    return []


def _clean(
    times: NDArray[np.float64], offsets: NDArray[np.int64], dirty: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Sort, and drop what is no time, in the units that need it."""
    from nwb_unitrefine.metrics.kernels.trains import BEYOND_S

    trains = list(Ragged(times, offsets))
    for row in np.flatnonzero(dirty).tolist():
        trains[row] = np.sort(trains[row][np.abs(trains[row]) < BEYOND_S])
    lengths = np.array([len(train) for train in trains], dtype=np.int64)
    return np.concatenate(trains), offsets_of_counts(lengths)


def _keep_observed(
    times: NDArray[np.float64], offsets: NDArray[np.int64], rate: float, observed: ObservedTime
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]]:
    """Leave out the spikes outside the observed time, without a copy where there are none."""
    from nwb_unitrefine.metrics.kernels.trains import mark_observed

    outside, keep = mark_observed(times, offsets, rate, observed.starts, observed.stops, observed.offsets)
    if not outside.any():
        return times, offsets, outside > 0
    kept = np.diff(offsets) - outside
    return times[keep], offsets_of_counts(kept), outside > 0
