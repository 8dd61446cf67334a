"""The frozen values that travel from a source of units to the file that gets their labels.

``Units`` come out of `read`, ``Features`` out of `metrics`, ``Predictions`` out of `models`; `pipeline` joins them into
a ``Curation``, which `write` records as a ``Run``. They hold data and do no input or output. Arrays are meant to be
looked at, not changed.
"""

from __future__ import annotations

from nwb_unitrefine.records.contamination import CONTAMINATION, CONTAMINATION_LOWER, CONTAMINATION_UPPER, Contamination
from nwb_unitrefine.records.features import Features, Origin, OriginKind
from nwb_unitrefine.records.names import asset_id, private_parts, recorded_name, shown_name
from nwb_unitrefine.records.options import SLOWEST_HZ, RawOptions, SourceHints, SpikeTimesIn
from nwb_unitrefine.records.predictions import CLASSES, ModelIdentity, Predictions
from nwb_unitrefine.records.problem_codes import ProblemCode, Severity
from nwb_unitrefine.records.problems import Problem
from nwb_unitrefine.records.runs import Basis, Curation, LabelsInEffect, Redaction, Run, RunKind
from nwb_unitrefine.records.units import Column, Electrodes, Ragged, Source, Units, Waveforms, offsets_of_counts

__all__ = [
    "CLASSES",
    "CONTAMINATION",
    "CONTAMINATION_LOWER",
    "CONTAMINATION_UPPER",
    "SLOWEST_HZ",
    "Basis",
    "Column",
    "Contamination",
    "Curation",
    "Electrodes",
    "Features",
    "LabelsInEffect",
    "ModelIdentity",
    "Origin",
    "OriginKind",
    "Predictions",
    "Problem",
    "ProblemCode",
    "Ragged",
    "RawOptions",
    "Redaction",
    "Run",
    "RunKind",
    "Severity",
    "Source",
    "SourceHints",
    "SpikeTimesIn",
    "Units",
    "Waveforms",
    "asset_id",
    "offsets_of_counts",
    "private_parts",
    "recorded_name",
    "shown_name",
]
