"""Bring a target to the state before or after a change, and wait until that is on the disk."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.journal.inside import FolderFiles
from nwb_unitrefine.journal.record import digest_of_parts
from nwb_unitrefine.journal.system_calls import create_file, read_at, set_mode, sync_folder, write_at

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nwb_unitrefine.journal.header import Header, State
    from nwb_unitrefine.journal.record import Edit, Journal

__all__ = ["apply_edits", "is_between", "is_in_state", "remove_file", "write_journal"]


def apply_edits(
    journal: Journal, target: Path, descriptor: int, *, backwards: bool = False, durably: bool = True
) -> bool:
    """Bring the target to the state after the change, or before it, and on to the disk.

    Every edit is done whatever state its stretch is in, so that this may be repeated after it was interrupted.

    Parameters
    ----------
    journal : Journal
    target : Path
    descriptor : int
    backwards : bool, optional
        Bring it to the state before.
    durably : bool, optional
        False to leave it to the caller to put on the disk what was changed in place.

    Returns
    -------
    bool
        False where a folder inside the target was replaced by another meanwhile, which was not changed.
    """
    if journal.is_folder:
        edits = journal.edits[::-1] if backwards else journal.edits
        with FolderFiles(target, descriptor=descriptor) as files:
            files.change([(edit.key, edit.before if backwards else edit.after) for edit in edits], token=journal.token)
            if durably:
                files.sync([edit.key for edit in edits])
            return files.are_folders_in_place()
    for edit in journal.edits:
        write_at(descriptor, (edit.before if backwards else edit.after) or b"", edit.offset)
    size = journal.size_before if backwards else journal.size_after
    if os.fstat(descriptor).st_size != size:
        os.ftruncate(descriptor, size)
    if durably:
        os.fsync(descriptor)
    return True


def is_between(journal: Journal, target: Path, descriptor: int) -> bool:
    """Whether the target is on the way from before to after: whatever the journal covers is the one or the other."""
    if journal.is_folder:
        with FolderFiles(target, descriptor=descriptor) as files:
            return all(files.read(edit.key) in (edit.before, edit.after) for edit in journal.edits)
    smallest, largest = sorted((journal.size_before, journal.size_after))
    if not smallest <= os.fstat(descriptor).st_size <= largest:
        return False
    return all(_is_stretch_between(descriptor, edit) for edit in journal.edits)


def is_in_state(header: Header, state: State, target: Path, descriptor: int) -> bool:
    """Whether the target is as it was before a change, or as after it, wherever that was to change it."""
    if not header.is_folder and os.fstat(descriptor).st_size != state.size:
        return False
    with FolderFiles(target, descriptor=descriptor) as files:
        parts = [
            files.read(key) if header.is_folder else read_at(descriptor, length, offset)
            for (key, offset), length in zip(header.places, state.lengths, strict=True)
        ]
    lengths = tuple(-1 if part is None else len(part) for part in parts)
    return lengths == state.lengths and digest_of_parts(parts) == state.digest


def write_journal(
    place: Path, journal: Journal, *, secret: bytes, mode: int, require_unchanged: Callable[[], None]
) -> None:
    """Write a journal: first its bytes and, once they are on the disk, its seal.

    Parameters
    ----------
    place : Path
    journal : Journal
    secret : bytes
    mode : int
        Who may read it.
    require_unchanged : callable
        Called between the two, when no other writer of ours can begin; raises if the target is not as it was read.

    Raises
    ------
    FileExistsError
        If it is there.
    OSError
        If it cannot be written; then none is left.
    """
    content, seal, at = journal.encode(secret)
    descriptor = create_file(place, 0o600)
    try:
        set_mode(descriptor, mode)
        write_at(descriptor, content, 0)
        os.fsync(descriptor)
        require_unchanged()
        write_at(descriptor, seal, at)
        os.fsync(descriptor)
        sync_folder(place.parent)
    except BaseException:
        with suppress(OSError):
            os.unlink(place)  # noqa: PTH108 - the calls to the system stand here in one style
        raise
    finally:
        os.close(descriptor)


def remove_file(place: Path) -> None:
    """Remove a file."""
    os.unlink(place)  # noqa: PTH108 - as above
    sync_folder(place.parent)


def _is_stretch_between(descriptor: int, edit: Edit) -> bool:
    """Whether every byte of a stretch is the one before or the one after; where the file ends, it may be missing."""
    before, after = edit.before or b"", edit.after or b""
    found = np.frombuffer(read_at(descriptor, max(len(before), len(after)), edit.offset), np.uint8)
    old = np.frombuffer(before.ljust(len(found), b"\0")[: len(found)], np.uint8)
    new = np.frombuffer(after.ljust(len(found), b"\0")[: len(found)], np.uint8)
    return bool(np.all((found == old) | (found == new)))
