"""One door for every source: look at what it is, and hand it to the reader that knows."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py

from nwb_unitrefine.errors import SourceError
from nwb_unitrefine.journal import held_for_reading
from nwb_unitrefine.read.metric_tables import read_metric_table
from nwb_unitrefine.read.nwb.units import read_nwb
from nwb_unitrefine.read.sorters.analyzer import is_analyzer_folder, read_analyzer
from nwb_unitrefine.read.sorters.catalogue import find_sorter, read_sorter
from nwb_unitrefine.read.spike_times import clean_units
from nwb_unitrefine.read.tables import is_table
from nwb_unitrefine.records import Problem, ProblemCode, SourceHints, Units
from nwb_unitrefine.storage.local_files import denial_explained, require_content
from nwb_unitrefine.storage.open import is_open_file, open_nwb
from nwb_unitrefine.storage.remote.addresses import is_address
from nwb_unitrefine.storage.zarr import is_zarr_folder, is_zarr_zip

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from nwb_unitrefine.records import SpikeTimesIn
    from nwb_unitrefine.storage.remote.http_ranges import Patience

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
    source : str, path, open file, SortingAnalyzer, sorting or pynwb.NWBFile
        One of

        - an NWB file, HDF5 or Zarr: a path, ``https://…``, ``s3://bucket/key``, ``DANDI:000123/path``, or the id of a
          DANDI asset. Of a remote file, only what is needed is fetched. A Zarr store may be zipped (``.zarr.zip``);
        - an NWB file that is open: an ``h5py.File``, ``NWBHDF5IO`` or ``NWBZarrIO``, or a binary file object. It stays
          open;
        - a sorter's output: Kilosort, Phy, or any that SpikeInterface reads (a folder, or its one file);
        - a SortingAnalyzer, in memory or its folder;
        - a ``pynwb.NWBFile`` or its ``units`` table, in memory before it is written or opened with pynwb: its units are
          read as the file will hold them;
        - a SpikeInterface sorting that was read from NWB (``NwbSortingExtractor``): the file that it came from is read;
        - a table of metrics (CSV or TSV), which has no spikes;
        - units that were read already, which are returned as they are, or made by hand, which are checked and put in
          order.
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
    SourceNotFoundError
        If there is nothing at that path or address; it is a ``FileNotFoundError``, too.
    SourceError
        If the source is not understood, or is damaged beyond what can be read around.
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


def read_source(  # one return for each kind of source
    source: Any,
    *,
    columns: Collection[str] = (),
    hints: SourceHints | None = None,
    patience: Patience | None = None,
) -> Units:
    """Read the sorted units of a source, as `read_units` does, with the user's hints as one value."""
    hints = hints or SourceHints()
    if isinstance(source, Units):
        return clean_units(source)
    if isinstance(source, os.PathLike):
        source = Path(source)
    if is_open_file(source) or (isinstance(source, str) and is_address(source)):
        return _read_nwb(source, columns=columns, hints=hints, patience=patience)
    if isinstance(source, str | Path):
        return _read_path(Path(source), uri=str(source), columns=columns, hints=hints)
    if hasattr(source, "get_extension") and hasattr(source, "sorting"):
        return read_analyzer(source)
    if hasattr(source, "get_unit_spike_train"):
        return _read_sorting(source, columns=columns, hints=hints, patience=patience)
    if hasattr(source, "get_ancestor"):
        from nwb_unitrefine.read.nwb.in_memory import read_nwb_object

        return read_nwb_object(source, columns=columns, hints=hints)
    raise SourceError(
        f"A source of units is a path, an address, an open file or an NWBFile, not a {type(source).__name__}."
    )


def _read_nwb(source: Any, *, columns: Collection[str], hints: SourceHints, patience: Patience | None = None) -> Units:
    """Read an NWB file, wherever and however it is stored."""
    with open_nwb(source, patience=patience) as nwb:
        units = read_nwb(nwb.root, uri=nwb.name, kind=nwb.kind, size_bytes=nwb.size_bytes, columns=columns, hints=hints)
    return _with_links_named(units, nwb.links_outside)


def _with_links_named(units: Units, links: Mapping[str, str]) -> Units:
    """Note links that were not followed: what is behind them is missing."""
    if not links:
        return units
    (path, name), n_more = next(iter(links.items())), len(links) - 1
    what = f"{path} is a link to {name}, outside the folder of the file, and was not followed"
    problem = Problem(ProblemCode.LINK_OUTSIDE, f"{what}{f'; {n_more} more likewise' if n_more else ''}.")
    return replace(units, problems=(*units.problems, problem))


def _read_path(path: Path, *, uri: str, columns: Collection[str], hints: SourceHints) -> Units:
    """Read what is on disk at `path`, after an interrupted write to it has been finished."""
    with denial_explained(uri):
        require_content(path, name=uri)
        if hints.sorter is None and _is_nwb(path):
            return _read_nwb(uri, columns=columns, hints=hints)
        with held_for_reading(path):
            if hints.sorter is None and path.is_dir() and is_analyzer_folder(path):
                return read_analyzer(path, uri=uri)
            if hints.sorter is None and path.is_file() and is_table(path):
                return read_metric_table(path, uri=uri)
            units = read_sorter(path, uri=uri, hints=hints)
        if units is None:
            raise _not_recognised(path, uri)
        return units


def _is_nwb(path: Path) -> bool:
    """Whether a path is for HDF5 or Zarr to judge: by its name, or by its content where it is not a sorter's own."""
    if path.is_dir():
        return is_zarr_folder(path) and not is_analyzer_folder(path)
    is_named = path.suffix == ".nwb" or is_zarr_zip(path)
    return path.is_file() and (is_named or (h5py.is_hdf5(path) and find_sorter(path) is None))


def _read_sorting(sorting: Any, *, columns: Collection[str], hints: SourceHints, patience: Patience | None) -> Units:
    """Read a SpikeInterface sorting that was read from NWB, from the file that it came from."""
    kind = type(sorting).__name__
    if kind != "NwbSortingExtractor":
        raise SourceError(
            f"A {kind} is only a part of what is needed: spikes without the file that they came from.",
            tip="Give the file or folder that it was read from, or a SortingAnalyzer of it.",
        )
    place = str(sorting._kwargs["file_path"])  # noqa: SLF001  # SpikeInterface has no public name for it
    table = str(getattr(sorting.units_table, "name", "/units")).strip("/")
    if table != "units" and hints.units is None:
        hints = replace(hints, units=table)
    return read_source(place, columns=columns, hints=hints, patience=patience)


def _not_recognised(path: Path, uri: str) -> SourceError:
    """Say of a file or folder that nothing is known of what it looks like, and what could be meant."""
    if path.is_dir():
        what = f"{uri} is a folder in which no sorter's output, analyzer or Zarr file was recognised."
        tip = "If it is a sorter's output, state which: label --sorter NAME, or read_units(…, sorter=NAME) in Python."
        return SourceError(what, tip=tip)
    return SourceError(f"{uri} is not an NWB file, and no sorter's output was recognised in it.")
