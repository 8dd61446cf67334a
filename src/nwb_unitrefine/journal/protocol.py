"""The order of events: lock, write the journal, apply it, remove it; and what to do where that was interrupted."""

from __future__ import annotations

import errno
import os
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from nwb_unitrefine.errors import FileBusyError, FileChangedError, JournalError, SourceError, WriteError
from nwb_unitrefine.journal.disk import apply_edits, is_between, is_in_state, remove_file, write_journal
from nwb_unitrefine.journal.header import SUFFIX
from nwb_unitrefine.journal.locks import PATIENCE_S, lock
from nwb_unitrefine.journal.record import Journal, Outline, damaged, has_journal, journal_path, read_journal
from nwb_unitrefine.journal.secret import secret_for_writing
from nwb_unitrefine.journal.system_calls import HAS_FOLDER_DESCRIPTORS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from nwb_unitrefine.journal.record import Edit

__all__ = [
    "Recovery",
    "RecoveryOutcome",
    "commit",
    "held_for_reading",
    "is_at",
    "locked",
    "recover",
    "recover_if_needed",
]

_TIPS = {
    errno.ENOSPC: "Free some space on the disk, then run the command again.",
    errno.EDQUOT: "Free some of your disk quota, then run the command again.",
    errno.EACCES: "You need to be allowed to write to its folder: a journal is kept beside the file.",
    errno.EROFS: "It lies on a read-only file system: copy it to another one, and work on the copy.",
    errno.ENAMETOOLONG: f"A journal is kept beside it, under a name of {len(SUFFIX)} bytes more: shorten its name.",
}


class RecoveryOutcome(StrEnum):
    """What `recover` found and did."""

    NOTHING = "nothing to recover"
    DISCARDED = "a write that had not begun to change the file was dropped"
    FINISHED = "an interrupted write was finished"
    UNDONE = "an interrupted write was taken back"


@dataclass(frozen=True, slots=True)
class Recovery:
    """What became of an interrupted write.

    Parameters
    ----------
    path : Path
        The file, or the Zarr folder.
    outcome : RecoveryOutcome
    """

    path: Path
    outcome: RecoveryOutcome


def commit(
    target: Path,
    edits: Sequence[Edit],
    *,
    descriptor: int,
    size_before: int = -1,
    size_after: int = -1,
    require_unchanged: Callable[[], None] = lambda: None,
    unnamed: bool = False,
) -> int:
    """Apply `edits` to `target`, all or none, and return how many bytes of it were written.

    Parameters
    ----------
    target : Path
        A file or folder, resolved, whose lock the caller holds.
    edits : sequence of Edit
    descriptor : int
        Of the target, as given by `locked`.
    size_before, size_after : int, optional
        Of a file; -1 for a folder.
    require_unchanged : callable, optional
        Called once no other writer of ours can begin, and before the target is touched; raises if the target is not
        what the edits were made for.
    unnamed : bool, optional
        The target has yet to appear (see `nwb_unitrefine.journal.appearing`): what interrupts this leaves nothing of
        it, and it is put on the disk before it gets its name. So it needs no journal.

    Raises
    ------
    WriteError
        If it cannot be done; the target is as it was, unless it is unnamed.
    FileChangedError
        If another file has taken the target's name meanwhile; it has no labels then.
    """
    journal = Journal(target.name, size_before, size_after, tuple(edits))
    if unnamed:
        require_unchanged()
        try:
            apply_edits(journal, target, descriptor, durably=False)
        except OSError as error:
            raise _not_written(target, error) from error
        return _n_written(edits)
    place = journal_path(target)
    mode = os.fstat(descriptor).st_mode & 0o666 | 0o600  # who may not read the target may not read it here either
    secret = secret_for_writing()
    try:
        write_journal(place, journal, secret=secret, mode=mode, require_unchanged=require_unchanged)
    except FileExistsError as error:  # where a file system has no locks; it is not ours to touch
        raise FileBusyError(
            f"{target.name} was not changed: {place.name} is there, of another write to it.",
            tip="Wait until no other program writes it, then run the command again.",
        ) from error
    except OSError as error:
        raise _not_written(target, error) from error
    try:
        is_in_place = apply_edits(journal, target, descriptor)
    except (OSError, WriteError) as error:
        reason = OSError(0, error.message) if isinstance(error, WriteError) else error
        try:
            apply_edits(journal, target, descriptor, backwards=True)
            remove_file(place)
        except (OSError, WriteError):
            raise WriteError(
                f"{target.name} was half written when the disk failed: {reason.strerror or reason}.",
                tip=f"Its journal is kept. Once the disk works, run: nwb-unitrefine recover {target.name}",
            ) from error
        raise _not_written(target, reason) from error
    with suppress(OSError):  # the change is on the disk; a journal that stays is found to be finished, and removed then
        remove_file(place)
    if not is_in_place or not is_at(target, descriptor):
        raise FileChangedError(
            f"{target.name} was replaced by another program while its labels were being written: it has none.",
            tip="Run the command again.",
        )
    return _n_written(edits)


def _n_written(edits: Sequence[Edit]) -> int:
    return sum(len(edit.after or b"") for edit in edits)


def is_at(target: Path, descriptor: int) -> bool:
    """Whether the file that is open is the one at a path still."""
    if not HAS_FOLDER_DESCRIPTORS and target.is_dir():  # it is not open then
        return True
    try:
        return os.path.samestat(target.stat(follow_symlinks=False), os.fstat(descriptor))
    except OSError:
        return False


def recover_if_needed(path: str | Path) -> None:
    """Finish an interrupted write to `path`, if there is one; call it before opening a file of ours for reading.

    Raises
    ------
    JournalError
        If there is one and it cannot be finished.
    FileBusyError
        If another process is writing the file and does not come to an end.
    """
    if _is_unfinished(Path(path).resolve()):
        recover(path)


