"""The contract on spike times: seconds, finite, in order within each unit. All readers use it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.errors import SpikeTimesUnitError
from nwb_unitrefine.read.context import MS_PER_SECOND, ReadContext
from nwb_unitrefine.read.time_unit import FROM_GRID, coarse_step, doubt_seconds, rate_of_grid
from nwb_unitrefine.records import ProblemCode, Ragged

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nwb_unitrefine.records import Units

__all__ = ["clean_spike_times", "clean_units", "stored_per_second"]

_YEAR_S = 365.25 * 86_400

_NO_CLOCK_S = 1e11
"""No clock is thousands of years from its zero; such a value, like NaN and infinity, is no time."""

_OPTION = "State their unit: --spike-times-in seconds, ms or samples (in Python, spike_times_in=)."


def stored_per_second(context: ReadContext, *, sampling_rate_hz: float | None, default: str = "seconds") -> float:
    """Return how much of the stored unit of spike times makes a second: 1000 for milliseconds.

    Parameters
    ----------
    context : ReadContext
        The source, and what the user states about it.
    sampling_rate_hz : float or None
        Of the recording.
    default : {"seconds", "samples"}, optional
        Unit that the format prescribes.

    Raises
    ------
    SourceError
        If they are samples and the sampling rate is not known.
    """
    unit = context.hints.spike_times_in or default
    if unit == "samples":
        if not sampling_rate_hz:
            raise context.refusal(
                "spike times are sample numbers, and the sampling rate is not known.",
                tip="Give it: --sampling-rate-hz (in Python, sampling_rate_hz=).",
            )
        return sampling_rate_hz
    return MS_PER_SECOND if unit == "ms" else 1.0


def clean_spike_times(
    stored: Ragged,
    context: ReadContext,
    *,
    per_second: float = 1.0,
    sampling_rate_hz: float | None = None,
    recorded_s: float | None = None,
    observed_s: float | None = None,
) -> Ragged:
    """Return spike trains that can be computed with: in seconds, finite, in order.

    Trains with times that cannot be (NaN, infinite, a year away from the others, as a flipped bit makes them) are
    emptied, trains out of order are sorted; both are reported.

    Parameters
    ----------
    stored : Ragged of float64
    context : ReadContext
        Gets what was wrong and could be dealt with.
    per_second : float, optional
        How much of the stored unit makes a second.
    sampling_rate_hz, recorded_s, observed_s : float, optional
        Sampling rate and length of the raw recording, and length of the observation intervals as stored: evidence for
        the unit of the times.

    Raises
    ------
    SourceError
        If the times cannot be seconds, and the user does not state what they are.
    """
    trains = _in_order(stored, context)
    doubt = None
    if context.hints.spike_times_in is None and per_second == 1.0:
        doubt = doubt_seconds(trains, sampling_rate_hz=sampling_rate_hz, recorded_s=recorded_s, observed_s=observed_s)
        if doubt is not None and doubt.conclusive:
            raise SpikeTimesUnitError(f"{context.uri}: spike times are not in seconds: {doubt.evidence}.", tip=_OPTION)
        if doubt is not None:
            what = f"Spike times may not be in seconds: {doubt.evidence}. {_OPTION}"
            context.report(ProblemCode.SPIKE_TIMES_DOUBTFUL_UNIT, what)
    if per_second != 1.0:
        trains = Ragged(trains.values / per_second, trains.offsets)
    trains = _possible(trains, context)
    if len(trains.values) and (longest_s := max(trains.values.max(), -trains.values.min())) > _YEAR_S:
        what = f"Spike times reach {longest_s:.0f} s, more than a year: not a session's clock."
        context.report(ProblemCode.SPIKE_TIMES_BEYOND_A_YEAR, what)
    if doubt is None:
        _report_coarse(trains, context)
    return trains


def _report_coarse(trains: Ragged, context: ReadContext) -> None:
    """Report times in steps that are not samples: nothing brings back what was rounded away."""
    if (step_s := coarse_step(trains.values)) is not None:
        stored = f"Spike times are stored in steps of {1000 * step_s:.2g} ms"
        what = f"{stored}; refractory violations and synchrony are not exact."
        context.report(ProblemCode.SPIKE_TIMES_COARSE, what)


def clean_units(units: Units) -> Units:
    """Return units whose spike trains meet the contract: what readers do, for `Units` that were made by hand.

    Units that meet it already are returned as they are.

    Raises
    ------
    SourceError
        If their parts do not fit together, or the spike times cannot be seconds.
    """
    context = ReadContext(units.source.uri, np.asarray(units.unit_ids))
    _require_fit(units, context)
    trains = units.spike_times_s
    if not _is_clean(trains):
        trains = _possible(_in_order(trains, context), context)
        units = replace(units, spike_times_s=trains, problems=(*units.problems, *context.problems))
    if units.sampling_rate_hz is None:
        waveform_rate_hz = units.waveforms.sampling_rate_hz if units.waveforms else None
        rate_hz, origin = (waveform_rate_hz, "of the waveforms") if waveform_rate_hz else (None, "")
        if rate_hz is None and (rate_hz := rate_of_grid(trains.values)):
            origin = FROM_GRID
        units = replace(units, sampling_rate_hz=rate_hz, sampling_rate_from=origin)
    return units


def _require_fit(units: Units, context: ReadContext) -> None:
    """Refuse units whose parts have different numbers of units."""
    rows = {
        "spike_times_s": units.spike_times_s,
        "obs_intervals_s": units.obs_intervals_s,
        "unit_electrodes": units.unit_electrodes,
        "waveforms.mean": units.waveforms.mean if units.waveforms else None,
        "waveforms.channels": units.waveforms.channels if units.waveforms else None,
    }
    for name, part in rows.items():
        if part is not None and len(part) != len(units):
            raise context.refusal(f"{name} is of {len(part)} units and there are {len(units)} unit ids.")
    trains = units.spike_times_s
    if len(trains.values) != trains.offsets[-1] or trains.values.ndim != 1:
        raise context.refusal("the offsets of spike_times_s do not fit its values; Ragged.concatenated makes both.")


def _is_clean(trains: Ragged) -> bool:
    """Whether trains are finite and in order."""
    values = trains.values
    if not len(values):
        return True
    return not _descends(trains).any() and _all_usable(values)


def _descends(trains: Ragged) -> NDArray[np.bool_]:
    """Which spikes are before the one ahead of them in their train; an empty array where the whole is in order."""
    values = trains.values
    descends = np.zeros(len(values), bool)
    if len(values):
        descends[1:] = values[1:] < values[:-1]
        starts = trains.offsets[:-1]
        descends[starts[starts < len(values)]] = False
    return descends


def _in_order(trains: Ragged, context: ReadContext) -> Ragged:
    """Sort the trains that are out of order, and report them."""
    descends = _descends(trains)
    if not descends.any():
        return trains
    bad = _units_with(descends, trains)
    context.report(ProblemCode.SPIKE_TIMES_UNSORTED, "Spike times of {units} were out of order and were sorted.", bad)
    return Ragged.from_rows(trains.values, np.repeat(np.arange(len(trains)), trains.counts), len(trains))


def _possible(trains: Ragged, context: ReadContext) -> Ragged:
    """Empty the trains with times that cannot be, and report them."""
    if _all_usable(trains.values):
        return trains
    usable = _usable(trains.values)
    bad = _units_with(~usable, trains)
    what = "Spike times of {units} not used: some are NaN, infinite, or more than a year away from the others."
    context.report(ProblemCode.SPIKE_TIMES_IMPOSSIBLE, what, bad)
    keep = ~np.repeat(bad, trains.counts)
    return Ragged.from_counts(trains.values[keep], np.where(bad, 0, trains.counts))


def _all_usable(values: NDArray[np.float64]) -> bool:
    """Whether all spike times can be those of one session, found without a copy of them."""
    if not len(values):
        return True
    first, last = values.min(), values.max()
    return bool(first > -_NO_CLOCK_S and last < _NO_CLOCK_S and last - first <= _YEAR_S)


def _usable(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which spike times can be those of one session."""
    usable: NDArray[np.bool_] = np.abs(values) < _NO_CLOCK_S
    known = values[usable]
    if len(known) and known.max() - known.min() > _YEAR_S:
        usable[usable] = np.abs(known - np.median(known)) <= _YEAR_S
    return usable


def _units_with(flags: NDArray[np.bool_], trains: Ragged) -> NDArray[np.bool_]:
    """Which units have a spike that is flagged."""
    hits = np.searchsorted(trains.offsets, np.flatnonzero(flags), side="right") - 1
    bad = np.zeros(len(trains), bool)
    bad[hits] = True
    return bad
