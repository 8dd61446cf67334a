"""What is wrong with a source: its problems, those that only the whole shows, and how to mend each."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from nwb_unitrefine.batch.same_neuron import duplicate_pairs, split_pairs
from nwb_unitrefine.read import existing_labels
from nwb_unitrefine.records import Problem, ProblemCode, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nwb_unitrefine.records import Curation, Units

__all__ = ["IMPORTANCE", "Finding", "find_in_units", "find_problems", "findings_of", "remedy"]

IMPORTANCE = {
    Severity.CRITICAL: "CRITICAL",
    Severity.WARNING: "BEST_PRACTICE_VIOLATION",
    Severity.INFO: "BEST_PRACTICE_SUGGESTION",
}
"""What nwbinspector calls a severity."""

SHORT_S = 120.0
"""Two bins of the presence ratio."""

_REMEDIES = {
    ProblemCode.SPIKE_TIMES_DOUBTFUL_UNIT: "Store spike times in seconds; until then, pass --spike-times-in.",
    ProblemCode.SPIKE_TIMES_TRUNCATED: "Write all spikes of the sorting into the file.",
    ProblemCode.SPIKE_TIMES_ABSENT: "Write the sorting's spike times into the units table.",
    ProblemCode.SPIKE_TIMES_IMPOSSIBLE: "Remove or correct spike times that are NaN, infinite or far from the session.",
    ProblemCode.SPIKE_TIMES_UNSORTED: "Sort the spike times of each unit.",
    ProblemCode.SPIKE_TIMES_BEYOND_A_YEAR: "Store spike times relative to the session's reference time.",
    ProblemCode.SPIKE_TIMES_DUPLICATED: "Remove spikes that the sorter found twice.",
    ProblemCode.SPIKE_TIMES_NEGATIVE: "Choose a reference time that no spike precedes, or remove these spikes.",
    ProblemCode.SPIKE_TIMES_OUTSIDE: "Extend obs_intervals to all of the time that was sorted.",
    ProblemCode.OBS_INTERVALS_UNUSABLE: "Store rows of start and stop in s, in order, without overlap.",
    ProblemCode.OBS_INTERVALS_MISSING: "Give every unit its obs_intervals, or remove the column.",
    ProblemCode.OBS_INTERVALS_SPIKES_OUTSIDE: "Correct obs_intervals: they must cover the time that was sorted.",
    ProblemCode.OBS_INTERVALS_CONVERTED: "Store obs_intervals in seconds, as spike times.",
    ProblemCode.WAVEFORMS_UNUSABLE: "Store waveform_mean as (units, samples) or (units, samples, channels).",
    ProblemCode.WAVEFORMS_ABSENT: "Store waveform_mean: most metrics of quality need it.",
    ProblemCode.WAVEFORMS_AXES_SWAPPED: "Store waveform_mean as (units, samples, channels).",
    ProblemCode.WAVEFORMS_SCALE_UNKNOWN: "Store waveform_mean in volts, as its attribute `unit` states.",
    ProblemCode.WAVEFORMS_IN_COUNTS: "Store waveform_mean in volts: multiply by the recording's gain.",
    ProblemCode.WAVEFORMS_RATE_ASSUMED: "Set the attribute sampling_rate of waveform_mean.",
    ProblemCode.WAVEFORMS_WHITENED: "Store mean waveforms of the filtered recording, not the sorter's templates.",
    ProblemCode.WAVEFORMS_ELECTRODES_UNKNOWN: "Give each unit the electrodes of its waveform's channels, in order.",
    ProblemCode.ELECTRODES_NO_POSITIONS: "Fill rel_x and rel_y of the electrodes table, in µm.",
    ProblemCode.ELECTRODES_POSITIONS_UNUSABLE: "Store rel_x and rel_y of each site on its probe, in µm.",
    ProblemCode.UNIT_ELECTRODES_UNUSABLE: "Let the electrodes column refer to rows of the electrodes table.",
    ProblemCode.LINK_OUTSIDE: "Copy what the link leads to into the file.",
    ProblemCode.COLUMN_UNREADABLE: "Write the column again, with a filter that HDF5 itself knows.",
    ProblemCode.COLUMN_INDEX_BEYOND_DATA: "Write the ragged column again: its index and data do not fit.",
    ProblemCode.COLUMN_VALUES_UNASSIGNED: "Write the ragged column again: its index and data do not fit.",
    ProblemCode.COLUMN_OUT_OF_RANGE: "Check the metric's definition and unit.",
    ProblemCode.RECORDING_GOES_BACK: "Store the recording's timestamps in increasing order.",
    ProblemCode.RECORDING_SPIKES_IN_GAPS: "Correct the recording's timestamps, or the spike times, to one clock.",
    ProblemCode.UNITS_DUPLICATED: "Compare the two units, and keep one where they are the same neuron.",
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
        ``"ERROR"`` (the source cannot be read), ``"CRITICAL"``, ``"BEST_PRACTICE_VIOLATION"`` or
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
            location=f"/{source.units_path or 'units'}" if source.kind.startswith("nwb-") else "",
            unit_ids=problem.unit_ids,
            remedy=remedy(problem.code),
        )
        for problem in problems
    ]


def remedy(code: ProblemCode) -> str:
    """How to mend a problem in the source; empty where there is nothing to mend."""
    return _REMEDIES.get(code, "")


def find_problems(curation: Curation) -> list[Problem]:
    """Return every problem of a source: met on reading and computing, and those that only the whole shows."""
    units, predictions = curation.units, curation.predictions
    found = [*units.problems, *curation.features.problems, *find_in_units(units)]
    outside = [reason.count("outside the training range") > 0 for reason in predictions.reasons]
    if len(units) and sum(outside) > len(units) / 2:
        what = f"{sum(outside)} of {len(units)} units lie outside the training range of {curation.model.name}."
        found.append(Problem(ProblemCode.MODEL_OTHER_DATA, what))
    return found


def find_in_units(units: Units) -> Iterator[Problem]:
    """Yield what reading does not look for: units that may be one neuron, a short recording, labels that disagree."""
    ids = units.unit_ids.tolist()
    for first, second, share in duplicate_pairs(units):
        pair = (ids[first], ids[second])
        what = f"Units {pair[0]} and {pair[1]} share {100 * share:.0f} % of the smaller one's spikes."
        yield Problem(ProblemCode.UNITS_DUPLICATED, what, pair)
    for first, second, ratio in split_pairs(units):
        pair = (ids[first], ids[second])
        what = (
            f"Units {pair[0]} and {pair[1]} have alike waveforms on one channel, and {100 * ratio:.0f} % of the spike "
            "pairs within 1.5 ms that independent units would have."
        )
        yield Problem(ProblemCode.UNITS_SPLIT, what, pair)
    times = units.spike_times_s.values
    if times.size and (span := float(times.max() - times.min())) < SHORT_S:
        what = f"The spikes span {span:.3g} s; metrics of stability need at least {SHORT_S:g} s."
        yield Problem(ProblemCode.RECORDING_SHORT, what)
    for (one, first_labels), (other, second_labels) in combinations(existing_labels(units).items(), 2):
        mine, theirs = first_labels.labels, second_labels.labels
        both = (mine != "") & (theirs != "")
        if differing := int((mine[both] != theirs[both]).sum()):
            what = f"The columns {one} and {other} disagree about {differing} of {int(both.sum())} units."
            yield Problem(ProblemCode.LABELS_COLUMNS_DIFFER, what)
