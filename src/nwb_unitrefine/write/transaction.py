"""One all-or-nothing write to an HDF5 file: change it in memory, look at the result, then apply it."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import h5py

from nwb_unitrefine.errors import FileChangedError, SourceError, WriteError
from nwb_unitrefine.journal import commit, locked
from nwb_unitrefine.write.overlay import Overlay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Applied", "change_hdf5", "writable_target"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Applied:
    """What a write came to.

    Parameters
    ----------
    bytes_written : int
        Written to the file itself; the journal takes about twice as much, for a moment.
    size_before, size_after : int
        Of the file, in bytes.
    """

    bytes_written: int
    size_before: int
    size_after: int


def change_hdf5(
    path: str | Path,
    change: Callable[[h5py.File], T],
    *,
    check: Callable[[h5py.File, h5py.File], None],
    dry_run: bool = False,
) -> tuple[T, Applied]:
    """Change an HDF5 file entirely or not at all.

    Parameters
    ----------
    path : str or Path
        A symbolic link is followed.
    change : callable
        Gets the file, open for writing over memory, and changes it.
    check : callable
        Gets the file as it was and as it would be, both open for reading; raises if it must not be so.
    dry_run : bool, optional
        Do everything but write.

    Returns
    -------
    tuple
        What `change` returned, and what the write came to.

    Raises
    ------
    WriteError
        If the file cannot be written: it is as it was.
    """
    target = writable_target(path)
    with _opened(target) as descriptor:
        state = _state(descriptor)
        overlay = Overlay(descriptor)
        with _hdf5(overlay, "r+", target) as file:
            result = change(file)
        with _hdf5(Overlay(descriptor), "r", target) as before, _hdf5(overlay, "r", target) as after:
            check(before, after)
        edits = overlay.edits()
        if _state(descriptor) != state or not os.path.samestat(target.stat(), os.fstat(descriptor)):
            raise FileChangedError(
                f"{target.name} was changed by another program while its labels were being prepared.",
                tip="Nothing was written. Run the command again.",
            )
        written = 0
        if edits and not dry_run:
            written = commit(
                target, edits, descriptor=descriptor, size_before=overlay.base_size, size_after=overlay.size
            )
    return result, Applied(written, overlay.base_size, overlay.size)


def writable_target(path: str | Path) -> Path:
    """Return the file that `path` leads to, if it is one that may be written.

    Raises
    ------
    WriteError
        If it does not exist, is git-annex's own copy, or is read-only.
    """
    path = Path(path)
    try:
        target = path.resolve(strict=True)
        mode = target.stat().st_mode
    except OSError as error:
        raise WriteError(f"{path.name} cannot be written: {error.strerror}.") from error
    if "annex" in target.parts and "objects" in target.parts:
        raise WriteError(
            f"{path.name} is a link into git-annex, whose copies must not change.",
            tip=f"Unlock it with `git annex unlock {path.name}`, or write a copy with --output.",
        )
    writable = mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH) and os.access(target, os.W_OK)
    if not writable:
        raise WriteError(f"{path.name} is read-only.", tip="Make it writable, or write a copy with --output.")
    return target


@contextmanager
def _opened(target: Path) -> Iterator[int]:
    """Lock the file, and say in our words why it cannot be opened."""
    try:
        with locked(target) as descriptor:
            yield descriptor
    except OSError as error:
        raise WriteError(f"{target.name} was not changed: {error.strerror or error}.") from error


@contextmanager
def _hdf5(overlay: Overlay, mode: str, target: Path) -> Iterator[h5py.File]:
    """Open the file over memory, and say in our words why HDF5 cannot."""
    try:
        file = h5py.File(overlay, mode)
    except OSError as error:
        raise SourceError(f"{target.name} cannot be opened as an HDF5 file: {_reason(error)}.") from error
    with file:
        yield file


def _reason(error: OSError) -> str:
    """Return the part of HDF5's message that says why."""
    text = str(error)
    return text[text.rfind("(") + 1 :].rstrip(")") if "(" in text else text


def _state(descriptor: int) -> tuple[int, int]:
    """Size and time of the last change: what tells that someone else wrote."""
    status = os.fstat(descriptor)
    return status.st_size, status.st_mtime_ns
