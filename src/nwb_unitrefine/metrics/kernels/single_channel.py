"""Shape of one waveform a unit, in the definition of SpikeInterface 0.105, compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.metrics.kernels.extrema import (
    half_height_width,
    highest,
    largest,
    local_maxima,
    mean_of,
    peak_width,
    prominence,
    slope,
)
from nwb_unitrefine.metrics.machine_code.compiled import compiled, inlined

if TYPE_CHECKING:
    from nwb_unitrefine.metrics.machine_code.compiled import Flags, Floats, Floats2, Ints

__all__ = ["measure_shape"]

_PROMINENCE = 0.3
_NEAREST_SAMPLES = 3
_NEAREST_OF_WIDTH = 0.2


@inlined
def _pick(wave: Floats, start: int, stop: int, threshold: float, places: Ints) -> tuple[int, float, int]:
    """Main peak of ``wave[start:stop]``, its width, and the number of peaks at the threshold; -1 in an empty window."""
    if not (stop > start > 0):
        return -1, np.nan, 0
    n_places = local_maxima(wave, start, stop, places)
    n_prominent = 0
    best, best_prominence, best_width = -1, -1.0, np.nan
    half_best, half_prominence, half_width = -1, -1.0, np.nan
    for i in range(n_places):
        peak = places[i]
        prominent, left, right = prominence(wave, start, stop, peak)
        if prominent >= threshold:
            n_prominent += 1
            if prominent > best_prominence:
                best, best_prominence = peak, prominent
                best_width = peak_width(wave, peak, prominent, left, right)
        elif prominent >= 0.5 * threshold and prominent > half_prominence:
            half_best, half_prominence = peak, prominent
            half_width = peak_width(wave, peak, prominent, left, right)
    if best >= 0:
        return best, best_width, n_prominent
    if half_best >= 0:
        return half_best, half_width, 0
    return highest(wave, start, stop), np.nan, 0


@inlined
def _ratio(over: float, under: float) -> float:
    return over / under if under != 0 else np.nan


@compiled
def measure_shape(
    waves: Floats2,
    present: Flags,
    rate: float,
    edge: int,
    recovery: float,
    baseline: int,
    flipped: Floats,
    places: Ints,
    table: Floats2,
) -> None:
    """Write what `single_channel_metrics` makes of each unit's waveform into its row, using two for scratch."""
    n_units, n_samples = waves.shape
    if n_samples == 0:
        return
    for unit in range(n_units):
        if not present[unit]:
            continue
        wave = waves[unit]
        for i in range(n_samples):
            flipped[i] = -wave[i]
        row = table[unit]
        threshold = _PROMINENCE * largest(wave, n_samples, 0.0)
        trough, trough_width, n_troughs = _pick(flipped, edge, n_samples - edge, threshold, places)
        if trough < 0:
            continue
        trough_half = half_height_width(flipped, trough)
        nearest = _NEAREST_SAMPLES
        if int(_NEAREST_OF_WIDTH * trough_half) > nearest:
            nearest = int(_NEAREST_OF_WIDTH * trough_half)
        before, before_width, n_before = _pick(wave, edge, trough - nearest, threshold, places)
        after, after_width, n_after = _pick(wave, trough + nearest, n_samples - edge, threshold, places)

        # Where there is no room before the trough, SpikeInterface's index -1 reads the last sample; so does this.
        trough_size, before_size = abs(wave[trough]), abs(wave[before])
        row[1] = trough_half / rate if trough_half >= 0 else np.nan
        back = trough
        while back < n_samples and wave[back] < 0:
            back += 1
        if back < n_samples and back - trough >= 3:
            row[3] = slope(wave, trough, back, rate)
        row[5], row[6] = n_before + n_after, n_troughs
        row[8] = _ratio(before_size, trough_size)
        row[12], row[13] = trough_width / rate, before_width / rate
        n_quiet = baseline if baseline < n_samples else n_samples
        quiet = mean_of(wave, 0, n_quiet)
        deviation = largest(wave, n_samples, quiet)
        if n_quiet > 0 and deviation > 0:
            row[15] = largest(wave, n_quiet, quiet) / deviation
        if after < 0:
            continue

        after_size = abs(wave[after])
        row[0] = (after - trough) / rate
        higher = after if wave[after] >= wave[before] else before
        peak_half = half_height_width(wave, higher) if higher >= 0 else -1
        row[2] = peak_half / rate if peak_half >= 0 else np.nan
        recovered = int(after + recovery)
        row[4] = slope(wave, after, recovered if recovered < n_samples else n_samples, rate)
        if trough_size >= before_size and trough_size >= after_size:
            row[7] = (after - trough) / rate
        elif before_size >= after_size:
            row[7] = abs(trough - before) / rate
        else:
            row[7] = (after - trough) / rate
        row[9] = _ratio(after_size, trough_size)
        row[10] = _ratio(before_size, after_size)
        row[11] = _ratio(after_size if after_size > before_size else before_size, trough_size)
        row[14] = after_width / rate
