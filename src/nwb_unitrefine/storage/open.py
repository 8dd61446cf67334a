"""Open whatever holds an NWB file: HDF5, Zarr, or either of them on a server."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from nwb_unitrefine.journal import held_for_reading
from nwb_unitrefine.storage.hdf5 import Hdf5Group, open_hdf5
from nwb_unitrefine.storage.remote.addresses import is_address, resolve_address
from nwb_unitrefine.storage.zarr import is_zarr_folder, open_zarr

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nwb_unitrefine.storage.tree import Group

__all__ = ["open_nwb"]


@contextmanager
def open_nwb(source: str | Path) -> Iterator[Group]:
    """Open whatever holds an NWB file."""
    if isinstance(source, str) and is_address(source):
        from nwb_unitrefine.storage.remote.http_file import RemoteFile
        from nwb_unitrefine.storage.remote.http_ranges import HttpRanges, Patience
        from nwb_unitrefine.storage.remote.http_store import HttpStore

        address = resolve_address(source)
        if address.is_zarr:
            yield open_zarr(HttpStore(address.url, headers=address.headers, patience=Patience()), name=source)
            return
        ranges = HttpRanges(address.url, headers=address.headers, patience=Patience())
        with RemoteFile(ranges) as remote, open_hdf5(remote, name=source) as file:
            yield Hdf5Group(file, fetch=remote.fetch)
        return
    path = Path(source)
    with held_for_reading(path):
        if path.is_dir() and is_zarr_folder(path):
            yield open_zarr(path, name=str(source))
            return
        with open_hdf5(path, name=str(source)) as file:
            yield Hdf5Group(file, folder=path.parent)
