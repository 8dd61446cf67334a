"""Loops over all spikes, compiled: each goes once through the flat array of times and allocates next to nothing.

A spike's sample is ``rint(time * rate)``, as SpikeInterface counts it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nwb_unitrefine.metrics.kernels.order_statistics import select
from nwb_unitrefine.metrics.machine_code.compiled import compiled, inlined

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nwb_unitrefine.metrics.machine_code.compiled import Flags, Floats, Ints, Ints2

__all__ = ["BEYOND_S", "Scan", "bin_rates", "count_close_pairs", "mark_observed", "scan"]


BEYOND_S = 1e11
"""No spike is so far from the start of a clock: such a value, like NaN and infinity, is no time."""


class Scan(NamedTuple):
    """What is odd about each unit's spike times, as numbers of spikes, and the unit's first and last one."""

    no_times: NDArray[np.int64]
    unsorted: NDArray[np.int64]
    duplicated: NDArray[np.int64]
    negative: NDArray[np.int64]
    first: NDArray[np.float64]
    last: NDArray[np.float64]


def scan(times: NDArray[np.float64], offsets: NDArray[np.int64]) -> Scan:
    """Look once at every spike time.

    Parameters
    ----------
    times : array of float64, shape (n_spikes,)
    offsets : array of int64, shape (n_units + 1,)
    """
    n_units = len(offsets) - 1
    no_times, unsorted, duplicated, negative = np.zeros((4, n_units), dtype=np.int64)
    found = Scan(no_times, unsorted, duplicated, negative, np.full(n_units, np.inf), np.full(n_units, -np.inf))
    _scan(times, offsets, *found)
    return found


@compiled
def _scan(
    times: Floats,
    offsets: Ints,
    no_times: Ints,
    unsorted: Ints,
    duplicated: Ints,
    negative: Ints,
    first: Floats,
    last: Floats,
) -> None:
    for unit in range(len(first)):
        previous = -np.inf
        for i in range(offsets[unit], offsets[unit + 1]):
            time = times[i]
            if not abs(time) < BEYOND_S:
                no_times[unit] += 1
                continue
            if time < previous:
                unsorted[unit] += 1
            elif time == previous:
                duplicated[unit] += 1
            if time < 0:
                negative[unit] += 1
            if time < first[unit]:
                first[unit] = time
            if time > last[unit]:
                last[unit] = time
            previous = time


def mark_observed(
    times: NDArray[np.float64],
    offsets: NDArray[np.int64],
    rate: float,
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
    interval_offsets: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Find the spikes outside the observed time of their unit.

    Returns
    -------
    outside : array of int64, shape (n_units,)
        How many there are.
    keep : array of bool, shape (n_spikes,) or (0,)
        Which spikes are inside; empty where all are, so that the usual case allocates nothing.
    """
    outside = np.zeros(len(offsets) - 1, dtype=np.int64)
    nothing = np.zeros(0, dtype=np.bool_)
    _mark(times, offsets, rate, starts, stops, interval_offsets, outside, nothing)
    if not outside.any():
        return outside, nothing
    keep = np.ones(len(times), dtype=np.bool_)
    outside[:] = 0
    _mark(times, offsets, rate, starts, stops, interval_offsets, outside, keep)
    return outside, keep


@compiled
def _mark(
    times: Floats,
    offsets: Ints,
    rate: float,
    starts: Ints,
    stops: Ints,
    interval_offsets: Ints,
    outside: Ints,
    keep: Flags,
) -> None:
    for unit in range(len(offsets) - 1):
        k, k_end = interval_offsets[unit], interval_offsets[unit + 1]
        for i in range(offsets[unit], offsets[unit + 1]):
            sample = np.rint(times[i] * rate)
            while k < k_end and sample > stops[k]:
                k += 1
            if k == k_end or sample < starts[k]:
                outside[unit] += 1
                if len(keep):
                    keep[i] = False


class ClosePairs(NamedTuple):
    """Counts of spikes that follow another spike of their unit closely."""

    short_intervals: NDArray[np.int64]
    pairs: NDArray[np.int64]
    correlogram: NDArray[np.int64]
    old_correlogram: NDArray[np.int64]


def count_close_pairs(
    times: NDArray[np.float64],
    offsets: NDArray[np.int64],
    rate: float,
    first_samples: NDArray[np.int64],
    *,
    isi_s: float,
    pair_samples: int,
    bins: tuple[int, int],
    old_bins: tuple[int, int],
) -> ClosePairs:
    """Count short intervals, close pairs, and the first bins of two autocorrelograms, in one pass.

    Parameters
    ----------
    times, offsets, rate
        As of `SpikeTrains`.
    first_samples : array of int64, shape (n_units,)
        Sample from which each unit's samples are counted.
    isi_s : float
        An interval shorter than this counts, compared in seconds as SpikeInterface does, rounding included.
    pair_samples : int
        A pair no further apart than this counts.
    bins, old_bins : tuple of int
        Bin size in samples and number of bins, of either definition. A pair in the same sample counts twice: once in
        each direction.
    """
    n_units = len(offsets) - 1
    short, pairs = np.zeros((2, n_units), dtype=np.int64)
    (size, n_bins), (old_size, n_old_bins) = bins, old_bins
    correlogram = np.zeros((n_units, n_bins), dtype=np.int64)
    old_correlogram = np.zeros((n_units, n_old_bins), dtype=np.int64)
    close = ClosePairs(short, pairs, correlogram, old_correlogram)
    reach = max(pair_samples, size * n_bins - 1, old_size * n_old_bins - 1)
    _count(times, offsets, rate, first_samples, isi_s, pair_samples, size, old_size, reach, *close)
    return close


