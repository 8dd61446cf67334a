"""Put bytes on the disk, and wait until they are there."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.journal.record import digest_of_parts

if TYPE_CHECKING:
    from pathlib import Path

    from nwb_unitrefine.journal.record import Edit, Journal, Outline, State

__all__ = [
    "UNSUPPORTED",
    "apply_edits",
    "is_between",
    "is_in_state",
    "remove_file",
    "sync_folder",
    "write_file",
]

UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}
"""What a file system answers that does not know what it is asked for, such as to lock a file."""


def apply_edits(journal: Journal, target: Path, descriptor: int, *, backwards: bool = False) -> None:
    """Bring the target to the state after the change, or before it, and on to the disk.

    Every edit is done whatever state its stretch is in, so that this may be repeated after it was interrupted.
    """
    if journal.is_folder:
        for edit in reversed(journal.edits) if backwards else journal.edits:
            _replace(target, edit.key, edit.before if backwards else edit.after)
        for folder in _folders_of(target, journal):
            sync_folder(folder)
        return
    for edit in journal.edits:
        _write_all(descriptor, (edit.before if backwards else edit.after) or b"", edit.offset)
    size = journal.size_before if backwards else journal.size_after
    if os.fstat(descriptor).st_size != size:
        os.ftruncate(descriptor, size)
    os.fsync(descriptor)


def is_between(journal: Journal, target: Path, descriptor: int) -> bool:
    """Whether the target is on the way from before to after: whatever the journal covers is the one or the other."""
    if journal.is_folder:
        return all(_content(target / edit.key) in (edit.before, edit.after) for edit in journal.edits)
    smallest, largest = sorted((journal.size_before, journal.size_after))
    if not smallest <= os.fstat(descriptor).st_size <= largest:
        return False
    return all(_is_stretch_between(descriptor, edit) for edit in journal.edits)


def is_in_state(outline: Outline, state: State, target: Path, descriptor: int) -> bool:
    """Whether the target is as it was before a change, or as after it, wherever that was to change it."""
    if not outline.is_folder and os.fstat(descriptor).st_size != state.size:
        return False
    parts = [
        _content(target / key) if outline.is_folder else os.pread(descriptor, length, offset)
        for (key, offset), length in zip(outline.places, state.lengths, strict=True)
    ]
    lengths = tuple(-1 if part is None else len(part) for part in parts)
    return lengths == state.lengths and digest_of_parts(parts) == state.digest


def write_file(place: Path, content: bytes, *, mode: int | None = None) -> None:
    """Write a file that is not there yet; if that fails, none is left.

    Parameters
    ----------
    place : Path
    content : bytes
    mode : int, optional
        Who may do what with it; by default, what the user has set for new files.

    Raises
    ------
    FileExistsError
        If it is there.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    descriptor = os.open(place, flags, 0o666 if mode is None else 0o600)
    try:
        if mode is not None:
            with suppress(OSError):  # not every file system has modes
                os.fchmod(descriptor, mode)
        _write_all(descriptor, content, 0)
        os.fsync(descriptor)
    except OSError:
        with suppress(OSError):
            os.unlink(place)  # noqa: PTH108 - the calls to the system stand here in one style
        raise
    finally:
        os.close(descriptor)


def remove_file(place: Path) -> None:
    """Remove a file."""
    os.unlink(place)  # noqa: PTH108 - as above
    sync_folder(place.parent)


def sync_folder(folder: Path) -> None:
    """Put what a folder lists on the disk, where the file system can be asked to."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
    finally:
        os.close(descriptor)


def _is_stretch_between(descriptor: int, edit: Edit) -> bool:
    """Whether every byte of a stretch is the one before or the one after; past the old end, it may be missing."""
    before, after = edit.before or b"", edit.after or b""
    found = np.frombuffer(os.pread(descriptor, max(len(before), len(after)), edit.offset), np.uint8)
    old = np.frombuffer(before.ljust(len(found), b"\0")[: len(found)], np.uint8)
    new = np.frombuffer(after.ljust(len(found), b"\0")[: len(found)], np.uint8)
    return bool(np.all((found == old) | (found == new)))


def _replace(folder: Path, key: str, content: bytes | None) -> None:
    """Give one file of a folder its new content at once, or take it away, with the folders that only it needed."""
    place = folder / key
    new = place.with_name(f".{place.name}.unitrefine-new")
    if new.exists():  # an interrupted write left it
        os.unlink(new)  # noqa: PTH108 - as above
    if content is None:
        _take_away(place, folder)
    elif _content(place) != content:
        os.makedirs(place.parent, exist_ok=True)  # noqa: PTH103 - as above
        mode = stat.S_IMODE(place.stat().st_mode) if place.exists() else None
        write_file(new, content, mode=mode)
        try:
            os.replace(new, place)  # noqa: PTH105 - as above
        except OSError:
            with suppress(OSError):
                os.unlink(new)  # noqa: PTH108 - as above
            raise


def _take_away(place: Path, folder: Path) -> None:
    """Remove a file, and the folders up to `folder` that are empty then."""
    with suppress(FileNotFoundError, NotADirectoryError):
        os.unlink(place)  # noqa: PTH108 - as above
    parent = place.parent
    while parent != folder:
        with suppress(FileNotFoundError):
            try:
                parent.rmdir()
            except OSError as error:
                if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                    break
                raise
        parent = parent.parent


def _folders_of(target: Path, journal: Journal) -> list[Path]:
    """Every folder that a change concerns and that is there, the target's own first."""
    places = {target, *(above for edit in journal.edits for above in (target / edit.key).parents)}
    return sorted(place for place in places if place.is_relative_to(target) and place.is_dir())


def _content(place: Path) -> bytes | None:
    """Content of a file, None where there is none."""
    try:
        return place.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _write_all(descriptor: int, content: bytes, offset: int) -> None:
    """Write all of `content`: the system may take it in parts."""
    view = memoryview(content)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written
