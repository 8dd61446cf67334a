"""Codecs that decode a stranger's chunks: they run nothing, and give no more bytes than the array has room for.

`nwb_unitrefine.storage.zarr_guard` puts them into the metadata that zarr sees, in place of those that a store names.
This module needs numcodecs, and is imported only where a Zarr store is opened.
"""

from __future__ import annotations

import bz2
import io
import json
import lzma
import math
import pickle
import struct
import zlib
from typing import TYPE_CHECKING, Any

import numcodecs
import numpy as np
from numcodecs.abc import Codec
from numcodecs.compat import ensure_bytes, ndarray_copy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["Bounded", "ReferenceNames", "Refused"]

_BLOSC_HEADER = struct.Struct("<4xIII")
"""Decoded size, block size and encoded size; see the "Blosc Chunk Format"."""

_BLOSC_BYTES = 16
_LENGTH = struct.Struct("<I")


def _inflate(data: bytes, limit: int) -> bytes:
    """Decode gzip or zlib; several gzip members may follow each other."""
    decoded = bytearray()
    while data:
        stream = zlib.decompressobj(zlib.MAX_WBITS | 32)
        decoded += stream.decompress(data, limit + 1 - len(decoded))
        if len(decoded) > limit:
            break
        if not stream.eof:
            raise ValueError("it is cut off")
        data = stream.unused_data
    return bytes(decoded)


def _decompress(stream: Any, data: bytes, limit: int) -> bytes:
    """Decode with a decompressor of the standard library."""
    decoded: bytes = stream.decompress(data, limit + 1)
    if len(decoded) <= limit and not stream.eof:
        raise ValueError("it is cut off")
    return decoded


class Bounded(Codec):  # type: ignore[misc]  # numcodecs has no types
    """A codec of numcodecs, held to the size that its array allows.

    Parameters
    ----------
    codec : mapping
        Configuration of the codec that the store names.
    limit : int
        Most bytes of a decoded chunk.
    n_items : int
        Number of values of a chunk.
    """

    codec_id = "nwb_unitrefine.bounded"

    def __init__(self, codec: Mapping[str, Any], limit: int, n_items: int) -> None:
        self.codec, self.limit, self.n_items = dict(codec), limit, n_items
        self._kind = str(codec["id"])
        self._codec = numcodecs.get_codec(dict(codec))

    def encode(self, buf: Any) -> Any:
        """Encode as the store's own codec does."""
        return self._codec.encode(buf)

    def decode(self, buf: Any, out: Any = None) -> Any:
        """Decode a chunk.

        Raises
        ------
        ValueError
            If it is cut off, or would be longer than the array allows.
        """
        if self._kind in {"vlen-utf8", "vlen-bytes"}:
            self._require_count(buf)
        elif self._kind == "json2":
            self._require_shape(buf)
        elif self._kind in {"gzip", "zlib", "bz2", "lzma"}:
            return ndarray_copy(self._decode_stream(ensure_bytes(buf)), out)
        elif (size := self._stated_size(buf)) is not None and size > self.limit:
            raise ValueError(f"a chunk would be {size} bytes long, where the array has room for {self.limit}")
        return self._codec.decode(buf, out)

    def _stated_size(self, buf: Any) -> int | None:
        """Decoded size that the head of a chunk states; None for codecs that leave the size as it is."""
        data = memoryview(buf).cast("B")
        if self._kind == "blosc":
            if len(data) < _BLOSC_BYTES:
                raise ValueError("a chunk is cut off")
            decoded, _, encoded = _BLOSC_HEADER.unpack_from(data)
            if encoded != len(data):  # Blosc, unlike other codecs, makes up what it does not find
                raise ValueError(f"a chunk is cut off: {len(data)} of {encoded} bytes are there")
            return int(decoded)
        if self._kind == "lz4":
            return int(_LENGTH.unpack_from(data)[0]) if len(data) >= _LENGTH.size else 0
        return _zstd_size(bytes(data[:18])) if self._kind == "zstd" else None

    def _require_count(self, buf: Any) -> None:
        """Refuse texts whose number is not that of the array's values: room for it is made before any is read."""
        data = memoryview(buf).cast("B")
        found = _LENGTH.unpack_from(data)[0] if len(data) >= _LENGTH.size else -1
        if found != self.n_items or len(data) < _LENGTH.size * (1 + self.n_items):
            raise ValueError(f"a chunk is damaged: it has room for {self.n_items} texts and states {found}")

    def _require_shape(self, buf: Any) -> None:
        """Refuse JSON that states another number of values than the array has; its last item is its shape."""
        try:
            items = json.loads(ensure_bytes(buf))
            lengths = [int(length) for length in items[-1]]
        except (TypeError, KeyError, IndexError, RecursionError) as error:
            raise ValueError("a chunk of JSON is damaged") from error
        if min(lengths, default=1) < 0 or math.prod(lengths) > max(1, self.n_items) or items[-2] != "|O":
            raise ValueError(f"a chunk is damaged: it has room for {self.n_items} values and states {lengths}")

    def _decode_stream(self, data: bytes) -> bytes:
        """Decode a format that does not state how long the content is, no further than the limit."""
        try:
            if self._kind == "bz2":
                decoded = _decompress(bz2.BZ2Decompressor(), data, self.limit)
            elif self._kind == "lzma":
                options = (self.codec.get("format", lzma.FORMAT_XZ), None, self.codec.get("filters"))
                decoded = _decompress(lzma.LZMADecompressor(*options), data, self.limit)
            else:
                decoded = _inflate(data, self.limit)
        except (zlib.error, lzma.LZMAError, EOFError) as error:
            raise ValueError(f"a chunk is damaged: {error}") from error
        if len(decoded) > self.limit:
            raise ValueError(f"a chunk is longer than the {self.limit} bytes that the array has room for")
        return decoded


