"""The one look at the metadata of Zarr stores: what reaches zarr names no codec that runs code, and makes sense.

A store chooses the codecs of its arrays. One of them, pickle, executes what a chunk contains, already while zarr reads
the metadata; others are loaded from whatever package registers the name. So every document passes `checked`, whether
zarr reads it on its own, from consolidated metadata, over a network, or before a write.
This module needs zarr, and is imported only where a Zarr store is opened.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from zarr.errors import MetadataError
from zarr.meta import Metadata2
from zarr.storage import Store

from nwb_unitrefine.storage.zarr_codecs import Bounded, ReferenceNames, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, MutableMapping, Sequence

__all__ = ["METADATA", "GuardedStore", "checked", "parse"]

METADATA = frozenset([".zarray", ".zattrs", ".zgroup"])

_CONSOLIDATED = ".zmetadata"
_FORMAT = 2

_COMPRESSORS = frozenset(["blosc", "zstd", "lz4", "gzip", "zlib", "bz2", "lzma"])
_TEXTS = frozenset(["vlen-utf8", "vlen-bytes", "json2"])
_NUMBERS = frozenset(
    [
        *("shuffle", "delta", "fixedscaleoffset", "quantize", "bitround", "astype", "packbits", "base64"),
        *("crc32", "adler32", "fletcher32", "jenkins_lookup3"),
    ]
)
_READ = _COMPRESSORS | _TEXTS | _NUMBERS
"""Codecs of numcodecs itself that turn bytes into numbers or text and do nothing else."""

_TYPES = ("dtype", "astype", "encode_dtype", "decode_dtype")
"""Options of codecs that are types of numpy."""

_MOST_METADATA_BYTES = 1 << 28
_MOST_DIMENSIONS = 32
_TEXT_BYTES = 1 << 28
_SPARE_BYTES = 1 << 12


class GuardedStore(Store):  # type: ignore[misc]  # zarr 2 has no types
    """A store through which zarr sees only metadata that were checked.

    Parameters
    ----------
    store : mapping
        From keys to bytes: of a folder, a server, a ZIP file, or of what is about to be written.
    consolidated : bool, optional
        Read metadata from ``.zmetadata`` where the store has one, in one piece.

    Raises
    ------
    TypeError, ValueError
        From here as from every read: if a document is damaged.
    """

    def __init__(self, store: MutableMapping[str, bytes], *, consolidated: bool = False) -> None:
        self.inner = store
        self._documents: dict[str, Any] | None = None
        if consolidated and _CONSOLIDATED in store:
            document = parse(_CONSOLIDATED, store[_CONSOLIDATED])
            documents = document.get("metadata")
            if not isinstance(documents, dict) or document.get("zarr_consolidated_format") != 1:
                raise ValueError(f"{_CONSOLIDATED} is not of the format that hdmf-zarr writes")
            self._documents = documents

    def __getitem__(self, key: str) -> bytes:
        if self._documents is not None and _is_metadata(key):
            return checked(key, self._documents[key])
        content: bytes = self.inner[key]
        return checked(key, parse(key, content)) if _is_metadata(key) else content

    def __contains__(self, key: object) -> bool:
        if self._documents is not None and _is_metadata(str(key)):
            return key in self._documents
        return key in self.inner

    def __setitem__(self, key: str, value: Any) -> None:
        self.inner[key] = value

    def __delitem__(self, key: str) -> None:
        del self.inner[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.inner)

    def __len__(self) -> int:
        return len(self.inner)

    def getitems(self, keys: Sequence[str], *, contexts: Mapping[str, Any] | None = None) -> dict[str, bytes]:
        """Several chunks, as the store fetches them best; those that are not there are left out."""
        found: dict[str, bytes] = self.inner.getitems(keys, contexts=contexts or {})  # type: ignore[attr-defined]
        return found

    def listdir(self, path: str = "") -> list[str]:
        """Names right below `path`; of a store that cannot be listed, those that its consolidated metadata hold."""
        if self._documents is None:
            names: list[str] = self.inner.listdir(path)  # type: ignore[attr-defined]
            return names
        start = f"{path}/" if path else ""
        return sorted({key[len(start) :].partition("/")[0] for key in self._documents if key.startswith(start)})

    def rmdir(self, path: str = "") -> None:
        """Remove everything below `path`."""
        self.inner.rmdir(path)  # type: ignore[attr-defined]

    def is_writeable(self) -> bool:
        """Whether the store is."""
        return bool(self.inner.is_writeable())  # type: ignore[attr-defined]


def _is_metadata(key: str) -> bool:
    return key.rpartition("/")[2] in METADATA


def parse(key: str, content: bytes) -> dict[str, Any]:
    """Parse a document of metadata.

    Raises
    ------
    TypeError
        If it is not a JSON object.
    ValueError
        If it is not JSON, or one that no program writes: too large, nested too deeply, with a number of thousands
        of digits.
    """
    if len(content) > _MOST_METADATA_BYTES:
        raise ValueError(f"{key} is {len(content) / 1e6:.0f} MB large")
    try:
        document = json.loads(bytes(content))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{key} is damaged: {str(error).partition(':')[0]}") from error
    if not isinstance(document, dict):
        raise TypeError(f"{key} is damaged: it is not a JSON object")
    return document


def checked(key: str, document: Any) -> bytes:
    """Check one document, and give it to zarr with codecs that are safe.

    Parameters
    ----------
    key : str
        Its key: ends in ``.zarray``, ``.zattrs`` or ``.zgroup``.
    document : object
        What it holds.

    Raises
    ------
    TypeError, ValueError
        If it is damaged. A codec that is not read is no damage: reading the array's values is refused then.
    """
    if not isinstance(document, dict):
        raise TypeError(f"{key} is damaged: it is not a JSON object")
    name = key.rpartition("/")[2]
    if name != ".zattrs" and document.get("zarr_format") != _FORMAT:
        raise ValueError(f"{key} is not of Zarr format {_FORMAT}, the one that NWB files have")
    if name != ".zarray":
        return json.dumps(document).encode()
    safe = json.dumps(_checked_array(key, document)).encode()
    try:
        Metadata2.decode_array_metadata(safe)
    except MetadataError as error:
        raise ValueError(f"{key} is damaged: {error.__cause__ or error}") from error
    return safe


def _checked_array(key: str, document: dict[str, Any]) -> dict[str, Any]:
    """A ``.zarray`` with its codecs replaced by bounded ones, or by their refusal."""
    shape, chunks = (_lengths(key, name, document.get(name)) for name in ("shape", "chunks"))
    if len(shape) != len(chunks) or (shape and min(chunks) < 1):
        raise ValueError(f"{key} is damaged: chunks of {chunks} do not fit a shape of {shape}")
    filters, compressor = document.get("filters") or [], document.get("compressor")
    if not isinstance(filters, list):
        raise TypeError(f"{key} is damaged: its filters are not a list")
    dtype = _dtype(document.get("dtype"))
    n_items = math.prod(chunks)
    if dtype is None:  # numbers mixed with objects: even the fill value would be decoded with the store's codec
        refused = Refused(f"object of type {document.get('dtype')!r}"[:80]).get_config()
        return {**document, "dtype": "|u1", "fill_value": None, "filters": [refused], "compressor": None}
    limit = _TEXT_BYTES if dtype.hasobject else n_items * max(dtype.itemsize, 8) * 2 + _SPARE_BYTES
    safe = [_safe_codec(codec, limit, n_items) for codec in filters]
    if dtype.hasobject and not safe:
        raise ValueError(f"{key} is damaged: text without a codec of text")
    return {
        **document,
        "filters": safe or None,
        "compressor": None if compressor is None else _safe_codec(compressor, limit, n_items),
    }


def _lengths(key: str, name: str, value: Any) -> tuple[int, ...]:
    """A shape: whole numbers from 0 on, whose product an array can have."""
    if not isinstance(value, list) or len(value) > _MOST_DIMENSIONS:
        raise ValueError(f"{key} is damaged: its {name} is not a list of lengths")
    if not all(type(length) is int and length >= 0 for length in value) or math.prod(value) >= 1 << 60:
        raise ValueError(f"{key} is damaged: no array has the {name} {str(value)[:60]}")
    return tuple(value)


def _dtype(value: Any) -> np.dtype[Any] | None:
    """The type of an array; None where it mixes objects with others."""
    try:
        dtype = np.dtype(_description(value))
    except (TypeError, ValueError, OverflowError, IndexError, RecursionError) as error:
        raise ValueError(f"no array has the type {str(value)[:60]!r}") from error
    return dtype if dtype.kind == "O" or not dtype.hasobject else None


def _description(value: Any) -> Any:
    """The type as numpy wants it described; records are lists of fields in JSON."""
    if not isinstance(value, list):
        return str(value)
    return [(str(field[0]), _description(field[1]), *(tuple(shape) for shape in field[2:])) for field in value]


def _safe_codec(codec: Any, limit: int, n_items: int) -> dict[str, Any]:
    """Configuration of what stands for a codec: itself within bounds, or its refusal."""
    name = codec.get("id") if isinstance(codec, dict) else None
    if name == "pickle":
        return dict(ReferenceNames().get_config())
    are_plain = name in _READ and all(_is_plain(codec[option]) for option in _TYPES if option in codec)
    if not are_plain or codec.get("encoding", "utf-8") != "utf-8":
        return dict(Refused(str(name)[:60]).get_config())
    return {"id": Bounded.codec_id, "codec": codec, "limit": limit, "n_items": n_items}


def _is_plain(dtype: Any) -> bool:
    """Whether a codec's type is one of numbers."""
    try:
        return np.dtype(str(dtype)).kind in "biufcmM"
    except TypeError:
        return False
