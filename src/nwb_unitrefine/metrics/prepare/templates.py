"""Mean waveforms made ready for the metrics: channels that are there, main channels, scale, upsampled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.metrics.kernels.upsampling import UPSAMPLING, ChannelExtremes, channel_extremes, upsample
from nwb_unitrefine.metrics.prepare.waveform_scale import WaveformScale, infer_scale
from nwb_unitrefine.records import offsets_of_counts
from nwb_unitrefine.vocabulary import NEW, OLD

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nwb_unitrefine.records import Units, Waveforms

__all__ = ["Templates", "prepare_templates"]

_MOST_OFFSET = 0.5
"""A waveform about zero comes nearer to it than this fraction of its height."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Templates:
    """What the waveform metrics are computed from. Waveforms are in the unit of the file.

    Parameters
    ----------
    present : array of bool, shape (n_units,)
        Units that have a waveform.
    channels : array of int64, shape (n_present,)
        Number of each channel that is there, unit after unit, in the order of the electrodes table.
    offsets : array of int64, shape (n_units + 1,)
        The channels of unit ``i`` are number ``offsets[i]`` to ``offsets[i + 1] - 1``.
    positions_um : array of float64, shape (n_present, 2), or None
        Position of each of these channels, second axis along the depth; None where no position is known.
    extremes : ChannelExtremes
        Of each of these channels.
    far_from_zero : array of bool, shape (n_units,)
        Whether no sample on the main channel comes near zero: the waveform has an offset.
    main_channels : mapping of str to array of int64, shape (n_units,)
        Number of the main channel, by definition; -1 for units without a waveform.
    main : mapping of str to array of float64, shape (n_units, 10 * n_samples)
        Upsampled waveform on the main channel, by definition; NaN for units without a waveform.
    sampling_rate_hz : float
        Of the upsampled waveforms.
    scale : WaveformScale
    notes : mapping of str to str
    """

    present: NDArray[np.bool_]
    channels: NDArray[np.int64]
    offsets: NDArray[np.int64]
    positions_um: NDArray[np.float64] | None
    extremes: ChannelExtremes
    far_from_zero: NDArray[np.bool_]
    main_channels: dict[str, NDArray[np.int64]]
    main: dict[str, NDArray[np.float64]]
    sampling_rate_hz: float
    scale: WaveformScale
    notes: dict[str, str]


