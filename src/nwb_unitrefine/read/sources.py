"""One door for every source: look at what it is, and hand it to the reader that knows."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import h5py

from nwb_unitrefine.errors import SourceError
from nwb_unitrefine.journal import held_for_reading
from nwb_unitrefine.read.nwb.units import read_nwb
from nwb_unitrefine.read.sorters.analyzer import is_analyzer_folder, read_analyzer
from nwb_unitrefine.read.sorters.catalogue import find_sorter, read_sorter
from nwb_unitrefine.read.tables import TABLE_SUFFIXES, read_metric_table
from nwb_unitrefine.records import SourceHints, Units
from nwb_unitrefine.storage.hdf5 import Hdf5Group, open_hdf5
from nwb_unitrefine.storage.remote.addresses import Address, is_address, resolve_address
from nwb_unitrefine.storage.zarr import DAMAGE, is_zarr_folder, open_zarr, require_zarr

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from nwb_unitrefine.records import SpikeTimesIn
    from nwb_unitrefine.storage.remote.http_ranges import Patience
    from nwb_unitrefine.storage.zarr import ZarrGroup

__all__ = ["read_source", "read_units"]


def read_units(
    source: Any,
    *,
    columns: Collection[str] = (),
    sorter: str | None = None,
    sampling_rate_hz: float | None = None,
    gain_uv: float | None = None,
    spike_times_in: SpikeTimesIn | None = None,
    units: str | None = None,
    patience: Patience | None = None,
) -> Units:
    """Read the sorted units of a source.

    Parameters
    ----------
    source : str, Path, h5py.File, binary file object, SortingAnalyzer or pynwb.NWBFile
        One of

        - an NWB file, HDF5 or Zarr: a path, ``https://…``, ``s3://bucket/key``, ``DANDI:000123/path``, or the id of a
          DANDI asset. Of a remote file, only what is needed is fetched. An open ``h5py.File`` stays open;
        - a sorter's output: Kilosort, Phy, or any that SpikeInterface reads (a folder, or its one file);
        - a SortingAnalyzer, in memory or its folder;
        - a ``pynwb.NWBFile``, in memory before it is written or opened with pynwb: its units are read as the file
          will hold them;
        - a table of metrics (CSV or TSV), which has no spikes;
        - units that were read already, which are returned as they are.
    columns : collection of str, optional
        Columns of the units table to read whatever their size; large ones, as the amplitude of every spike, are left
        out otherwise and named in `Units.unread_columns`.
    sorter, sampling_rate_hz, gain_uv, spike_times_in, units : optional
        What the source does not state; see `SourceHints`.
    patience : Patience, optional
        How often to try again when a network fails.

    Returns
    -------
    Units
        What it was taken for in `Units.source`; what was taken for granted or could not be used in `Units.problems`.

    Raises
    ------
    NoUnitsError
        If there are no units.
    SourceError
        If the source does not exist, is not understood, or is damaged beyond what can be read around.
    MissingExtraError
        If a package is needed that is not installed.
    """
    hints = SourceHints(
        sorter=sorter,
        sampling_rate_hz=sampling_rate_hz,
        gain_uv=gain_uv,
        spike_times_in=spike_times_in,
        units=units,
    )
    return read_source(source, columns=columns, hints=hints, patience=patience)


def read_source(  # noqa: PLR0911  # one return for each kind of source
    source: Any,
    *,
    columns: Collection[str] = (),
    hints: SourceHints | None = None,
    patience: Patience | None = None,
) -> Units:
    """Read the sorted units of a source, as `read_units` does, with the user's hints as one value."""
    hints = hints or SourceHints()
    if isinstance(source, Units):
        return source
    if isinstance(source, h5py.File):
        if not source:
            raise SourceError("The h5py.File is closed.", tip="Give its path, or open it again.")
        return _read_hdf5(
            source, uri=str(source.filename), size_bytes=source.id.get_filesize(), columns=columns, hints=hints
        )
    if isinstance(source, str) and is_address(source):
        return _read_remote(resolve_address(source), uri=source, columns=columns, hints=hints, patience=patience)
    if isinstance(source, str | Path):
        return _read_path(
            Path(source),
            uri=str(source),
            columns=columns,
            hints=hints,
        )
    if hasattr(source, "get_extension") and hasattr(source, "sorting"):
        return read_analyzer(source)
    if hasattr(source, "add_unit") and hasattr(source, "container_source"):
        from nwb_unitrefine.read.nwb.in_memory import read_nwbfile

        return read_nwbfile(source, columns=columns, hints=hints)
    if hasattr(source, "read") and hasattr(source, "seek"):
        return _read_hdf5(
            source, uri=str(getattr(source, "name", "open file")), size_bytes=0, columns=columns, hints=hints
        )
    raise SourceError(f"A source of units is a path, an address or an open file, not a {type(source).__name__}.")


