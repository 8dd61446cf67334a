"""What a person looks at in a spike train: autocorrelogram, intervals, rate over the session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nwb_unitrefine.records import Ragged

__all__ = ["SpikeSummaries", "autocorrelograms", "count_intervals", "rates_over_session", "summarise"]

AUTOCORRELOGRAM_MS = 50
"""Autocorrelograms reach from minus to plus this."""

INTERVAL_MS = 0.5
N_INTERVALS = 100
"""Intervals are counted in bins of half a millisecond, up to 50 ms."""

N_PARTS = 120
"""Parts of the session that rates are shown for."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpikeSummaries:
    """Counts for the pictures of every unit.

    Parameters
    ----------
    autocorrelograms : array of int64, shape (n_units, 50)
        Pairs of spikes 0 to 1 ms, 1 to 2 ms, … apart; an autocorrelogram is symmetric.
    intervals : array of int64, shape (n_units, 100)
        Intervals of 0 to 0.5 ms, 0.5 to 1 ms, …
    rates_hz : array of float64, shape (n_units, 120)
        Rate in each part of the session.
    session_s : tuple of float
        First and last time of the parts.
    """

    autocorrelograms: NDArray[np.int64]
    intervals: NDArray[np.int64]
    rates_hz: NDArray[np.float64]
    session_s: tuple[float, float]


def summarise(trains: Ragged) -> SpikeSummaries:
    """Count what the pictures show.

    Parameters
    ----------
    trains : Ragged of float64
        Spike times of each unit, in seconds and in order.
    """
    times, offsets = trains.values, trains.offsets
    session = (float(times.min()), float(times.max())) if len(times) else (0.0, 0.0)
    return SpikeSummaries(
        autocorrelograms=autocorrelograms(times, offsets),
        intervals=count_intervals(times, offsets),
        rates_hz=rates_over_session(times, offsets, session),
        session_s=session,
    )


def autocorrelograms(times: NDArray[np.float64], offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count pairs of spikes of a unit by the time between them, in bins of 1 ms.

    Each step pairs every spike with the one `step` places later; pairs too far apart drop out, so that the number of
    steps is the largest number of spikes in 50 ms.

    Parameters
    ----------
    times : array of float64, shape (n_spikes,)
        Unit after unit, each in order.
    offsets : array of int64, shape (n_units + 1,)

    Returns
    -------
    array of int64, shape (n_units, 50)

    Examples
    --------
    >>> autocorrelograms(np.array([0.0, 0.0025, 0.0045]), np.array([0, 3]))[0, :6].tolist()
    [0, 0, 2, 0, 1, 0]
    """
    n_units = len(offsets) - 1
    unit = np.repeat(np.arange(n_units), np.diff(offsets))
    counts = np.zeros(n_units * AUTOCORRELOGRAM_MS, dtype=np.int64)
    first = np.arange(len(times))
    step = 1
    while len(first):
        first = first[first + step < offsets[unit[first] + 1]]
        apart_ms = np.floor((times[first + step] - times[first]) * 1e3 + 1e-6).astype(np.int64)
        near = apart_ms < AUTOCORRELOGRAM_MS
        first, apart_ms = first[near], apart_ms[near]
        counts += np.bincount(unit[first] * AUTOCORRELOGRAM_MS + apart_ms, minlength=len(counts))
        step += 1
    return counts.reshape(n_units, AUTOCORRELOGRAM_MS)


def count_intervals(times: NDArray[np.float64], offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count intervals between successive spikes of each unit, in bins of 0.5 ms up to 50 ms.

    Parameters
    ----------
    times, offsets
        As of `autocorrelograms`.

    Returns
    -------
    array of int64, shape (n_units, 100)
    """
    n_units = len(offsets) - 1
    unit = np.repeat(np.arange(n_units), np.diff(offsets))
    if len(times) < 2:
        return np.zeros((n_units, N_INTERVALS), dtype=np.int64)
    bins = np.floor(np.diff(times) * 1e3 / INTERVAL_MS + 1e-6)
    counted = (unit[1:] == unit[:-1]) & (bins >= 0) & (bins < N_INTERVALS)
    flat = unit[1:][counted] * N_INTERVALS + bins[counted].astype(np.int64)
    return np.bincount(flat, minlength=n_units * N_INTERVALS).reshape(n_units, N_INTERVALS)


def rates_over_session(
    times: NDArray[np.float64], offsets: NDArray[np.int64], session_s: tuple[float, float]
) -> NDArray[np.float64]:
    """Return the rate of each unit in each of 120 equal parts of the session.

    Parameters
    ----------
    times, offsets
        As of `autocorrelograms`.
    session_s : tuple of float
        Start and end.

    Returns
    -------
    array of float64, shape (n_units, 120)
        In Hz.
    """
    n_units = len(offsets) - 1
    start, stop = session_s
    if stop <= start:
        return np.zeros((n_units, N_PARTS))
    unit = np.repeat(np.arange(n_units), np.diff(offsets))
    part = np.minimum(((times - start) / (stop - start) * N_PARTS).astype(np.int64), N_PARTS - 1)
    counts = np.bincount(unit * N_PARTS + part, minlength=n_units * N_PARTS).reshape(n_units, N_PARTS)
    return counts / ((stop - start) / N_PARTS)
