"""What is wrong with a source: its problems, those that only the whole shows, and how to mend each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nwb_unitrefine.errors import NoUnitsError, SpikeTimesUnitError, UnitRefineError
from nwb_unitrefine.records import Problem, ProblemCode, Severity
from nwb_unitrefine.records.names import without_secrets

if TYPE_CHECKING:
    from nwb_unitrefine.records import Curation, Source

__all__ = [
    "IMPORTANCE",
    "Finding",
    "code_of_refusal",
    "find_problems",
    "finding_of_refusal",
    "findings_of",
    "importance_of_refusal",
    "location_of_units",
    "remedy",
]

IMPORTANCE = {
    Severity.CRITICAL: "CRITICAL",
    Severity.WARNING: "BEST_PRACTICE_VIOLATION",
    Severity.INFO: "BEST_PRACTICE_SUGGESTION",
}
"""What nwbinspector calls a severity."""

_REMEDIES = {
    ProblemCode.SOURCE_UNREADABLE: "See the message; a damaged file has to be written or fetched again.",
    ProblemCode.SOURCE_WITHOUT_UNITS: "Write the sorted units into /units, or name their table: --units.",
    ProblemCode.SPIKE_TIMES_WRONG_UNIT: "Store spike times in seconds; until then, pass --spike-times-in.",
    ProblemCode.SPIKE_TIMES_DOUBTFUL_UNIT: "Store spike times in seconds; until then, pass --spike-times-in.",
    ProblemCode.SPIKE_TIMES_TRUNCATED: "Write all spikes of the sorting into the file.",
    ProblemCode.SPIKE_TIMES_ABSENT: "Write the sorting's spike times into the units table.",
    ProblemCode.SPIKE_TIMES_IMPOSSIBLE: "Remove or correct spike times that are NaN, infinite or far from the session.",
    ProblemCode.SPIKE_TIMES_UNSORTED: "Sort the spike times of each unit.",
    ProblemCode.SPIKE_TIMES_BEYOND_A_YEAR: "Store spike times relative to the session's reference time.",
    ProblemCode.SPIKE_TIMES_DUPLICATED: "Remove spikes that the sorter found twice.",
    ProblemCode.SPIKE_TIMES_REPEATED: "Write each spike of the sorting once, without padding.",
    ProblemCode.SPIKE_TIMES_COARSE: "Write spike times as the sorter found them, to the sample, as float64.",
    ProblemCode.SPIKE_TIMES_NEGATIVE: "Choose a reference time that no spike precedes, or remove these spikes.",
    ProblemCode.SPIKE_TIMES_OUTSIDE: "Extend obs_intervals to all of the time that was sorted.",
    ProblemCode.OBS_INTERVALS_UNUSABLE: "Store rows of start and stop in s, in order, without overlap.",
    ProblemCode.OBS_INTERVALS_TRANSPOSED: "Store obs_intervals as rows of start and stop.",
    ProblemCode.OBS_INTERVALS_MISSING: "Give every unit its obs_intervals, or remove the column.",
    ProblemCode.OBS_INTERVALS_SPIKES_OUTSIDE: "Correct obs_intervals: they must cover the time that was sorted.",
    ProblemCode.OBS_INTERVALS_CONVERTED: "Store obs_intervals in seconds, as spike times.",
    ProblemCode.WAVEFORMS_UNUSABLE: "Store waveform_mean as (units, samples) or (units, samples, channels).",
    ProblemCode.WAVEFORMS_ABSENT: "Store waveform_mean: most metrics of quality need it.",
    ProblemCode.WAVEFORMS_AXES_SWAPPED: "Store waveform_mean as (units, samples, channels).",
    ProblemCode.WAVEFORMS_FLATTENED: "Store waveform_mean as (units, samples, channels).",
    ProblemCode.WAVEFORMS_OFFSET: "Subtract the baseline from waveform_mean.",
    ProblemCode.WAVEFORMS_SCALE_UNKNOWN: "Store waveform_mean in volts, as its attribute `unit` states.",
    ProblemCode.WAVEFORMS_IN_COUNTS: "Store waveform_mean in volts: multiply by the recording's gain.",
    ProblemCode.WAVEFORMS_RATE_ASSUMED: "Set the attribute sampling_rate of waveform_mean.",
    ProblemCode.WAVEFORMS_WHITENED: "Store mean waveforms of the filtered recording, not the sorter's templates.",
    ProblemCode.WAVEFORMS_ELECTRODES_UNKNOWN: "Give each unit the electrodes of its waveform's channels, in order.",
    ProblemCode.ELECTRODES_NO_POSITIONS: "Fill rel_x and rel_y of the electrodes table, in µm.",
    ProblemCode.ELECTRODES_POSITIONS_UNUSABLE: "Store rel_x and rel_y of each site on its probe, in µm.",
    ProblemCode.UNIT_ELECTRODES_UNUSABLE: "Let the electrodes column refer to rows of the electrodes table.",
    ProblemCode.LINK_OUTSIDE: "Copy what the link leads to into the file.",
    ProblemCode.COLUMN_UNREADABLE: "Write the column again: one row a unit, with a filter that HDF5 itself knows.",
    ProblemCode.COLUMN_INDEX_BEYOND_DATA: "Write the ragged column again: its index and data do not fit.",
    ProblemCode.COLUMN_VALUES_UNASSIGNED: "Write the ragged column again: its index and data do not fit.",
    ProblemCode.COLUMN_OUT_OF_RANGE: "Check the metric's definition and unit.",
    ProblemCode.RECORDING_SILENT: "Remove stray spikes; store obs_intervals that leave out what was not recorded.",
    ProblemCode.RECORDING_GOES_BACK: "Store the recording's timestamps in increasing order.",
    ProblemCode.RECORDING_SPIKES_IN_GAPS: "Correct the recording's timestamps, or the spike times, to one clock.",
    ProblemCode.UNITS_DUPLICATED: "Compare the units, and keep one of those that are the same neuron.",
    ProblemCode.UNITS_SPLIT: "Compare the two units in a curation tool, and merge them where they are one neuron.",
    ProblemCode.RECORDING_SHORT: "Sort the whole recording; labels of so short a one rest on few spikes.",
    ProblemCode.MODEL_OTHER_DATA: "Use a model for such recordings, or train one on labels of your own.",
    ProblemCode.LABELS_COLUMNS_DIFFER: "Keep one column of labels, or describe what each of them means.",
    ProblemCode.LABELS_DIFFER: "Remove the table of clusters that is out of date.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One problem of a source, in the form of nwbinspector's messages.

    Parameters
    ----------
    source : str
    importance : str
        ``"ERROR"`` (the source cannot be labelled), ``"CRITICAL"``, ``"BEST_PRACTICE_VIOLATION"`` or
        ``"BEST_PRACTICE_SUGGESTION"``.
    code : str
        Stable code of the problem.
    message : str
    location : str
        Path in the file; empty for other sources.
    unit_ids : tuple of int or str
        Units that it concerns; empty for all.
    remedy : str
        How to mend it; empty where nothing is to be done in the file.
    """

    source: str
    importance: str
    code: str
    message: str
    location: str = ""
    unit_ids: tuple[int | str, ...] = ()
    remedy: str = ""


