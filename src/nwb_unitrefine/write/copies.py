"""A copy of a file that appears under its name only when it is complete."""

from __future__ import annotations

import os
import shutil
import uuid
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import h5py

from nwb_unitrefine.errors import WriteError
from nwb_unitrefine.journal import recover_if_needed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["appearing", "labelled_copy"]


@contextmanager
def labelled_copy(source: Path, output: Path) -> Iterator[Path]:
    """Copy a file, let the caller change the copy, and give it its name at the end.

    The copy is a file of its own and says so with an object id of its own: DANDI refuses two files with the same.

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
    recover_if_needed(source)
    with appearing(output) as place:
        if source.is_dir():
            shutil.copytree(source, place)
        else:
            shutil.copyfile(source, place)
            with h5py.File(place, "r+") as file:
                file.attrs["object_id"] = str(uuid.uuid4())
        yield place


@contextmanager
def appearing(output: Path) -> Iterator[Path]:
    """Give a place to write a file or folder to, which gets its name when it is complete, and vanishes otherwise.

    Raises
    ------
    WriteError
        If `output` exists, or cannot be written.
    """
    if output.exists():
        raise WriteError(f"{output} exists already; nothing was written.", tip="Remove it, or name another output.")
    place = output.with_name(f".{uuid.uuid4().hex[:8]}-{output.name}")
    try:
        try:
            yield place
            _sync(place)
            place.rename(output)
            _sync(output.parent)
        except OSError as error:
            raise WriteError(f"{output} could not be written: {error.strerror or error}.") from error
    finally:
        with suppress(OSError):
            if place.is_dir():
                shutil.rmtree(place)
            else:
                place.unlink(missing_ok=True)


def _sync(place: Path) -> None:
    """Put a file, or what a folder lists, on the disk."""
    descriptor = os.open(place, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
