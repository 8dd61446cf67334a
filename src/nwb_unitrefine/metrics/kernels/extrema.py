"""Peaks of one waveform: places, prominences and widths, as `scipy.signal.find_peaks` defines them, compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.metrics.machine_code.compiled import inlined

if TYPE_CHECKING:
    from nwb_unitrefine.metrics.machine_code.compiled import Floats, Ints
__all__ = ["half_height_width", "highest", "largest", "local_maxima", "mean_of", "peak_width", "prominence", "slope"]


@inlined
def mean_of(values: Floats, start: int, stop: int) -> float:
    """Mean of ``values[start:stop]``, NaN where it is empty."""
    total = 0.0
    for i in range(start, stop):
        total += values[i]
    return total / (stop - start)


@inlined
def highest(wave: Floats, start: int, stop: int) -> int:
    """Place of the highest value of ``wave[start:stop]``, the first of equal ones."""
    place = start
    for i in range(start + 1, stop):
        if wave[i] > wave[place]:
            place = i
    return place


@inlined
def largest(wave: Floats, stop: int, centre: float) -> float:
    """Largest distance of ``wave[:stop]`` from a value, either way."""
    found = 0.0
    for i in range(stop):
        distance = abs(wave[i] - centre)
        if distance > found:
            found = distance
    return found


@inlined
def local_maxima(wave: Floats, start: int, stop: int, found: Ints) -> int:
    """Write the places of the local maxima of ``wave[start:stop]`` to `found`, and return how many there are.

    A flat top counts at its middle, rounded down; the first and the last sample are not maxima.
    """
    n_found = 0
    i = start + 1
    last = stop - 1
    while i < last:
        if wave[i - 1] < wave[i]:
            ahead = i + 1
            while ahead < last and wave[ahead] == wave[i]:
                ahead += 1
            if wave[ahead] < wave[i]:
                found[n_found] = (i + ahead - 1) // 2
                n_found += 1
                i = ahead
        i += 1
    return n_found


@inlined
def prominence(wave: Floats, start: int, stop: int, peak: int) -> tuple[float, int, int]:
    """Height of a peak over the higher of the two lowest points between it and a higher one, or the edge.

    Returns the prominence and the places of the two lowest points.
    """
    height = wave[peak]
    left, left_low = peak, height
    i = peak
    while i >= start and wave[i] <= height:
        if wave[i] < left_low:
            left, left_low = i, wave[i]
        i -= 1
    right, right_low = peak, height
    i = peak
    while i < stop and wave[i] <= height:
        if wave[i] < right_low:
            right, right_low = i, wave[i]
        i += 1
    return height - (right_low if right_low > left_low else left_low), left, right


@inlined
def peak_width(wave: Floats, peak: int, prominent: float, left_base: int, right_base: int) -> float:
    """Width of a peak at half its prominence, in samples, interpolated between them."""
    level = wave[peak] - 0.5 * prominent
    i = peak
    while left_base < i and level < wave[i]:
        i -= 1
    left = float(i)
    if wave[i] < level:
        left += (level - wave[i]) / (wave[i + 1] - wave[i])
    i = peak
    while i < right_base and level < wave[i]:
        i += 1
    right = float(i)
    if wave[i] < level:
        right -= (level - wave[i]) / (wave[i - 1] - wave[i])
    return right - left


@inlined
def half_height_width(wave: Floats, peak: int) -> int:
    """Samples from the last crossing of half the peak's height before it to the first one after it; -1 without both.

    A crossing is a sample whose successor is on the other side.
    """
    n_samples = len(wave)
    half = 0.5 * wave[peak]
    before = -1
    for i in range((peak if peak < n_samples - 1 else n_samples - 1) - 1, -1, -1):
        if (wave[i] >= half) != (wave[i + 1] >= half):
            before = i
            break
    after = -1
    for i in range(peak, n_samples - 1):
        if (wave[i] >= half) != (wave[i + 1] >= half):
            after = i
            break
    if before < 0 or after < 0:
        return -1
    return after - before


@inlined
def slope(wave: Floats, start: int, stop: int, rate: float) -> float:
    """Slope of the least-squares line through ``wave[start:stop]``, per second; NaN for fewer than two samples."""
    n = stop - start
    if n < 2:
        return np.nan
    middle = (n - 1) / 2
    mean = mean_of(wave, start, stop)
    product = 0.0
    square = 0.0
    for i in range(n):
        product += (i - middle) * (wave[start + i] - mean)
        square += (i - middle) ** 2
    return product / square * rate
