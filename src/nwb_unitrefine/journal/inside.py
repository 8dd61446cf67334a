"""The files of one folder, reached by names that are checked and through no link.

Names of files come out of journals and stores that strangers made. `parts_of` is the one door for them, and
`FolderFiles` opens one folder after another by its descriptor (`dir_fd`, `O_NOFOLLOW`), so that neither a name nor a
link in the folder leads out of it, not even one that is put there meanwhile. Where the system has no such calls, it
looks at every folder on the way before it goes on.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from nwb_unitrefine.errors import WriteError
from nwb_unitrefine.journal.system_calls import (
    HAS_FOLDER_DESCRIPTORS,
    create_file,
    open_for_reading,
    read_at,
    set_mode,
    sync_folder,
    sync_open_folder,
    write_at,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["FolderFiles", "is_plain_name", "parts_of"]

_LONGEST_NAME, _LONGEST_KEY = 255, 4000
"""Bytes of a name, and of a path below the folder, that file systems take."""

_DRIVE = re.compile(r"[A-Za-z]:")

_Place = tuple[str, int | None]
"""How to name a file of an open folder: what stands before its name, and the folder's descriptor."""


def is_plain_name(name: str) -> bool:
    r"""Whether a name is that of one file, column or group, and no path.

    Examples
    --------
    >>> [is_plain_name(name) for name in ("quality", "", "..", "a/b", "a\\b", "C:")]
    [True, False, False, False, False, False]
    """
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        return False
    return (
        0 < length <= _LONGEST_NAME
        and name not in {".", ".."}
        and not any(character in name for character in "/\\\0")
        and not _DRIVE.match(name)
    )


def parts_of(key: str) -> tuple[str, ...]:
    """Take the path of a file below a folder apart.

    Raises
    ------
    WriteError
        If it leads out of the folder, or is no path: absolute, with ``..``, empty parts, backslashes or a drive.

    Examples
    --------
    >>> parts_of("units/id/0")
    ('units', 'id', '0')
    """
    parts = tuple(key.split("/"))
    if not all(map(is_plain_name, parts)) or len(key) > _LONGEST_KEY:
        raise WriteError(f"{key[:100]!r} does not name a file inside a folder.")
    return parts