@compiled
def _count(
    times: Floats,
    offsets: Ints,
    rate: float,
    first_samples: Ints,
    isi_s: float,
    pair_samples: int,
    size: int,
    old_size: int,
    reach: int,
    short: Ints,
    pairs: Ints,
    new: Ints2,
    old: Ints2,
) -> None:
    n_bins, n_old_bins = new.shape[1], old.shape[1]
    isi_samples = isi_s * rate
    for unit in range(len(short)):
        origin = first_samples[unit]
        stop = offsets[unit + 1]
        for i in range(offsets[unit], stop):
            here = np.int64(np.rint(times[i] * rate))
            for j in range(i + 1, stop):
                there = np.int64(np.rint(times[j] * rate))
                lag = there - here
                if j == i + 1 and lag < isi_samples + 0.5:
                    exact = (there - origin) / rate - (here - origin) / rate
                    short[unit] += lag < isi_samples - 0.5 or exact < isi_s
                if lag > reach:
                    break
                if lag <= pair_samples:
                    pairs[unit] += 1
                times_counted = 2 if lag == 0 else 1
                if lag < size * n_bins:
                    new[unit, lag // size] += times_counted
                if lag < old_size * n_old_bins:
                    old[unit, lag // old_size] += times_counted


def bin_rates(
    times: NDArray[np.float64],
    offsets: NDArray[np.int64],
    rate: float,
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
    interval_offsets: NDArray[np.int64],
    *,
    presence_samples: int,
    range_samples: int,
    percentiles: tuple[float, float],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Bin each unit's spikes over its observed time, gaps cut out.

    The last bin includes its end, as `numpy.histogram` has it, and what is left after it is not counted.

    Returns
    -------
    present : array of int64, shape (n_units,)
        Number of bins of `presence_samples` with a spike.
    count_range : array of float64, shape (n_units,)
        Difference between the `percentiles` of the counts in bins of `range_samples`, interpolated linearly.
    """
    low, high = percentiles
    n_units = len(offsets) - 1
    present = np.zeros(n_units, dtype=np.int64)
    count_range = np.full(n_units, np.nan)
    counts = np.empty(int(np.diff(offsets).max(initial=0)))
    _bin(
        times,
        offsets,
        rate,
        starts,
        stops,
        interval_offsets,
        presence_samples,
        range_samples,
        low / 100,
        high / 100,
        counts,
        present,
        count_range,
    )
    return present, count_range


@inlined
def _percentile(counts: Floats, n_bins: int, fraction: float) -> float:
    """Of the counts of the bins with spikes, and as many zeros as there are further bins; interpolated linearly."""
    position = fraction * (n_bins - 1)
    below = int(position)
    zeros = n_bins - len(counts)
    low = select(counts, below - zeros) if below >= zeros else 0.0
    above = below + 1 if below + 1 < n_bins else n_bins - 1
    high = select(counts, above - zeros) if above >= zeros else 0.0
    return low + (high - low) * (position - below)


@compiled
def _bin(
    times: Floats,
    offsets: Ints,
    rate: float,
    starts: Ints,
    stops: Ints,
    interval_offsets: Ints,
    presence: int,
    size: int,
    low: float,
    high: float,
    counts: Floats,
    present: Ints,
    span: Floats,
) -> None:
    for unit in range(len(present)):
        k, k_end = interval_offsets[unit], interval_offsets[unit + 1]
        total = 0
        for interval in range(k, k_end):
            total += stops[interval] - starts[interval]
        n_presence = total // presence
        n_bins = int(total // size)
        used = 0
        presence_end = 0
        bin_end = 0
        elapsed = 0
        for i in range(offsets[unit], offsets[unit + 1]):
            sample = np.int64(np.rint(times[i] * rate))
            while k < k_end - 1 and sample > stops[k]:
                elapsed += stops[k] - starts[k]
                k += 1
            at = elapsed + sample - starts[k]
            if at <= n_presence * presence and n_presence > 0:
                inside = at if at < n_presence * presence else n_presence * presence - 1
                if inside >= presence_end:
                    present[unit] += 1
                    presence_end = (inside // presence + 1) * presence
            if at <= n_bins * size and n_bins > 0:
                inside = at if at < n_bins * size else n_bins * size - 1
                if inside >= bin_end:
                    counts[used] = 0
                    used += 1
                    bin_end = (inside // size + 1) * size
                counts[used - 1] += 1
        if n_bins > 0:
            heard = counts[:used]
            span[unit] = _percentile(heard, n_bins, high) - _percentile(heard, n_bins, low)
