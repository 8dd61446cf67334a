"""What must hold of an HDF5 file before a change of it is applied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from nwb_unitrefine.errors import WriteError
from nwb_unitrefine.history.layout import PREDEFINED
from nwb_unitrefine.history.newest import read_newest_header, written_columns
from nwb_unitrefine.history.tree import HISTORY, NAMESPACE
from nwb_unitrefine.storage.tree import text
from nwb_unitrefine.write.stores.hdf5 import Hdf5Store

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from nwb_unitrefine.history.store import UnitsStore
    from nwb_unitrefine.journal import Edit
    from nwb_unitrefine.records import Run
    from nwb_unitrefine.write.stores.zarr import ZarrStore

__all__ = ["require_only_our_edits", "require_only_ours_changed"]

_MANY_CHUNKS = 1000

Objects = dict[str, tuple[Any, ...]]


def require_only_ours_changed(before: h5py.File, after: h5py.File, edits: Sequence[Edit]) -> None:
    """Refuse a change that touches anything but label columns and history, or leaves the units table inconsistent.

    Parameters
    ----------
    before, after : h5py.File
        The file as it is, and as it would be; both open for reading.
    edits : sequence of Edit
        What would be written.

    Raises
    ------
    WriteError
        If it does: a fault of this program, found before the file is touched.
    """
    was, store = Hdf5Store(before, name=before.filename), Hdf5Store(after, name=after.filename)
    newest = _newest(store)
    old, new = _objects(before), _objects(after)
    tables = {path for path, identity in old.items() if identity[0] == h5py.h5o.get_info(before["units"].id).addr}
    touched = {path for path, identity in old.items() if new.get(path) != identity}
    touched.update(_rewritten(before, old, edits))
    columns = {path.rpartition("/")[2] for path in touched if _parent(path) in tables}
    ours = _ours(was, columns) | set(_replaced(after, newest.name) if newest else ())
    others = [path for path in touched if _parent(path) not in tables or path.rpartition("/")[2] not in ours]
    if others:
        raise WriteError(f"The write would have changed /{min(others)}, which is not ours; nothing was written.")
    _require_whole_table(was, store, newest, ours)


def _newest(store: UnitsStore) -> Run | None:
    """Return the run that is added last, as far as this needs it."""
    return read_newest_header(store.group(HISTORY), where=store.name)


def _ours(store: UnitsStore, names: Collection[str]) -> set[str]:
    """Return which columns the runs in effect wrote, so that the next may write them again."""
    return written_columns(store.group(HISTORY), where=store.name, among=set(names) - PREDEFINED)


def _require_whole_table(was: UnitsStore, store: UnitsStore, newest: Run | None, ours: Collection[str]) -> None:
    """Refuse a table whose new labels are not one for each unit, or that has lost a column."""
    columns = store.columns()
    for name in newest.columns if newest else ():
        if name not in columns or store.shape(name) != (len(store.read("id")),):
            raise WriteError(f"The write would have left {name!r} without a row for each unit; nothing was written.")
    lost = set(was.columns()) & set(was.names()) - set(columns) - set(ours)
    if lost := lost - _ours(was, lost):
        raise WriteError(f"The write would have lost columns: {sorted(lost)}; nothing was written.")


def _objects(file: h5py.File) -> Objects:
    """Where each object of a file is, and where its data are: the same means not moved and not extended.

    What is in the history is ours, and not looked at: it grows with every run.
    """
    found: Objects = {}
    seen: set[int] = set()
    groups = [(file["/"].id, "")]
    while groups:
        group, path = groups.pop()
        for name in group:
            if group.links.get_info(name).type != h5py.h5l.TYPE_HARD:
                continue
            item, place = h5py.h5o.open(group, name), f"{path}{text(name)}"
            address = h5py.h5o.get_info(item).addr
            if isinstance(item, h5py.h5d.DatasetID):
                found[place] = (address, item.shape, item.get_offset(), item.get_storage_size())
                continue
            found[place] = (address,)
            if isinstance(item, h5py.h5g.GroupID) and place != HISTORY and address not in seen:
                seen.add(address)
                groups.append((item, f"{place}/"))
    return found


def _rewritten(file: h5py.File, paths: Iterable[str], edits: Sequence[Edit]) -> list[str]:
    """Which datasets would get other bytes."""
    by_place: dict[tuple[int, int], list[str]] = {}
    for path in paths:
        for start, end, name in _pieces(file, path):
            by_place.setdefault((start, end), []).append(name)  # a dataset can have several names
    pieces = sorted(by_place)
    if not pieces or file.userblock_size:  # with a user block, HDF5 does not state where chunks are in the file
        return []
    starts, ends = (np.array([piece[end] for piece in pieces], dtype=np.int64) for end in (0, 1))
    found = []
    for edit in edits:
        old = np.frombuffer(edit.before or b"", np.uint8)
        new = np.frombuffer((edit.after or b"")[: len(old)], np.uint8)
        places = edit.offset + np.flatnonzero(old[: len(new)] != new)
        piece = np.searchsorted(starts, places, side="right") - 1
        hit = piece[(piece >= 0) & (places < ends[piece])]
        found += [name for number in np.unique(hit).tolist() for name in by_place[pieces[number]]]
    return found


def _pieces(file: h5py.File, path: str) -> list[tuple[int, int, str]]:
    """Where the data of a dataset are: begin, end and path; none for one of very many chunks."""
    item = file[path]
    if not isinstance(item, h5py.Dataset):
        return []
    if item.chunks is None:
        offset = item.id.get_offset()
        return [(offset, offset + item.id.get_storage_size(), path)] if offset is not None else []
    if np.prod([-(-length // chunk) for length, chunk in zip(item.shape, item.chunks, strict=True)]) > _MANY_CHUNKS:
        return []
    pieces: list[tuple[int, int, str]] = []
    item.id.chunk_iter(lambda chunk: pieces.append((chunk.byte_offset, chunk.byte_offset + chunk.size, path)))
    return pieces


def _parent(path: str) -> str:
    """Path of the group that an object is in."""
    return path.rpartition("/")[0]


def _replaced(file: h5py.File, run: str) -> list[str]:
    """Names of the datasets that a run keeps of what it replaced."""
    table = file.get(f"{HISTORY}/{run}/replaced_columns")
    return [] if table is None else [name for name in table if name != "id"]


def require_only_our_edits(was: ZarrStore, store: ZarrStore, edits: Sequence[Edit]) -> None:
    """Refuse a change of a Zarr folder that touches a file which is not of label columns or history.

    Parameters
    ----------
    was, store : ZarrStore
        As it is, and as it would be.
    edits : sequence of Edit

    Raises
    ------
    WriteError
        If it does: a fault of this program, found before the folder is touched.
    """
    newest = _newest(store)
    present = set(was.names())
    columns = {edit.key.split("/")[1] for edit in edits if edit.key.startswith("units/")}
    ours = _ours(was, columns & present) | {
        edit.key.split("/replaced_columns/")[1].split("/")[0] for edit in edits if "/replaced_columns/" in edit.key
    }
    ours |= {name for name in store.names() if name not in present}
    specifications = store.specifications
    places = (f"{HISTORY}/", f"{specifications}/{NAMESPACE}/", *(f"units/{name}/" for name in ours))
    shared = ("units/.zattrs", ".zattrs", ".zmetadata", f"{specifications}/.zgroup")
    for edit in edits:
        if not edit.key.startswith(places) and edit.key not in shared:
            raise WriteError(f"The write would have changed {edit.key}, which is not ours; nothing was written.")
    _require_whole_table(was, store, newest, ours)
