"""Change a file, or a folder of files, entirely or not at all, whatever happens to the process.

`commit` first writes the change to a journal beside the target, with the bytes before and after, and only once that is
on the disk to the target. If the process dies on the way, the target is as it was until the journal is complete, and
`recover` finishes the change (or takes it back) from then on. Readers call `recover_if_needed` before they open a file.

The journal is a line that says what it is, a line of JSON that lists the edits, the digest of these two lines, the
bytes before and after each edit, and the digest of everything before it, which is what makes it complete.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import FileBusyError, JournalError, WriteError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Edit", "Outcome", "Recovery", "commit", "journal_path", "locked", "recover", "recover_if_needed"]

SUFFIX = ".unitrefine-journal"
PATIENCE_S = 10.0
"""How long to wait for another writer, or for a reader that holds HDF5's lock."""

_MAGIC = b"nwb-unitrefine journal 1: a write that may be unfinished; `nwb-unitrefine recover` finishes it\n"
_DIGEST_BYTES = 65
_UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}
_BUSY_WAIT_S = 0.02


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of one stretch of bytes.

    Parameters
    ----------
    key : str
        Path of the file inside the target folder; empty when the target is a file.
    offset : int
        Where the stretch begins; 0 for a file of a folder, which is replaced as a whole.
    before, after : bytes or None
        The bytes. None where the file of a folder is not there; `before` is shorter than `after` where a file grows.
    """

    key: str
    offset: int
    before: bytes | None
    after: bytes | None


@dataclass(frozen=True, slots=True)
class _Journal:
    """A change as it is written beside its target."""

    name: str
    size_before: int
    size_after: int
    edits: tuple[Edit, ...] = field(repr=False)

    @property
    def is_folder(self) -> bool:
        """Whether the target is a folder, whose size means nothing."""
        return self.size_before < 0

    def encode(self) -> bytes:
        """Return the bytes of the journal's file."""
        header = {
            "target": self.name,
            "written": datetime.now(UTC).isoformat(timespec="seconds"),
            "process": os.getpid(),
            "size_before": self.size_before,
            "size_after": self.size_after,
            "edits": [[edit.key, edit.offset, _length(edit.before), _length(edit.after)] for edit in self.edits],
        }
        head = _MAGIC + json.dumps(header).encode() + b"\n"
        body = b"".join((edit.before or b"") + (edit.after or b"") for edit in self.edits)
        content = head + _digest(head) + body
        return content + _digest(content)


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


def journal_path(target: str | Path) -> Path:
    """Return where the journal of `target` is, when there is one: beside the file that a symbolic link points to."""
    resolved = Path(target).resolve()
    return resolved.with_name(resolved.name + SUFFIX)


def recover_if_needed(path: str | Path) -> None:
    """Finish an interrupted write to `path`, if there is one; call it before opening a file of ours for reading.

    Raises
    ------
    JournalError
        If there is one and it cannot be finished.
    FileBusyError
        If another process is writing the file and does not come to an end.
    """
    if journal_path(path).exists():
        recover(path)


def recover(path: str | Path, *, undo: bool = False) -> Recovery:
    """Finish, or take back, an interrupted write to a file or a Zarr folder.

    Parameters
    ----------
    path : str or Path
        The file that was being written; not its journal.
    undo : bool, optional
        Take the write back instead of finishing it.

    Raises
    ------
    JournalError
        If the journal is damaged, belongs to another file, or the file has been changed since. Nothing is touched.
    FileBusyError
        If another process has the file open.
    """
    target = Path(path).resolve()
    place = journal_path(target)
    if not place.exists():
        return Recovery(target, Outcome.NOTHING)
    try:
        with locked(target) as descriptor:
            if not place.exists():  # the writer that held the lock has finished
                return Recovery(target, Outcome.NOTHING)
            journal = _decode(place)
            if journal is None:
                _remove(place)
                return Recovery(target, Outcome.DISCARDED)
            _require_same_target(journal, target, descriptor, place)
            _apply(journal, target, descriptor, backwards=undo)
            _remove(place)
    except OSError as error:
        raise JournalError(
            f"{target.name}: an interrupted write cannot be finished: {error.strerror or error}.",
            tip=f"Make the file and its folder writable, then run: nwb-unitrefine recover {target.name}",
        ) from error
    return Recovery(target, Outcome.UNDONE if undo else Outcome.FINISHED)


