"""Spikes of several units in the same sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.metrics.machine_code.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nwb_unitrefine.metrics.machine_code.compiled import Bytes, Floats, Ints, Ints2

__all__ = ["SYNCHRONY_SIZES", "count_synchrony"]

SYNCHRONY_SIZES = (2, 4, 8)

_BLOCK_SAMPLES = 1 << 18


def count_synchrony(times: NDArray[np.float64], offsets: NDArray[np.int64], rate: float) -> NDArray[np.int64]:
    """Count the samples in which each unit and so many spikes in all fall together.

    All spikes in one sample count, those of the unit itself included, and a unit counts once a sample
    (``spikeinterface.metrics.quality.misc_metrics._get_synchrony_counts``). Instead of sorting all spikes by time, the
    units are walked side by side through blocks of time that fit the processor's cache.

    Parameters
    ----------
    times : array of float64, shape (n_spikes,)
        Unit after unit, each in order of time.
    offsets : array of int64, shape (n_units + 1,)
    rate : float
        Samples per second.

    Returns
    -------
    counts : array of int64, shape (n_units, 3)
        For 2, 4 and 8 spikes or more.
    """
    counts = np.zeros((len(offsets) - 1, len(SYNCHRONY_SIZES)), dtype=np.int64)
    _count(times, offsets, rate, offsets[:-1].copy(), np.zeros(_BLOCK_SAMPLES, dtype=np.uint8), counts)
    return counts


@compiled
def _count(times: Floats, offsets: Ints, rate: float, cursor: Ints, spikes_in: Bytes, found: Ints2) -> None:
    n_units = len(cursor)
    block = len(spikes_in)
    while True:
        start = np.inf
        for unit in range(n_units):
            if cursor[unit] < offsets[unit + 1]:
                first = np.rint(times[cursor[unit]] * rate)
                start = first if first < start else start
        if start == np.inf:
            return
        for unit in range(n_units):
            for i in range(cursor[unit], offsets[unit + 1]):
                at = np.rint(times[i] * rate) - start
                if at >= block:
                    break
                if spikes_in[int(at)] < 8:
                    spikes_in[int(at)] += 1
        for unit in range(n_units):
            previous = -1
            i = cursor[unit]
            while i < offsets[unit + 1]:
                distance = np.rint(times[i] * rate) - start
                if distance >= block:
                    break
                at = int(distance)
                if at != previous:
                    together = spikes_in[at]
                    found[unit, 0] += together >= 2
                    found[unit, 1] += together >= 4
                    found[unit, 2] += together >= 8
                previous = at
                i += 1
            cursor[unit] = i
        spikes_in[:] = 0
