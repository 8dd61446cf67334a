"""What a file states about its session: who and when, and how fast it was sampled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nwb_unitrefine.read.context import STATED
from nwb_unitrefine.read.nwb.ragged import is_vector
from nwb_unitrefine.records import SLOWEST_HZ, Source
from nwb_unitrefine.storage.tree import attribute_number, attribute_text, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nwb_unitrefine.read.context import ReadContext
    from nwb_unitrefine.read.nwb.recordings import Recording
    from nwb_unitrefine.storage.tree import Group

__all__ = ["SamplingRate", "identify", "nwb_version", "stated_rate"]

_SPIKE_BAND_HZ = 5_000.0
"""A series sampled slower than this is a local field potential: no spikes were sorted from it."""

_FASTEST_HZ = 100_000.0
"""A resolution finer than this is that of a clock, and faster waveforms are upsampled: neither is of the samples."""


class SamplingRate(NamedTuple):
    """A sampling rate, None where it is not known, and where it is from."""

    hz: float | None
    origin: str


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
        nwb_version=nwb_version(root),
        object_id=attribute_text(root.attributes, "object_id"),
        units_object_id=attribute_text(table.attributes, "object_id"),
        identifier=_scalar(root, "identifier"),
        session_id=_scalar(general, "session_id"),
        subject_id=_scalar(subject, "subject_id"),
        session_start_time=_scalar(root, "session_start_time"),
        size_bytes=size_bytes,
    )


def nwb_version(root: Group) -> str:
    """Version of NWB that a file states, in an attribute or, as files before 2.0 did, in a dataset; empty if none."""
    return attribute_text(root.attributes, "nwb_version") or _scalar(root, "nwb_version")


def _scalar(group: Group | None, name: str) -> str:
    """Text of a dataset that holds one value; empty where it is not there."""
    array = group.array(name) if group else None
    return "" if array is None else text(array.read())


def _positive(attributes: Mapping[str, Any], name: str) -> float | None:
    """The value of an attribute if it is a positive number; None if not."""
    number = attribute_number(attributes, name)
    return number if number is not None and number > 0 else None


def stated_rate(root: Group, table: Group, recordings: list[Recording], context: ReadContext) -> SamplingRate:
    """Sampling rate that the spike times were counted in.

    From, in this order: the user; raw series; the resolution of spike times, which is one sample; waveforms; the units'
    own column ``sampling_rate``; the probe (Allen).
    """
    if context.hints.sampling_rate_hz is not None:
        return SamplingRate(context.hints.sampling_rate_hz, STATED)
    hz = _rate_in_file(root, table, recordings)
    return SamplingRate(hz, "of the recording" if hz else "")


def _rate_in_file(root: Group, table: Group, recordings: list[Recording]) -> float | None:
    """The rate that the file states; None where it does not, or where its statements disagree."""
    if recordings:
        return _agreed([recording.rate_hz for recording in recordings])
    spikes, column = table.array("spike_times"), table.array("sampling_rate")
    if spikes is not None and (resolution := _positive(spikes.attributes, "resolution")):
        rate_hz = 1 / resolution
        if _SPIKE_BAND_HZ <= rate_hz <= _FASTEST_HZ:
            return float(round(rate_hz)) if abs(rate_hz - round(rate_hz)) < 1e-3 else rate_hz
    for waveforms in (table.array("waveform_mean"), table.array("waveforms")):
        waveform_rate_hz = None if waveforms is None else _positive(waveforms.attributes, "sampling_rate")
        if waveform_rate_hz is not None and SLOWEST_HZ <= waveform_rate_hz <= _FASTEST_HZ:
            return waveform_rate_hz
    if column is not None and column.dtype.kind in "fiu" and is_vector(column.shape):
        return _agreed(column.read().reshape(-1).tolist())
    devices = root.group("general/devices")
    groups = [] if devices is None else [devices.group(name) for name in devices.names()]
    rates = [_positive(group.attributes, "sampling_rate") for group in groups if group is not None]
    return _agreed([rate for rate in rates if rate])


def _agreed(rates_hz: list[float]) -> float | None:
    """The rate that all name, to one part in a thousand (clocks of probes differ a little)."""
    if not rates_hz or not np.isfinite(rates_hz).all() or min(rates_hz) < SLOWEST_HZ:
        return None
    if max(rates_hz) > min(rates_hz) * 1.001:
        return None
    return float(np.median(rates_hz))