class FolderFiles:
    """The files of a folder.

    Parameters
    ----------
    folder : Path
    descriptor : int, optional
        Of the folder, open; by default, it is opened for each file.
    """

    def __init__(self, folder: Path, *, descriptor: int | None = None) -> None:
        self._folder = folder
        self._descriptor = descriptor if HAS_FOLDER_DESCRIPTORS else None

    def read(self, key: str) -> bytes | None:
        """Return the content of a file, None where there is none.

        Raises
        ------
        WriteError
            If a link is on the way, or it is neither a file nor a folder.
        """
        *folders, name = parts_of(key)
        with self._opened(folders) as place:
            if place is None:
                return None
            try:
                descriptor = open_for_reading(place[0] + name, folder=place[1])
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                return None
            except OSError as error:
                if error.errno in {errno.ELOOP, errno.ENXIO, errno.EMLINK}:  # a link, or a socket
                    raise self._no_file(key) from error
                raise
            try:
                status = os.fstat(descriptor)
                if stat.S_ISDIR(status.st_mode):
                    return None
                if not stat.S_ISREG(status.st_mode):
                    raise self._no_file(key)
                return read_at(descriptor, status.st_size, 0)
            finally:
                os.close(descriptor)

    def has(self, key: str) -> bool:
        """Whether there is a regular file; a link counts as none where nothing is read or written."""
        *folders, name = parts_of(key)
        with self._opened(folders) as place:
            if place is None:
                return False
            try:
                return stat.S_ISREG(os.stat(place[0] + name, dir_fd=place[1], follow_symlinks=False).st_mode)
            except (FileNotFoundError, NotADirectoryError):
                return False

    def replace(self, key: str, content: bytes, *, token: str) -> None:
        """Give a file its new content at once, and make the folders that it needs.

        A file that is replaced keeps its mode. A new one is open to those whom the folder and its files are open to.

        Parameters
        ----------
        key : str
        content : bytes
        token : str
            Part of the temporary name, which nobody can have guessed; a file that an interrupted call left under it is
            removed.
        """
        *folders, name = parts_of(key)
        if self.read(key) == content:
            self.remove_temporary(key, token=token)
            return
        with self._opened(folders, make=True) as place:
            assert place is not None
            mode = self._mode_of(place, name)
            new = _temporary(token)
            _remove(place, new)
            descriptor = create_file(place[0] + new, self._mode_for_new() if mode is None else 0o600, folder=place[1])
            try:
                try:
                    if mode is not None:
                        set_mode(descriptor, mode)
                    write_at(descriptor, content, 0)
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
                os.replace(place[0] + new, place[0] + name, src_dir_fd=place[1], dst_dir_fd=place[1])
            except OSError:
                with suppress(OSError):
                    _remove(place, new)
                raise

    def remove(self, key: str) -> None:
        """Remove a file, and the folders around it that are empty then."""
        *folders, name = parts_of(key)
        with self._opened(folders) as place:
            if place is not None:
                _remove(place, name)
        while folders:
            inner = folders.pop()
            with self._opened(folders) as place:
                if place is None:
                    continue
                try:
                    os.rmdir(place[0] + inner, dir_fd=place[1])
                except (FileNotFoundError, NotADirectoryError):
                    continue
                except OSError as error:
                    if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                        return
                    raise

    def remove_temporary(self, key: str, *, token: str) -> None:
        """Remove what an interrupted `replace` left."""
        with self._opened(parts_of(key)[:-1]) as place:
            if place is not None:
                _remove(place, _temporary(token))

    def sync(self, keys: Sequence[str]) -> None:
        """Put what the folders of these files list on the disk, those above them included."""
        folders = {parts_of(key)[:depth] for key in keys for depth in range(len(parts_of(key)))}
        for parts in sorted(folders):
            with self._opened(parts) as place:
                if place is None:
                    continue
                if place[1] is None:
                    sync_folder(self._folder.joinpath(*parts))
                else:
                    sync_open_folder(place[1])

    @contextmanager
    def _opened(self, parts: Sequence[str], *, make: bool = False) -> Iterator[_Place | None]:
        """Go down from the folder through no link; None where one of the folders is missing."""
        if not HAS_FOLDER_DESCRIPTORS:
            yield self._looked_at(parts, make=make)
            return
        if self._descriptor is None:
            current = open_for_reading(self._folder.resolve(), is_folder=True)
        else:
            current = os.dup(self._descriptor)
        try:
            for number, part in enumerate(parts):
                try:
                    if make:
                        self._make(part, current)
                    inner = open_for_reading(part, folder=current, is_folder=True)
                except FileNotFoundError:
                    yield None
                    return
                except OSError as error:
                    if error.errno not in {errno.ENOTDIR, errno.ELOOP, errno.EMLINK}:
                        raise
                    if make or _is_link(part, current):
                        raise self._no_folder(parts[: number + 1]) from error
                    yield None
                    return
                os.close(current)
                current = inner
            yield "", current
        finally:
            os.close(current)

    def _looked_at(self, parts: Sequence[str], *, make: bool) -> _Place | None:
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
            os.mkdir(name, stat.S_IMODE(self._status().st_mode) & 0o777 | 0o700, dir_fd=folder)

    def _mode_of(self, place: _Place, name: str) -> int | None:
        """Mode of a file that is replaced, None where there is none."""
        try:
            status = os.stat(place[0] + name, dir_fd=place[1], follow_symlinks=False)
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(status.st_mode):
            raise self._no_file(name)
        return stat.S_IMODE(status.st_mode)

    def _mode_for_new(self) -> int:
        """Mode of a new file: that of the files at the top, and never wider than the folder's own."""
        mode = self._status().st_mode & 0o666
        for name in (".zgroup", ".zattrs"):
            with suppress(OSError):
                mode &= os.lstat(self._folder / name).st_mode
                break
        return mode | 0o600

    def _status(self) -> os.stat_result:
        return self._folder.stat() if self._descriptor is None else os.fstat(self._descriptor)

    def _no_file(self, key: str) -> WriteError:
        return WriteError(
            f"{self._folder.name}: {key} is not a regular file of this folder (a link, or a device).",
            tip="Replace it by the file that is meant: nothing outside the folder is written.",
        )

    def _no_folder(self, parts: Sequence[str]) -> WriteError:
        return WriteError(
            f"{self._folder.name}: {'/'.join(parts)} is not a folder of this folder (a link, or a file).",
            tip="Replace it by the folder that is meant: nothing outside the folder is written.",
        )


def _temporary(token: str) -> str:
    """Name of a file that is being written."""
    return f".unitrefine-{token}"


def _remove(place: _Place, name: str) -> None:
    """Remove a file of an open folder, where it exists."""
    with suppress(FileNotFoundError, NotADirectoryError):
        os.unlink(place[0] + name, dir_fd=place[1])


def _is_link(name: str, folder: int) -> bool:
    """Whether a name in an open folder is that of a symbolic link."""
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except OSError:
        return False
