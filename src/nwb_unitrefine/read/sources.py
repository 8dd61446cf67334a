"""One door for every source: look at what it is, and hand it to the reader that knows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py

from nwb_unitrefine.errors import SourceError
from nwb_unitrefine.read.hdf5 import Hdf5Group, open_hdf5
from nwb_unitrefine.read.nwb import read_nwb

if TYPE_CHECKING:
    from collections.abc import Collection

    from nwb_unitrefine.records import Units

__all__ = ["read_units"]


def read_units(source: Any, *, columns: Collection[str] = ()) -> Units:
    """Read the sorted units of a source.

    Parameters
    ----------
    source : str, Path, h5py.File or binary file object
        An NWB file (HDF5). An open ``h5py.File`` stays open.
    columns : collection of str, optional
        Columns of the units table to read whatever their size; large ones, as the amplitude of every spike, are left
        out otherwise and named in `Units.unread_columns`.

    Returns
    -------
    Units
        With what was taken for granted or could not be used in `Units.problems`.

    Raises
    ------
    NoUnitsError
        If there are no units.
    SourceError
        If the source does not exist, is not understood, or is damaged beyond what can be read around.
    """
    if isinstance(source, h5py.File):
        return _read_hdf5(source, uri=str(source.filename), size_bytes=source.id.get_filesize(), columns=columns)
    if isinstance(source, str | Path):
        path = Path(source)
        size_bytes = path.stat().st_size if path.is_file() else 0
        return _read_hdf5(path, uri=str(source), size_bytes=size_bytes, columns=columns)
    if hasattr(source, "read") and hasattr(source, "seek"):
        return _read_hdf5(source, uri=str(getattr(source, "name", "open file")), size_bytes=0, columns=columns)
    raise SourceError(f"A source of units is a path, an address or an open file, not {type(source).__name__}.")


def _read_hdf5(source: Any, *, uri: str, size_bytes: int, columns: Collection[str]) -> Units:
    """Read an NWB file that is stored as HDF5."""
    with open_hdf5(source, name=uri) as file:
        return read_nwb(Hdf5Group(file), uri=uri, kind="nwb-hdf5", size_bytes=size_bytes, columns=columns)
