"""The raw series of a file: how fast it was sampled, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nwb_unitrefine.records import ProblemCode, Ragged
from nwb_unitrefine.storage.tree import attribute_number, attribute_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from nwb_unitrefine.read.context import ReadContext
    from nwb_unitrefine.storage.tree import Array, Group

__all__ = ["Recording", "read_recordings", "recorded_s", "recording_intervals"]

_SPIKE_BAND_HZ = 5_000.0
"""A series sampled slower than this is a local field potential: no spikes were sorted from it."""

_OUTSIDE = 1e-3
"""Fraction of spikes outside a series above which the units were not sorted from it."""

_BLOCK = 4096
"""Timestamps that are read together."""

_MOST_BLOCKS = 2000
"""So many blocks are looked at for gaps; timestamps that need more have no regular step."""

_GAP_STEPS = 1.5
"""Distance of neighbouring timestamps, in steps, above which samples are missing."""

_DRIFT = 2e-5
"""Relative difference in step that clocks have over a recording."""


class Recording(NamedTuple):
    """One raw series: its sampling rate, and start and end of each piece without a gap, shape (n_pieces, 2)."""

    rate_hz: float
    pieces_s: NDArray[np.float64]


def read_recordings(root: Group) -> list[Recording]:
    """The raw series of a file: electrical series in `acquisition` that are sampled fast enough to show spikes."""
    acquisition = root.group("acquisition")
    return [] if acquisition is None else list(_recordings(acquisition))


def _recordings(acquisition: Group) -> Iterator[Recording]:
    """Each series that has electrodes, samples and a time base."""
    for name in acquisition.names():
        series = acquisition.group(name)
        if series is None or "ElectricalSeries" not in attribute_text(series.attributes, "neurodata_type"):
            continue
        data = series.array("data")
        if data is None or not data.shape or data.shape[0] < 2:
            continue
        recording = _time_base(series, data.shape[0])
        if recording is not None and recording.rate_hz >= _SPIKE_BAND_HZ:
            yield recording


def _time_base(series: Group, n_samples: int) -> Recording | None:
    """Rate and pieces of a series, from its rate or its timestamps."""
    starting_time, timestamps = series.array("starting_time"), series.array("timestamps")
    if starting_time is not None:
        rate_hz = attribute_number(starting_time.attributes, "rate")
        if rate_hz is not None and rate_hz > 0:
            start_s = float(np.asarray(starting_time.read()).reshape(-1)[0])
            return Recording(rate_hz, np.array([[start_s, start_s + n_samples / rate_hz]]))
    if timestamps is not None and timestamps.shape == (n_samples,) and timestamps.dtype.kind == "f":
        return _Timestamps(timestamps).recording()
    return None


class _Gap(NamedTuple):
    """A gap in timestamps: the sample behind it, and the times before and after it."""

    behind: int
    before_s: float
    after_s: float


class _Timestamps:
    """Read as few timestamps as possible: a stretch as long as its samples has no gap in it."""

    def __init__(self, array: Array) -> None:
        self.array = array
        self.length = array.shape[0]
        self.n_read = 0

    def recording(self) -> Recording | None:
        """Rate and pieces; None where the timestamps do not increase."""
        places = sorted({0, max(0, self.length // 2 - _BLOCK // 2), max(0, self.length - _BLOCK)})
        steps = np.concatenate([np.diff(self._read(place, place + _BLOCK)) for place in places])
        step_s = float(np.median(steps))
        if not (np.isfinite(step_s) and step_s > 0):
            return None
        gaps = self._gaps(0, self.length, self._at(0), self._at(self.length - 1), step_s)
        starts = np.array([0, *(gap.behind for gap in gaps)])
        stops = np.array([*(gap.behind for gap in gaps), self.length])
        first_s = np.array([self._at(0), *(gap.after_s for gap in gaps)])
        last_s = np.array([*(gap.before_s for gap in gaps), self._at(self.length - 1)])
        longest = int(np.argmax(stops - starts))
        n_steps = int(stops[longest] - starts[longest]) - 1
        rate_hz = n_steps / float(last_s[longest] - first_s[longest]) if n_steps else 1 / step_s
        rate_hz = float(round(rate_hz)) if abs(rate_hz - round(rate_hz)) < 1e-3 else rate_hz
        return Recording(rate_hz, np.column_stack([first_s, last_s + step_s]))

    def _gaps(self, start: int, stop: int, first_s: float, last_s: float, step_s: float) -> list[_Gap]:
        """Gaps within samples `start` to `stop`: the sample behind each, and the times before and after it."""
        n_steps = stop - 1 - start
        excess_s = abs(last_s - first_s - n_steps * step_s)
        if excess_s < (_GAP_STEPS - 1 + _DRIFT * n_steps) * step_s or self.n_read >= _MOST_BLOCKS:
            return []
        if n_steps < _BLOCK:
            times_s = self._read(start, stop)
            behind = np.flatnonzero(np.diff(times_s) > _GAP_STEPS * step_s) + 1
            return [_Gap(start + int(at), float(times_s[at - 1]), float(times_s[at])) for at in behind]
        middle = (start + stop) // 2
        middle_s = self._at(middle)
        left = self._gaps(start, middle + 1, first_s, middle_s, step_s)
        return left + self._gaps(middle, stop, middle_s, last_s, step_s)

    def _at(self, place: int) -> float:
        return float(self._read(place, place + 1)[0])

    def _read(self, start: int, stop: int) -> NDArray[np.float64]:
        self.n_read += 1
        return np.asarray(self.array.read_range(start, min(stop, self.length)), dtype=np.float64)


def recorded_s(recordings: list[Recording]) -> float | None:
    """How long the raw recording in the file lasts, from its first to its last sample."""
    if not recordings:
        return None
    return float(max(r.pieces_s[-1, 1] for r in recordings) - min(r.pieces_s[0, 0] for r in recordings))


def recording_intervals(
    recordings: list[Recording], trains: Ragged, context: ReadContext
) -> NDArray[np.float64] | None:
    """When any raw series was recorded, shape (n_intervals, 2); None where units were not sorted from them.

    A file may hold a short piece of its recording for show: its spikes then lie outside, which is reported.
    """
    if not recordings:
        return None
    pieces_s = _union(np.concatenate([recording.pieces_s for recording in recordings]))
    start_s, end_s = float(pieces_s[0, 0]), float(pieces_s[-1, 1])
    times_s = trains.values
    outside = np.mean((times_s < start_s - 1) | (times_s > end_s + 1)) if len(times_s) else 0.0
    if outside > _OUTSIDE:
        context.report(
            ProblemCode.RECORDING_SPIKES_OUTSIDE,
            f"The recording in the file lasts from {start_s:g} to {end_s:g} s and {outside:.0%} of the spikes lie "
            "outside: it is not taken as the time that was recorded.",
        )
        return None
    if len(pieces_s) > 1:
        missing_s = float((pieces_s[1:, 0] - pieces_s[:-1, 1]).sum())
        n_gaps = len(pieces_s) - 1
        context.report(
            ProblemCode.RECORDING_GAPS,
            f"The recording has {n_gaps} gap{'s' if n_gaps > 1 else ''} of {missing_s:g} s in all, which count as not "
            "recorded.",
        )
    return pieces_s


def _union(intervals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Join intervals that overlap or touch."""
    ordered = intervals[np.argsort(intervals[:, 0], kind="stable")]
    reached = np.maximum.accumulate(ordered[:, 1])
    begins = np.concatenate([[True], ordered[1:, 0] > reached[:-1]])
    last = np.append(np.flatnonzero(begins)[1:] - 1, len(ordered) - 1)
    return np.column_stack([ordered[begins, 0], reached[last]])
