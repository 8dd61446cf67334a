"""A Zarr folder that can be written without being changed: what is written stays in memory until it is asked for."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zarr.storage import Store

from nwb_unitrefine.journal.inside import FolderFiles
from nwb_unitrefine.journal.keys import parts_of
from nwb_unitrefine.journal.record import Edit

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["FolderOverlay"]

CONSOLIDATED = ".zmetadata"
_METADATA = (".zarray", ".zattrs", ".zgroup")


class FolderOverlay(Store):  # type: ignore[misc]
    """A readable and writable view of a Zarr folder (format 2) that leaves the folder as it is.

    Parameters
    ----------
    folder : Path
    follows_links : bool, optional
        Read what links in the folder lead to, as in a data set of git-annex. Otherwise a link is an error: what is to
        be written is all in the folder.
    descriptor : int, optional
        Of the folder, open; it stays open.

    Notes
    -----
    The store's own metadata are read, and not the consolidated copy of them in ``.zmetadata``, which `edits` brings up
    to date where there is one. Each of these documents is read once: zarr asks for them again and again.
    `is_still_as_read` looks at the folder anew.
    """

    def __init__(self, folder: Path, *, follows_links: bool = False, descriptor: int | None = None) -> None:
        self._folder = folder
        self._files = None if follows_links else FolderFiles(folder, descriptor=descriptor)
        self._changed: dict[str, bytes | None] = {}
        self._before: dict[str, bytes | None] = {}
        self._documents: dict[str, bytes | None] = {}

    def as_it_was(self) -> FolderOverlay:
        """The folder without what was written over it; it is closed together with this one."""
        before = FolderOverlay(self._folder)
        before._files, before._documents = self._files, self._documents
        return before

    def close(self) -> None:
        """Close the folders that are held open."""
        if self._files:
            self._files.forget()

    def __getitem__(self, key: str) -> bytes:
        content = self._changed[key] if key in self._changed else self._read(key)
        if content is None:
            raise KeyError(key)
        return content

    def __setitem__(self, key: str, value: Any) -> None:
        self._note(key)
        self._changed[key] = bytes(memoryview(value).cast("B"))

    def __delitem__(self, key: str) -> None:
        if key not in self:
            raise KeyError(key)
        self._note(key)
        self._changed[key] = None

    def __contains__(self, key: object) -> bool:
        key = str(key)
        if key in self._changed:
            return self._changed[key] is not None
        if key.rpartition("/")[2] in _METADATA:
            return self._read(key) is not None
        return self._files.has(key) if self._files else self._place(key).is_file()

    def __iter__(self) -> Iterator[str]:
        return self._keys("")

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def listdir(self, path: str = "") -> list[str]:
        """Names right below `path`."""
        names = set(self._names(path))
        prefix = f"{path}/" if path else ""
        changed = [(key[len(prefix) :].partition("/")[0], key) for key in self._changed if key.startswith(prefix)]
        for name in {name for name, _ in changed} & names:
            if not any(True for _ in self._keys(f"{prefix}{name}")):
                names.remove(name)
        return sorted(names | {name for name, key in changed if self._changed[key] is not None})

    def rmdir(self, path: str = "") -> None:
        """Remove everything below `path`."""
        for key in list(self._keys(path)):
            del self[key]

    def move(self, source: str, target: str) -> None:
        """Rename everything below `source`."""
        for key in list(self._keys(source)):
            self[f"{target}{key[len(source) :]}"] = self[key]
            del self[key]

    def edits(self) -> list[Edit]:
        """Return what has changed, in an order in which a reader half-way sees the old state for as long as it can.

        New files come first, then those that others refer to, the root's consolidated metadata last.
        """
        changed = {key: after for key, after in self._changed.items() if self._before[key] != after}
        self._consolidate(changed)
        edits = [Edit(key, 0, self._before[key], after) for key, after in changed.items()]
        return sorted(edits, key=lambda edit: (edit.key == CONSOLIDATED, edit.before is not None, edit.key))

    def is_still_as_read(self) -> bool:
        """Whether what is to be changed is in the folder as it was when it was first looked at."""
        if self._files:
            self._files.forget()
        return all(self._read_anew(key) == before for key, before in self._before.items())

    def _consolidate(self, changed: dict[str, bytes | None]) -> None:
        """Bring the consolidated metadata up to date, where the store has some."""
        consolidated = self._read(CONSOLIDATED)
        if consolidated is None:
            return
        document = json.loads(consolidated)
        for key, content in changed.items():
            if key.rpartition("/")[2] in _METADATA:
                document["metadata"].pop(key, None)
                if content is not None:
                    document["metadata"][key] = json.loads(content)
        self._before[CONSOLIDATED] = consolidated
        # Without the indentation that zarr gives it: it repeats all metadata, and grows with the history.
        changed[CONSOLIDATED] = json.dumps(document, separators=(",", ":"), sort_keys=True).encode()

    def _note(self, key: str) -> None:
        """Keep what a key held before it is first changed."""
        parts_of(key)
        if key not in self._before:
            self._before[key] = self._read(key)

    def _read(self, key: str) -> bytes | None:
        """Content of a file of the folder, None where there is none; of metadata, as it was found first."""
        if key.rpartition("/")[2] not in _METADATA:
            return self._read_anew(key)
        if key not in self._documents:
            self._documents[key] = self._read_anew(key)
        return self._documents[key]

    def _read_anew(self, key: str) -> bytes | None:
        """Content of a file of the folder as it is now, None where there is none."""
        if self._files:
            return self._files.read(key)
        place = self._place(key)
        try:
            return place.read_bytes() if place.is_file() else None  # a device never ends, and a pipe waits
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    def _names(self, path: str) -> list[str]:
        """Names of all that is in a folder of the store."""
        if self._files:
            return self._files.names(path)
        place = self._place(path)
        return [entry.name for entry in place.iterdir()] if place.is_dir() else []

    def _place(self, path: str) -> Path:
        """Where a file or folder of the store is; its name does not lead out of it."""
        return self._folder.joinpath(*parts_of(path)) if path else self._folder

    def _keys(self, path: str) -> Iterator[str]:
        """Every key at or below `path`."""
        start = self._place(path)
        found = [start] if start.is_file() else [Path(at) / name for at, _, names in os.walk(start) for name in names]
        keys = dict.fromkeys(place.relative_to(self._folder).as_posix() for place in found)
        for key, content in self._changed.items():
            if key == path or key.startswith(f"{path}/" if path else ""):
                keys[key] = None
                if content is None:
                    del keys[key]
        return iter(keys)
