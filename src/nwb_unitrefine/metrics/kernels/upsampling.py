"""Mean waveforms upsampled ten times, as `scipy.signal.resample_poly` does it, without keeping what is not needed.

SpikeInterface upsamples every channel and then looks at its lowest and highest sample. Here each channel is filtered
in the processor's cache and only these are kept, in ``resample_poly``'s order of additions, so that ties fall as there.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nwb_unitrefine.metrics.kernels.threads import by_units
from nwb_unitrefine.metrics.machine_code.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nwb_unitrefine.metrics.machine_code.compiled import Floats, Floats2, Floats3, Ints

__all__ = ["UPSAMPLING", "ChannelExtremes", "channel_extremes", "upsample"]

UPSAMPLING = 10

_TOGETHER = 1 << 19
"""Samples that are taken as 64-bit numbers at once: 4 MB."""


class ChannelExtremes(NamedTuple):
    """Of each present channel of each unit, one after another."""

    lowest: NDArray[np.float64]
    lowest_at: NDArray[np.int64]
    highest: NDArray[np.float64]
    raw_lowest: NDArray[np.float64]
    raw_highest: NDArray[np.float64]


@cache
def _taps() -> NDArray[np.float64]:
    """Weights of the 21 samples around output sample ``10 q + p``, shape (10, 21).

    ``resample_poly``'s filter: a sinc that cuts off at the old Nyquist frequency, under a Kaiser window of β = 5. It is
    written out here because importing ``scipy.signal`` takes longer than all the rest.
    """
    reach = UPSAMPLING * UPSAMPLING
    cutoff = 1 / UPSAMPLING
    response = cutoff * np.sinc(cutoff * np.arange(-reach, reach + 1)) * np.kaiser(2 * reach + 1, 5.0)
    response /= np.sum(response)
    response *= UPSAMPLING
    taps = np.zeros((UPSAMPLING, 2 * UPSAMPLING + 1))
    for phase in range(UPSAMPLING):
        for tap in range(2 * UPSAMPLING + 1):
            place = phase + UPSAMPLING * (2 * UPSAMPLING - tap)
            if place < len(response):
                taps[phase, tap] = response[place]
    return taps


def upsample(waveforms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Upsample waveforms of shape (n_units, n_samples) to (n_units, 10 n_samples)."""
    upsampled = np.zeros((len(waveforms), UPSAMPLING * waveforms.shape[1]))
    _upsample(waveforms, _taps(), upsampled)
    return upsampled


@compiled
def _upsample(waveforms: Floats2, taps: Floats2, upsampled: Floats2) -> None:
    n_units, n_samples = waveforms.shape
    n_phases, n_taps = taps.shape
    reach = n_taps // 2
    for unit in range(n_units):
        for q in range(n_samples):
            for phase in range(n_phases):
                value = 0.0
                first = q - reach if q > reach else 0
                for k in range(first, q + reach + 1 if q + reach + 1 < n_samples else n_samples):
                    value += taps[phase, k - q + reach] * waveforms[unit, k]
                upsampled[unit, q * n_phases + phase] = value