def recover(path: str | Path, *, undo: bool = False, trusted: bool = False) -> Recovery:
    """Finish, or take back, an interrupted write to a file or a Zarr folder.

    Parameters
    ----------
    path : str or Path
        The file that was being written, or its journal.
    undo : bool, optional
        Take the write back instead of finishing it.
    trusted : bool, optional
        Apply the journal though another user, or the user on another machine, wrote it; see
        `nwb_unitrefine.journal.record`.

    Raises
    ------
    JournalError
        If the journal is damaged, was written by somebody else, belongs to another file, or the file is gone or has
        been changed since. Nothing is touched.
    FileBusyError
        If another process has the file open.
    SourceError
        If there is neither the file nor a journal of it.
    """
    target = Path(str(path).removesuffix(SUFFIX)).resolve()
    if not target.exists():
        raise _missing(target)
    if not has_journal(target):
        return Recovery(target, RecoveryOutcome.NOTHING)
    try:
        with lock(target, PATIENCE_S) as descriptor:
            return Recovery(target, _settle(target, descriptor, undo=undo, trusted=trusted))
    except OSError as error:
        raise JournalError(
            f"{target.name}: an interrupted write cannot be finished: {error.strerror or error}.",
            tip=f"Make the file and its folder writable, then run: nwb-unitrefine recover {target.name}",
        ) from error


@contextmanager
def locked(target: Path, *, patience_s: float | None = None) -> Iterator[int]:
    """Hold a file for a change: no reader and no other writer has it open, and no earlier write is unfinished.

    It is the lock that HDF5 takes itself. On file systems without locks, nothing is held.

    Parameters
    ----------
    target : Path
        File or folder, resolved.
    patience_s : float, optional
        How long to wait for others; 10 s by default.

    Yields
    ------
    int
        Descriptor: of a file, for reading and writing.

    Raises
    ------
    FileBusyError
        If the lock is not free within that time.
    JournalError
        If an earlier write is unfinished and cannot be finished.
    """
    with lock(target, PATIENCE_S if patience_s is None else patience_s) as descriptor:
        _settle(target, descriptor, undo=False)
        yield descriptor


@contextmanager
def held_for_reading(path: str | Path) -> Iterator[int | None]:
    """Keep our writers away while a Zarr folder is read, or an HDF5 file is being opened.

    An interrupted write of the user is finished first; nothing else is changed. HDF5 takes a lock itself, but only
    after it has looked at the size, so that a file which grows at that moment seems truncated; once open, it needs no
    help.

    Yields
    ------
    int or None
        Descriptor of the file or folder, open for reading; None where it cannot be opened.

    Raises
    ------
    FileBusyError
        If it is being written for longer than 10 s.
    JournalError
        If an earlier write is unfinished and cannot be finished.
    """
    target = Path(path).resolve()
    while True:
        recover_if_needed(target)
        with ExitStack() as stack:
            descriptor = None
            with suppress(OSError):  # what may not be opened is for the reader to say
                descriptor = stack.enter_context(lock(target, PATIENCE_S, shared=True))
            if not _is_unfinished(target):  # none has begun, and died, in between
                yield descriptor
                return


def _is_unfinished(target: Path) -> bool:
    """Whether there is a journal that is complete; without its seal, it has not changed the target."""
    try:
        return has_journal(target) and read_journal(journal_path(target)) is not None
    except FileNotFoundError:  # its writer has just removed it
        return False


def _settle(target: Path, descriptor: int, *, undo: bool, trusted: bool = False) -> RecoveryOutcome:
    """Bring an interrupted write to an end, under the lock."""
    if not has_journal(target):
        return RecoveryOutcome.NOTHING
    place = journal_path(target)
    journal = read_journal(place, trusted=trusted)
    if journal is None:
        remove_file(place)
        return RecoveryOutcome.DISCARDED
    if journal.name != target.name or journal.is_folder != target.is_dir():
        raise JournalError(f"{place.name} is the journal of another file, {journal.name}.", tip="Move it back there.")
    if isinstance(journal, Outline):
        return _settle_without_bytes(journal, target, descriptor, undo=undo)
    if not is_between(journal, target, descriptor):
        raise JournalError(
            f"{target.name} has been changed since the write that {place.name} belongs to was interrupted.",
            tip="If the file opens as it should, delete the journal; otherwise restore the file from a copy.",
        )
    apply_edits(journal, target, descriptor, backwards=undo)
    remove_file(place)
    return RecoveryOutcome.UNDONE if undo else RecoveryOutcome.FINISHED


def _settle_without_bytes(outline: Outline, target: Path, descriptor: int, *, undo: bool) -> RecoveryOutcome:
    """Remove a journal that is not whole, where the target is: its bytes are not needed then."""
    place = journal_path(target)
    if is_in_state(outline.header, outline.before, target, descriptor):
        remove_file(place)
        return RecoveryOutcome.DISCARDED
    if is_in_state(outline.header, outline.after, target, descriptor) and not undo:
        remove_file(place)
        return RecoveryOutcome.FINISHED
    raise damaged(place)


def _missing(target: Path) -> SourceError | JournalError:
    """Say that there is no file, and whether it is known by its journal."""
    if not has_journal(target):
        return SourceError(f"{target} does not exist.")
    return JournalError(
        f"{target.name} does not exist, and a write to it was interrupted.",
        tip=f"Put it back beside its journal, then run: nwb-unitrefine recover {target.name}",
    )


def _not_written(target: Path, error: OSError) -> WriteError:
    """Say why nothing was written, with what helps against it."""
    return WriteError(f"{target.name} was not changed: {error.strerror or error}.", tip=_TIPS.get(error.errno or 0, ""))
