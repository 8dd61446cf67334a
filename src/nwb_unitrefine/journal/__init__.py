"""Change a file, or a folder of files, entirely or not at all, whatever happens to the process.

`commit` first writes the change to a journal beside the target, with the bytes before and after, and only once that is
on the disk to the target. If the process dies on the way, the target is as it was until the journal is complete, and
`recover` finishes the change (or takes it back) from then on. Readers call `recover_if_needed` before they open a file.
"""

from nwb_unitrefine.journal.protocol import (
    Recovery,
    RecoveryOutcome,
    commit,
    held_for_reading,
    locked,
    recover,
    recover_if_needed,
)
from nwb_unitrefine.journal.record import Edit, journal_path
from nwb_unitrefine.journal.summary import JournalSummary, summarize_journal

__all__ = [
    "Edit",
    "JournalSummary",
    "Recovery",
    "RecoveryOutcome",
    "commit",
    "held_for_reading",
    "journal_path",
    "locked",
    "recover",
    "recover_if_needed",
    "summarize_journal",
]
