"""Mean waveforms upsampled ten times, as `scipy.signal.resample_poly` does it, without keeping what is not needed.

SpikeInterface upsamples every channel and then looks at its lowest and highest sample. Here each channel is filtered
in the processor's cache and only these are kept, in ``resample_poly``'s order of additions, so that ties fall as there.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nwb_unitrefine.metrics.kernels.threads import by_units
from nwb_unitrefine.metrics.machine_code.compiled import compiled, inlined

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nwb_unitrefine.metrics.machine_code.compiled import Floats, Floats2, Floats3, Ints

__all__ = ["UPSAMPLING", "ChannelExtremes", "channel_extremes", "upsample"]

UPSAMPLING = 10

_TOGETHER = 1 << 19
"""Samples that are taken as 64-bit numbers at once: 4 MB."""

_LANES = 8
"""64-bit numbers in a cache line, and in the widest register."""


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


def _scratch(n_samples: int, n_rows: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Make room for eight waveforms side by side with zeros around them, and for so many rows of as many values."""
    n_values = n_samples * _LANES
    sizes = n_values + 2 * UPSAMPLING * _LANES, n_rows * n_values
    room = np.zeros(sum(sizes) + _LANES)
    start = -room.ctypes.data // room.itemsize % _LANES  # on a cache line, as are all rows
    return room[start : start + sizes[0]], room[start + sizes[0] : start + sum(sizes)].reshape(n_rows, n_values)


@inlined
def _filter(padded: Floats, taps: Floats2, phase: int, one: Floats, other: Floats) -> None:
    """Write two phases of eight waveforms side by side, each sum in the order of the taps.

    What the processor reads at once begins where its cache lines do, and three taps of two phases at once spare traffic
    to and from the cache.
    """
    one[:] = 0.0
    other[:] = 0.0
    for k in range(0, taps.shape[1], 3):
        v0, v1, v2 = taps[phase, k], taps[phase, k + 1], taps[phase, k + 2]
        w0, w1, w2 = taps[phase + 1, k], taps[phase + 1, k + 1], taps[phase + 1, k + 2]
        x0, x1, x2 = padded[k * _LANES :], padded[(k + 1) * _LANES :], padded[(k + 2) * _LANES :]
        for i in range(len(one)):
            total = one[i] + v0 * x0[i]
            total += v1 * x1[i]
            one[i] = total + v2 * x2[i]
            total = other[i] + w0 * x0[i]
            total += w1 * x1[i]
            other[i] = total + w2 * x2[i]


def upsample(waveforms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Upsample waveforms of shape (n_units, n_samples) to (n_units, 10 n_samples)."""
    upsampled = np.zeros((len(waveforms), UPSAMPLING * waveforms.shape[1]))
    _upsample(waveforms, _taps(), *_scratch(waveforms.shape[1], 2), upsampled)
    return upsampled


@compiled
def _upsample(waveforms: Floats2, taps: Floats2, padded: Floats, values: Floats2, upsampled: Floats2) -> None:
    n_units, n_samples = waveforms.shape
    n_phases, n_taps = taps.shape
    reach = n_taps // 2
    one, other = values[0], values[1]
    for start in range(0, n_units, _LANES):
        stop = start + _LANES if start + _LANES < n_units else n_units
        for unit in range(start, stop):
            for k in range(n_samples):
                padded[(reach + k) * _LANES + unit - start] = waveforms[unit, k]
        for phase in range(0, n_phases, 2):
            _filter(padded, taps, phase, one, other)
            for unit in range(start, stop):
                for k in range(n_samples):
                    upsampled[unit, k * n_phases + phase] = one[k * _LANES + unit - start]
                    upsampled[unit, k * n_phases + phase + 1] = other[k * _LANES + unit - start]


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
        padded, values = _scratch(mean.shape[1], 4)
        least_at = np.zeros(values.shape[1], dtype=np.int64)
        for start in range(units.start, units.stop, n_together):
            stop = min(start + n_together, units.stop)
            part = slice(offsets[start], offsets[stop])
            _extremes(
                np.ascontiguousarray(mean[start:stop], dtype=np.float64),
                channels[part],
                offsets[start : stop + 1] - offsets[start],
                taps,
                padded,
                values,
                least_at,
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
    padded: Floats,
    values: Floats2,
    least_at: Ints,
    lowest: Floats,
    lowest_at: Ints,
    highest: Floats,
    raw_lowest: Floats,
    raw_highest: Floats,
) -> None:
    n_samples = mean.shape[1]
    n_phases, n_taps = taps.shape
    reach = n_taps // 2
    one, other, least, most = values[0], values[1], values[2], values[3]
    n_values = len(one)
    unit = 0
    for start in range(0, len(channels), _LANES):
        stop = start + _LANES if start + _LANES < len(channels) else len(channels)
        for item in range(start, stop):
            while offsets[unit + 1] <= item:
                unit += 1
            low, high = np.inf, -np.inf
            for k in range(n_samples):
                sample = mean[unit, k, channels[item]]
                padded[(reach + k) * _LANES + item - start] = sample
                low = sample if sample < low else low
                high = sample if sample > high else high
            raw_lowest[item], raw_highest[item] = low, high
        if n_phases == 0 or n_samples == 0:
            continue
        least[:] = np.inf
        most[:] = -np.inf
        for phase in range(0, n_phases, 2):
            _filter(padded, taps, phase, one, other)
            for i in range(n_values):
                least_at[i] = phase if one[i] < least[i] else least_at[i]
            for i in range(n_values):
                least[i] = one[i] if one[i] < least[i] else least[i]
            for i in range(n_values):
                least_at[i] = phase + 1 if other[i] < least[i] else least_at[i]
            for i in range(n_values):
                least[i] = other[i] if other[i] < least[i] else least[i]
            for i in range(n_values):
                highest_of_two = one[i] if one[i] > other[i] else other[i]
                most[i] = highest_of_two if highest_of_two > most[i] else most[i]
        for item in range(start, stop):
            low, high, at = np.inf, -np.inf, 0
            for i in range(item - start, n_values, _LANES):
                at = i if least[i] < low else at
                low = least[i] if least[i] < low else low
                high = most[i] if most[i] > high else high
            lowest[item], highest[item] = low, high
            lowest_at[item] = at // _LANES * n_phases + least_at[at]
