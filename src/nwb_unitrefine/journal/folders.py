"""The folders inside a folder, reached through no link and held open.

Each is opened by the descriptor of the one around it (`dir_fd`, `O_NOFOLLOW`), so that no link in the folder leads out
of it, not even one that is put there meanwhile. Where the system has no such calls, every folder on the way is looked
at before it is gone through.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from nwb_unitrefine.errors import WriteError
from nwb_unitrefine.journal.system_calls import HAS_FOLDER_DESCRIPTORS, open_for_reading

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["HeldFolders", "Place"]

_MOST_HELD = 64
"""Folders that stay open from one file to the next."""

Place = tuple[str, int | None]
"""How to name a file of a folder: what stands before its name, and the folder's descriptor."""


class HeldFolders:
    """Folders inside a folder, each walked to once; to be closed in the end.

    What is held is the folder that it was when it was opened, whatever has its name since. `forget` closes all, so that
    they are walked to anew.

    Parameters
    ----------
    folder : Path
    descriptor : int, optional
        Of the folder, open; it stays open. By default, the folder is opened by its path.
    """

    def __init__(self, folder: Path, *, descriptor: int | None = None) -> None:
        self._folder = folder
        self._descriptor = descriptor if HAS_FOLDER_DESCRIPTORS else None
        self._held: dict[tuple[str, ...], int] = {}

    def forget(self) -> None:
        """Close all folders."""
        while self._held:
            os.close(self._held.popitem()[1])

    def trim(self) -> None:
        """Close all folders where they are many, for a process may have only so many open."""
        if len(self._held) > _MOST_HELD:
            self.forget()

    def drop(self, parts: Sequence[str]) -> None:
        """Close one folder."""
        held = self._held.pop(tuple(parts), None)
        if held is not None:
            os.close(held)

    def are_in_place(self) -> bool:
        """Whether every folder that is held still has the name under which it was opened."""
        now = HeldFolders(self._folder, descriptor=self._descriptor)
        try:
            for parts, descriptor in self._held.items():
                place = now.place_of(parts)
                if place is None or place[1] is None or not os.path.samestat(os.fstat(place[1]), os.fstat(descriptor)):
                    return False
        except WriteError:  # a link has that name
            return False
        finally:
            now.forget()
        return True

    def place_of(self, parts: Sequence[str], *, make: bool = False) -> Place | None:
        """Go down to a folder through no link; None where it, or one on the way, is missing.

        Parameters
        ----------
        parts : sequence of str
            Names of the folders on the way and its own, each checked.
        make : bool, optional
            Make those that are missing.

        Raises
        ------
        WriteError
            If a link is on the way; where folders are to be made, also if something else is.
        """
        if not HAS_FOLDER_DESCRIPTORS:
            return self._looked_at(parts, make=make)
        parts = tuple(parts)
        held = self._held.get(parts)
        if held is None:
            if parts:
                around = self.place_of(parts[:-1], make=make)
                held = None if around is None or around[1] is None else self._opened(parts, around[1], make=make)
            elif self._descriptor is None:
                held = open_for_reading(self._folder.resolve(), is_folder=True)
            else:
                held = os.dup(self._descriptor)
            if held is None:
                return None
            self._held[parts] = held
        return "", held

    def status(self) -> os.stat_result:
        """Status of the folder itself."""
        return self._folder.stat() if self._descriptor is None else os.fstat(self._descriptor)

    def _opened(self, parts: tuple[str, ...], around: int, *, make: bool) -> int | None:
        """Open a folder of an open folder; None where it is missing."""
        try:
            if make:
                self._make(parts[-1], around)
            return open_for_reading(parts[-1], folder=around, is_folder=True)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno not in {errno.ENOTDIR, errno.ELOOP, errno.EMLINK}:
                raise
            if make or _is_link(parts[-1], around):
                raise self._no_folder(parts) from error
            return None

    def _looked_at(self, parts: Sequence[str], *, make: bool) -> Place | None:
        """Go down by looking at each folder first: what can be done without descriptors of folders."""
        place = str(self._folder.resolve())
        for number, part in enumerate(parts):
            place = os.path.join(place, part)  # noqa: PTH118 - as text, for both kinds of place
            if make and not os.path.lexists(place):
                self._make(place, None)
            try:
                mode = os.lstat(place).st_mode
            except (FileNotFoundError, NotADirectoryError):
                return None
            if not stat.S_ISDIR(mode):
                if make or stat.S_ISLNK(mode):
                    raise self._no_folder(parts[: number + 1])
                return None
        return place + os.sep, None

    def _make(self, name: str, folder: int | None) -> None:
        """Make a folder, unless it exists, as open to others as the one around all."""
        with suppress(FileExistsError):
            os.mkdir(name, stat.S_IMODE(self.status().st_mode) & 0o777 | 0o700, dir_fd=folder)

    def _no_folder(self, parts: Sequence[str]) -> WriteError:
        return WriteError(
            f"{self._folder.name}: {'/'.join(parts)} is not a folder of this folder (a link, or a file).",
            tip="Replace it by the folder that is meant: nothing outside the folder is written.",
        )


def _is_link(name: str, folder: int) -> bool:
    """Whether a name in an open folder is that of a symbolic link."""
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except OSError:
        return False
