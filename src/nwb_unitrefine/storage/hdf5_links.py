"""Follow the links of an HDF5 file within it and, in its own folder, to other files, and nowhere else.

A link to another file is opened with all that the user may read. A stranger's file could name any file of the machine,
whose values would then stand in results and copies as its own. So links lead to the folder of the file and below, where
DANDI and pynwb keep what belongs together.

A file that HDF5 reads through Python is taken for the target of each of its links to other files as well: a link to
``other.nwb`` leads to something in the file itself, or nowhere. `find_linked` opens what such a link means.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

import h5py

from nwb_unitrefine.storage.hdf5_guard import GuardedFile

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from pathlib import Path

__all__ = ["find_linked", "lies_in"]

_MOST_LINKS = 16
"""One behind the other, as HDF5 itself has it."""

_FAILURES = (KeyError, OSError, RuntimeError, ValueError)
"""What h5py raises where a link leads nowhere."""


class _NowhereError(Exception):
    """A link leads to nothing that is to be read; `outside` is the file that it names elsewhere on this machine."""

    def __init__(self, outside: str = "") -> None:
        super().__init__(outside)
        self.outside = outside


def find_linked(
    group: h5py.Group, path: str, *, folder: Path | None, outside: MutableMapping[str, str] | None = None
) -> h5py.Group | h5py.Dataset | None:
    """Open what is at `path` in a group, following links within the file and, in its folder, to other files.

    Parameters
    ----------
    group : h5py.Group
        Of a file opened through `GuardedFile`, or by HDF5 itself.
    path : str
    folder : Path or None
        Where the names of other files begin, and below which they have to be; None for a file that is not on this
        machine, whose links are not followed.
    outside : mapping, optional
        Gets the path of a link to a file that is elsewhere, and so not followed, and the name of that file.

    Returns
    -------
    h5py.Group, h5py.Dataset or None
        None where nothing is, where a link leads nowhere or outside, and where something else is, such as a type.
    """
    try:
        _check(group, path, folder, _MOST_LINKS)
        found = h5py.h5o.open(group.id, path.encode(), lapl=_link_access(folder))
    except _NowhereError as nowhere:
        if nowhere.outside and outside is not None:
            outside[f"{group.name.rstrip('/')}/{path}".lstrip("/")] = nowhere.outside
        return None
    except _FAILURES:
        return None
    if h5py.h5i.get_file_id(found) != group.file.id:  # HDF5 looks in more places than the folder
        place = os.fsdecode(h5py.h5f.get_name(found))
        if folder is None or not lies_in(folder, place):
            return None
    if isinstance(found, h5py.h5g.GroupID):
        return h5py.Group(found)
    return h5py.Dataset(found) if isinstance(found, h5py.h5d.DatasetID) else None


def lies_in(folder: Path, name: str) -> bool:
    """Whether a file is in a folder or below it, links of the file system followed."""
    return (folder / name).resolve().is_relative_to(folder.resolve())


def _check(group: h5py.Group, path: str, folder: Path | None, links_left: int) -> None:
    """Walk along a path without opening other files but those in the folder.

    Raises
    ------
    _NowhereError
        If a link on the way leads elsewhere, or there are too many.
    """
    if path.startswith("/"):
        group = group.file["/"]
    parts = [part for part in path.split("/") if part not in {"", "."}]
    for i, part in enumerate(parts):
        kind = group.id.links.get_info(part.encode()).type
        if kind == h5py.h5l.TYPE_HARD:
            if i == len(parts) - 1:
                return
            found = h5py.h5o.open(group.id, part.encode())
            if not isinstance(found, h5py.h5g.GroupID):
                raise _NowhereError
            group = h5py.Group(found)
            continue
        if not links_left:
            raise _NowhereError
        rest = "/".join(parts[i + 1 :])
        if kind == h5py.h5l.TYPE_SOFT:
            target = group.id.links.get_val(part.encode()).decode()
            _check(group, f"{target}/{rest}", folder, links_left - 1)
            return
        if kind != h5py.h5l.TYPE_EXTERNAL:
            raise _NowhereError
        name, target = (os.fsdecode(value) for value in group.id.links.get_val(part.encode()))
        _check_other(folder, name, f"{target}/{rest}", links_left - 1)
        return


def _check_other(folder: Path | None, name: str, path: str, links_left: int) -> None:
    """Walk along a path in another file, if that is in the folder."""
    if folder is None:
        raise _NowhereError
    if not lies_in(folder, name):
        raise _NowhereError(name)
    if not (folder / name).is_file():  # also not a pipe, which would be waited for
        raise _NowhereError
    with (folder / name).open("rb", buffering=0) as raw, h5py.File(GuardedFile(raw), "r") as other:
        _check(other["/"], path, folder, links_left)


@cache
def _link_access(folder: Path | None) -> h5py.h5p.PropLAID:
    """How links to other files are followed: by HDF5's own reading of files, beginning in `folder`."""
    others = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    others.set_fapl_sec2()
    others.set_fclose_degree(h5py.h5f.CLOSE_STRONG)  # as h5py opens every file: two ways at once are refused
    access = h5py.h5p.create(h5py.h5p.LINK_ACCESS)
    access.set_elink_fapl(others)
    if folder is not None:
        access.set_elink_prefix(os.fsencode(folder))
    return access
