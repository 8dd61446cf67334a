"""The files of one folder, reached by names that are checked and through no link.

Names of files come out of journals and stores that strangers made. `nwb_unitrefine.journal.keys` checks them, and
`nwb_unitrefine.journal.folders` goes from one folder to the next, so that neither a name nor a link leads out of the
folder.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING

from nwb_unitrefine.errors import WriteError
from nwb_unitrefine.journal.folders import HeldFolders
from nwb_unitrefine.journal.keys import parts_of
from nwb_unitrefine.journal.system_calls import (
    HAS_FOLDER_DESCRIPTORS,
    create_file,
    open_for_reading,
    read_at,
    set_mode,
    sync_folder,
    sync_together,
    write_at,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Self

    from nwb_unitrefine.journal.folders import Place

__all__ = ["FolderFiles"]

_FILES_AT_ONCE = 48
"""Files that are written, or folders that are synced, together."""


class FolderFiles:
    """The files of a folder, to be closed in the end: the folders around them are held open.

    Parameters
    ----------
    folder : Path
    descriptor : int, optional
        Of the folder, open; it stays open. By default, the folder is opened by its path.
    """

    def __init__(self, folder: Path, *, descriptor: int | None = None) -> None:
        self._folder = folder
        self._folders = HeldFolders(folder, descriptor=descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.forget()

    def forget(self) -> None:
        """Close the folders that are held open; they are walked to anew where they are needed again."""
        self._folders.forget()

    def are_folders_in_place(self) -> bool:
        """Whether the folders that are held open still have the names under which they were opened."""
        return self._folders.are_in_place()

    def read(self, key: str) -> bytes | None:
        """Return the content of a file, None where there is none.

        Raises
        ------
        WriteError
            If a link is on the way, or it is neither a file nor a folder.
        """
        *folders, name = parts_of(key)
        place = self._folders.place_of(folders)
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
        place = self._folders.place_of(folders)
        if place is None:
            return False
        try:
            return stat.S_ISREG(os.stat(place[0] + name, dir_fd=place[1], follow_symlinks=False).st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return False

    def names(self, path: str) -> list[str]:
        """Names of all that is in a folder, by its path; none where there is no such folder."""
        place = self._folders.place_of(parts_of(path) if path else ())
        if place is None:
            return []
        return os.listdir(place[0] if place[1] is None else place[1])  # noqa: PTH208 - a path cannot list a descriptor

    def change(self, contents: Sequence[tuple[str, bytes | None]], *, token: str) -> None:
        """Give files their new contents, in this order, and remove those that get None.

        Each content is on the disk before a file gets it, at once; `sync` puts on the disk that it has it. Folders are
        made where they are needed, and removed where they are empty. A file that is replaced keeps its mode. A new one
        is open to those whom the folder and its files are open to.

        Parameters
        ----------
        contents : sequence of tuple of str and (bytes or None)
            Key and content of each file.
        token : str
            Part of the temporary names, which nobody can have guessed; files that an interrupted call left under these
            are removed.
        """
        for start in range(0, len(contents), _FILES_AT_ONCE):
            some = contents[start : start + _FILES_AT_ONCE]
            written = self._write_beside(some, token=token)
            for key, content in some:
                *folders, name = parts_of(key)
                if content is None:
                    self._remove(key)
                elif key in written:
                    place = self._folders.place_of(folders)
                    if place is None:
                        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), key)
                    temporary = place[0] + _temporary(token, name)
                    os.replace(temporary, place[0] + name, src_dir_fd=place[1], dst_dir_fd=place[1])

    def sync(self, keys: Sequence[str]) -> None:
        """Put what the folders of these files list on the disk, those above them included."""
        folders = sorted({parts_of(key)[:depth] for key in keys for depth in range(len(parts_of(key)))})
        if not HAS_FOLDER_DESCRIPTORS:
            for parts in folders:
                if self._folders.place_of(parts) is not None:
                    sync_folder(self._folder.joinpath(*parts))
            return
        for start in range(0, len(folders), _FILES_AT_ONCE):
            places = [self._folders.place_of(parts) for parts in folders[start : start + _FILES_AT_ONCE]]
            sync_together([place[1] for place in places if place is not None and place[1] is not None])
            self._folders.trim()

    def _write_beside(self, contents: Sequence[tuple[str, bytes | None]], *, token: str) -> set[str]:
        """Write contents under temporary names, and on to the disk; return the keys of files that have another one."""
        written: dict[str, int] = {}
        try:
            for key, content in contents:
                if content is None or self.read(key) == content:
                    self._remove_temporary(key, token=token)
                    continue
                *folders, name = parts_of(key)
                place = self._folders.place_of(folders, make=True)
                assert place is not None
                mode = self._mode_of(place, name)
                new = _temporary(token, name)
                _remove(place, new)
                descriptor = create_file(place[0] + new, self._new_mode if mode is None else 0o600, folder=place[1])
                written[key] = descriptor
                if mode is not None:
                    set_mode(descriptor, mode)
                write_at(descriptor, content, 0)
            sync_together(list(written.values()))
        except BaseException:
            for key in written:
                with suppress(OSError, WriteError):
                    self._remove_temporary(key, token=token)
            raise
        finally:
            for descriptor in written.values():
                os.close(descriptor)
            self._folders.trim()
        return set(written)

    def _remove(self, key: str) -> None:
        """Remove a file, and the folders around it that are empty then."""
        *folders, name = parts_of(key)
        place = self._folders.place_of(folders)
        if place is not None:
            _remove(place, name)
        while folders:
            self._folders.drop(folders)
            inner = folders.pop()
            place = self._folders.place_of(folders)
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

    def _remove_temporary(self, key: str, *, token: str) -> None:
        """Remove what an interrupted change left."""
        *folders, name = parts_of(key)
        place = self._folders.place_of(folders)
        if place is not None:
            _remove(place, _temporary(token, name))

    def _mode_of(self, place: Place, name: str) -> int | None:
        """Mode of a file that is replaced, None where there is none."""
        try:
            status = os.stat(place[0] + name, dir_fd=place[1], follow_symlinks=False)
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(status.st_mode):
            raise self._no_file(name)
        return stat.S_IMODE(status.st_mode)

    @cached_property
    def _new_mode(self) -> int:
        """Mode of a new file: that of the files at the top, and never wider than the folder's own."""
        mode = self._folders.status().st_mode & 0o666
        for name in (".zgroup", ".zattrs"):
            with suppress(OSError):
                mode &= os.lstat(self._folder / name).st_mode
                break
        return mode | 0o600

    def _no_file(self, key: str) -> WriteError:
        return WriteError(
            f"{self._folder.name}: {key} is not a regular file of this folder (a link, or a device).",
            tip="Replace it by the file that is meant: nothing outside the folder is written.",
        )


def _temporary(token: str, name: str) -> str:
    """Name of the file that is written and then becomes that of another name."""
    return f".unitrefine-{token}-{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def _remove(place: Place, name: str) -> None:
    """Remove a file of an open folder, where it exists."""
    with suppress(FileNotFoundError, NotADirectoryError):
        os.unlink(place[0] + name, dir_fd=place[1])