def _read_path(
    path: Path,
    *,
    uri: str,
    columns: Collection[str],
    hints: SourceHints,
) -> Units:
    """Read what is on disk at `path`, after an interrupted write to it has been finished."""
    with _denial_explained(uri):
        if not path.exists():
            raise SourceError(f"{uri} does not exist.")
    with _denial_explained(uri), held_for_reading(path):
        if hints.sorter is None and path.is_dir():
            if is_analyzer_folder(path):
                return read_analyzer(path, uri=uri)
            if is_zarr_folder(path):
                size_bytes = _size_of(path)  # all of it can be seen: what cannot would be read as not there
                return _read_zarr(
                    open_zarr(path, name=uri), uri=uri, size_bytes=size_bytes, columns=columns, hints=hints
                )
        if hints.sorter is None and path.is_file() and _is_nwb_hdf5(path):
            return _read_hdf5(path, uri=uri, size_bytes=path.stat().st_size, columns=columns, hints=hints)
        if hints.sorter is None and path.is_file() and path.suffix in TABLE_SUFFIXES:
            return read_metric_table(path, uri=uri)
        units = read_sorter(path, uri=uri, hints=hints)
        if units is None:
            raise _not_recognised(path, uri)
        return units


@contextmanager
def _denial_explained(uri: str) -> Iterator[None]:
    """Say in our words what may not be read."""
    try:
        yield
    except PermissionError as error:
        raise SourceError(
            f"{uri} cannot be read: {error.strerror}{f' ({error.filename})' if error.filename else ''}.",
            tip="Ask for the permission to read it, and all that is in it.",
        ) from error


def _size_of(folder: Path) -> int:
    """Size of all files of a folder; an error if there is a folder in it that cannot be looked into."""

    def fail(error: OSError) -> NoReturn:
        raise error

    places = (Path(at, name) for at, _, names in os.walk(folder, onerror=fail) for name in names)
    return sum(place.stat().st_size for place in places if place.is_file())


def _is_nwb_hdf5(path: Path) -> bool:
    """Whether a file is for HDF5 to judge: by its name, or by its content where it is no sorter's own kind of HDF5."""
    return path.suffix == ".nwb" or (h5py.is_hdf5(path) and find_sorter(path) is None)


def _not_recognised(path: Path, uri: str) -> SourceError:
    """Say of a file or folder that nothing is known of what it looks like, and what could be meant."""
    if path.is_dir():
        what = f"{uri} is a folder in which no sorter's output, analyzer or Zarr file was recognised."
        tip = "If it is a sorter's output, state which: label --sorter NAME, or read_units(…, sorter=NAME) in Python."
        return SourceError(what, tip=tip)
    return SourceError(f"{uri} is not an NWB file, and no sorter's output was recognised in it.")


def _read_remote(
    address: Address, *, uri: str, columns: Collection[str], hints: SourceHints, patience: Patience | None
) -> Units:
    """Read what is behind an address."""
    from nwb_unitrefine.storage.remote.http_file import RemoteFile
    from nwb_unitrefine.storage.remote.http_ranges import HttpRanges, Patience

    patience = patience or Patience()
    if address.is_zarr:
        require_zarr()
        from nwb_unitrefine.storage.remote.http_store import HttpStore

        store = HttpStore(address.url, headers=address.headers, patience=patience)
        return _read_zarr(
            open_zarr(store, name=uri), uri=uri, size_bytes=address.size_bytes, columns=columns, hints=hints
        )
    with RemoteFile(HttpRanges(address.url, headers=address.headers, patience=patience)) as file:
        return _read_hdf5(file, uri=uri, size_bytes=file.size, columns=columns, hints=hints)


def _read_hdf5(source: Any, *, uri: str, size_bytes: int, columns: Collection[str], hints: SourceHints) -> Units:
    """Read an NWB file that is stored as HDF5."""
    place = Path(source.filename) if isinstance(source, h5py.File) else source
    folder = place.parent if isinstance(place, Path) and place.exists() else None
    with open_hdf5(source, name=uri) as file:
        root = Hdf5Group(file, fetch=getattr(source, "fetch", None), folder=folder)
        return read_nwb(root, uri=uri, kind="nwb-hdf5", size_bytes=size_bytes, columns=columns, hints=hints)


def _read_zarr(root: ZarrGroup, *, uri: str, size_bytes: int, columns: Collection[str], hints: SourceHints) -> Units:
    """Read an NWB file that is stored as Zarr."""
    try:
        return read_nwb(root, uri=uri, kind="nwb-zarr", size_bytes=size_bytes, columns=columns, hints=hints)
    except DAMAGE as error:
        raise SourceError(f"{uri} cannot be read: {' '.join(str(error).split())}.") from error
