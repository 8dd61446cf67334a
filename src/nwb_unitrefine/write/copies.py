"""A copy of a file that appears under its name only when it is complete."""

from __future__ import annotations

import os
import shutil
import stat
import uuid
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import h5py

from nwb_unitrefine.errors import WriteError
from nwb_unitrefine.history.digests import REPLACED
from nwb_unitrefine.history.layout import ROWS
from nwb_unitrefine.history.run_numbers import in_order
from nwb_unitrefine.history.runs import NEWEST_DIGEST, NUM_RUNS
from nwb_unitrefine.history.tree import Dataset
from nwb_unitrefine.journal import held_for_reading
from nwb_unitrefine.journal.appearing import appearing, require_place
from nwb_unitrefine.records import asset_id, recorded_name
from nwb_unitrefine.storage.hdf5 import open_hdf5
from nwb_unitrefine.storage.zarr import is_zarr_folder, is_zarr_zip
from nwb_unitrefine.write.outside import require_nothing_from_outside

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nwb_unitrefine.history.store import UnitsStore
    from nwb_unitrefine.history.tree import Group
    from nwb_unitrefine.records import Source, Units

__all__ = ["about_source", "copied_file", "derived_file", "is_place_for_copies", "require_new"]

_IS_ZARR = {".nwb": False, ".zarr": True}
"""Kind that a name promises."""


def is_place_for_copies(output: Path) -> bool:
    """Whether copies go into an output under names of their own: it is a folder, and not a Zarr store."""
    return output.is_dir() and output.suffix != ".zarr" and not is_zarr_folder(output)


def require_new(output: Path, *, copy_of: Path | None = None) -> None:
    """Refuse a place that nothing can be written to; asked before anything is computed, it saves that.

    Parameters
    ----------
    output : Path
        Of the file or Zarr store to be.
    copy_of : Path, optional
        The NWB file that it is to be a whole copy of.

    Raises
    ------
    WriteError
        If it exists, its folder does not, its name promises another kind of file than the copy would be, or the copy
        would lose what is in files beside the original.
    """
    require_place(output)
    if copy_of is None or not copy_of.exists():
        return
    if is_zarr_zip(copy_of):
        raise WriteError(
            f"{copy_of.name} is a zipped Zarr store, which is only read.",
            tip="Unzip it, or write a small file with all that labels need: --units-only.",
        )
    is_zarr = copy_of.is_dir()
    if output.suffix != copy_of.suffix and _IS_ZARR.get(output.suffix, is_zarr) != is_zarr:
        kind, suffix = ("a Zarr folder", ".nwb.zarr") if is_zarr else ("an HDF5 file", ".nwb")
        raise WriteError(
            f"{copy_of.name} is {kind}, and so is a whole copy of it: it cannot be called {output.name}.",
            tip=f"Name an output that ends in {suffix}; only with --units-only may the kind be another.",
        )
    if is_zarr and output.resolve().is_relative_to(copy_of.resolve()):
        raise WriteError(f"{output} is inside {copy_of.name}, which is to be copied.", tip="Name an output beside it.")
    if h5py.is_hdf5(copy_of) and (lost := _lost_link(copy_of, output.parent)):
        raise WriteError(
            f"{copy_of.name} links to {lost}, which a copy in another folder would not find.",
            tip=f"Write the copy into {copy_of.parent}, or a small file with all that labels need: --units-only.",
        )


def _lost_link(source: Path, folder: Path) -> str:
    """Return the first file that an HDF5 file refers to, and that is not where a copy of it in `folder` would look."""
    linked: list[str] = []

    def note(_: str, link: object) -> None:
        if isinstance(link, h5py.ExternalLink):
            linked.append(link.filename)

    with (
        held_for_reading(source) as descriptor,
        open_hdf5(source, name=source.name, descriptor=descriptor) as file,
    ):
        file.visititems_links(note)
    lost = [name for name in linked if (source.parent / name).exists() and not (folder / name).exists()]
    return lost[0] if lost else ""


@contextmanager
def copied_file(source: Path, output: Path) -> Iterator[Path]:
    """Copy a file, let the caller change the copy, and give it its name at the end.

    The copy of an HDF5 file has an object id of its own, as it is another file: DANDI refuses two with the same.
    That of a Zarr store keeps it, since every reference in the store names it.

    Parameters
    ----------
    source, output : Path
        NWB files, HDF5 or Zarr.

    Raises
    ------
    WriteError
        If `source` is not a file on this machine, or `output` cannot be written (see `require_new`); nothing is left
        behind.
    """
    if not source.exists():
        raise WriteError(
            f"{source} is not a file on this machine, so it cannot be copied whole.",
            tip="Write a small file with its units and labels instead: --units-only.",
        )
    require_new(output, copy_of=source)
    with appearing(output) as place:
        with held_for_reading(source):
            if source.is_dir():
                _copy_contents(source, place, inside=source.name)
            else:
                _copy_file(source.resolve(), place)
        if place.is_file():
            with h5py.File(place, "r+") as file:
                file.attrs["object_id"] = str(uuid.uuid4())
        yield place


