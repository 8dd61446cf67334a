"""What a stranger can make of a file: Zarr metadata, chunks and HDF5 links that no program writes."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py

from nwb_unitrefine.read import read_units

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "CODECS",
    "DAMAGED_ARRAYS",
    "NO_DOCUMENTS",
    "WAYS_OUT",
    "change_document",
    "encode_alone",
    "zipped",
]

DAMAGED_ARRAYS: dict[str, dict[str, Any]] = {
    "no list": {"shape": 6},
    "negative": {"shape": [-6]},
    "boundless": {"shape": [1 << 70]},
    "petabytes": {"shape": [1 << 50]},
    "petabytes of text": {"shape": [1 << 40], "dtype": "|O", "filters": [{"id": "vlen-utf8"}]},
    "large chunks": {"chunks": [1 << 40]},
    "chunks of nothing": {"chunks": [0]},
    "more chunks than axes": {"chunks": [3, 3]},
    "no type": {"dtype": "nonsense"},
    "text without a codec": {"dtype": "|O", "filters": None},
    "fractions": {"shape": [6.5]},
    "true": {"shape": [True]},
    "version 3": {"zarr_format": 3},
    "filters in a word": {"filters": "shuffle"},
    "codec without a name": {"compressor": {}},
    "codec that is text": {"compressor": "blosc"},
    "an object's type in a codec": {"filters": [{"id": "delta", "dtype": "|O"}]},
}
"""Fields of a ``.zarray`` that no array has."""

NO_DOCUMENTS: dict[str, bytes] = {
    "empty": b"",
    "list": b"[]",
    "torn": b"{",
    "deep": b"[" * 100_000,
    "deep object": b'{"a":' * 100_000,
    "digits": b'{"shape": ' + b"9" * 5000 + b"}",
    "bytes": b"\xff\xfe",
    "text": b'"text"',
    "word": b"nul",
    "zeros": bytes(64),
}
"""Contents of metadata that are not JSON objects."""


def _codecs() -> dict[str, Any]:
    """One codec of each kind that compresses."""
    import numcodecs

    return {
        "zlib": numcodecs.Zlib(9),
        "gzip": numcodecs.GZip(9),
        "bz2": numcodecs.BZ2(),
        "lzma": numcodecs.LZMA(),
        "zstd": numcodecs.Zstd(),
        "lz4": numcodecs.LZ4(),
        "blosc": numcodecs.Blosc(),
    }


CODECS = _codecs()


def change_document(store: Path, key: str, **fields: Any) -> None:
    """Change a document, and the consolidated metadata with it."""
    place = store / key
    document = {**json.loads(place.read_text()), **fields}
    place.write_text(json.dumps(document))
    consolidated = store / ".zmetadata"
    if consolidated.exists():
        everything = json.loads(consolidated.read_text())
        everything["metadata"][key] = document
        consolidated.write_text(json.dumps(everything))


def encode_alone(store: Path, codec: Any) -> None:
    """Say that the spike times are one chunk of one codec."""
    length = len(read_units(store).spike_times_s.values)
    fields = {"compressor": codec.get_config(), "filters": None, "shape": [length], "chunks": [length]}
    change_document(store, "units/spike_times/.zarray", **fields)


def zipped(store: Path, path: Path, *, start: str = "", compression: int = zipfile.ZIP_STORED) -> Path:
    """Put a store into a ZIP file."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for file in sorted(store.rglob("*")):
            if file.is_file():
                archive.write(file, start + file.relative_to(store).as_posix())
    return path


def external_storage(units: h5py.Group, secret: Path) -> None:
    """Raw bytes of any file as numbers."""
    units.create_dataset("snr", shape=(6,), dtype="i8", external=[(str(secret), 0, 48)])


def virtual(units: h5py.Group, secret: Path) -> None:
    """A dataset put together from another file's."""
    layout = h5py.VirtualLayout((6,), "i8")
    layout[:] = h5py.VirtualSource(str(secret), "secret", (6,), dtype="i8")
    units.create_virtual_dataset("snr", layout)


def link(name: Callable[[Path], str], target: str = "/secret") -> Callable[[h5py.Group, Path], None]:
    """A link to another file."""

    def make(units: h5py.Group, secret: Path) -> None:
        units["snr"] = h5py.ExternalLink(name(secret), target)

    return make


def through_a_soft_link(units: h5py.Group, secret: Path) -> None:
    """A link within the file to one that leads out of it."""
    units.file["general/way"] = h5py.ExternalLink(str(secret), "/")
    units["snr"] = h5py.SoftLink("/general/way/secret")


def through_a_file_beside(units: h5py.Group, secret: Path) -> None:
    """A link to a file beside, which links on to another."""
    with h5py.File(Path(units.file.filename).with_name("beside.h5"), "w") as file:
        file["on"] = h5py.ExternalLink(str(secret), "/secret")
    units["snr"] = h5py.ExternalLink("beside.h5", "/on")


def through_a_link_of_the_file_system(units: h5py.Group, secret: Path) -> None:
    """A name beside that is a symbolic link to elsewhere."""
    Path(units.file.filename).with_name("beside.h5").symlink_to(secret)
    units["snr"] = h5py.ExternalLink("beside.h5", "/secret")


WAYS_OUT: dict[str, Callable[[h5py.Group, Path], None]] = {
    "external storage": external_storage,
    "virtual dataset": virtual,
    "absolute link": link(str),
    "relative link": link(lambda secret: f"../elsewhere/{secret.name}"),
    "dotted link": link(lambda secret: f"./../downloaded/../elsewhere/{secret.name}"),
    "soft link": through_a_soft_link,
    "file beside": through_a_file_beside,
    "symbolic link": through_a_link_of_the_file_system,
}
"""Every way that HDF5 has from a units table to the values of another file; each makes a column ``snr``."""
