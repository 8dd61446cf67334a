"""Whether spike times are seconds, judged by the times themselves.

NWB prescribes seconds; conversions also write milliseconds and sample numbers. Read as seconds these are a recording of
days in which no two spikes of a unit are closer than a second. No single sign is proof: slow units of a short session
have few short intervals too. So a sorting is doubted only if hardly any interval in all of it is short, and only where
one of these holds besides:

- nearly all times are whole numbers;
- times lie on the grid of the sampling rate when they are taken as milliseconds;
- the times of the whole sorting span a day or more, at rates of a few spikes a minute or less;
- the times span as many milliseconds (or samples) as the recording in the file, or the observation intervals, last
  seconds;
- far fewer intervals are below some seconds than at random: a refractory period that long does not exist.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from nwb_unitrefine.records import Ragged

__all__ = ["FROM_GRID", "Doubt", "coarse_step", "doubt_seconds", "is_whole", "rate_of_grid"]

FROM_GRID = "inferred: the spike times lie on its grid"
"""Where the rate of `rate_of_grid` is from."""

_USUAL_RATES_HZ = (30000.0, 25000.0, 20000.0, 24414.0625, 32000.0, 32556.0, 40000.0, 48000.0, 10000.0, 12500.0, 50000.0)
"""Sampling rates of common acquisition systems, the most frequent first."""

_FEW_SPIKES = 20
"""Fewer spikes than this say nothing about their unit."""

_SOME_WHOLE_SPIKES = 100
"""So many whole numbers are no accident, however small they are."""

_COARSE_STEPS_S = (0.1, 0.01, 0.001)
"""Steps that times are rounded to, the coarsest first."""

_FINE_S = 1e-4
"""Steps up to this are samples of a recording."""

_LONG_S = 10_000.0
"""Whole numbers up to this may be a spike train in whole seconds; sample numbers soon go beyond it."""

_WHOLE = 1e-3
"""Distance from a whole number that rounding in a conversion explains."""

_NEARLY_ALL = 0.99

_BLOCK = 1 << 20
"""Times that are looked at together: copies of all of them would need several times their memory."""

_SHORT_S, _HARDLY_ANY = 0.1, 0.02
"""Intervals below a tenth of a second are more than this fraction in every sorting of units beyond 0.2 Hz."""

_DAY_S, _SLOW_HZ = 86_400.0, 0.2
_LONG_SESSION_S, _VERY_SLOW_HZ = 6 * 3600.0, 0.02
_HOUR_S = 3600.0

_PAUSES_S = (0.25, 0.5, 1.0, 1.5, 2.0, 2.5)
"""Refractory periods that no neuron has, in seconds; a thousandth of each is common."""

_MANY_EXPECTED, _FEW_OF_EXPECTED = 12.0, 0.1

_REGULAR = 0.3
"""Coefficient of variation of the intervals below which trains are periodic: made by a program, or no neurons."""

_WHOLE_RECORDING = (0.5, 1.005)
"""Fraction of a recording that the spikes of a whole sorting span."""

_SHORTEST_RECORDING_S, _SHORTEST_SESSION_S = 10.0, 1.0
"""Shortest recording in which a sorting that fits shows that times are in seconds; shortest one that excludes it."""


class Doubt(NamedTuple):
    """Why spike times may not be seconds.

    Parameters
    ----------
    conclusive : bool
        Whether nothing else is plausible.
    evidence : str
        Half a sentence.
    """

    conclusive: bool
    evidence: str


def is_whole(values: NDArray[np.float64]) -> bool:
    """Whether nearly all finite values are whole numbers, but for rounding."""
    n_known = n_whole = 0
    for start in range(0, len(values), _BLOCK):
        known = values[start : start + _BLOCK]
        known = known[np.isfinite(known)]
        n_known += len(known)
        n_whole += int(np.count_nonzero(np.abs(known - np.rint(known)) < _WHOLE))
        if n_known - n_whole > (1 - _NEARLY_ALL) * len(values):
            return False  # whatever follows
    return n_known > 0 and n_whole / n_known >= _NEARLY_ALL


def rate_of_grid(values: NDArray[np.float64]) -> float | None:
    """Return the usual sampling rate on whose grid spike times in seconds lie; None if there is none."""
    head = values[:20_000]
    return next((rate_hz for rate_hz in _USUAL_RATES_HZ if is_whole(head * rate_hz)), None)


def coarse_step(values: NDArray[np.float64]) -> float | None:
    """Return the step in which spike times in seconds are stored, where it is far longer than a sample; None if not.

    Times were rounded to milliseconds or more, or are single precision late in a session: 0.5 ms after 4096 s.
    """
    head = values[:20_000]
    if len(head) < _SOME_WHOLE_SPIKES:
        return None
    for step_s in _COARSE_STEPS_S:
        if is_whole(head / step_s):
            return step_s
    largest = max(float(values.max()), -float(values.min()))
    single_s = float(np.spacing(np.float32(largest)))
    return single_s if single_s > _FINE_S and np.array_equal(head, head.astype(np.float32)) else None


def doubt_seconds(
    trains: Ragged,
    *,
    sampling_rate_hz: float | None = None,
    recorded_s: float | None = None,
    observed_s: float | None = None,
) -> Doubt | None:
    """Say why spike times may not be seconds; None where they may well be.

    Parameters
    ----------
    trains : Ragged of float64
        Spike times as stored, in order within each unit.
    sampling_rate_hz : float, optional
        Of the recording.
    recorded_s : float, optional
        How long the raw recording in the file lasts.
    observed_s : float, optional
        From the start of the first observation interval to the end of the last, as stored.

    Returns
    -------
    Doubt or None
        The first conclusive sign, else the first sign.
    """
    values = trains.values
    with np.errstate(all="ignore"):
        are_finite = np.isfinite(values.sum())
    values = values if are_finite else values[np.isfinite(values)]
    if len(values) < _FEW_SPIKES:
        return None
    if is_whole(values):
        largest = float(max(values.max(), -values.min()))
        if largest > _LONG_S:
            return Doubt(conclusive=True, evidence=f"they are whole numbers up to {largest:.0f}, as sample numbers are")
        if len(values) >= _SOME_WHOLE_SPIKES:
            return Doubt(conclusive=False, evidence="all of them are whole numbers")
    intervals = _long_intervals(trains)
    if intervals is None:
        return None
    span_s = float(values.max() - values.min())
    if recorded_s is not None and recorded_s >= _SHORTEST_RECORDING_S and span_s <= 1.05 * recorded_s:
        return None
    lengths_s = {"the recording in the file lasts": recorded_s, "the observation intervals last": observed_s}
    signs = list(_signs(trains, values, intervals, sampling_rate_hz=sampling_rate_hz, lengths_s=lengths_s))
    return next((sign for sign in signs if sign.conclusive), signs[0] if signs else None)


class _Intervals(NamedTuple):
    """Intervals between successive spikes of a unit, all units together; `n_below` counts those below each pause."""

    mean_s: float
    deviation_s: float
    n_below: tuple[int, ...]


def _long_intervals(trains: Ragged) -> _Intervals | None:
    """Describe the intervals, if there are some and hardly any is short; None as soon as it is clear that many are."""
    number = n_short = 0
    total_s = 0.0
    n_below = np.zeros(len(_PAUSES_S), dtype=np.int64)
    for some in _intervals(trains):
        number += len(some)
        total_s += float(some.sum())
        n_short += int(np.count_nonzero(some < _SHORT_S))
        n_below += [np.count_nonzero(some < pause_s) for pause_s in _PAUSES_S]
        if n_short > _HARDLY_ANY * len(trains.values):
            return None
    if number < _FEW_SPIKES or n_short > _HARDLY_ANY * number:
        return None
    mean_s = total_s / number
    squares = sum(float(np.sum((some - mean_s) ** 2)) for some in _intervals(trains))
    return _Intervals(mean_s, float(np.sqrt(squares / number)), tuple(n_below.tolist()))


def _intervals(trains: Ragged) -> Iterator[NDArray[np.float64]]:
    """Yield the intervals between successive spikes of one unit, of all units, a million at once.

    Doubled spikes have none between them.
    """
    ends = trains.offsets[1:-1] - 1
    for start in range(0, len(trains.values) - 1, _BLOCK):
        steps = np.diff(trains.values[start : start + _BLOCK + 1])
        inside = (steps > 0) & np.isfinite(steps)
        first, last = np.searchsorted(ends, (start, start + len(steps)))
        inside[ends[first:last] - start] = False
        yield steps[inside]


def _signs(
    trains: Ragged,
    values: NDArray[np.float64],
    intervals: _Intervals,
    *,
    sampling_rate_hz: float | None,
    lengths_s: Mapping[str, float | None],
) -> Iterator[Doubt]:
    """Look for each sign in turn; the intervals are known to be long."""
    span_s = float(values.max() - values.min())
    fastest_hz = float(trains.counts.max()) / span_s
    few = f"fewer than {_HARDLY_ANY:.0%} of the intervals are below {_SHORT_S:g} s"
    if span_s > _DAY_S and fastest_hz < _SLOW_HZ:
        days = span_s / _DAY_S
        yield Doubt(
            conclusive=True,
            evidence=f"they span {days:.3g} days, no unit has more than {fastest_hz:.2g} spikes a second, and {few}",
        )
    for lasts, length_s in lengths_s.items():
        for per_second in (1000.0, sampling_rate_hz or 0.0):
            if length_s and per_second and _WHOLE_RECORDING[0] <= span_s / length_s / per_second <= _WHOLE_RECORDING[1]:
                yield Doubt(
                    conclusive=length_s >= _SHORTEST_SESSION_S,
                    evidence=f"they span {span_s:.6g} where {lasts} {length_s:.6g} s, and {few}",
                )
    if intervals.deviation_s < _REGULAR * intervals.mean_s:
        return
    rate = _millisecond_grid(values, sampling_rate_hz)
    if rate is not None:
        evidence = f"as milliseconds they are whole samples at {rate:g} Hz, as seconds they are not, and {few}"
        yield Doubt(conclusive=span_s > _HOUR_S, evidence=evidence)
    for pause_s, found in zip(_PAUSES_S, intervals.n_below, strict=True):
        rates_hz = trains.counts / span_s
        expected = float(np.sum(trains.counts * -np.expm1(-rates_hz * pause_s)))
        if expected >= _MANY_EXPECTED and found <= _FEW_OF_EXPECTED * expected:
            evidence = f"{found} intervals are below {pause_s:g} s where {expected:.0f} would be at random"
            yield Doubt(conclusive=True, evidence=evidence)
    if span_s > _LONG_SESSION_S and fastest_hz < _VERY_SLOW_HZ:
        evidence = f"they span {span_s / _HOUR_S:.3g} hours, no unit has more than {fastest_hz:.2g} spikes a second"
        yield Doubt(conclusive=False, evidence=evidence)


def _millisecond_grid(values: NDArray[np.float64], sampling_rate_hz: float | None) -> float | None:
    """Return the sampling rate on whose grid the times lie if they are milliseconds; None if there is none."""
    head = values[:20_000]
    for rate_hz in (sampling_rate_hz,) if sampling_rate_hz else _USUAL_RATES_HZ:
        if rate_hz >= _LONG_S and is_whole(head * (rate_hz / 1000)):
            return rate_hz
    return None
