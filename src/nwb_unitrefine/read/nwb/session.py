"""What a file says about its session: who and when, how fast it was sampled, and how long it lasted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nwb_unitrefine.records import ProblemCode, Ragged, Source
from nwb_unitrefine.storage.tree import attribute_number, attribute_text, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nwb_unitrefine.read.context import ReadContext
    from nwb_unitrefine.storage.tree import Array, Group

__all__ = ["Recording", "identify", "read_recordings", "recording_interval", "sampling_rate"]

_SPIKE_BAND_HZ = 5_000.0
"""A series sampled slower than this is a local field potential: no spikes were sorted from it."""

_FASTEST_HZ = 100_000.0
"""A resolution finer than this is that of a clock, not of the samples."""

_OUTSIDE = 1e-3
"""Fraction of spikes outside a series above which the units were not sorted from it."""


class Recording(NamedTuple):
    """One raw series: its sampling rate, first sample and end."""

    rate_hz: float
    start_s: float
    end_s: float


def identify(root: Group, table: Group, *, uri: str, kind: str, size_bytes: int) -> Source:
    """What identifies the session of a file.

    Parameters
    ----------
    root, table : Group
        The file and its units table.
    uri, kind : str
        As of `Source`.
    size_bytes : int
        Size of the file.
    """
    general = root.group("general")
    subject = root.group("general/subject")
    return Source(
        uri=uri,
        kind=kind,
        nwb_version=attribute_text(root.attributes, "nwb_version"),
        object_id=attribute_text(root.attributes, "object_id"),
        units_object_id=attribute_text(table.attributes, "object_id"),
        identifier=_scalar(root, "identifier"),
        session_id=_scalar(general, "session_id"),
        subject_id=_scalar(subject, "subject_id"),
        session_start_time=_scalar(root, "session_start_time"),
        size_bytes=size_bytes,
    )


def _scalar(group: Group | None, name: str) -> str:
    """Text of a dataset that holds one value; empty where it is not there."""
    array = group.array(name) if group else None
    return "" if array is None else text(array.read())


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
        recording = _time_base(series, data)
        if recording is not None and recording.rate_hz >= _SPIKE_BAND_HZ and recording.end_s > recording.start_s:
            yield recording


def _time_base(series: Group, data: Array) -> Recording | None:
    """Rate, start and end of a series, from its rate or its first and last timestamp."""
    n_samples = data.shape[0]
    starting_time, timestamps = series.array("starting_time"), series.array("timestamps")
    if starting_time is not None and (rate_hz := _positive(starting_time.attributes, "rate")):
        start_s = float(np.asarray(starting_time.read()).reshape(-1)[0])
        return Recording(rate_hz, start_s, start_s + n_samples / rate_hz)
    if timestamps is not None and timestamps.shape == (n_samples,):
        first_s, last_s = timestamps.read_ends()
        if last_s > first_s:
            step_s = (last_s - first_s) / (n_samples - 1)
            return Recording(1 / step_s, first_s, last_s + step_s)
    return None


def _positive(attributes: Mapping[str, Any], name: str) -> float | None:
    """The value of an attribute if it is a positive number; None if not."""
    number = attribute_number(attributes, name)
    return number if number is not None and number > 0 else None


def recording_interval(recordings: list[Recording], trains: Ragged, context: ReadContext) -> tuple[float, float] | None:
    """Start of the first raw series to the end of the last; None where units were not sorted from them.

    A file may hold a short piece of its recording for show: its spikes then lie outside, which is reported.
    """
    if not recordings:
        return None
    start_s, end_s = min(r.start_s for r in recordings), max(r.end_s for r in recordings)
    times_s = trains.values
    outside = np.mean((times_s < start_s - 1) | (times_s > end_s + 1)) if len(times_s) else 0.0
    if outside > _OUTSIDE:
        context.report(
            ProblemCode.RECORDING_SPIKES_OUTSIDE,
            f"The recording in the file lasts from {start_s:g} to {end_s:g} s and {outside:.0%} of the spikes lie "
            "outside: it is not taken as the time that was recorded.",
        )
        return None
    return start_s, end_s


def sampling_rate(root: Group, table: Group, recordings: list[Recording]) -> float | None:
    """Sampling rate of the recording, in Hz.

    From, in this order: raw series; the resolution of spike times, which is one sample; waveforms; the units' own
    column ``sampling_rate``; the probe (Allen). None where none of them says, or where they disagree among themselves.
    """
    if recordings:
        return _agreed([recording.rate_hz for recording in recordings])
    spikes, waveforms, column = (table.array(name) for name in ("spike_times", "waveform_mean", "sampling_rate"))
    if spikes is not None and (resolution := _positive(spikes.attributes, "resolution")):
        rate_hz = 1 / resolution
        if _SPIKE_BAND_HZ <= rate_hz <= _FASTEST_HZ:
            return float(round(rate_hz)) if abs(rate_hz - round(rate_hz)) < 1e-3 else rate_hz
    if waveforms is not None and (waveform_rate_hz := _positive(waveforms.attributes, "sampling_rate")):
        return waveform_rate_hz
    if column is not None and column.dtype.kind in "fiu" and len(column.shape) == 1:
        return _agreed(column.read().tolist())
    devices = root.group("general/devices")
    groups = [] if devices is None else [devices.group(name) for name in devices.names()]
    rates = [_positive(group.attributes, "sampling_rate") for group in groups if group is not None]
    return _agreed([rate for rate in rates if rate])


def _agreed(rates_hz: list[float]) -> float | None:
    """The rate that all name, to one part in a thousand (clocks of probes differ a little)."""
    if not rates_hz or not np.isfinite(rates_hz).all() or min(rates_hz) <= 0:
        return None
    if max(rates_hz) > min(rates_hz) * 1.001:
        return None
    return float(np.median(rates_hz))
