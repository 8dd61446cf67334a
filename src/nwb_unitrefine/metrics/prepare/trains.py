"""Spike times made ready for the metrics: those in the observed time, with a sampling rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.errors import FeatureError
from nwb_unitrefine.metrics.prepare.observed_time import ObservedTime, observed_time
from nwb_unitrefine.metrics.prepare.silence import find_silence
from nwb_unitrefine.records import Problem, ProblemCode, offsets_of_counts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nwb_unitrefine.metrics.kernels.trains import Scan
    from nwb_unitrefine.records import Units

__all__ = ["SpikeTrains", "prepare_trains", "sampling_rate"]

_ASSUMED_RATE_HZ = 30000.0

_MOST_REPEATED, _FEW_REPEATED = 0.1, 10
"""Sorters find a spike twice now and then: not a tenth of the spikes of a unit, nor more than a few."""


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
    """Sampling rate that the spike times were counted in, and where it is from; 30 kHz where it is not known."""
    if units.sampling_rate_hz:
        return float(units.sampling_rate_hz), units.sampling_rate_from
    return _ASSUMED_RATE_HZ, "assumed: the source does not state it"


def prepare_trains(units: Units) -> SpikeTrains:
    """Leave out the few spikes outside the observed time, and report what deserves a look.

    Duplicated and negative times are counted as SpikeInterface counts them, and reported.

    Raises
    ------
    FeatureError
        If the trains are not clean, which units that were read are.
    """
    from nwb_unitrefine.metrics.kernels.trains import scan

    rate, rate_note = sampling_rate(units)
    times = np.ascontiguousarray(units.spike_times_s.values, dtype=np.float64)
    offsets = np.ascontiguousarray(units.spike_times_s.offsets, dtype=np.int64)
    found = scan(times, offsets)
    if found.no_times.any() or found.unsorted.any():
        raise FeatureError(
            f"Spike times of {units.source.uri} are not finite, or not in order within each unit.",
            tip="Units that were made by hand are put in order by read_units(units).",
        )
    ids = np.asarray(units.unit_ids)
    problems = _report(found, ids, units.spike_times_s.counts)
    extent = (float(found.first.min()), float(found.last.max())) if len(times) else None
    observed = observed_time(units, sampling_rate_hz=rate, extent_s=extent)
    times, offsets, left_out = _keep_observed(times, offsets, rate, observed)
    if left_out.any():
        what = "Spikes outside the observed time are left out."
        problems.append(Problem(ProblemCode.SPIKE_TIMES_OUTSIDE, what, tuple(ids[left_out].tolist())))
    n_firing = int(np.count_nonzero(np.diff(offsets)))
    if (silence := find_silence(times, observed, sampling_rate_hz=rate, n_firing=n_firing)) is not None:
        problems.append(silence)
    return SpikeTrains(
        times_s=times,
        offsets=offsets,
        sampling_rate_hz=rate,
        rate_note=rate_note,
        observed=observed,
        problems=(*problems, *observed.problems),
    )


def _report(found: Scan, ids: NDArray[np.generic], counts: NDArray[np.int64]) -> list[Problem]:
    """Name the units with spike times that nobody would write on purpose."""
    repeated = found.duplicated > np.maximum(_MOST_REPEATED * counts, _FEW_REPEATED)
    kinds = (
        (
            repeated,
            ProblemCode.SPIKE_TIMES_REPEATED,
            f"More than {_MOST_REPEATED:.0%} of the spike times repeat another: padding, or written twice.",
        ),
        (
            (found.duplicated > 0) & ~repeated,
            ProblemCode.SPIKE_TIMES_DUPLICATED,
            "Spike times occur twice; they are counted twice, as SpikeInterface does.",
        ),
        (found.negative > 0, ProblemCode.SPIKE_TIMES_NEGATIVE, "Spike times are negative."),
    )
    return [Problem(code, what, tuple(ids[those].tolist())) for those, code, what in kinds if those.any()]


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
