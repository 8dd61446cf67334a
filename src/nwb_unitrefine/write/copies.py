"""A copy of a file that appears under its name only when it is complete."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import h5py

from nwb_unitrefine.errors import WriteError
from nwb_unitrefine.journal import held_for_reading
from nwb_unitrefine.write.provenance import ROWS
from nwb_unitrefine.write.tree import Dataset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nwb_unitrefine.records import Units
    from nwb_unitrefine.write.store import UnitsStore
    from nwb_unitrefine.write.tree import Group

__all__ = ["appearing", "copied_file", "derived_file"]


@contextmanager
def copied_file(source: Path, output: Path) -> Iterator[Path]:
    """Copy a file, let the caller change the copy, and give it its name at the end.

    The copy of an HDF5 file says with an object id of its own that it is another file: DANDI refuses two with the same.
    That of a Zarr store keeps it, since every reference in the store names it.

    Parameters
    ----------
    source, output : Path
        NWB files, HDF5 or Zarr.

    Raises
    ------
    WriteError
        If `source` is no file on this machine, or `output` exists; nothing is left behind.
    """
    if not source.exists():
        raise WriteError(
            f"{source} is not a file on this machine, so it cannot be copied whole.",
            tip="Write a small file with its units and labels instead: --units-only.",
        )
    with appearing(output) as place:
        with held_for_reading(source):
            if source.is_dir():
                shutil.copytree(source, place)
            else:
                shutil.copyfile(source, place)
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
        If `output` exists, or the source does not say what every NWB file needs.
    """
    from nwb_unitrefine.write.derived import write_units_file
    from nwb_unitrefine.write.opened import change_store, read_store

    with appearing(output, keep=not dry_run) as place:
        write_units_file(units, place)
        if Path(units.source.uri).exists():
            with read_store(units.source.uri) as source:
                runs = source.runs()
            if runs:
                change_store(place, lambda store: _add_runs(store, runs))
        yield place


def _add_runs(store: UnitsStore, runs: Mapping[str, Group]) -> None:
    """Take over a history; columns that a run replaced stay where they are recorded."""
    for name, run in runs.items():
        rows = Dataset(run.datasets["units"].values, refers_to="/units", description=ROWS)
        groups = {inner: group for inner, group in run.groups.items() if inner != "replaced_columns"}
        store.add_run(name, replace(run, datasets={**run.datasets, "units": rows}, groups=groups))


@contextmanager
def appearing(output: Path, *, keep: bool = True) -> Iterator[Path]:
    """Give a place to write a file or folder to, which gets its name when it is complete, and vanishes otherwise.

    Raises
    ------
    WriteError
        If `output` exists, or cannot be written.
    """
    if output.exists():
        raise WriteError(f"{output} exists already; nothing was written.", tip="Remove it, or name another output.")
    try:
        with tempfile.TemporaryDirectory(prefix=".nwb-unitrefine-", dir=output.parent) as folder:
            place = Path(folder) / output.name
            yield place
            if keep:
                _sync(place)
                place.rename(output)
                _sync(output.parent)
    except OSError as error:
        raise WriteError(f"{output} could not be written: {error.strerror or error}.") from error


def _sync(place: Path) -> None:
    """Put a file, or what a folder lists, on the disk."""
    descriptor = os.open(place, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
