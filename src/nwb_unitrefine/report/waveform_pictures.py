"""Mean waveforms as small pictures: the nearest channels of each unit, eight bits a sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nwb_unitrefine.records import Units

__all__ = ["WaveformPictures", "picture_waveforms"]

N_CHANNELS = 8
N_SAMPLES = 96
"""Longer waveforms are thinned out: a picture is about as many pixels wide."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WaveformPictures:
    """Mean waveforms of every unit on the channels nearest to its largest one.

    Parameters
    ----------
    samples : array of int8, shape (n_units, n_channels, n_samples)
        From -127 to 127 of `largest`.
    largest : array of float64, shape (n_units,)
        Largest absolute value, in the unit of the file; NaN for a unit without a waveform.
    electrodes : array of int64, shape (n_units, n_channels)
        Row of the electrodes table, the main channel first; -1 where there is none.
    duration_ms : float
        Of a waveform; NaN where the sampling rate is not known.
    """

    samples: NDArray[np.int8]
    largest: NDArray[np.float64]
    electrodes: NDArray[np.int64]
    duration_ms: float


def picture_waveforms(units: Units) -> WaveformPictures | None:
    """Choose channels and reduce the samples; None where the source has no waveforms.

    The nearest channels are those with the smallest distance to the main one where the electrodes have positions, and
    those with the largest waveforms where they have none.

    Parameters
    ----------
    units : Units
    """
    waveforms = units.waveforms
    if waveforms is None or waveforms.mean.size == 0:
        return None
    thin = -(-waveforms.mean.shape[1] // N_SAMPLES)
    mean = waveforms.mean[:, ::thin].astype(np.float64)
    _n_units, n_samples, _n_all = mean.shape
    size = np.abs(mean).max(axis=1)
    size[~np.isfinite(size) | (size == 0)] = -1
    main = size.argmax(axis=1)
    chosen = np.argsort(_distance(units, waveforms.channels, main, size), axis=1, kind="stable")[:, :N_CHANNELS]
    present = np.take_along_axis(size, chosen, axis=1) > 0
    picked = np.take_along_axis(mean, chosen[:, None, :], axis=2).transpose(0, 2, 1)
    picked[~present] = 0
    largest = np.abs(picked).max(axis=(1, 2), initial=0)
    scaled = picked / np.where(largest > 0, largest, 1)[:, None, None]
    electrodes = np.where(present, np.take_along_axis(waveforms.channels, chosen, axis=1), -1)
    rate = waveforms.sampling_rate_hz or units.sampling_rate_hz
    return WaveformPictures(
        samples=np.rint(scaled * 127).astype(np.int8),
        largest=np.where(largest > 0, largest, np.nan),
        electrodes=electrodes,
        duration_ms=n_samples * thin / rate * 1e3 if rate else float("nan"),
    )


def _distance(
    units: Units, channels: NDArray[np.int64], main: NDArray[np.int64], size: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How far each channel is from the unit's main one; absent channels are farthest, the main one nearest."""
    rows = np.arange(len(main))
    distance = -size
    positions = units.electrodes.positions_um if units.electrodes is not None else None
    if positions is not None:
        inside = (channels >= 0) & (channels < len(positions))
        places = np.where(inside[:, :, None], positions[np.where(inside, channels, 0)], np.nan)
        apart = np.linalg.norm(np.nan_to_num(places - places[rows, main][:, None], nan=1e9), axis=2)
        unknown = ~np.isfinite(places[rows, main, 0])
        distance = apart
        distance[unknown] = -size[unknown]
    distance[size <= 0] = np.inf
    distance[rows, main] = -np.inf
    return distance