def _zstd_size(head: bytes) -> int:
    """Size of the content that the head of a Zstandard frame states (RFC 8878, 3.1.1.1); numcodecs asks for it, too."""
    if len(head) < 6 or head[:4] != b"\x28\xb5\x2f\xfd":
        return 0  # no frame: for the codec to refuse
    descriptor = head[4]
    is_single, size_flag, dictionary_flag = descriptor >> 5 & 1, descriptor >> 6, descriptor & 3
    if not is_single and not size_flag:
        raise ValueError("a chunk does not state how long its content is")
    start = 5 + (0 if is_single else 1) + (0, 1, 2, 4)[dictionary_flag]
    length = (1 if is_single else 0, 2, 4, 8)[size_flag]
    return int.from_bytes(head[start : start + length], "little") + (256 if size_flag == 1 else 0)


class Refused(Codec):  # type: ignore[misc]
    """Stands for a codec that is not read: an array of it can be looked at, its values not.

    Parameters
    ----------
    codec : str
        Name of the codec.
    """

    codec_id = "nwb_unitrefine.refused"

    def __init__(self, codec: str) -> None:
        self.codec = codec

    def encode(self, buf: Any) -> Any:
        """Refuse, as `decode` does."""
        return self.decode(buf)

    def decode(self, buf: Any, out: Any = None) -> Any:
        """Refuse."""
        del buf, out
        raise ValueError(f"it is stored with the codec {self.codec!r}, which is not read for safety")


class ReferenceNames(Codec):  # type: ignore[misc]
    """Reads hdmf-zarr's references, which are pickled, as the last name of what each points to.

    Unpickling executes whatever a file contains. Here an interpreter reads the pickle that can only build records
    of what it saw.
    """

    codec_id = "nwb_unitrefine.reference_names"

    def encode(self, buf: Any) -> Any:
        """Refuse: references are never written so."""
        del buf
        raise TypeError("references are not written as pickles")

    def decode(self, buf: Any, out: Any = None) -> NDArray[Any]:
        """Names of the targets, as an object array of ``str``."""
        try:
            record = _ReferenceReader(io.BytesIO(ensure_bytes(buf))).load()
        except ValueError:
            raise
        except Exception as error:  # what a damaged pickle leads to has no end: EOFError, IndexError, UnpicklingError
            raise ValueError("references in it are damaged") from error
        items = record.state[-1] if isinstance(record, _Record) and record.state else []
        names = np.empty(len(items), dtype=object)
        names[:] = [str(item.get("path", "")).rsplit("/", 1)[-1] if isinstance(item, dict) else "" for item in items]
        if out is not None:
            out[...] = names.reshape(out.shape)
        return names


class _Record(dict[str, Any]):
    """Stands for every object in a pickle: keeps what it is given and does nothing."""

    state: Any = None

    def __init__(self, *_: Any) -> None:
        super().__init__()

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _ReferenceReader(pickle.Unpickler):
    """Reads pickled arrays of references without building anything that a file could choose."""

    _KNOWN = frozenset(
        {
            ("numpy.core.multiarray", "_reconstruct"),
            ("numpy._core.multiarray", "_reconstruct"),
            ("numpy", "ndarray"),
            ("numpy", "dtype"),
            ("hdmf_zarr.utils", "ZarrReference"),
        }
    )

    def find_class(self, module: str, name: str) -> Any:
        """Return the inert record for the few names that references are made of; refuse every other."""
        if (module, name) in self._KNOWN:
            return _Record
        raise ValueError(f"it holds a pickled {module}.{name}, which is not read for safety")


for _codec in (Bounded, Refused, ReferenceNames):
    numcodecs.register_codec(_codec)
