"""Every kind of problem that a source can have: its code, its severity, and what it means."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

__all__ = ["ProblemCode", "Severity"]


class Severity(StrEnum):
    """How much a problem matters for the labels."""

    INFO = "info"
    """Something was decided for the user; the values are right if the decision is."""
    WARNING = "warning"
    """Part of the source was not used, or had to be put right."""
    CRITICAL = "critical"
    """Labels of the units concerned should not be relied on; they are marked uncertain."""


class ProblemCode(StrEnum):
    """Every problem that this package reports: its code, its severity, and what it means.

    Codes are stable: programs may filter by them. The part before the dot names what has the problem.

    Examples
    --------
    >>> ProblemCode("waveforms.axes-swapped").severity
    <Severity.INFO: 'info'>
    """

    severity: Severity
    meaning: str

    def __new__(cls, code: str, severity: Severity, meaning: str) -> Self:
        """Make a text that carries a severity and a meaning."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.severity = severity
        member.meaning = meaning
        return member

    SPIKE_TIMES_ABSENT = (
        "spike-times.absent",
        Severity.WARNING,
        "The source has no spike times, or none that can be assigned to units; metrics of spike trains are missing.",
    )
    SPIKE_TIMES_TRUNCATED = (
        "spike-times.truncated",
        Severity.CRITICAL,
        "Only the first spikes of a unit are in the file, as in a cropped file.",
    )
    SPIKE_TIMES_IMPOSSIBLE = (
        "spike-times.impossible",
        Severity.WARNING,
        "Some spike times of a unit are NaN, infinite or more than a year from the others; the unit gets no spikes.",
    )
    SPIKE_TIMES_UNSORTED = (
        "spike-times.unsorted",
        Severity.INFO,
        "Spike times of a unit were not in order and were sorted.",
    )
    SPIKE_TIMES_BEYOND_A_YEAR = (
        "spike-times.beyond-a-year",
        Severity.WARNING,
        "Spike times reach further than a year from the session's zero, which is not a session's clock.",
    )
    SPIKE_TIMES_DUPLICATED = (
        "spike-times.duplicated",
        Severity.INFO,
        "A spike time occurs twice in a unit; it is counted twice, as SpikeInterface does.",
    )
    SPIKE_TIMES_REPEATED = (
        "spike-times.repeated",
        Severity.CRITICAL,
        "So many of a unit's spike times repeat another that they are padding, or were written twice.",
    )
    SPIKE_TIMES_COARSE = (
        "spike-times.coarse",
        Severity.WARNING,
        "Spike times are stored in steps far longer than a sample; refractory violations and synchrony are not exact.",
    )
    SPIKE_TIMES_NEGATIVE = (
        "spike-times.negative",
        Severity.INFO,
        "Spike times are negative: they are before the session's zero.",
    )
    SPIKE_TIMES_OUTSIDE = (
        "spike-times.outside-observed-time",
        Severity.INFO,
        "Spikes outside the observed time are left out.",
    )
    SOURCE_UNREADABLE = (
        "source.unreadable",
        Severity.CRITICAL,
        "The source cannot be read or labelled; the message states why.",
    )
    SOURCE_WITHOUT_UNITS = (
        "source.without-units",
        Severity.CRITICAL,
        "The source can be read and has no units.",
    )
    SPIKE_TIMES_WRONG_UNIT = (
        "spike-times.wrong-unit",
        Severity.CRITICAL,
        "The spike times are not in seconds; the source is refused until their unit is stated.",
    )
    SPIKE_TIMES_DOUBTFUL_UNIT = (
        "spike-times.doubtful-unit",
        Severity.CRITICAL,
        "The spike times may be milliseconds or sample numbers rather than seconds.",
    )
    OBS_INTERVALS_UNUSABLE = (
        "obs-intervals.unusable",
        Severity.WARNING,
        "Observation intervals have the wrong shape, end before they start, overlap, or cannot be assigned to units.",
    )
    OBS_INTERVALS_CONVERTED = (
        "obs-intervals.converted",
        Severity.INFO,
        "Observation intervals were taken to be in the unit of the stored spike times, and converted with them.",
    )
    OBS_INTERVALS_TRANSPOSED = (
        "obs-intervals.transposed",
        Severity.INFO,
        "Starts and stops of the observation intervals are in rows rather than columns; they were transposed.",
    )
    OBS_INTERVALS_MISSING = (
        "obs-intervals.missing",
        Severity.WARNING,
        "A unit has spikes and no observation interval; the intervals are not used.",
    )
    OBS_INTERVALS_SPIKES_OUTSIDE = (
        "obs-intervals.spikes-outside",
        Severity.WARNING,
        "So many spikes lie outside the observation intervals that the intervals are not used.",
    )
    RECORDING_GAPS = (
        "recording.gaps",
        Severity.INFO,
        "The timestamps of the raw recording have gaps, which count as not recorded.",
    )
    RECORDING_SILENT = (
        "recording.silent",
        Severity.CRITICAL,
        "No unit fires for most of the time that counts as observed; rates and presence ratios are too low.",
    )
    RECORDING_GOES_BACK = (
        "recording.goes-back",
        Severity.WARNING,
        "Timestamps of the recording go back, as those of joined sessions; they do not separate its pieces.",
    )
    RECORDING_SPIKES_IN_GAPS = (
        "recording.spikes-in-gaps",
        Severity.WARNING,
        "Spikes lie in gaps of the recording, which they cannot; times counted from sample numbers ignore gaps.",
    )
    RECORDING_SPIKES_OUTSIDE = (
        "recording.spikes-outside",
        Severity.INFO,
        "Units were not sorted from the raw series in the file: their spikes lie outside it.",
    )
    SPIKE_TIMES_IN_SECONDS = (
        "spike-times.in-seconds",
        Severity.INFO,
        "The sorter's spike times are fractions rather than sample numbers and were taken for seconds.",
    )
    WAVEFORMS_FROM_SINGLE = (
        "waveforms.from-single",
        Severity.INFO,
        "No mean waveforms are stored; they are the means of the single ones.",
    )
    WAVEFORMS_ABSENT = (
        "waveforms.absent",
        Severity.INFO,
        "The source has no mean waveforms; metrics of waveforms are missing.",
    )
    WAVEFORMS_UNUSABLE = (
        "waveforms.unusable",
        Severity.WARNING,
        "The stored waveforms have a shape or type that cannot be used.",
    )
    WAVEFORMS_RATE_ASSUMED = (
        "waveforms.rate-of-recording",
        Severity.INFO,
        "The waveforms have no sampling rate of their own; the recording's is taken.",
    )
    WAVEFORMS_AXES_SWAPPED = (
        "waveforms.axes-swapped",
        Severity.INFO,
        "Axes of the stored waveforms are swapped, such as channels and samples; they were swapped back.",
    )
    WAVEFORMS_FLATTENED = (
        "waveforms.flattened",
        Severity.INFO,
        "Channels and samples of the stored waveforms are in one row a unit; they were taken apart.",
    )
    WAVEFORMS_OFFSET = (
        "waveforms.offset",
        Severity.CRITICAL,
        "Mean waveforms lie far from zero, as unsigned counts do; metrics of their shape are wrong.",
    )
    WAVEFORMS_ELECTRODES_UNKNOWN = (
        "waveforms.electrodes-unknown",
        Severity.INFO,
        "The file does not state which electrodes the channels of the waveforms belong to.",
    )
    WAVEFORMS_IN_COUNTS = (
        "waveforms.in-counts",
        Severity.INFO,
        "The recording's gain is not known; mean waveforms are in its counts, not in volts.",
    )
    WAVEFORMS_SCALE_UNKNOWN = (
        "waveforms.scale-unknown",
        Severity.WARNING,
        "The unit of the mean waveforms is not known; metrics in volts, such as slopes, are missing.",
    )
    WAVEFORMS_WHITENED = (
        "waveforms.whitened",
        Severity.WARNING,
        "Mean waveforms are the sorter's templates of whitened data.",
    )
    ELECTRODES_NO_POSITIONS = (
        "electrodes.no-positions",
        Severity.INFO,
        "The source has no positions of its channels.",
    )
    ELECTRODES_POSITIONS_UNUSABLE = (
        "electrodes.positions-unusable",
        Severity.INFO,
        "The stored positions cannot be micrometres on a probe; metrics that need positions are missing.",
    )
    UNIT_ELECTRODES_UNUSABLE = (
        "unit-electrodes.unusable",
        Severity.WARNING,
        "The electrodes of the units do not fit the electrodes table, or cannot be assigned to units.",
    )
    LINK_OUTSIDE = (
        "links.outside",
        Severity.WARNING,
        "A link leads to a file outside the folder of the source, and was not followed for safety.",
    )
    COLUMN_UNREADABLE = (
        "columns.unreadable",
        Severity.WARNING,
        "A column of the units table cannot be opened or read.",
    )
    COLUMN_INDEX_BEYOND_DATA = (
        "columns.index-beyond-data",
        Severity.WARNING,
        "The index of a ragged column goes back, or reaches beyond its data, for some units, which get empty rows.",
    )
    COLUMN_VALUES_UNASSIGNED = (
        "columns.values-unassigned",
        Severity.INFO,
        "A ragged column has values behind its last row, which belong to no unit.",
    )
    COLUMN_OUT_OF_RANGE = (
        "columns.out-of-range",
        Severity.INFO,
        "Values of a metric's column are impossible and not used.",
    )
    CLUSTERS_WITHOUT_SPIKES = (
        "clusters.without-spikes",
        Severity.INFO,
        "The sorter's tables list clusters that have no spikes; they are left out.",
    )
    CLUSTERS_NOT_LISTED = (
        "clusters.not-listed",
        Severity.INFO,
        "Clusters are in none of the sorter's tables; the tables' columns are empty for them.",
    )
    TABLE_WITHOUT_SPIKES = (
        "table.without-spikes",
        Severity.INFO,
        "A table of metrics has no spike times and no waveforms; nothing is computed from them.",
    )
    TABLE_IDS_REPEAT = (
        "table.ids-repeat",
        Severity.INFO,
        "Unit ids of a table repeat; its rows are numbered instead.",
    )
    UNITS_DUPLICATED = (
        "units.likely-duplicates",
        Severity.WARNING,
        "Units share most of their spikes: the same neuron seems to be in the table more than once.",
    )
    UNITS_SPLIT = (
        "units.likely-split",
        Severity.INFO,
        "Two units have similar waveforms and keep each other's refractory period: they may be one neuron.",
    )
    RECORDING_SHORT = (
        "recording.too-short",
        Severity.WARNING,
        "The spikes span less time than metrics such as the presence ratio need.",
    )
    MODEL_OTHER_DATA = (
        "model.other-data",
        Severity.WARNING,
        "The data is unlike what the model was trained on: it was not made for such data.",
    )
    MODEL_FEW_UNITS = (
        "model.few-units",
        Severity.INFO,
        "There are far fewer units than in the recordings that the model was trained on; synchrony with others is low.",
    )
    MODEL_CLASSES_INCOMPLETE = (
        "model.classes-incomplete",
        Severity.INFO,
        "No class of the model means noise (or sua, or mua): units of that kind have a label of another.",
    )
    LABELS_COLUMNS_DIFFER = (
        "labels.columns-differ",
        Severity.INFO,
        "Two columns of labels in the source disagree about units.",
    )
    RAW_SPIKES_OUTSIDE = (
        "raw.spikes-outside",
        Severity.INFO,
        "Spikes outside the raw recording are left out of the metrics computed from it.",
    )
    LABELS_UNUSABLE = (
        "labels.unusable",
        Severity.INFO,
        "Units have no label that a model can be trained on; they are left out.",
    )
    LABELS_UNMATCHED = (
        "labels.unmatched",
        Severity.INFO,
        "Units of the table of labels and of the metrics do not match; the rest is left out.",
    )
    LABELS_OF_PROGRAM = (
        "labels.of-a-program",
        Severity.WARNING,
        "Labels are taken that a program set, or that repeat a program's for every unit: nobody decided on them.",
    )
    LABELS_IN_NUMBERS = (
        "labels.in-numbers",
        Severity.INFO,
        "Groups are numbers and are read as the first Phy numbered them.",
    )
    LABELS_NOT_READ = (
        "labels.not-read",
        Severity.WARNING,
        "A table of clusters or of labels is in the folder and is not read.",
    )
    LABELS_DIFFER = (
        "labels.tables-differ",
        Severity.WARNING,
        "Two tables of a folder differ in a column; the column's own table counts.",
    )
    LABELS_FROM_HISTORY = (
        "labels.from-history",
        Severity.INFO,
        "Labels that people set in the file's history are taken.",
    )
    FEATURES_TOO_FEW_TO_RANK = (
        "features.too-few-to-rank",
        Severity.INFO,
        "The model takes ranks of metrics among the units of a recording, and there are too few units: left missing.",
    )
    LABELS_ADAPTED = (
        "labels.adapted",
        Severity.INFO,
        "The model's boundary was moved to labels of people.",
    )
    LABELS_NOT_ADAPTED = (
        "labels.not-adapted",
        Severity.WARNING,
        "The model was to be adapted to labels of people, and there are too few, or all are of one class.",
    )
