"""Whether the values of an HDF5 dataset are to be read: they are the file's own, decodable here, and plausibly many."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import h5py

from nwb_unitrefine.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["require_readable"]

_LARGE_BYTES = 1 << 32
_LARGE_TEXT_BYTES = 1 << 26
_MOST_COMPRESSED = 10_000
"""Beyond what any compression achieves on numbers that are not all the same; gzip ends at 1,032."""

_FILTERS = {
    305: "lzo",
    307: "bzip2",
    32000: "lzf",
    32001: "blosc",
    32004: "lz4",
    32008: "bitshuffle",
    32013: "zfp",
    32015: "zstd",
    32017: "sz",
    32018: "fcidecomp",
    32024: "sz3",
    32026: "blosc2",
    32028: "sperr",
}
"""Names of registered filters (The HDF Group's "Registered Filter Plugins"); what a file calls them differs."""


def require_readable(dataset: h5py.Dataset) -> None:
    """Refuse a dataset whose values are not to be read.

    Raises
    ------
    SourceError
        If its values are in another file, or compressed with a filter that is not installed.
    OSError
        If it is far larger than the bytes that the file has for it.
    """
    _require_own_values(dataset)
    _require_filters(dataset)
    size, stored = int(dataset.size or 0) * dataset.dtype.itemsize, dataset.id.get_storage_size()
    large = _LARGE_TEXT_BYTES if dataset.dtype.hasobject else _LARGE_BYTES
    if size > large and size > _MOST_COMPRESSED * stored:
        raise OSError(f"{size / 1e9:.1f} GB are promised where {stored} bytes are stored: its shape is damaged")


def _require_own_values(dataset: h5py.Dataset) -> None:
    """Refuse raw data in another file, and datasets that are put together from other files.

    Unlike a link, which leads to an NWB file, these take the bytes of any file of the machine for numbers.
    """
    raw = dataset.external or []
    virtual = dataset.virtual_sources() if dataset.is_virtual else []
    others = [entry[0] for entry in raw] + [source.file_name for source in virtual if source.file_name != "."]
    if not others and not all(_holds_values(dataset.file, source.dset_name) for source in virtual):
        raise SourceError(f"{dataset.name} is put together from datasets that are put together themselves.")
    if others:
        raise SourceError(
            f"{dataset.name} has its values in another file, {others[0]}, which is not read for safety.",
            tip="Copy them into the file: h5repack does that.",
        )


def _holds_values(file: h5py.File, name: str) -> bool:
    """Whether a name is that of a dataset of the file with values of its own.

    HDF5 crashes on a virtual dataset that is one of its own sources. A name with ``%`` stands for many.
    """
    if "%" in name:
        return False
    place = file["/"]
    for part in filter(None, name.split("/")):
        if not isinstance(place, h5py.Group) or not isinstance(place.get(part, getlink=True), h5py.HardLink):
            return False
        place = place[part]
    return isinstance(place, h5py.Dataset) and not place.is_virtual and not place.external


def _require_filters(dataset: h5py.Dataset) -> None:
    """Refuse values that HDF5 cannot decompress here."""
    missing = list(_missing_filters(dataset))
    if missing:
        with suppress(ImportError):
            import hdf5plugin  # noqa: F401 - importing it registers its filters

            missing = list(_missing_filters(dataset))
    if missing:
        code, name = missing[0]
        raise SourceError(
            f"{dataset.name} is compressed with {name} (HDF5 filter {code}), which is not installed here.",
            tip="Install it with: pip install hdf5plugin",
        )


def _missing_filters(dataset: h5py.Dataset) -> Iterator[tuple[int, str]]:
    """Number and name of each filter of a dataset that HDF5 does not know."""
    settings = dataset.id.get_create_plist()
    for position in range(settings.get_nfilters()):
        code, _, _, stored_name = settings.get_filter(position)
        if not h5py.h5z.filter_avail(code):
            yield code, _FILTERS.get(code) or stored_name.decode("utf-8", "replace")[:60] or "an unnamed filter"
