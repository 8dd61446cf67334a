"""What a file takes in from elsewhere on the machine, which a small file for others must not carry along.

HDF5 files link to other files and keep values in them (external storage, virtual datasets), and Zarr stores may hold
symbolic links. In a file of a stranger these can lead to whatever its reader may read. Values from the folder of the
file, which came with it, may be copied; those from anywhere else may not.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import h5py

from nwb_unitrefine.errors import WriteError
from nwb_unitrefine.journal import held_for_reading
from nwb_unitrefine.storage.hdf5 import open_hdf5
from nwb_unitrefine.storage.hdf5_links import find_linked

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["require_nothing_from_outside"]

_COPIED = ("units", "general")
"""Groups of a session that a small file takes values from."""


def require_nothing_from_outside(source: Path) -> None:
    """Refuse a source whose units, or what describes them, come from outside its folder.

    Parameters
    ----------
    source : Path
        An HDF5 file or a Zarr store on this machine.

    Raises
    ------
    WriteError
        If a link or a dataset leads there.
    """
    if source.is_dir():
        found = next(_links_out_of_store(source.resolve()), None)
    elif h5py.is_hdf5(source):
        with held_for_reading(source):
            found = next(_outside_of(source.resolve(), _COPIED, set()), None)
    else:
        found = None
    if found is not None:
        name, place = found
        raise WriteError(
            f"{source.name}: {name} is in {place}, outside the folder of the file, and is not copied into another.",
            tip="If it belongs to the session, put it into that folder and let the link lead there.",
        )


def _outside_of(path: Path, tops: Sequence[str] | None, seen: set[Path]) -> Iterator[tuple[str, str]]:
    """Find what is outside the folder of an HDF5 file, in the files of that folder that it leads to, too."""
    seen.add(path)
    inside: set[Path] = set()
    with open_hdf5(path, name=path.name) as file:
        for name, other in _references(file, path.parent, tops):
            place = (path.parent / other).resolve()
            elsewhere = not place.exists() and Path(other).exists()  # HDF5 looks in the working folder, too
            if elsewhere or not place.is_relative_to(path.parent):
                yield name, other
            elif place.is_file() and h5py.is_hdf5(place):
                inside.add(place)
    for place in sorted(inside - seen):
        yield from _outside_of(place, None, seen)


def _references(file: h5py.File, folder: Path, tops: Sequence[str] | None) -> Iterator[tuple[str, str]]:
    """Name each object below `tops` that is in another file, with that file: by any kind of link, or by its storage."""
    seen: set[int] = set()
    waiting: list[tuple[h5py.Group, str]] = [(file["/"], name) for name in (file if tops is None else tops)]
    while waiting:
        group, name = waiting.pop()
        link = group.get(name, getlink=True)
        path = f"{group.name}/{name}".lstrip("/")
        if isinstance(link, h5py.ExternalLink):
            yield path, os.fsdecode(link.filename)
            continue
        found = find_linked(group, name, folder=folder)
        if found is None:
            continue
        if h5py.h5i.get_file_id(found.id) != file.id:  # a soft link that leads through an external one
            yield path, os.fsdecode(h5py.h5f.get_name(found.id))
        elif isinstance(found, h5py.Dataset):
            yield from ((path, other) for other in _stored_in(found))
        elif (address := h5py.h5o.get_info(found.id).addr) not in seen:
            seen.add(address)
            waiting += [(found, inner) for inner in found]


def _stored_in(dataset: h5py.Dataset) -> list[str]:
    """Files that a dataset's values are in, other than its own."""
    others = [os.fsdecode(name) for name, _, _ in dataset.external or ()]
    if dataset.is_virtual:
        others += sorted({source.file_name for source in dataset.virtual_sources()} - {"."})
    return others


def _links_out_of_store(store: Path) -> Iterator[tuple[str, str]]:
    """Find symbolic links that lead out of a Zarr store; into the objects of its own git-annex is no way out."""
    annexes = [above / ".git" / "annex" / "objects" for above in store.parents]
    for at, folders, files in os.walk(store):
        for name in (*folders, *files):
            place = Path(at) / name
            if place.is_symlink():
                target = place.resolve()
                if not any(target.is_relative_to(inside) for inside in (store, *annexes)):
                    yield str(place.relative_to(store)), str(target)
