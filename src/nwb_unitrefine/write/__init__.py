"""Write labels into NWB files, all or nothing, with a record of how they were made that can be verified."""

from __future__ import annotations

from nwb_unitrefine.history.runs import runs_in_effect
from nwb_unitrefine.journal import Recovery, RecoveryOutcome, recover
from nwb_unitrefine.read.curations import import_labels
from nwb_unitrefine.write.corrections import relabel, undo
from nwb_unitrefine.write.curation import write_curation
from nwb_unitrefine.write.exports.analyzer import export_analyzer
from nwb_unitrefine.write.exports.label_formats import EXPORT_SUFFIXES, export_labels
from nwb_unitrefine.write.history import Change, diff_runs, read_history
from nwb_unitrefine.write.options import WriteOptions
from nwb_unitrefine.write.redaction import RedactionReport, redact
from nwb_unitrefine.write.report import WriteReport

__all__ = [
    "EXPORT_SUFFIXES",
    "Change",
    "Recovery",
    "RecoveryOutcome",
    "RedactionReport",
    "WriteOptions",
    "WriteReport",
    "diff_runs",
    "export_analyzer",
    "export_labels",
    "import_labels",
    "read_history",
    "recover",
    "redact",
    "relabel",
    "runs_in_effect",
    "undo",
    "write_curation",
]