@contextmanager
def derived_file(units: Units, output: Path, *, dry_run: bool = False) -> Iterator[Path]:
    """Write a small file of its own with the units and their history, let the caller change it, and give it its name.

    Parameters
    ----------
    units : Units
        Of an NWB file, wherever it is.
    output : Path
        HDF5, or Zarr when it ends in ``.zarr``.
    dry_run : bool, optional
        Do not give it its name: nothing is left behind.

    Raises
    ------
    WriteError
        If `output` exists, or the source does not state what every NWB file needs, or it takes in what is outside its
        folder (see `nwb_unitrefine.write.outside`).
    """
    from nwb_unitrefine.write.exports.units_file import write_units_file
    from nwb_unitrefine.write.stores.open import change_store

    if Path(units.source.uri).exists():
        require_nothing_from_outside(Path(units.source.uri))
    with appearing(output, keep=not dry_run) as place:
        history = write_units_file(units, place).history
        if Path(units.source.uri).exists():
            _narrow_to(Path(units.source.uri), place)
        if history is not None and history.groups:
            runs, about = {name: history.groups[name] for name in in_order(history.groups)}, history.attributes
            change_store(place, lambda store: _add_runs(store, runs, about), appears_in=output.parent)
        yield place


def about_source(source: Source, *, digest: str, name: str, asset: str) -> dict[str, str]:
    """Describe which file a copy was derived from, by what is public of it, as attributes of its history.

    Parameters
    ----------
    source : Source
    digest, name, asset : str
        Digest, public name and archive's id of the source; empty for what its address states.
    """
    about = {
        "source": recorded_name(name or source.uri),
        "source_asset": asset or asset_id(source.uri),
        "source_object_id": source.object_id,
        "source_digest": digest,
    }
    return {name: value for name, value in about.items() if value}


def _copy_contents(source: Path, target: Path, *, inside: str) -> None:
    """Copy a folder file by file.

    Its modes are kept but for the owner, who gets to write: a copy of a read-only store is there to be labelled.
    """
    target.mkdir()
    for entry in os.scandir(source):
        if entry.is_dir(follow_symlinks=False):
            _copy_contents(Path(entry), target / entry.name, inside=f"{inside}/{entry.name}")
        elif entry.is_file(follow_symlinks=False):
            _copy_file(Path(entry), target / entry.name)
        else:
            raise WriteError(
                f"{inside}/{entry.name} is a link or a device: a copy would take in what is outside the store.",
                tip="Replace it by what it stands for (with git-annex: `git annex unlock`), or write a small file with "
                "all that labels need: --units-only.",
            )
    _keep_mode(source, target)


def _copy_file(source: Path, target: Path) -> None:
    """Copy a file that is not a link, as open to others as it is."""
    shutil.copyfile(source, target, follow_symlinks=False)
    _keep_mode(source, target)


def _narrow_to(source: Path, target: Path) -> None:
    """Let nobody read a file of the units who may not read the file that they are from."""
    allowed = source.stat().st_mode
    for place in (target, *target.rglob("*")) if target.is_dir() else (target,):
        mode = stat.S_IMODE(place.stat().st_mode)
        place.chmod(mode & (allowed | (allowed & 0o444) >> 2 if place.is_dir() else allowed) | 0o600)


def _keep_mode(source: Path, target: Path) -> None:
    """Let nobody read or write a copy who may not the original, nor whom the user's mask keeps out."""
    before, now = (stat.S_IMODE(place.stat().st_mode) for place in (source, target))
    target.chmod(before & now | (0o700 if target.is_dir() else 0o600))


def _add_runs(store: UnitsStore, runs: Mapping[str, Group], about: Mapping[str, str | int]) -> None:
    """Take over a history; columns that a run replaced stay where they are recorded."""
    counted = {name: value for name, value in about.items() if name in (NUM_RUNS, NEWEST_DIGEST)}
    for name, run in runs.items():
        rows = Dataset(run.datasets["units"].values, refers_to="/units", description=ROWS)
        groups = {inner: group for inner, group in run.groups.items() if inner != REPLACED}
        store.add_run(name, replace(run, datasets={**run.datasets, "units": rows}, groups=groups), about=counted)
