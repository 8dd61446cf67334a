"""Write labels into NWB files, all or nothing, with a record of how they came about that can be checked."""

from __future__ import annotations

from nwb_unitrefine.journal import Outcome, Recovery, recover
from nwb_unitrefine.write.history import Change, diff_runs, effective_chain, read_history
from nwb_unitrefine.write.labels import write_curation
from nwb_unitrefine.write.report import WriteReport

__all__ = [
    "Change",
    "Outcome",
    "Recovery",
    "WriteReport",
    "diff_runs",
    "effective_chain",
    "read_history",
    "recover",
    "write_curation",
]