def prepare_templates(
    units: Units, *, sampling_rate_hz: float, rate_note: str, many_channels: bool
) -> Templates | None:
    """Make mean waveforms ready; None where there are none.

    A channel with a NaN, or with nothing but zeros, is absent: that is how files fill up the channels a unit does not
    have. The main channel is that of the largest absolute value in the new definition, and of the largest negative
    peak in the old one.

    Parameters
    ----------
    units : Units
    sampling_rate_hz : float
        Taken where the waveforms do not have their own.
    rate_note : str
        Where that rate is from.
    many_channels : bool
        Whether metrics of many channels are wanted; looking at the main channel alone is quicker.
    """
    waveforms = units.waveforms
    if waveforms is None or waveforms.mean.size == 0:
        return None
    rate, origin = sampling_rate_hz, rate_note
    if waveforms.sampling_rate_hz:
        rate, origin = float(waveforms.sampling_rate_hz), "of the waveforms"
    channels, offsets = _present_channels(waveforms)
    kind: type[np.floating] = np.float32 if waveforms.mean.dtype == np.float32 else np.float64
    mean = np.ascontiguousarray(waveforms.mean).astype(kind, copy=False)
    extremes = channel_extremes(mean, channels, offsets, upsampled=many_channels)
    present = np.diff(offsets) > 0
    largest = np.maximum(np.abs(extremes.raw_lowest), np.abs(extremes.raw_highest))
    mains = {NEW: _first_largest(largest, offsets), OLD: _first_largest(np.abs(extremes.raw_lowest), offsets)}
    lowest, highest = (values[mains[NEW][present]] for values in (extremes.raw_lowest, extremes.raw_highest))
    peak_to_peak = highest - lowest
    rows = np.flatnonzero(present)
    far_from_zero = np.zeros(len(units), np.bool_)
    far_from_zero[rows] = np.maximum(lowest, -highest) > _MOST_OFFSET * peak_to_peak
    main_channels, upsampled, are_whole = {}, {}, False
    for definition, main in mains.items():
        main_channels[definition] = np.full(len(units), -1, dtype=np.int64)
        main_channels[definition][rows] = channels[main[rows]]
        single = mean[rows, :, channels[main[rows]]].astype(np.float64)
        are_whole = are_whole or bool(np.array_equal(single, np.rint(single)))
        upsampled[definition] = np.full((len(units), UPSAMPLING * mean.shape[1]), np.nan)
        upsampled[definition][rows] = upsample(single)
    scale = infer_scale(waveforms.declared_unit, peak_to_peak, are_whole=are_whole)
    return Templates(
        present=present,
        channels=channels,
        offsets=offsets,
        positions_um=_positions(units, channels, offsets),
        extremes=extremes,
        far_from_zero=far_from_zero,
        main_channels=main_channels,
        main=upsampled,
        sampling_rate_hz=rate * UPSAMPLING,
        scale=scale,
        notes={
            "waveform scale": scale.note,
            "waveform sampling rate": f"{rate:g} Hz, {origin}",
            "aligned sample": _aligned_sample(waveforms, upsampled[NEW][rows]),
        },
    )


def _present_channels(waveforms: Waveforms) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """List each unit's channels in the order of the electrodes table, as SpikeInterface has them."""
    mean = waveforms.mean
    there = np.isfinite(mean.sum(axis=1, dtype=np.float64))
    for row in np.flatnonzero((mean[:, 0] == 0).any(axis=1) | (mean[:, -1] == 0).any(axis=1)):
        there[row] &= (mean[row] != 0).any(axis=0)
    order = np.argsort(
        np.where(waveforms.channels < 0, np.iinfo(np.int64).max, waveforms.channels), axis=1, kind="stable"
    )
    there_in_order = np.take_along_axis(there, order, axis=1)
    offsets = offsets_of_counts(there_in_order.sum(axis=1))
    return np.ascontiguousarray(order[there_in_order], dtype=np.int64), offsets


def _first_largest(values: NDArray[np.float64], offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Position of each unit's largest value, the first of equal ones; 0 for a unit without any."""
    found = np.zeros(len(offsets) - 1, dtype=np.int64)
    for unit, (start, stop) in enumerate(zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)):
        if stop > start:
            found[unit] = start + np.argmax(values[start:stop])
    return found


def _positions(units: Units, channels: NDArray[np.int64], offsets: NDArray[np.int64]) -> NDArray[np.float64] | None:
    """Positions of the channels that are there; None where the file knows none."""
    if units.waveforms is None or units.electrodes is None or units.electrodes.positions_um is None:
        return None
    known = units.electrodes.positions_um[:, :2]
    rows = units.waveforms.channels[np.repeat(np.arange(len(units)), np.diff(offsets)), channels]
    positions = np.full((len(rows), 2), np.nan)
    inside = (rows >= 0) & (rows < len(known))
    positions[inside] = known[rows[inside]]
    return positions if np.isfinite(positions).all(axis=1).any() else None


def _aligned_sample(waveforms: Waveforms, main: NDArray[np.float64]) -> str:
    """Say which sample is the spike's time; no metric depends on it."""
    if waveforms.samples_before_peak is not None:
        return f"{waveforms.samples_before_peak}, as the file states"
    if not len(main):
        return "unknown"
    at = np.median(np.argmax(np.abs(main), axis=1)) / UPSAMPLING
    return f"{at:.0f}, inferred: the median place of the largest value"
