"""Mean waveforms of several channels that are stored as one row a unit, which looks like one long channel.

Some conversions reshape (channels, samples) or (samples, channels) to one axis. Read as one channel, such a row has a
spike in each of its parts, or jumps from channel to channel at every sample. Both show in the numbers; a unit's
electrodes give the number of channels. Measured on ten recordings of Neuropixels probes: the correlation of
`_channels_first` is 0.95 or more for flattened waveforms and below 0.5 for true single channels; the ratio of
`_samples_first` is 0.45 to 0.85 (1.5 in one recording whose channels are nearly alike, which stays as it is), and above
1.5 for true single channels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["unflatten"]

_FEWEST_SAMPLES = 20
"""Shorter parts may be pieces of a channel, where a unit has more electrodes than its waveform has channels."""

_ENOUGH_UNITS = 50
"""So many units, taken evenly from all, show how their waveforms are stored."""

_ALIKE, _AT_ONE_SAMPLE, _FEW_SAMPLES = 0.8, 0.6, 2
"""Least correlation of a unit's two largest channels, and how many units have both peaks within so many samples."""

_SMOOTHER = 0.9
"""Steps from one sample of a channel to the next are less than this fraction of those from channel to channel."""


def unflatten(mean: NDArray[Any], n_channels: int) -> NDArray[Any] | None:
    """Return waveforms as (units, samples, channels) where they were flattened; None where they are of one channel.

    Parameters
    ----------
    mean : array, shape (n_units, n_values)
    n_channels : int
        Electrodes of each unit.

    Examples
    --------
    >>> spike = -np.exp(-np.linspace(-4, 4, 20) ** 2)
    >>> flat = np.concatenate([spike, 0.5 * spike])[None]
    >>> unflatten(flat, 2).shape, unflatten(spike[None], 2) is None
    ((1, 20, 2), True)
    """
    n_units, n_values = mean.shape
    if n_channels < 2 or n_values % n_channels or n_values // n_channels < _FEWEST_SAMPLES:
        return None
    some = mean[:: max(1, n_units // _ENOUGH_UNITS)]
    known = some[np.isfinite(some).all(axis=1)].astype(np.float64)
    if not known.any():
        return None
    n_samples = n_values // n_channels
    if _channels_first(known.reshape(-1, n_channels, n_samples)):
        return mean.reshape(n_units, n_channels, n_samples).transpose(0, 2, 1)
    if _samples_first(known, n_channels):
        return mean.reshape(n_units, n_samples, n_channels)
    return None


def _channels_first(parts: NDArray[np.float64]) -> bool:
    """Whether the two largest parts of a row have one shape and peak at one sample, as neighbouring channels do."""
    parts = parts - np.median(parts, axis=2, keepdims=True)
    order = np.argsort(np.ptp(parts, axis=2), axis=1)[:, ::-1]
    first, second = (np.take_along_axis(parts, order[:, place, None, None], axis=1)[:, 0] for place in (0, 1))
    at_once = np.abs(np.abs(first).argmax(axis=1) - np.abs(second).argmax(axis=1)) <= _FEW_SAMPLES
    first, second = (part - part.mean(axis=1, keepdims=True) for part in (first, second))
    with np.errstate(divide="ignore", invalid="ignore"):
        alike = (first * second).sum(axis=1) / np.sqrt((first**2).sum(axis=1) * (second**2).sum(axis=1))
    return bool(np.median(np.nan_to_num(alike)) > _ALIKE and at_once.mean() > _AT_ONE_SAMPLE)


def _samples_first(rows: NDArray[np.float64], n_channels: int) -> bool:
    """Whether values `n_channels` apart are closer to each other than neighbours are: they are of one channel."""
    along = np.abs(rows[:, n_channels:] - rows[:, :-n_channels]).mean()
    return bool(along < _SMOOTHER * np.abs(np.diff(rows, axis=1)).mean())
