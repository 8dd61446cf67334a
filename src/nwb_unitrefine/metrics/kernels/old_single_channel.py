"""Shape of one waveform a unit, in the definition of SpikeInterface 0.100 to 0.102, compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nwb_unitrefine.metrics.kernels.extrema import highest, largest, local_maxima, peak_width, prominence, slope
from nwb_unitrefine.metrics.machine_code.compiled import compiled, inlined

if TYPE_CHECKING:
    from nwb_unitrefine.metrics.machine_code.compiled import Flags, Floats, Floats2, Ints

__all__ = ["measure_old_shape"]

_HEIGHT = 0.2


@inlined
def _count_peaks(wave: Floats, height: float, width: float, places: Ints) -> int:
    """Peaks of at least that height and width."""
    n_peaks = 0
    for i in range(local_maxima(wave, 0, len(wave), places)):
        peak = places[i]
        if wave[peak] >= height:
            prominent, left, right = prominence(wave, 0, len(wave), peak)
            n_peaks += peak_width(wave, peak, prominent, left, right) >= width
    return n_peaks


@compiled
def measure_old_shape(
    waves: Floats2,
    present: Flags,
    rate: float,
    recovery: float,
    width: float,
    flipped: Floats,
    places: Ints,
    table: Floats2,
) -> None:
    """Write what `old_single_channel_metrics` makes of each unit's waveform into its row, using two for scratch."""
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
        trough = highest(flipped, 0, n_samples)
        peak = highest(wave, trough, n_samples)
        row[0] = (peak - trough) / rate
        if wave[trough] != 0:
            row[1] = wave[peak] / wave[trough]
        half = 0.5 * wave[trough]
        first = 0
        while first < trough and not wave[first] < half:
            first += 1
        last = n_samples - 1
        while last >= trough and not wave[last] < half:
            last -= 1
        if peak != 0 and first < trough and last >= trough:
            row[2] = (last + 1 - (first - 1)) / rate
        back = trough
        while back < n_samples and wave[back] < 0:
            back += 1
        if trough != 0 and back < n_samples and back - trough >= 3:
            row[3] = slope(wave, trough, back, rate)
        if peak != 0:
            recovered = int(peak + recovery)
            row[4] = slope(wave, peak, recovered if recovered < n_samples else n_samples, rate)
        height = _HEIGHT * largest(wave, n_samples, 0.0)
        row[5] = _count_peaks(wave, height, width, places)
        row[6] = _count_peaks(flipped, height, width, places)
