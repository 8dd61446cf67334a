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

_SLACK_STEPS = 30
"""Distance from a piece, in samples, up to which a spike belongs to it."""

_BLOCK = 4096
"""Timestamps that are read together."""

_MOST_BLOCKS = 2000
"""So many blocks are looked at for gaps; timestamps that need more have no regular step."""

_SHIFT_STEPS = 0.5
"""Shift of all later timestamps against all earlier ones, in steps, from which on samples are missing or come twice."""

_AROUND = 16
"""Timestamps on either side of a gap that show whether those behind it are shifted, or one is imprecise."""

_APART = 256
"""Samples over which a step is measured where neighbouring timestamps jitter or are rounded."""

_REGULAR_STEP, _NEARLY_ALL = 1e-4, 0.98
"""Relative difference from their median that nearly all steps of a precise clock keep."""

_DRIFT, _LONG_DRIFT = 2e-5, 1e-3
"""Relative difference in step that clocks have over a recording; beyond the second, gaps were overlooked."""


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
    if timestamps is not None and timestamps.shape in ((n_samples,), (n_samples, 1)) and timestamps.dtype.kind == "f":
        return _Timestamps(timestamps).recording()
    return None


class _Gap(NamedTuple):
    """A gap in timestamps: the sample behind it, and the times before and after it."""

    behind: int
    before_s: float
    after_s: float


class _Clock(NamedTuple):
    """How timestamps advance: time from one sample to the next, and how imprecise a single one is."""

    step_s: float
    scatter_s: float


