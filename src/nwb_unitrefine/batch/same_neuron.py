"""Pairs of units that may be one neuron: sorted twice (shared spikes) or split (alike waveforms, a common dead time).

They are pointed out and never merged: whether two units are one neuron is for a curator to decide.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.report.unit_places import main_electrodes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nwb_unitrefine.records import Units

__all__ = ["duplicate_pairs", "split_pairs"]

SAME_SPIKE_S = 0.0004
"""Spikes of two units that are nearer than this count as one spike, as in SpikeInterface's comparison of sortings."""

SHARED = 0.5
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
        at least half, and five times what two independent units of these rates would share.
    """
    counts = units.spike_times_s.counts
    times = units.spike_times_s.values
    if len(units) < 2 or not times.size:
        return []
    order = np.argsort(times, kind="stable")
    sorted_times, rows = times[order], np.repeat(np.arange(len(units)), counts)[order]
    span = max(float(sorted_times[-1] - sorted_times[0]), SAME_SPIKE_S)
    shared: dict[int, int] = {}
    for step in range(1, len(sorted_times)):
        near = np.flatnonzero(sorted_times[step:] - sorted_times[:-step] <= SAME_SPIKE_S)
        if not near.size:
            break
        first, second = np.sort([rows[near], rows[near + step]], axis=0)
        codes, numbers = np.unique((first * len(units) + second)[first != second], return_counts=True)
        for code, number in zip(codes.tolist(), numbers.tolist(), strict=True):
            shared[code] = shared.get(code, 0) + number
    found = []
    for code, number in sorted(shared.items()):
        first, second = divmod(code, len(units))
        smaller, larger = sorted((int(counts[first]), int(counts[second])))
        by_chance = 2 * SAME_SPIKE_S * smaller * larger / span
        if smaller >= LEAST_SPIKES and number >= max(SHARED * smaller, 5 * by_chance):
            found.append((first, second, min(1.0, number / smaller)))
    return found


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
