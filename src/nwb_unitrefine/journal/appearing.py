"""A file or folder that appears under its name at once, when it is complete and on the disk, or not at all."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from nwb_unitrefine.errors import WriteError
from nwb_unitrefine.journal.system_calls import do_together, sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["appearing", "require_place"]


def require_place(output: Path, *, overwrite: bool = False) -> None:
    """Refuse a place that nothing can be written to.

    Raises
    ------
    WriteError
        If something has that name and may not be replaced, or there is no folder for it.
    """
    if not overwrite and os.path.lexists(output):
        raise _existing(output)
    if not output.parent.is_dir():
        raise WriteError(
            f"{output} cannot be written: there is no folder {output.parent}.", tip="Make the folder first."
        )


@contextmanager
def appearing(output: Path, *, overwrite: bool = False, keep: bool = True) -> Iterator[Path]:
    """Give a place to write a file or folder to, which gets its name when it is complete, and vanishes otherwise.

    The place is in a folder of its own beside `output`, whose name nobody can guess and which nobody else may enter.
    All of it is on the disk before it gets its name, so that a power cut leaves nothing half written under that name.

    Parameters
    ----------
    output : Path
    overwrite : bool, optional
        Replace what has that name: a file by a file, a folder by a folder. A symbolic link is replaced, not followed.
    keep : bool, optional
        False to give it no name, and let it vanish.

    Yields
    ------
    Path
        Where to write; its name is that of `output`.

    Raises
    ------
    WriteError
        If `output` exists, even if it appeared only now, or cannot be written.
    """
    require_place(output, overwrite=overwrite)
    try:
        with tempfile.TemporaryDirectory(prefix=".nwb-unitrefine-", dir=output.parent) as folder:
            place = Path(folder) / output.name
            yield place
            if keep:
                _sync(place)
                (_replace if overwrite else _give_name)(place, output)
                sync_folder(output.parent)
    except OSError as error:
        raise WriteError(f"{output} could not be written: {error.strerror or error}.") from error


def _replace(place: Path, output: Path) -> None:
    """Give a file or folder the name of another, which is put back if that fails."""
    if not place.is_dir():
        place.replace(output)
        return
    aside = place.with_name(f"{place.name}.replaced")
    had = os.path.lexists(output)
    if had:
        output.rename(aside)
    try:
        place.rename(output)
    except OSError:
        if had:
            aside.rename(output)
        raise
    if aside.is_symlink():
        aside.unlink()


def _give_name(place: Path, output: Path) -> None:
    """Give a file or folder its name, which another process may have used for something else in the meantime."""
    try:
        if place.is_dir():
            place.rename(output)  # over nothing, or over an empty folder
        else:
            _link(place, output)
    except OSError as error:
        if error.errno in {errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR}:
            raise _existing(output) from error
        raise


def _link(place: Path, output: Path) -> None:
    """Give a file another name, unlike renaming only if there is none; the first one goes with its folder."""
    try:
        output.hardlink_to(place)
    except FileExistsError:
        raise
    except OSError:  # a file system without links: an empty file keeps others away from the name
        output.touch(exist_ok=False)
        try:
            place.replace(output)
        except OSError:
            output.unlink()
            raise


def _existing(output: Path) -> WriteError:
    return WriteError(f"{output} exists already; nothing was written.", tip="Remove it, or name another output.")


def _sync(place: Path) -> None:
    """Put a file, or a folder with all that is in it, on the disk."""
    files, folders = [place], []
    if place.is_dir():
        files = [Path(at) / name for at, _, names in os.walk(place) for name in names]
        folders = [Path(at) for at, _, _ in os.walk(place)]
    do_together(_sync_file, files)
    for folder in folders:
        sync_folder(folder)


def _sync_file(place: Path) -> None:
    """Put a file on the disk; a link has no bytes of its own."""
    if not stat.S_ISREG(place.lstat().st_mode):
        return
    with place.open("r+b" if os.access(place, os.W_OK) else "rb") as file:  # Windows syncs what is open for writing
        os.fsync(file.fileno())
