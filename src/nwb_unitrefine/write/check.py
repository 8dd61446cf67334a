"""What must hold of an HDF5 file before a change of it is applied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from nwb_unitrefine.errors import WriteError
from nwb_unitrefine.history.layout import PREDEFINED
from nwb_unitrefine.history.runs import read_headers, runs_in_effect
from nwb_unitrefine.history.tree import HISTORY, NAMESPACE
from nwb_unitrefine.write.columns import writers
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
    runs = _runs(store)
    ours = _ours(was) | set(_replaced(after, runs[-1].name) if runs else [])
    old, new = _objects(before), _objects(after)
    tables = {path for path, identity in old.items() if identity[0] == h5py.h5o.get_info(before["units"].id).addr}
    others = {
        path: identity
        for path, identity in old.items()
        if not path.startswith(f"{HISTORY}/") and not (_parent(path) in tables and path.rpartition("/")[2] in ours)
    }
    changed = [path for path, identity in others.items() if new.get(path) != identity]
    changed += _rewritten(before, others, edits)
    if changed:
        raise WriteError(f"The write would have changed /{changed[0]}, which is not ours; nothing was written.")
    _require_whole_table(was, store, runs, ours)


def _runs(store: UnitsStore) -> tuple[Run, ...]:
    """Return the runs of a store, as far as this needs them."""
    return read_headers(store.group(HISTORY), where=store.name)


def _ours(store: UnitsStore) -> set[str]:
    """Return the columns that the runs in effect wrote, which the next may write again."""
    return set(writers(runs_in_effect(_runs(store)))) - PREDEFINED


def _require_whole_table(was: UnitsStore, store: UnitsStore, runs: Sequence[Run], ours: Collection[str]) -> None:
    """Refuse a table whose new labels are not one for each unit, or that has lost a column."""
    columns = store.columns()
    for name in runs[-1].columns if runs else ():
        if name not in columns or store.shape(name) != (len(store.read("id")),):
            raise WriteError(f"The write would have left {name!r} without a row for each unit; nothing was written.")
    lost = set(was.columns()) & set(was.names()) - set(columns) - set(ours)
    if lost:
        raise WriteError(f"The write would have lost columns: {sorted(lost)}; nothing was written.")


def _objects(file: h5py.File) -> Objects:
    """Where each object of a file is, and where its data are: the same means not moved and not extended."""
    found: Objects = {}

    def note(name: str, item: h5py.Group | h5py.Dataset) -> None:
        address = h5py.h5o.get_info(item.id).addr
        if isinstance(item, h5py.Dataset):
            found[name] = (address, item.shape, item.id.get_offset(), item.id.get_storage_size())
        else:
            found[name] = (address,)

    file.visititems(note)
    return found


def _rewritten(file: h5py.File, paths: Iterable[str], edits: Sequence[Edit]) -> list[str]:
    """Which datasets would get other bytes."""
    pieces = sorted(piece for path in paths for piece in _pieces(file, path))
    if not pieces or file.userblock_size:  # with a user block, HDF5 does not say where chunks are in the file
        return []
    starts, ends = (np.array([piece[end] for piece in pieces], dtype=np.int64) for end in (0, 1))
    found = []
    for edit in edits:
        old = np.frombuffer(edit.before or b"", np.uint8)
        new = np.frombuffer((edit.after or b"")[: len(old)], np.uint8)
        places = edit.offset + np.flatnonzero(old[: len(new)] != new)
        piece = np.searchsorted(starts, places, side="right") - 1
        hit = piece[(piece >= 0) & (places < ends[piece])]
        found += [pieces[number][2] for number in np.unique(hit).tolist()]
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
    runs = _runs(store)
    present = set(was.names())
    ours = _ours(was) | {
        edit.key.split("/replaced_columns/")[1].split("/")[0] for edit in edits if "/replaced_columns/" in edit.key
    }
    ours |= {name for name in store.names() if name not in present}
    specifications = store.specifications
    places = (f"{HISTORY}/", f"{specifications}/{NAMESPACE}/", *(f"units/{name}/" for name in ours))
    shared = ("units/.zattrs", ".zattrs", ".zmetadata", f"{specifications}/.zgroup")
    for edit in edits:
        if not edit.key.startswith(places) and edit.key not in shared:
            raise WriteError(f"The write would have changed {edit.key}, which is not ours; nothing was written.")
    _require_whole_table(was, store, runs, ours)