def channel_extremes(
    mean: NDArray[np.floating], channels: NDArray[np.int64], offsets: NDArray[np.int64], *, upsampled: bool = True
) -> ChannelExtremes:
    """Find the lowest and the highest upsampled sample of every channel.

    Parameters
    ----------
    mean : array, shape (n_units, n_samples, n_channels)
    channels : array of int64, shape (n_present,)
        Channels of each unit that are there, unit after unit.
    offsets : array of int64, shape (n_units + 1,)
        The channels of unit ``i`` are number ``offsets[i]`` to ``offsets[i + 1] - 1``.
    upsampled : bool
        False leaves out the filter, and with it all but the raw samples' extremes.
    """
    lowest, lowest_at, highest, raw_lowest, raw_highest = found = ChannelExtremes(
        np.full(len(channels), np.inf),
        np.zeros(len(channels), dtype=np.int64),
        np.full(len(channels), -np.inf),
        np.full(len(channels), np.inf),
        np.full(len(channels), -np.inf),
    )
    taps = _taps() if upsampled else np.zeros((0, 2 * UPSAMPLING + 1))
    n_together = max(_TOGETHER // (mean[0].size or 1), 1) if len(mean) else 1

    def of_units(units: slice, _: slice) -> None:
        widest = int(np.diff(offsets[units.start : units.stop + 1]).max(initial=0))
        padded, value = np.zeros((mean.shape[1] + 2 * UPSAMPLING, widest)), np.empty((2, widest))
        for start in range(units.start, units.stop, n_together):
            stop = min(start + n_together, units.stop)
            part = slice(offsets[start], offsets[stop])
            _extremes(
                np.ascontiguousarray(mean[start:stop], dtype=np.float64),
                channels[part],
                offsets[start : stop + 1] - offsets[start],
                taps,
                padded,
                value,
                lowest[part],
                lowest_at[part],
                highest[part],
                raw_lowest[part],
                raw_highest[part],
            )

    by_units(of_units, offsets)
    return found


@compiled
def _extremes(
    mean: Floats3,
    channels: Ints,
    offsets: Ints,
    taps: Floats2,
    padded: Floats2,
    value: Floats2,
    lowest: Floats,
    lowest_at: Ints,
    highest: Floats,
    raw_lowest: Floats,
    raw_highest: Floats,
) -> None:
    n_units, n_samples, _ = mean.shape
    n_phases, n_taps = taps.shape
    reach = n_taps // 2
    for unit in range(n_units):
        first = offsets[unit]
        n_channels = offsets[unit + 1] - first
        low = lowest[first : offsets[unit + 1]]
        at = lowest_at[first : offsets[unit + 1]]
        high = highest[first : offsets[unit + 1]]
        raw_low = raw_lowest[first : offsets[unit + 1]]
        raw_high = raw_highest[first : offsets[unit + 1]]
        for k in range(n_samples):
            for c in range(n_channels):
                sample = mean[unit, k, channels[first + c]]
                padded[reach + k, c] = sample
                raw_low[c] = sample if sample < raw_low[c] else raw_low[c]
                raw_high[c] = sample if sample > raw_high[c] else raw_high[c]
        one, other = value[0], value[1]
        for q in range(n_samples if n_phases else 0):
            for phase in range(0, n_phases, 2):
                for c in range(n_channels):
                    one[c] = 0.0
                    other[c] = 0.0
                for k in range(0, n_taps, 3):  # three taps of two phases at once spare traffic to and from the cache
                    v0, v1, v2 = taps[phase, k], taps[phase, k + 1], taps[phase, k + 2]
                    w0, w1, w2 = taps[phase + 1, k], taps[phase + 1, k + 1], taps[phase + 1, k + 2]
                    x0, x1, x2 = padded[q + k], padded[q + k + 1], padded[q + k + 2]
                    for c in range(n_channels):
                        total = one[c] + v0 * x0[c]
                        total += v1 * x1[c]
                        one[c] = total + v2 * x2[c]
                        total = other[c] + w0 * x0[c]
                        total += w1 * x1[c]
                        other[c] = total + w2 * x2[c]
                now = q * n_phases + phase
                for c in range(n_channels):
                    at[c] = now if one[c] < low[c] else at[c]
                for c in range(n_channels):
                    low[c] = one[c] if one[c] < low[c] else low[c]
                for c in range(n_channels):
                    at[c] = now + 1 if other[c] < low[c] else at[c]
                for c in range(n_channels):
                    low[c] = other[c] if other[c] < low[c] else low[c]
                for c in range(n_channels):
                    highest_of_two = one[c] if one[c] > other[c] else other[c]
                    high[c] = highest_of_two if highest_of_two > high[c] else high[c]
