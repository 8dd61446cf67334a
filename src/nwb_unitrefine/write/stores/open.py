"""Open the units table of an NWB file as a `UnitsStore`: `read_store` to read it, `change_store` to change it."""

from __future__ import annotations

from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from nwb_unitrefine.errors import SourceError, UnitRefineError
from nwb_unitrefine.journal import held_for_reading
from nwb_unitrefine.journal.transaction import change_folder, change_hdf5
from nwb_unitrefine.read.tables import is_table
from nwb_unitrefine.storage.hdf5 import open_hdf5
from nwb_unitrefine.storage.hdf5_guard import GuardedFile
from nwb_unitrefine.storage.local_files import require_content
from nwb_unitrefine.storage.zarr import is_zarr_folder, is_zarr_zip, require_zarr
from nwb_unitrefine.write.check import require_only_our_edits, require_only_ours_changed
from nwb_unitrefine.write.stores.hdf5 import Hdf5Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import h5py

    from nwb_unitrefine.history.store import UnitsStore
    from nwb_unitrefine.journal import Edit
    from nwb_unitrefine.journal.folder_overlay import FolderOverlay
    from nwb_unitrefine.journal.transaction import Applied
    from nwb_unitrefine.storage.zarr_stores import ZipStore
    from nwb_unitrefine.write.stores.zarr import ZarrStore

__all__ = ["change_store", "read_store"]

T = TypeVar("T")

_DAMAGE = (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError, MemoryError, AttributeError)
"""What h5py and zarr raise where a file's structure is damaged."""


@contextmanager
def read_store(path: str | Path) -> Iterator[UnitsStore]:
    """Open a file's units table for reading; an interrupted write of ours is finished first.

    Raises
    ------
    SourceError
        If it cannot be opened, or is damaged where its units and labels are.
    """
    place = Path(path)
    require_content(place, name=str(place))
    _require_nwb(place)
    with held_for_reading(place) as descriptor, _damage_explained(place.name):
        if place.is_dir():
            yield _zarr_store(place)
        elif is_zarr_zip(place):
            with _zipped_store(place) as store:
                yield store
        else:
            with open_hdf5(place, name=place.name, descriptor=descriptor) as file:
                yield Hdf5Store(file, name=place.name, folder=place.parent)


def _require_nwb(place: Path) -> None:
    """Make the error of a source that keeps no history: what it is, and where its labels are."""
    if place.is_dir() and place.suffix != ".zarr" and not is_zarr_folder(place):
        raise SourceError(
            f"{place} is a folder and no Zarr store: only NWB files keep a history.",
            tip="Labels of a sorter's output or of an analyzer are in the tables beside it.",
        )
    if is_table(place):
        raise SourceError(
            f"{place} is a table, into which no labels are written.",
            tip=f"nwb-unitrefine predict {place} gives labels to a table of metrics.",
        )


def change_store(
    path: str | Path,
    change: Callable[[UnitsStore], T],
    *,
    appears_in: Path | None = None,
    dry_run: bool = False,
) -> tuple[T, Applied]:
    """Change a file's units table and history, entirely or not at all.

    Parameters
    ----------
    path : str or Path
    change : callable
        Gets the store, and changes it.
    appears_in : Path, optional
        Folder in which the file will get its name (see `nwb_unitrefine.journal.appearing`), for one that has none yet:
        links to other files begin there, and the file needs no journal.
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
    place = Path(path)
    _require_nwb(place)
    if is_zarr_zip(place):
        raise SourceError(
            f"{place} is a zipped Zarr store, which is only read: labels and their history need the folder.",
            tip="Unzip it, or write a small file with its units and labels instead: --units-only.",
        )

    def in_hdf5(file: h5py.File) -> T:
        return change(Hdf5Store(file, name=place.name, folder=appears_in or place.parent))

    def in_zarr(overlay: FolderOverlay) -> T:
        from nwb_unitrefine.storage.zarr_consolidated import require_current_metadata

        require_current_metadata(place, name=place.name)
        return change(_store_over(overlay, place.name))

    def check_zarr(overlay: FolderOverlay, edits: Sequence[Edit]) -> None:
        was = _store_over(overlay.as_it_was(), place.name)
        require_only_our_edits(was, _store_over(overlay, place.name), edits)

    if place.is_dir():
        require_zarr("for Zarr files")
        with _damage_explained(place.name):
            return change_folder(path, in_zarr, check=check_zarr, dry_run=dry_run, unnamed=appears_in is not None)
    with _damage_explained(place.name):
        return change_hdf5(
            path,
            in_hdf5,
            check=require_only_ours_changed,
            guard=GuardedFile,
            dry_run=dry_run,
            unnamed=appears_in is not None,
        )


def _zarr_store(folder: Path) -> ZarrStore:
    """Open a Zarr folder for reading."""
    require_zarr("for Zarr files")
    from nwb_unitrefine.journal.folder_overlay import FolderOverlay

    return _store_over(FolderOverlay(folder, follows_links=True), folder.name)


@contextmanager
def _zipped_store(place: Path) -> Iterator[ZarrStore]:
    """Open a ZIP file of a Zarr folder, for reading."""
    require_zarr("for Zarr files")
    from nwb_unitrefine.storage.zarr_stores import ZipStore

    with closing(ZipStore(place)) as archive:
        yield _store_over(archive, place.name)


def _store_over(overlay: FolderOverlay | ZipStore, name: str) -> ZarrStore:
    from nwb_unitrefine.write.stores.zarr import ZarrStore

    return ZarrStore(overlay, name=name)


@contextmanager
def _damage_explained(name: str) -> Iterator[None]:
    """Report that a file's structure is damaged in one line of our own."""
    try:
        yield
    except UnitRefineError:
        raise
    except _DAMAGE as error:
        raise SourceError(f"{name} is damaged where its units or labels are: {_one_line(error)}.") from error


def _one_line(error: Exception) -> str:
    """An error's message as one line."""
    return " ".join(str(error).split()) or type(error).__name__
