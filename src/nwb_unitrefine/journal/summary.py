"""Look at a journal, whoever wrote it, and change nothing."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from nwb_unitrefine.errors import JournalError, SourceError
from nwb_unitrefine.journal.disk import is_in_state
from nwb_unitrefine.journal.header import SUFFIX, Header
from nwb_unitrefine.journal.record import Journal, Outline, has_journal, journal_path, read_journal
from nwb_unitrefine.journal.system_calls import open_target

__all__ = ["JournalSummary", "summarize_journal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalSummary:
    """What a journal would change.

    Parameters
    ----------
    path : Path
        The file, or the Zarr folder.
    target : str
        Name of the file that the journal was written for.
    written : str
        Date and time, as the journal gives them.
    is_own : bool
        Whether this user wrote it, so that it is applied by itself.
    is_whole : bool
        Whether all of its bytes are there.
    state : str
        ``"before"`` or ``"after"`` the change, or ``"neither"``: half written, or changed since.
    places : tuple of str
        Files of a folder that it replaces, or ranges of bytes of a file.
    """

    path: Path
    target: str
    written: str
    is_own: bool
    is_whole: bool
    state: str
    places: tuple[str, ...]


def summarize_journal(path: str | Path) -> JournalSummary | None:
    """Read the journal of a file or a Zarr folder.

    Parameters
    ----------
    path : str or Path
        The file that was being written, or its journal.

    Returns
    -------
    JournalSummary or None
        None where there is no journal, or one that was never complete: the file is untouched by it.

    Raises
    ------
    SourceError
        If there is no such file.
    JournalError
        If what is beside it is not a journal of this version.
    """
    target = Path(str(path).removesuffix(SUFFIX)).resolve()
    if not target.exists():
        raise SourceError(f"{target} does not exist.")
    journal = read_journal(journal_path(target), trusted=True) if has_journal(target) else None
    if journal is None:
        return None
    header = journal.header
    descriptor = open_target(target, writing=False)
    try:
        fits = header.is_folder == target.is_dir()
        states = {"before": header.before, "after": header.after} if fits else {}
        found = [name for name, state in states.items() if is_in_state(header, state, target, descriptor)]
    finally:
        os.close(descriptor)
    return JournalSummary(
        path=target,
        target=header.name,
        written=header.written,
        is_own=_is_own(target),
        is_whole=isinstance(journal, Journal),
        state=found[0] if found else "neither",
        places=_places(header),
    )


def _is_own(target: Path) -> bool:
    """Whether the journal is one that is applied by itself."""
    try:
        return isinstance(read_journal(journal_path(target)), Journal | Outline)
    except JournalError:
        return False


def _places(header: Header) -> tuple[str, ...]:
    """Name what is changed, one by one."""
    if header.is_folder:
        return tuple(key for key, _ in header.places)
    lengths = map(max, header.before.lengths, header.after.lengths)
    return tuple(
        f"bytes {offset} to {offset + length}" for (_, offset), length in zip(header.places, lengths, strict=True)
    )
