"""What must hold of an HDF5 file before a change of it is applied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import h5py

from nwb_unitrefine.errors import WriteError
from nwb_unitrefine.write.hdf5_store import Hdf5Store
from nwb_unitrefine.write.provenance import run_from_group
from nwb_unitrefine.write.tree import HISTORY, NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nwb_unitrefine.journal import Edit
    from nwb_unitrefine.write.zarr_store import ZarrStore

__all__ = ["require_only_our_edits", "require_only_ours_changed"]

Objects = dict[str, tuple[Any, ...]]


def require_only_ours_changed(before: h5py.File, after: h5py.File) -> None:
    """Refuse a change that touches anything but label columns and history, or leaves the units table inconsistent.

    Parameters
    ----------
    before, after : h5py.File
        The file as it is, and as it would be; both open for reading.

    Raises
    ------
    WriteError
        If it does: a fault of this program, found before the file is touched.
    """
    store = Hdf5Store(after, name=after.filename)
    runs = {name: run_from_group(name, group) for name, group in store.runs().items()}
    ours = {name for run in runs.values() for name in (run.label_column, run.probability_column) if name}
    aside = {f"{HISTORY}/{run}/replaced_columns/{name}" for run in runs for name in _replaced(after, run)}
    kept = {name.rpartition("/")[2] for name in aside}
    old, new = _objects(before), _objects(after)
    for path, identity in old.items():
        parent, _, name = path.rpartition("/")
        is_ours = path.startswith(f"{HISTORY}/") or (parent == "units" and name in ours | kept)
        if new.get(path) != identity and not is_ours:
            raise WriteError(f"The write would have changed /{path}, which is not ours; nothing was written.")
    columns = store.columns()
    n_units = len(after["units/id"])
    for name in columns:
        if name in ours and store.shape(name) != (n_units,):
            raise WriteError(f"The write would have left {name!r} without a row for each unit; nothing was written.")
    lost = set(Hdf5Store(before, name=before.filename).columns()) - set(columns) - ours - kept
    if lost:
        raise WriteError(f"The write would have lost columns: {sorted(lost)}; nothing was written.")


def _objects(file: h5py.File) -> Objects:
    """Where each object of a file is, and where its data are: the same means not moved and not rewritten."""
    found: Objects = {}

    def note(name: str, item: h5py.Group | h5py.Dataset) -> None:
        address = h5py.h5o.get_info(item.id).addr
        if isinstance(item, h5py.Dataset):
            found[name] = (address, item.shape, item.id.get_offset(), item.id.get_storage_size())
        else:
            found[name] = (address,)

    file.visititems(note)
    return found


def _replaced(file: h5py.File, run: str) -> list[str]:
    """Names of the datasets that a run keeps of what it replaced."""
    table = file.get(f"{HISTORY}/{run}/replaced_columns")
    return [] if table is None else [name for name in table if name != "id"]


def require_only_our_edits(store: ZarrStore, edits: Sequence[Edit]) -> None:
    """Refuse a change of a Zarr folder that touches a file which is not of label columns or history.

    Parameters
    ----------
    store : ZarrStore
        As it would be.
    edits : sequence of Edit

    Raises
    ------
    WriteError
        If it does: a fault of this program, found before the folder is touched.
    """
    runs = [run_from_group(name, group) for name, group in store.runs().items()]
    ours = {name for run in runs for name in (run.label_column, run.probability_column) if name}
    ours |= {
        edit.key.split("/replaced_columns/")[1].split("/")[0] for edit in edits if "/replaced_columns/" in edit.key
    }
    places = (f"{HISTORY}/", f"specifications/{NAMESPACE}/", *(f"units/{name}/" for name in ours))
    shared = ("units/.zattrs", ".zattrs", ".zmetadata", "specifications/.zgroup")
    for edit in edits:
        if not edit.key.startswith(places) and edit.key not in shared:
            raise WriteError(f"The write would have changed {edit.key}, which is not ours; nothing was written.")
    for name in ours & set(store.columns()):
        if store.shape(name) != store.shape("id"):
            raise WriteError(f"The write would have left {name!r} without a row for each unit; nothing was written.")
