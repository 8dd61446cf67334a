"""Pairs of units that may be one neuron: sorted twice (shared spikes) or split (similar waveforms, a common dead time).

They are pointed out and never merged: whether two units are one neuron is for a curator to decide.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.read.unit_places import main_electrodes, unit_positions_um

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nwb_unitrefine.records import Units

__all__ = ["duplicate_pairs", "split_pairs"]

SAME_SPIKE_S = 0.0004
"""Spikes of two units that are nearer than this count as one spike, as in SpikeInterface's comparison of sortings."""

SHARED = 0.8
"""Of the smaller unit's spikes; SpikeInterface's ``remove_redundant_units`` takes the same share."""

NEAR_UM = 60.0
"""Distance of the main channels of one neuron that was sorted twice."""

SAME = 0.8
REFRACTORY_S = 0.0015
LEAST_SPIKES = 20
LEAST_EXPECTED = 20.0
"""Pairs within the refractory period that chance alone would give, for their absence to mean anything."""

DEAD_TIME = 0.15
ALIKE = 0.95


def duplicate_pairs(units: Units) -> list[tuple[int, int, float]]:
    """Find pairs of units that share most of their spikes.

    Parameters
    ----------
    units : Units

    Returns
    -------
    list of (int, int, float)
        Rows of the two units, and the share of the smaller unit's spikes that are within 0.4 ms of one of the other;
        at least 0.8, and five times what two independent units of these rates would share. Artefacts give units all
        over a probe the same spikes: where their places and waveforms are known, those of a pair are within 60 µm, and
        alike (cosine of at least 0.8 over the channels that both have).
    """
    counts = units.spike_times_s.counts
    shared, span_s = _shared_spikes(units), _span_s(units)
    found = []
    for (first, second), number in sorted(shared.items()):
        smaller, larger = sorted((int(counts[first]), int(counts[second])))
        by_chance = 2 * SAME_SPIKE_S * smaller * larger / span_s
        if smaller >= LEAST_SPIKES and number >= max(SHARED * smaller, 5 * by_chance):
            found.append((first, second, min(1.0, number / smaller)))
    places = unit_positions_um(units) if found else None
    return [pair for pair in found if _may_be_one(units, places, pair[0], pair[1])]


def _shared_spikes(units: Units) -> dict[tuple[int, int], int]:
    """Number of pairs of spikes of two units that lie within 0.4 ms, for each two units that have more than a few."""
    times, rows = units.spike_times_s.values, np.repeat(np.arange(len(units)), units.spike_times_s.counts)
    order = np.lexsort((rows, times))
    times, rows = times[order], rows[order]
    is_first = np.ones(len(times), dtype=bool)
    is_first[1:] = (np.diff(times) > 0) | (np.diff(rows) > 0)  # a time that a unit has twice is one spike here
    times, rows = times[is_first], rows[is_first]
    found: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    near, step = np.arange(len(times)), 0
    while near.size:  # spikes whose neighbour so many places on is within the time: the further, the fewer
        step += 1
        near = near[near + step < len(times)]
        near = near[times[near + step] - times[near] <= SAME_SPIKE_S]
        first, second = np.sort([rows[near], rows[near + step]], axis=0)
        found.append(np.unique((first * len(units) + second)[first != second], return_counts=True))
    if not found:
        return {}
    codes, places = np.unique(np.concatenate([codes for codes, _ in found]), return_inverse=True)
    numbers = np.bincount(places, weights=np.concatenate([numbers for _, numbers in found])).astype(np.int64)
    common = numbers >= SHARED * LEAST_SPIKES
    pairs = (divmod(code, len(units)) for code in codes[common].tolist())
    return dict(zip(pairs, numbers[common].tolist(), strict=True))


def _span_s(units: Units) -> float:
    """Time from the first to the last spike of all units."""
    times = units.spike_times_s.values
    return max(float(np.ptp(times)), SAME_SPIKE_S) if times.size else SAME_SPIKE_S


def _may_be_one(units: Units, places: NDArray[np.float64] | None, first: int, second: int) -> bool:
    """Whether places and waveforms of two units, where they are known, are those of one neuron."""
    if places is not None and np.linalg.norm(places[first] - places[second]) > NEAR_UM:  # not where one is NaN
        return False
    return units.waveforms is None or _likeness(units, first, second) >= SAME


def split_pairs(units: Units) -> list[tuple[int, int, float]]:
    """Find pairs of units that may be one neuron that the sorter split.

    Parameters
    ----------
    units : Units

    Returns
    -------
    list of (int, int, float)
        Rows of two units with the same main channel whose mean waveforms are alike (cosine of at least 0.95 over the
        channels that both have), and the number of pairs of their spikes within 1.5 ms over what independent units
        would have: below 0.15, as within one neuron.
    """
    waveforms, counts = units.waveforms, units.spike_times_s.counts
    if waveforms is None:
        return []
    mains = main_electrodes(units)
    found = []
    for main in np.unique(mains[mains >= 0]).tolist():
        for first, second in combinations(np.flatnonzero(mains == main).tolist(), 2):
            if min(counts[first], counts[second]) < LEAST_SPIKES or _likeness(units, first, second) < ALIKE:
                continue
            one, other = units.spike_times_s[first], units.spike_times_s[second]
            start, stop = max(one[0], other[0]), min(one[-1], other[-1])
            one, other = one[(one >= start) & (one <= stop)], other[(other >= start) & (other <= stop)]
            expected = 2 * REFRACTORY_S * len(one) * len(other) / max(stop - start, REFRACTORY_S)
            if expected < LEAST_EXPECTED:
                continue
            pairs = np.searchsorted(other, one + REFRACTORY_S, "right") - np.searchsorted(other, one - REFRACTORY_S)
            ratio = float(pairs.sum() / expected)
            if ratio < DEAD_TIME:
                found.append((first, second, ratio))
    return found


def _likeness(units: Units, first: int, second: int) -> float:
    """Cosine of the angle between two mean waveforms over the channels that both have."""
    assert units.waveforms is not None
    _, mine, theirs = np.intersect1d(
        units.waveforms.channels[first], units.waveforms.channels[second], return_indices=True
    )
    one: NDArray[np.float64] = np.nan_to_num(units.waveforms.mean[first][:, mine]).astype(np.float64)
    other: NDArray[np.float64] = np.nan_to_num(units.waveforms.mean[second][:, theirs]).astype(np.float64)
    size = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float((one * other).sum() / size) if size else 0.0
