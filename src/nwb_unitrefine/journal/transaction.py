"""One all-or-nothing write to a file: change it in memory, look at the result, then apply it."""

from __future__ import annotations

import os
import stat
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import h5py

from nwb_unitrefine.errors import FileChangedError, SourceError, WriteError
from nwb_unitrefine.journal.file_overlay import Overlay
from nwb_unitrefine.journal.protocol import commit, is_at, locked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from nwb_unitrefine.journal.folder_overlay import FolderOverlay
    from nwb_unitrefine.journal.record import Edit

__all__ = ["Applied", "change_folder", "change_hdf5"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Applied:
    """What a write came to.

    Parameters
    ----------
    bytes_written : int
        Written to the target itself; the journal takes about twice as much, for a moment.
    other_names : int, optional
        Hard links to the same file: what has these names has changed, too.
    """

    bytes_written: int
    other_names: int = 0


def change_hdf5(
    path: str | Path,
    change: Callable[[h5py.File], T],
    *,
    check: Callable[[h5py.File, h5py.File, Sequence[Edit]], None],
    guard: Callable[[Overlay], Any],
    dry_run: bool = False,
    unnamed: bool = False,
) -> tuple[T, Applied]:
    """Change an HDF5 file entirely or not at all.

    Parameters
    ----------
    path : str or Path
        A symbolic link is followed.
    change : callable
        Gets the file, open for writing over memory, and changes it.
    check : callable
        Gets the file as it was and as it would be, both open for reading, and the edits; raises if it must not be so.
    guard : callable
        Wraps the file for HDF5 to read through, as `nwb_unitrefine.storage.hdf5_guard.GuardedFile` does: HDF5 does not
        survive every damage.
    dry_run : bool, optional
        Do everything but write.
    unnamed : bool, optional
        As of `nwb_unitrefine.journal.protocol.commit`.

    Returns
    -------
    tuple
        What `change` returned, and what the write came to.

    Raises
    ------
    WriteError
        If the file cannot be written: it is as it was.
    """
    target = _writable_target(path)
    with _opened(target) as descriptor:
        state = _state(descriptor)
        overlay = Overlay(descriptor)
        with _hdf5(guard(overlay), "r+", target) as file:
            result = change(file)
        with _hdf5(guard(Overlay(descriptor)), "r", target) as before, _hdf5(guard(overlay), "r", target) as after:
            edits = overlay.edits()
            check(before, after, edits)

        def require_unchanged() -> None:
            if _state(descriptor) != state or not is_at(target, descriptor):
                raise _changed(target)

        if dry_run or not edits:
            require_unchanged()
            return result, Applied(0)
        n_bytes = commit(
            target,
            edits,
            descriptor=descriptor,
            size_before=overlay.base_size,
            size_after=overlay.size,
            require_unchanged=require_unchanged,
            unnamed=unnamed,
        )
        return result, Applied(n_bytes, other_names=os.fstat(descriptor).st_nlink - 1)


def change_folder(
    path: str | Path,
    change: Callable[[FolderOverlay], T],
    *,
    check: Callable[[FolderOverlay, Sequence[Edit]], None],
    dry_run: bool = False,
    unnamed: bool = False,
) -> tuple[T, Applied]:
    """Change a Zarr folder entirely or not at all.

    Parameters
    ----------
    path : str or Path
    change : callable
        Gets the store, over memory, and changes it.
    check : callable
        Gets the store as it would be, and the edits; raises if one must not be.
    dry_run, unnamed : bool, optional
        As of `change_hdf5`.

    Returns
    -------
    tuple
        As of `change_hdf5`.

    Raises
    ------
    WriteError
        If the folder cannot be written: it is as it was.
    """
    from nwb_unitrefine.journal.folder_overlay import FolderOverlay

    target = _writable_target(path)
    with _opened(target) as descriptor, closing(FolderOverlay(target, descriptor=descriptor)) as overlay:
        result = change(overlay)
        edits = overlay.edits()
        check(overlay, edits)

        def require_unchanged() -> None:
            if not overlay.is_still_as_read() or not is_at(target, descriptor):
                raise _changed(target)

        if dry_run or not edits:
            require_unchanged()
            return result, Applied(0)
        n_bytes = commit(target, edits, descriptor=descriptor, require_unchanged=require_unchanged, unnamed=unnamed)
        return result, Applied(n_bytes)


def _writable_target(path: str | Path) -> Path:
    """Return the file that `path` leads to, if it is one that may be written."""
    path = Path(path)
    try:
        target = path.resolve(strict=True)
        mode = target.stat().st_mode
    except OSError as error:
        raise WriteError(f"{path.name} cannot be written: {error.strerror}.") from error
    if "annex" in target.parts and "objects" in target.parts:
        raise WriteError(
            f"{path.name} is a link into git-annex, whose copies must not change.",
            tip=f"Unlock it with `git annex unlock {path.name}`, or work on a copy of it: cp -L.",
        )
    writable = mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH) and os.access(target, os.W_OK)
    if not writable:
        raise WriteError(f"{path.name} is read-only.", tip="Make it writable (chmod u+w), or work on a copy of it.")
    return target


@contextmanager
def _opened(target: Path) -> Iterator[int]:
    """Lock the target, and say in our words why it cannot be opened."""
    try:
        with locked(target) as descriptor:
            yield descriptor
    except OSError as error:
        raise WriteError(f"{target.name} was not changed: {error.strerror or error}.") from error


@contextmanager
def _hdf5(overlay: Any, mode: str, target: Path) -> Iterator[h5py.File]:
    """Open the file over memory, and say in our words why HDF5 cannot."""
    try:
        file = h5py.File(overlay, mode)
    except OSError as error:
        raise SourceError(f"{target.name} cannot be opened as an HDF5 file: {_reason(error)}.") from error
    with file:
        yield file


def _reason(error: OSError) -> str:
    """Return the part of HDF5's message that gives the cause."""
    text = str(error)
    return text[text.rfind("(") + 1 :].rstrip(")") if "(" in text else text


def _state(descriptor: int) -> tuple[int, int]:
    """Size and time of the last change, which differ once another process has written."""
    status = os.fstat(descriptor)
    return status.st_size, status.st_mtime_ns


def _changed(target: Path) -> FileChangedError:
    return FileChangedError(
        f"{target.name} was changed by another program while its labels were being prepared.",
        tip="Nothing was written. Run the command again.",
    )