def commit(target: Path, edits: Sequence[Edit], *, descriptor: int, size_before: int = -1, size_after: int = -1) -> int:
    """Apply `edits` to `target`, all or none, and return how many bytes of it were written.

    Parameters
    ----------
    target : Path
        A file or folder, resolved, whose lock the caller holds.
    edits : sequence of Edit
    descriptor : int
        Of the target, open for reading and writing (a folder's: for reading), as given by `locked`.
    size_before, size_after : int, optional
        Of a file; -1 for a folder.

    Raises
    ------
    WriteError
        If it cannot be done; the target is as it was.
    """
    journal = _Journal(target.name, size_before, size_after, tuple(edits))
    place = journal_path(target)
    try:
        _write_new(place, journal.encode())
    except OSError as error:
        with suppress(OSError):
            place.unlink(missing_ok=True)
        raise _not_written(target, error) from error
    try:
        _apply(journal, target, descriptor)
    except OSError as error:
        try:
            _apply(journal, target, descriptor, backwards=True)
            _remove(place)
        except OSError:
            raise WriteError(
                f"{target.name} was half written when the disk failed: {error.strerror or error}.",
                tip=f"Its journal is kept. Once the disk works, run: nwb-unitrefine recover {target.name}",
            ) from error
        raise _not_written(target, error) from error
    with suppress(OSError):  # the change is on the disk; a journal that stays is found to be finished, and removed then
        _remove(place)
    return sum(len(edit.after or b"") for edit in edits)


@contextmanager
def locked(target: Path, *, patience_s: float = PATIENCE_S) -> Iterator[int]:
    """Hold the lock that HDF5 itself takes for writing, so that no reader or writer has the file open.

    Yields the file's descriptor. On file systems without locks, it holds nothing.

    Raises
    ------
    FileBusyError
        If the lock is not to be had within `patience_s`.
    """
    flags = os.O_RDONLY if target.is_dir() else os.O_RDWR
    descriptor = os.open(target, flags | os.O_CLOEXEC)
    try:
        deadline = time.monotonic() + patience_s
        while not _try_lock(descriptor):
            if time.monotonic() > deadline:
                raise FileBusyError(
                    f"{target.name} is open in another program.", tip="Close it there, then run the command again."
                )
            time.sleep(_BUSY_WAIT_S)
        yield descriptor
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    """Take the lock without waiting; a file system without locks counts as free, as it does for HDF5."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
    return True


def _not_written(target: Path, error: OSError) -> WriteError:
    """Say why nothing was written, with what helps against it."""
    tips = {
        errno.ENOSPC: "Free some space on the disk, then run the command again.",
        errno.EDQUOT: "Free some of your disk quota, then run the command again.",
        errno.EACCES: "You need to be allowed to write to its folder: a journal is kept beside the file.",
        errno.EROFS: "It lies on a read-only file system: write a copy with --output.",
    }
    return WriteError(f"{target.name} was not changed: {error.strerror or error}.", tip=tips.get(error.errno or 0, ""))


def _decode(place: Path) -> _Journal | None:
    """Read a journal; None if it was never completed, and so its target never touched."""
    content = place.read_bytes()
    magic, header, body = _split(content)
    if not content.strip(b"\0") or magic != _MAGIC[: len(magic)]:
        if content.strip(b"\0"):
            raise JournalError(
                f"{place.name} is not a journal of this version of nwb-unitrefine.",
                tip="If the file beside it opens as it should, delete this one.",
            )
        return None
    if header is None:
        return None
    lengths = [max(before, 0) + max(after, 0) for _, _, before, after in header["edits"]]
    if len(body) < sum(lengths) + _DIGEST_BYTES:
        return None
    if _digest(content[:-_DIGEST_BYTES]) != content[-_DIGEST_BYTES:]:
        raise JournalError(
            f"{place.name} is damaged, and {header['target']} may be half written.",
            tip="Restore the file from a copy. If it is known to be whole, delete the journal.",
        )
    return _Journal(header["target"], header["size_before"], header["size_after"], _edits(header["edits"], body))


def _split(content: bytes) -> tuple[bytes, dict[str, Any] | None, bytes]:
    """Cut a journal into its first line, its header (None where cut off or blank) and the rest."""
    magic, rest = content[: len(_MAGIC)], content[len(_MAGIC) :]
    line, newline, rest = rest.partition(b"\n")
    digest, body = rest[:_DIGEST_BYTES], rest[_DIGEST_BYTES:]
    if not newline or digest != _digest(magic + line + b"\n"):
        return magic, None, b""
    header: dict[str, Any] = json.loads(line)
    return magic, header, body


def _edits(described: list[list[Any]], body: bytes) -> tuple[Edit, ...]:
    """Cut the journal's body into its edits."""
    edits, position = [], 0
    for key, offset, n_before, n_after in described:
        parts: list[bytes | None] = []
        for length in (n_before, n_after):
            parts.append(None if length < 0 else body[position : position + length])
            position += max(length, 0)
        edits.append(Edit(key, offset, *parts))
    return tuple(edits)


