"""Zarr stores on this machine, to be read only: a folder, or a ZIP file of one.

zarr's own folder store follows symbolic links wherever they lead, and its ZIP store decompresses without a limit.
This module needs zarr, and is imported only where a Zarr store is opened.
"""

from __future__ import annotations

import os
import re
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from zarr.storage import BaseStore

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["FolderStore", "ZipStore", "count_chunks"]

_CHUNK = re.compile(r"\d+([./]\d+)*")
_MARKS = frozenset([".zmetadata", ".zgroup"])
_MOST_ENTRIES = 1_000_000
_MOST_ENTRY_BYTES = 1 << 31
_MOST_COMPRESSED = 1_100
"""Beyond what DEFLATE, the compression of ZIP files, achieves (1,032)."""


class _ReadOnly(BaseStore):  # type: ignore[misc]  # zarr 2 has no types
    """What stores that are only read have in common."""

    def is_writeable(self) -> bool:
        """False."""
        return False

    def keys_below(self, path: str) -> Iterator[str]:
        """Every key below `path`, relative to it."""
        raise NotImplementedError

    def getitems(self, keys: Sequence[str], *, contexts: Mapping[str, Any] | None = None) -> dict[str, bytes]:
        """Several keys; those that are not there are left out."""
        del contexts
        return {key: self[key] for key in keys if key in self}

    def __iter__(self) -> Iterator[str]:
        return self.keys_below("")

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __setitem__(self, key: str, value: bytes) -> NoReturn:
        raise TypeError("this store is read only")

    def __delitem__(self, key: str) -> NoReturn:
        raise TypeError("this store is read only")


class FolderStore(_ReadOnly):
    """The files of a folder, and of nothing outside it.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    OSError
        From every read: if a symbolic link leads out of the folder. Links within it, as git-annex makes them, are
        followed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._root = os.path.realpath(folder)

    def __getitem__(self, key: str) -> bytes:
        try:
            return self._place(key).read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise KeyError(key) from error

    def __contains__(self, key: object) -> bool:
        return self._place(str(key)).is_file()

    def listdir(self, path: str = "") -> list[str]:
        """Names right below `path`."""
        place = self._place(path) if path else self._folder
        return sorted(entry.name for entry in place.iterdir()) if place.is_dir() else []

    def keys_below(self, path: str) -> Iterator[str]:
        """Every key below `path`, relative to it."""
        start = self._place(path) if path else self._folder
        for at, _, names in os.walk(start):
            places = (Path(at, name) for name in names)  # a link to nothing, as git-annex leaves one, is not a file
            yield from (place.relative_to(start).as_posix() for place in places if place.is_file())

    def _place(self, key: str) -> Path:
        """Path of a key."""
        if key.startswith("/") or {"..", "."} & set(key.split("/")):
            raise OSError(f"{key!r} is not a key of a Zarr store")
        place = self._folder / key
        real = os.path.realpath(place)
        if real != self._root and not real.startswith(self._root + os.sep):
            raise OSError(f"{key} is a symbolic link that leads out of the store, and is not followed")
        place = Path(real)
        if place.exists() and not place.is_file() and not place.is_dir():
            raise OSError(f"{key} is neither a file nor a folder")  # a pipe would be waited for
        return place


class ZipStore(_ReadOnly):
    """A Zarr store in a ZIP file: at its top, or in the one folder that is there.

    Parameters
    ----------
    path : Path

    Raises
    ------
    OSError
        From here as from every read: if it is not a ZIP file, is encrypted, holds a name twice or one that leads out of
        it, or states sizes that no compression achieves.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._archive = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise OSError(f"it is not a ZIP file that can be read: {error}") from error
        entries = [entry for entry in self._archive.infolist() if not entry.is_dir()]
        if len(entries) > _MOST_ENTRIES:
            raise OSError(f"it holds {len(entries)} files")
        start = _top([entry.filename for entry in entries])
        self._entries = {e.filename[len(start) :]: e for e in entries if e.filename.startswith(start)}
        if len(self._entries) < sum(entry.filename.startswith(start) for entry in entries):
            raise OSError("it holds several files of one name")

    def __getitem__(self, key: str) -> bytes:
        entry = self._entries[key]
        if entry.flag_bits & 1:
            raise OSError(f"{key} is encrypted")
        if entry.file_size > min(_MOST_ENTRY_BYTES, _MOST_COMPRESSED * entry.compress_size + (1 << 16)):
            raise OSError(f"{key} would be {entry.file_size} bytes long, of {entry.compress_size} that are stored")
        try:
            with self._archive.open(entry) as stream:
                content = stream.read(entry.file_size + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise OSError(f"{key} is damaged: {error}") from error
        if len(content) != entry.file_size:
            raise OSError(f"{key} is damaged: it is not as long as stated")
        return content

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def listdir(self, path: str = "") -> list[str]:
        """Names right below `path`."""
        return sorted({key.partition("/")[0] for key in self.keys_below(path)})

    def keys_below(self, path: str) -> Iterator[str]:
        """Every key below `path`, relative to it."""
        start = f"{path}/" if path else ""
        return (key[len(start) :] for key in self._entries if key.startswith(start))

    def close(self) -> None:
        """Close the ZIP file."""
        self._archive.close()


def _top(names: list[str]) -> str:
    """What all names of a ZIP file begin with: nothing, or the one folder that is a Zarr store."""
    if _MARKS & set(names):
        return ""
    tops = {name.partition("/")[0] for name in names} - {"__MACOSX"}
    return f"{tops.pop()}/" if len(tops) == 1 else ""


def count_chunks(store: Any, path: str) -> int | None:
    """How many chunks of the array at `path` a store has; None of one that cannot be listed."""
    if not hasattr(store, "keys_below"):
        return None
    return sum(_CHUNK.fullmatch(key) is not None for key in store.keys_below(path))
