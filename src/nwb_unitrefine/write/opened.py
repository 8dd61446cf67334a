"""Open a file's units table, for reading or for an all-or-nothing change, whatever its backend."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import h5py

from nwb_unitrefine.errors import SourceError
from nwb_unitrefine.journal import recover_if_needed
from nwb_unitrefine.write.check import require_only_ours_changed
from nwb_unitrefine.write.hdf5_store import Hdf5Store
from nwb_unitrefine.write.transaction import Applied, change_hdf5

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nwb_unitrefine.write.store import UnitsStore

__all__ = ["change_store", "read_store"]

T = TypeVar("T")

_DAMAGE = (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError, MemoryError)
"""What h5py raises where a file's structure is damaged."""


@contextmanager
def read_store(path: str | Path) -> Iterator[UnitsStore]:
    """Open a file's units table for reading; an interrupted write of ours is finished first.

    Raises
    ------
    SourceError
        If it cannot be opened.
    """
    place = Path(path)
    recover_if_needed(place)
    try:
        file = h5py.File(place, "r")
    except OSError as error:
        raise SourceError(f"{place.name} cannot be opened as an HDF5 file: {error}.") from error
    with file:
        yield Hdf5Store(file, name=place.name)


def change_store(path: str | Path, change: Callable[[UnitsStore], T], *, dry_run: bool = False) -> tuple[T, Applied]:
    """Change a file's units table and history, entirely or not at all.

    Parameters
    ----------
    path : str or Path
    change : callable
        Gets the store, and changes it.
    dry_run : bool, optional
        Do everything but write.

    Returns
    -------
    tuple
        What `change` returned, and what the write came to.

    Raises
    ------
    WriteError
        If the file cannot be written: it is as it was.
    """
    name = Path(path).name

    def change_file(file: h5py.File) -> T:
        try:
            return change(Hdf5Store(file, name=name))
        except _DAMAGE as error:
            raise SourceError(
                f"{name} is damaged where its units or labels are: {' '.join(str(error).split())}."
            ) from error

    return change_hdf5(path, change_file, check=require_only_ours_changed, dry_run=dry_run)