class _Timestamps:
    """Read as few timestamps as possible: a stretch as long as its samples has no gap in it."""

    def __init__(self, array: Array) -> None:
        self.array = array
        self.length = array.shape[0]
        self.n_read = 0

    def recording(self) -> Recording | None:
        """Rate and pieces; None where the timestamps do not increase.

        Timestamps may jitter, be rounded (32-bit floats) or go back: a piece ends where all that follow are shifted.
        """
        places = sorted({0, max(0, self.length // 2 - _BLOCK // 2), max(0, self.length - _BLOCK)})
        clock = _clock([self._read(place, place + _BLOCK) for place in places])
        if clock is None:
            return None
        gaps = self._gaps(0, self.length, self._at(0), self._at(self.length - 1), clock)
        first_s = np.array([self._at(0), *(gap.after_s for gap in gaps)])
        last_s = np.array([*(gap.before_s for gap in gaps), self._at(self.length - 1)])
        lasts_s, n_steps = float(np.sum(last_s - first_s)), self.length - 1 - len(gaps)
        is_whole = n_steps > 0 and abs(lasts_s - n_steps * clock.step_s) < _LONG_DRIFT * n_steps * clock.step_s
        rate_hz = n_steps / lasts_s if is_whole else 1 / clock.step_s
        imprecise_hz = max(1e-3, rate_hz * 2 * clock.scatter_s / lasts_s) if lasts_s > 0 else 0.0
        rate_hz = float(round(rate_hz)) if abs(rate_hz - round(rate_hz)) < imprecise_hz else rate_hz
        return Recording(rate_hz, np.column_stack([first_s, last_s + clock.step_s]))

    def _gaps(self, start: int, stop: int, first_s: float, last_s: float, clock: _Clock) -> list[_Gap]:
        """Gaps within samples `start` to `stop`: the sample behind each, and the times before and after it."""
        n_steps = stop - 1 - start
        excess_s = abs(last_s - first_s - n_steps * clock.step_s)
        if excess_s < (_SHIFT_STEPS + _DRIFT * n_steps) * clock.step_s or self.n_read >= _MOST_BLOCKS:
            return []
        if n_steps < _BLOCK:
            times_s = self._read(start, stop)
            return [_Gap(start + at, float(times_s[at - 1]), float(times_s[at])) for at in _shifts(times_s, clock)]
        middle = (start + stop) // 2
        middle_s = self._at(middle)
        left = self._gaps(start, middle + 1, first_s, middle_s, clock)
        return left + self._gaps(middle, stop, middle_s, last_s, clock)

    def _at(self, place: int) -> float:
        return float(self._read(place, place + 1)[0])

    def _read(self, start: int, stop: int) -> NDArray[np.float64]:
        self.n_read += 1
        return np.asarray(self.array.read_range(start, min(stop, self.length)), dtype=np.float64).reshape(-1)


def _clock(blocks: list[NDArray[np.float64]]) -> _Clock | None:
    """Step and scatter of timestamps, from stretches that may have gaps; None where they do not advance, or are NaN."""
    if not all(np.isfinite(times_s).all() for times_s in blocks):
        return None
    steps = np.concatenate([np.diff(times_s) for times_s in blocks])
    step_s, scatter_s = float(np.median(steps)), 0.0
    if not (step_s > 0 and np.mean(np.abs(steps - step_s) <= _REGULAR_STEP * step_s) >= _NEARLY_ALL):
        longest_s = float(np.quantile(np.abs(steps), _NEARLY_ALL))
        apart = min(_APART, max(1, min(len(times_s) for times_s in blocks) // 2))
        steps = np.concatenate([times_s[apart:] - times_s[:-apart] for times_s in blocks]) / apart
        middle_s = float(np.median(steps))
        step_s = float(np.mean(steps[np.abs(steps - middle_s) <= 2 * max(middle_s, longest_s) / apart]))
        scatter_s = max(0.0, longest_s - step_s)
    return _Clock(step_s, scatter_s) if np.isfinite(step_s) and step_s > 0 else None


def _shifts(times_s: NDArray[np.float64], clock: _Clock) -> list[int]:
    """First samples behind gaps, and behind places where timestamps go back: those whose shift lasts."""
    late_s = times_s - clock.step_s * np.arange(len(times_s))
    least_s = max(_SHIFT_STEPS * clock.step_s, clock.scatter_s)
    found: list[int] = []
    for behind in (np.flatnonzero(np.abs(np.diff(late_s)) > least_s) + 1).tolist():
        before_s = np.median(late_s[max(0, behind - _AROUND) : behind])
        after_s = np.median(late_s[behind : behind + _AROUND])
        if abs(after_s - before_s) > least_s:
            found.append(behind)
    return found


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
    for recording in recordings:
        back_s = recording.pieces_s[:-1, 1] - recording.pieces_s[1:, 0]
        if (back := back_s > 1 / recording.rate_hz).any():
            n_times = int(np.count_nonzero(back))
            context.report(
                ProblemCode.RECORDING_GOES_BACK,
                f"The timestamps of the recording go back {n_times} time{'s' if n_times > 1 else ''}, by up to "
                f"{back_s.max():g} s: what was recorded then counts once, and firing rates may be too high.",
            )
    if len(pieces_s) > 1:
        missing_s = float((pieces_s[1:, 0] - pieces_s[:-1, 1]).sum())
        n_gaps = len(pieces_s) - 1
        context.report(
            ProblemCode.RECORDING_GAPS,
            f"The recording has {n_gaps} gap{'s' if n_gaps > 1 else ''} of {missing_s:g} s in all, which count as not "
            "recorded.",
        )
        slack_s = _SLACK_STEPS / min(recording.rate_hz for recording in recordings)
        piece = np.searchsorted(pieces_s[:, 0], times_s + slack_s, side="right") - 1
        within = (times_s > pieces_s[np.maximum(piece, 0), 1] + slack_s) & (piece >= 0) & (piece < n_gaps)
        if (n_within := int(np.count_nonzero(within))) > _OUTSIDE * len(times_s):
            context.report(
                ProblemCode.RECORDING_SPIKES_IN_GAPS,
                f"{n_within} of {len(times_s)} spikes lie in gaps of the recording: spike times that were counted from "
                "sample numbers ignore the gaps, and are wrong behind them.",
            )
    return pieces_s


def _union(intervals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Join intervals that overlap or touch."""
    ordered = intervals[np.argsort(intervals[:, 0], kind="stable")]
    reached = np.maximum.accumulate(ordered[:, 1])
    begins = np.concatenate([[True], ordered[1:, 0] > reached[:-1]])
    last = np.append(np.flatnonzero(begins)[1:] - 1, len(ordered) - 1)
    return np.column_stack([ordered[begins, 0], reached[last]])
