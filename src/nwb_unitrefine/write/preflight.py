"""Refuse a write that is known to fail before anything is computed for it."""

from __future__ import annotations

import os
from pathlib import Path

from nwb_unitrefine.errors import WriteError
from nwb_unitrefine.read.tables import is_table
from nwb_unitrefine.storage.remote.addresses import is_address
from nwb_unitrefine.storage.zarr import is_zarr_folder, require_zarr
from nwb_unitrefine.write.columns import column_names, columns_to_replace, deciding_runs, edited_columns
from nwb_unitrefine.write.copies import is_place_for_copies, require_new
from nwb_unitrefine.write.options import WriteOptions
from nwb_unitrefine.write.stores.open import read_store

__all__ = ["require_main_table", "require_on_this_machine", "require_writable"]

_NWB_SUFFIXES = (".nwb", ".zarr")


def require_writable(
    source: str | Path, *, output: str | Path | None = None, options: WriteOptions | None = None
) -> None:
    """Refuse what `write_curation` would refuse once the labels are computed, as far as it can be seen now.

    Parameters
    ----------
    source : str or Path
        Of the units. What is not an NWB file on this machine is not looked into.
    output : str or Path, optional
        As of `write_curation`.
    options : WriteOptions, optional

    Raises
    ------
    WriteError
        If the file, its folder or the place for the copy cannot be written.
    ColumnExistsError
        If a column by another program is in the way.
    SourceError
        If the file keeps no labels, or its history cannot be read.
    MissingExtraError
        If a Zarr store is to be made without zarr.
    """
    options = options or WriteOptions()
    if output is not None and Path(output).suffix == ".zarr":
        require_zarr("to write Zarr files")
    require_on_this_machine(str(source), units_only=options.units_only)
    if is_address(str(source)):
        if output is not None and not is_place_for_copies(Path(output)):
            require_new(Path(output))
        return
    place = Path(source)
    is_nwb = place.suffix in _NWB_SUFFIXES or is_zarr_folder(place) or (place.is_file() and is_table(place))
    if not place.exists() or not is_nwb:
        return
    if output is None:
        _require_permission(place)
    elif not is_place_for_copies(Path(output)):
        require_new(Path(output), copy_of=None if options.units_only else place)
    if options.units_only:
        return
    with read_store(place) as store:
        names = column_names(options.columns, contamination=options.contamination_column)
        chain = deciding_runs(store, names)
        columns_to_replace(
            names,
            present=store.names(),
            chain=chain,
            edited=edited_columns(store, chain),
            overwrite=options.overwrite_columns,
            where=store.name,
        )


def require_on_this_machine(uri: str, *, units_only: bool) -> None:
    """Refuse to write into a file that is somewhere else; a small file of its units may be made of it.

    Raises
    ------
    WriteError
        If it is an address, and not only its units are to be written.
    """
    if is_address(uri) and not units_only:
        raise WriteError(
            f"{uri} is not on this machine, so no labels can be written into it.",
            tip="Write a small file with its units and labels: --output FOLDER --units-only.",
        )


def require_main_table(path: str, *, uri: str) -> None:
    """Refuse to label a units table at another place than ``/units``, which is the only one that is written to.

    Raises
    ------
    WriteError
        If it is at another place.
    """
    if path.strip("/") not in {"", "units"}:
        raise WriteError(
            f"Labels are written to the units table at /units, and not to that at /{path.strip('/')} of {uri}.",
            tip=f"Write them to a table of their own: nwb-unitrefine predict {uri} --units {path} --output labels.csv",
        )


def _require_permission(place: Path) -> None:
    """Refuse a file that this user may not write, or whose folder cannot hold its journal."""
    effective = os.access in os.supports_effective_ids
    for what, needs in ((place, os.W_OK), (place.resolve().parent, os.W_OK | os.X_OK)):
        if not os.access(what, needs, effective_ids=effective):
            why = "it is read-only" if what is place else "its folder is read-only, and a journal is kept beside it"
            raise WriteError(f"{place.name} cannot be written: {why}.", tip="Write a copy elsewhere: --output.")
