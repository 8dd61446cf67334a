"""The one opener of NWB sources: HDF5 and Zarr, on this machine or on a server, or open in another library."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py

from nwb_unitrefine.errors import SourceError, UnitRefineError
from nwb_unitrefine.journal import held_for_reading
from nwb_unitrefine.storage.hdf5 import Hdf5Group, open_hdf5
from nwb_unitrefine.storage.local_files import denial_explained, require_content, size_of_folder
from nwb_unitrefine.storage.remote.addresses import is_address, resolve_address
from nwb_unitrefine.storage.zarr import DAMAGE, is_zarr_folder, is_zarr_zip, open_zarr, require_zarr

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, MutableMapping

    from nwb_unitrefine.storage.remote.http_ranges import Patience
    from nwb_unitrefine.storage.tree import Group

__all__ = ["NwbSource", "is_open_file", "open_nwb"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NwbSource:
    """An NWB file that is open for reading.

    Parameters
    ----------
    root : Group
    name : str
        What to call it: its path or address.
    kind : str
        ``"nwb-hdf5"`` or ``"nwb-zarr"``.
    size_bytes : int
        0 where it is not known.
    links_outside : mapping of str to str
        Links that were met, lead to a file in another folder and were not followed, with the name of that file.
    """

    root: Group
    name: str
    kind: str
    size_bytes: int
    links_outside: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def open_nwb(source: Any, *, patience: Patience | None = None) -> Iterator[NwbSource]:
    """Open whatever holds an NWB file, for reading.

    Parameters
    ----------
    source : str, Path, h5py.File, NWBHDF5IO, NWBZarrIO or binary file object
        A path to HDF5, to a Zarr folder or to a ZIP file of one; an address, as `resolve_address` takes it. What is
        open already stays open.
    patience : Patience, optional
        How often and how long to try again when a network fails.

    Raises
    ------
    SourceNotFoundError
        If there is nothing at that path or address.
    SourceError
        If it cannot be read; also while it is open, where it is damaged.
    MissingExtraError
        If a package is needed that is not installed.
    """
    source = _without_pynwb(source)
    if isinstance(source, str) and is_address(source):
        with _open_address(source, patience) as opened:
            yield opened
    elif isinstance(source, str | Path):
        with _open_path(Path(source), str(source)) as opened:
            yield opened
    elif isinstance(source, h5py.File):
        if not source:
            raise SourceError("The HDF5 file is closed.", tip="Give its path, or open it again.")
        folder = Path(source.filename).parent if Path(source.filename).exists() else None
        with _open_hdf5(source, str(source.filename), source.id.get_filesize(), folder=folder) as opened:
            yield opened
    else:
        with _open_hdf5(source, str(getattr(source, "name", "open file")), 0) as opened:
            yield opened


def is_open_file(source: Any) -> bool:
    """Whether a source is open already: an ``h5py.File``, a reader of pynwb, a binary file object."""
    is_file_object = hasattr(source, "read") and hasattr(source, "seek")
    return isinstance(source, h5py.File) or is_file_object or _backend(source) != ""


def _backend(source: Any) -> str:
    """Which of hdmf's readers a source is: ``HDF5IO``, ``ZarrIO`` or, for anything else, nothing."""
    names = {
        kind.__name__ for kind in type(source).__mro__ if kind.__module__.partition(".")[0] in {"hdmf", "hdmf_zarr"}
    }
    return next((name for name in ("HDF5IO", "ZarrIO") if name in names), "")


def _without_pynwb(source: Any) -> Any:
    """What a reader of pynwb has open: its ``h5py.File``, or the path of its Zarr store."""
    backend = _backend(source)
    if not backend:
        return source
    opened = source._file  # noqa: SLF001  # hdmf has no public name for it
    if backend == "HDF5IO":
        if not opened:
            raise SourceError(f"The NWBHDF5IO of {source.source} is closed.", tip="Give its path, or open it again.")
        return opened
    return str(source.source)


@contextmanager
def _open_path(path: Path, name: str) -> Iterator[NwbSource]:
    """Open what is on this machine, after an interrupted write to it has been finished."""
    with denial_explained(name):
        require_content(path, name=name)
        with held_for_reading(path) as descriptor:
            if path.is_dir() and is_zarr_folder(path):
                size_bytes = size_of_folder(path)  # all of it can be seen: what cannot would be read as not there
                with _open_zarr(path, name, size_bytes) as opened:
                    yield opened
            elif is_zarr_zip(path):
                with _open_zarr(path, name, path.stat().st_size) as opened:
                    yield opened
            else:
                size_bytes = path.stat().st_size if path.is_file() else 0
                with _open_hdf5(path, name, size_bytes, folder=path.parent, descriptor=descriptor) as opened:
                    yield opened


@contextmanager
def _open_address(source: str, patience: Patience | None) -> Iterator[NwbSource]:
    """Open what is on a server."""
    from nwb_unitrefine.storage.remote.http_file import RemoteFile
    from nwb_unitrefine.storage.remote.http_ranges import HttpRanges, Patience

    patience = patience or Patience()
    address = resolve_address(source)
    if address.is_zarr:
        require_zarr()
        from nwb_unitrefine.storage.remote.http_store import HttpStore

        store = HttpStore(address.url, headers=address.headers, patience=patience)
        with _open_zarr(store, source, address.size_bytes) as opened:
            yield opened
        return
    with (
        RemoteFile(HttpRanges(address.url, headers=address.headers, patience=patience)) as remote,
        _open_hdf5(remote, source, remote.size) as opened,
    ):
        yield opened


@contextmanager
def _open_hdf5(
    source: Any, name: str, size_bytes: int, *, folder: Path | None = None, descriptor: int | None = None
) -> Iterator[NwbSource]:
    with open_hdf5(source, name=name, descriptor=descriptor) as file:
        outside: dict[str, str] = {}
        root = Hdf5Group(file, fetch=getattr(source, "fetch", None), folder=folder, outside=outside)
        yield NwbSource(root=root, name=name, kind="nwb-hdf5", size_bytes=size_bytes, links_outside=outside)


@contextmanager
def _open_zarr(store: Path | MutableMapping[str, bytes], name: str, size_bytes: int) -> Iterator[NwbSource]:
    with open_zarr(store, name=name) as root:
        try:
            yield NwbSource(root=root, name=name, kind="nwb-zarr", size_bytes=size_bytes)
        except (UnitRefineError, PermissionError):
            raise
        except DAMAGE as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise SourceError(f"{name} cannot be read: {reason.rstrip('.')}.") from error
