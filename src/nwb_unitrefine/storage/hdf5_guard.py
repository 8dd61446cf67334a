"""Open HDF5 files so that a damaged one ends in an error.

HDF5 keeps texts in heaps. Where a piece of a heap is zeros, as after an interrupted copy, HDF5 goes round in circles
for ever, and nothing in the process can stop it. Here it reads through `GuardedFile`, which looks at each heap first.
"""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any

import h5py

if TYPE_CHECKING:
    from typing import BinaryIO

    import numpy as np
    from _typeshed import ReadableBuffer, WriteableBuffer

__all__ = ["GuardedFile", "is_ragged", "read_attribute"]

_HEAP = struct.Struct("<4sB3xQ")
_HEAP_OBJECT = struct.Struct("<HH4xQ")
_TURN = 1 << 64
"""Where HDF5's addition of sizes begins again at 0."""


class GuardedFile(io.RawIOBase):
    """A file for `h5py.File` to open, with a look at each heap of texts before HDF5 gets it.

    Parameters
    ----------
    file : binary file object
        Seekable; it is read, written and closed by its owner.

    Notes
    -----
    A heap is a header (signature ``GCOL``, version, size) and objects one behind the other, each with a number, a size
    and its bytes, padded to 8; number 0 is the free space at the end, whose size includes its header. HDF5 2.0.0
    does not ask whether an object takes any space at all. See "Global Heap" in the HDF5 File Format Specification.
    """

    def __init__(self, file: io.RawIOBase | BinaryIO) -> None:
        super().__init__()
        self._file = file

    def readable(self) -> bool:
        """True."""
        return True

    def writable(self) -> bool:
        """Whether the file can be written."""
        return self._file.writable()

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """Position of the next read or write."""
        return self._file.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a position and return it; a damaged file can name one that no file has."""
        try:
            return self._file.seek(offset, whence)
        except OverflowError as error:
            raise OSError(f"there is no byte {offset} in a file") from error

    def truncate(self, size: int | None = None) -> int:
        """Cut, or extend with zeros, to `size` and return it."""
        return self._file.truncate(size)

    def write(self, data: ReadableBuffer) -> int:
        """Write `data` at the position and return its length."""
        return self._file.write(data) or 0

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill `buffer` from the position on and return how many bytes that were.

        Raises
        ------
        OSError
            If a heap of texts begins there in which HDF5 would be caught.
        """
        start = self._file.tell()
        target = memoryview(buffer).cast("B")
        length = self._fill(target)
        if length >= _HEAP.size and bytes(target[:4]) == b"GCOL":
            self._require_an_end(start, bytes(target[:length]))
        return length

    def _fill(self, target: memoryview) -> int:
        """Read into `target`, which not every file object can do itself."""
        if hasattr(self._file, "readinto"):
            return self._file.readinto(target) or 0
        data = self._file.read(len(target)) or b""
        target[: len(data)] = data
        return len(data)

    def _require_an_end(self, start: int, heap: bytes) -> None:
        """Refuse a heap with an object that takes no space; `heap` is what HDF5 read, or the first part of the heap."""
        size = _HEAP.unpack_from(heap)[2]
        if size > len(heap):
            after = self._file.tell()
            self._file.seek(start)
            heap = self._file.read(min(size, self._file.seek(0, io.SEEK_END) - self._file.seek(start))) or b""
            self._file.seek(after)
        place = _HEAP.size
        while place + _HEAP_OBJECT.size <= min(size, len(heap)):
            number, _, length = _HEAP_OBJECT.unpack_from(heap, place)
            step = length if number == 0 else (_HEAP_OBJECT.size + -(-length // 8) * 8) % _TURN
            if step == 0:
                raise OSError(f"a text is damaged: the heap at byte {start} has no end")
            place += step


def is_ragged(dtype: np.dtype[Any]) -> bool:
    """Whether each value is a row of any length, and not a text; NWB has no such arrays nor attributes."""
    return h5py.check_vlen_dtype(dtype) is not None and h5py.check_string_dtype(dtype) is None


def read_attribute(node: h5py.Group | h5py.Dataset, name: str) -> Any:
    """Value of an attribute.

    Raises
    ------
    OSError
        If it is one of rows of any length: a damaged text can look like that, and HDF5 crashes on it.
    """
    if is_ragged(node.attrs.get_id(name).dtype):
        raise OSError(f"the attribute {name!r} is damaged: it has rows of any length")
    return node.attrs[name]
