"""Mean waveforms upsampled ten times, as `scipy.signal.resample_poly` does it, without keeping what is not needed.

SpikeInterface upsamples every channel and then looks at its lowest and highest sample. Here each channel is filtered
in the processor's cache and only these are kept, in ``resample_poly``'s order of additions, so that ties fall as there.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nwb_unitrefine.metrics.kernels.compiled import compiled
from nwb_unitrefine.metrics.kernels.threads import by_units

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["UPSAMPLING", "ChannelExtremes", "channel_extremes", "upsample"]

UPSAMPLING = 10


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
    return _upsample(waveforms, _taps())


@compiled
def _upsample(waveforms: NDArray[np.float64], taps: NDArray[np.float64]) -> NDArray[np.float64]:
    n_units, n_samples = waveforms.shape
    n_phases, n_taps = taps.shape
    reach = n_taps // 2
    upsampled = np.zeros((n_units, n_phases * n_samples))
    for unit in range(n_units):
        for q in range(n_samples):
            for phase in range(n_phases):
                value = 0.0
                for k in range(max(q - reach, 0), min(q + reach + 1, n_samples)):
                    value += taps[phase, k - q + reach] * waveforms[unit, k]
                upsampled[unit, q * n_phases + phase] = value
    return upsampled


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
    taps = _taps()

    def of_units(units: slice, items: slice) -> tuple[NDArray[np.generic], ...]:
        here = offsets[units.start : units.stop + 1] - items.start
        return _extremes(mean[units], channels[items], here, taps, upsampled)

    return ChannelExtremes(*map(np.concatenate, zip(*by_units(of_units, offsets), strict=True)))


@compiled
def _extremes(
    mean: NDArray[np.floating],
    channels: NDArray[np.int64],
    offsets: NDArray[np.int64],
    taps: NDArray[np.float64],
    upsampled: bool,
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    n_units, n_samples, _ = mean.shape
    n_phases, n_taps = taps.shape
    reach = n_taps // 2
    n_present = len(channels)
    lowest = np.full(n_present, np.inf)
    lowest_at = np.zeros(n_present, np.int64)
    highest = np.full(n_present, -np.inf)
    raw_lowest = np.full(n_present, np.inf)
    raw_highest = np.full(n_present, -np.inf)
    widest = 0
    for unit in range(n_units):
        widest = max(widest, offsets[unit + 1] - offsets[unit])
    padded = np.zeros((n_samples + 2 * reach, widest))
    value = np.empty(widest)
    for unit in range(n_units):
        first = offsets[unit]
        n_channels = offsets[unit + 1] - first
        low = lowest[first : offsets[unit + 1]]
        at = lowest_at[first : offsets[unit + 1]]
        high = highest[first : offsets[unit + 1]]
        for k in range(n_samples):
            for c in range(n_channels):
                sample = np.float64(mean[unit, k, channels[first + c]])
                padded[reach + k, c] = sample
                raw_lowest[first + c] = min(raw_lowest[first + c], sample)
                raw_highest[first + c] = max(raw_highest[first + c], sample)
        if not upsampled:
            continue
        for q in range(n_samples):
            for phase in range(n_phases):
                value[:n_channels] = 0.0
                for k in range(0, n_taps, 3):  # three taps at once halve the traffic to and from the cache
                    w0, w1, w2 = taps[phase, k], taps[phase, k + 1], taps[phase, k + 2]
                    x0, x1, x2 = padded[q + k], padded[q + k + 1], padded[q + k + 2]
                    for c in range(n_channels):
                        total = value[c] + w0 * x0[c]
                        total += w1 * x1[c]
                        value[c] = total + w2 * x2[c]
                now = q * n_phases + phase
                for c in range(n_channels):
                    at[c] = now if value[c] < low[c] else at[c]
                for c in range(n_channels):
                    low[c] = min(low[c], value[c])
                for c in range(n_channels):
                    high[c] = max(high[c], value[c])
    return lowest, lowest_at, highest, raw_lowest, raw_highest