def _require_same_target(journal: _Journal, target: Path, descriptor: int, place: Path) -> None:
    """Refuse a journal whose target is another file, or was changed by someone else since."""
    if journal.name != target.name or journal.is_folder != target.is_dir():
        raise JournalError(f"{place.name} is the journal of another file, {journal.name}.", tip="Move it back there.")
    if journal.is_folder:
        same = all(_content(target / edit.key) in (edit.before, edit.after) for edit in journal.edits)
    else:
        size = os.fstat(descriptor).st_size
        sizes = sorted((journal.size_before, journal.size_after))
        same = sizes[0] <= size <= sizes[1] and all(_is_between(descriptor, edit) for edit in journal.edits)
    if not same:
        raise JournalError(
            f"{target.name} has been changed since the write that {place.name} belongs to was interrupted.",
            tip="If the file opens as it should, delete the journal; otherwise restore the file from a copy.",
        )


def _is_between(descriptor: int, edit: Edit) -> bool:
    """Whether every byte of a stretch is the one before or the one after; past the old end, it may be missing."""
    before, after = edit.before or b"", edit.after or b""
    found = np.frombuffer(os.pread(descriptor, max(len(before), len(after)), edit.offset), np.uint8)
    old = np.frombuffer(before.ljust(len(found), b"\0")[: len(found)], np.uint8)
    new = np.frombuffer(after.ljust(len(found), b"\0")[: len(found)], np.uint8)
    return bool(np.all((found == old) | (found == new)))


def _apply(journal: _Journal, target: Path, descriptor: int, *, backwards: bool = False) -> None:
    """Bring the target to the state after the change, or before it, and on to the disk."""
    if journal.is_folder:
        for edit in reversed(journal.edits) if backwards else journal.edits:
            _replace(target, edit.key, edit.before if backwards else edit.after)
        return
    for edit in journal.edits:
        _write_all(descriptor, (edit.before if backwards else edit.after) or b"", edit.offset)
    size = journal.size_before if backwards else journal.size_after
    if os.fstat(descriptor).st_size != size:
        os.ftruncate(descriptor, size)
    os.fsync(descriptor)


def _replace(folder: Path, key: str, content: bytes | None) -> None:
    """Give one file of a folder its new content at once, or take it away, with the folders that only it needed."""
    place = folder / key
    if content is None:
        place.unlink(missing_ok=True)
        parent = place.parent
        with suppress(OSError):  # until one is not empty
            while parent != folder:
                parent.rmdir()
                parent = parent.parent
        _sync_folder(parent)
        return
    if _content(place) == content:
        return
    _make_folders(place.parent)
    temporary = place.with_name(f".{place.name}.unitrefine-new")
    temporary.unlink(missing_ok=True)
    try:
        _write_new(temporary, content, sync_folder=False)
        temporary.replace(place)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(place.parent)


def _make_folders(folder: Path) -> None:
    """Make a folder, and put each new one on the disk."""
    missing = [folder, *folder.parents]
    for one in reversed([one for one in missing if not one.exists()]):
        one.mkdir(exist_ok=True)
        _sync_folder(one.parent)


def _content(place: Path) -> bytes | None:
    """Content of a file, None where there is none."""
    try:
        return place.read_bytes()
    except FileNotFoundError:
        return None


def _write_new(place: Path, content: bytes, *, sync_folder: bool = True) -> None:
    """Write a file that is not there yet, and wait until it is on the disk."""
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        _write_all(descriptor, content, 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if sync_folder:
        _sync_folder(place.parent)


def _write_all(descriptor: int, content: bytes, offset: int) -> None:
    """Write all of `content`: the system may take it in parts."""
    view = memoryview(content)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written


def _remove(place: Path) -> None:
    """Remove a file, and wait until that is on the disk."""
    place.unlink()
    _sync_folder(place.parent)


def _sync_folder(folder: Path) -> None:
    """Put a folder's entries on the disk; file systems that cannot say so with an error of their own."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
    finally:
        os.close(descriptor)


def _length(part: bytes | None) -> int:
    """Length as the journal notes it: -1 for a file that is not there."""
    return -1 if part is None else len(part)


def _digest(content: bytes) -> bytes:
    """Digest as a line of text."""
    return hashlib.sha256(content).hexdigest().encode() + b"\n"
