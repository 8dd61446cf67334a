"""The order of events: lock, write the journal, apply it, remove it; and what to do where that was interrupted."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from nwb_unitrefine.errors import FileBusyError, JournalError, SourceError, WriteError
from nwb_unitrefine.journal.disk import (
    UNSUPPORTED,
    apply_edits,
    is_between,
    is_in_state,
    remove_file,
    sync_folder,
    write_file,
)
from nwb_unitrefine.journal.record import SUFFIX, Journal, Outline, damaged, has_journal, journal_path, read_journal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nwb_unitrefine.journal.record import Edit

__all__ = ["Outcome", "Recovery", "commit", "held_for_reading", "locked", "recover", "recover_if_needed"]

PATIENCE_S = 10.0
"""How long to wait for another writer, or for a reader that holds HDF5's lock."""

_WAIT_S = 0.02

_TIPS = {
    errno.ENOSPC: "Free some space on the disk, then run the command again.",
    errno.EDQUOT: "Free some of your disk quota, then run the command again.",
    errno.EACCES: "You need to be allowed to write to its folder: a journal is kept beside the file.",
    errno.EROFS: "It lies on a read-only file system: write a copy with --output.",
    errno.ENAMETOOLONG: f"A journal is kept beside it, under a name of {len(SUFFIX)} bytes more: shorten its name.",
}


class Outcome(StrEnum):
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
    outcome : Outcome
    """

    path: Path
    outcome: Outcome


def commit(target: Path, edits: Sequence[Edit], *, descriptor: int, size_before: int = -1, size_after: int = -1) -> int:
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

    Raises
    ------
    WriteError
        If it cannot be done; the target is as it was.
    """
    journal = Journal(target.name, size_before, size_after, tuple(edits))
    place = journal_path(target)
    mode = os.fstat(descriptor).st_mode & 0o666 | 0o600  # who may not read the target may not read it here either
    try:
        write_file(place, journal.encode(), mode=mode)
    except FileExistsError as error:  # where a file system has no locks; it is not ours to touch
        raise FileBusyError(
            f"{target.name} was not changed: {place.name} is there, of another write to it.",
            tip="Wait until no other program writes it, then run the command again.",
        ) from error
    except OSError as error:
        raise _not_written(target, error) from error
    try:
        sync_folder(place.parent)
    except OSError as error:
        with suppress(OSError):
            os.unlink(place)  # noqa: PTH108 - the calls to the system stand in one style
        raise _not_written(target, error) from error
    try:
        apply_edits(journal, target, descriptor)
    except OSError as error:
        try:
            apply_edits(journal, target, descriptor, backwards=True)
            remove_file(place)
        except OSError:
            raise WriteError(
                f"{target.name} was half written when the disk failed: {error.strerror or error}.",
                tip=f"Its journal is kept. Once the disk works, run: nwb-unitrefine recover {target.name}",
            ) from error
        raise _not_written(target, error) from error
    with suppress(OSError):  # the change is on the disk; a journal that stays is found to be finished, and removed then
        remove_file(place)
    return sum(len(edit.after or b"") for edit in edits)


def recover_if_needed(path: str | Path) -> None:
    """Finish an interrupted write to `path`, if there is one; call it before opening a file of ours for reading.

    Raises
    ------
    JournalError
        If there is one and it cannot be finished.
    FileBusyError
        If another process is writing the file and does not come to an end.
    """
    if has_journal(path):
        recover(path)


def recover(path: str | Path, *, undo: bool = False) -> Recovery:
    """Finish, or take back, an interrupted write to a file or a Zarr folder.

    Parameters
    ----------
    path : str or Path
        The file that was being written, or its journal.
    undo : bool, optional
        Take the write back instead of finishing it.

    Raises
    ------
    JournalError
        If the journal is damaged, belongs to another file, or the file is gone or has been changed since. Nothing is
        touched.
    FileBusyError
        If another process has the file open.
    SourceError
        If there is neither the file nor a journal of it.
    """
    target = Path(str(path).removesuffix(SUFFIX)).resolve()
    if not target.exists():
        raise _missing(target)
    if not has_journal(target):
        return Recovery(target, Outcome.NOTHING)
    try:
        with _lock(target, PATIENCE_S) as descriptor:
            return Recovery(target, _settle(target, descriptor, undo=undo))
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
        How long to wait for others; `PATIENCE_S` by default.

    Yields
    ------
    int
        Descriptor: of a file, for reading and writing.

    Raises
    ------
    FileBusyError
        If the lock is not to be had in that time.
    JournalError
        If an earlier write is unfinished and cannot be finished.
    """
    with _lock(target, PATIENCE_S if patience_s is None else patience_s) as descriptor:
        _settle(target, descriptor, undo=False)
        yield descriptor


@contextmanager
def held_for_reading(path: str | Path) -> Iterator[None]:
    """Keep our writers away while a Zarr folder is read, or an HDF5 file is being opened.

    An interrupted write is finished first. HDF5 takes a lock itself, but only after it has looked at the size, so
    that a file which grows at that moment seems truncated; once open, it needs no help.

    Raises
    ------
    FileBusyError
        If it is being written for longer than `PATIENCE_S`.
    JournalError
        If an earlier write is unfinished and cannot be finished.
    """
    target = Path(path).resolve()
    while True:
        recover_if_needed(target)
        with ExitStack() as stack:
            with suppress(OSError):  # what may not be opened is for the reader to say
                stack.enter_context(_lock(target, PATIENCE_S, shared=True))
            if not has_journal(target):  # none has begun, and died, in between
                yield
                return


@contextmanager
def _lock(target: Path, patience_s: float, *, shared: bool = False) -> Iterator[int]:
    """Hold the lock alone."""
    mode = target.stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # to open a pipe is to wait for its other end
        raise SourceError(f"{target.name} is neither a file nor a folder.")
    flags = os.O_RDONLY if shared or stat.S_ISDIR(mode) else os.O_RDWR
    descriptor = os.open(target, flags | os.O_CLOEXEC)
    try:
        deadline = time.monotonic() + patience_s
        while not _try_lock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise FileBusyError(
                    f"{target.name} is open in another program.", tip="Close it there, then run the command again."
                )
            time.sleep(_WAIT_S)
        yield descriptor
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int, kind: int) -> bool:
    """Take the lock without waiting; a file system without locks counts as free, as it does for HDF5."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
    return True


def _settle(target: Path, descriptor: int, *, undo: bool) -> Outcome:
    """Bring an interrupted write to an end, under the lock."""
    if not has_journal(target):
        return Outcome.NOTHING
    place = journal_path(target)
    journal = read_journal(place)
    if journal is None:
        remove_file(place)
        return Outcome.DISCARDED
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
    return Outcome.UNDONE if undo else Outcome.FINISHED


def _settle_without_bytes(outline: Outline, target: Path, descriptor: int, *, undo: bool) -> Outcome:
    """Remove a journal that is not whole, where the target is: its bytes are not needed then."""
    place = journal_path(target)
    if is_in_state(outline, outline.before, target, descriptor):
        remove_file(place)
        return Outcome.DISCARDED
    if is_in_state(outline, outline.after, target, descriptor) and not undo:
        remove_file(place)
        return Outcome.FINISHED
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