def findings_of(curation: Curation) -> list[Finding]:
    """List the problems of a source that was labelled, the gravest first."""
    source = curation.units.source
    order = list(IMPORTANCE)
    problems = sorted(find_problems(curation), key=lambda problem: order.index(problem.severity))
    return [
        Finding(
            source=source.uri,
            importance=IMPORTANCE[problem.severity],
            code=problem.code.value,
            message=problem.what,
            location=location_of_units(source),
            unit_ids=problem.unit_ids,
            remedy=remedy(problem.code),
        )
        for problem in problems
    ]


def finding_of_refusal(source: str, error: Exception) -> Finding:
    """Return what is wrong with a source that was not labelled.

    Parameters
    ----------
    source : str
    error : Exception
    """
    code = code_of_refusal(error)
    return Finding(
        source=source,
        importance=importance_of_refusal(code),
        code=code.value,
        message=without_secrets(error.message if isinstance(error, UnitRefineError) else str(error)),
        remedy=remedy(code),
    )


def importance_of_refusal(code: str) -> str:
    """Importance of what a source was refused for: spike times in another unit can be read, and are wrong."""
    return "CRITICAL" if code == ProblemCode.SPIKE_TIMES_WRONG_UNIT else "ERROR"


def location_of_units(source: Source) -> str:
    """Path of the units table in an NWB file; empty for other sources."""
    return f"/{source.units_path or 'units'}" if source.kind.startswith("nwb-") else ""


def code_of_refusal(error: Exception) -> ProblemCode:
    """Code of the problem for which a source was not labelled."""
    if isinstance(error, SpikeTimesUnitError):
        return ProblemCode.SPIKE_TIMES_WRONG_UNIT
    is_empty = isinstance(error, NoUnitsError)
    return ProblemCode.SOURCE_WITHOUT_UNITS if is_empty else ProblemCode.SOURCE_UNREADABLE


def remedy(code: ProblemCode) -> str:
    """How to mend a problem in the source; empty where there is nothing to mend."""
    return _REMEDIES.get(code, "")


def find_problems(curation: Curation) -> list[Problem]:
    """Return every problem of a source: met on reading and computing, and those that only the whole shows."""
    from nwb_unitrefine.read.across_units import find_across_units

    units = curation.units
    return [*units.problems, *curation.features.problems, *find_across_units(units)]
