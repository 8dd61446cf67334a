"""A file that can be written without being changed: what is written stays in memory until it is asked for."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

from nwb_unitrefine.journal.record import Edit
from nwb_unitrefine.journal.system_calls import read_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _typeshed import ReadableBuffer, WriteableBuffer

__all__ = ["Overlay"]

PAGE = 4096
"""Size of the pieces that are kept in memory, in bytes: the file system's own."""


class Overlay(io.RawIOBase):
    """A readable and writable view of a file that leaves the file as it is.

    Reads fall through to the file, except where something was written: those pages are in memory. `h5py.File` opens it
    as it opens a file, so that a change can be made, inspected and validated before `edits` lists its bytes.

    Parameters
    ----------
    descriptor : int
        Of the file, open for reading; it is not closed.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryFile() as file:
    ...     _ = file.write(b"spikes"), file.flush()
    ...     overlay = Overlay(file.fileno())
    ...     _ = overlay.write(b"S")
    ...     _ = overlay.seek(0), file.seek(0)
    ...     overlay.read(), file.read()
    (b'Spikes', b'spikes')
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._base_size = os.fstat(descriptor).st_size
        self._visible = self._base_size  # up to where the file still shows: it was truncated and extended beyond
        self._size = self._base_size
        self._position = 0
        self._pages: dict[int, bytearray] = {}

    @property
    def base_size(self) -> int:
        """Size of the file below, in bytes."""
        return self._base_size

    @property
    def size(self) -> int:
        """Size of what is seen, in bytes."""
        return self._size

    def readable(self) -> bool:
        """Whether it can be read: always."""
        return True

    def writable(self) -> bool:
        """Whether it can be written: always."""
        return True

    def seekable(self) -> bool:
        """Whether it has a position: always."""
        return True

    def tell(self) -> int:
        """Position of the next read or write."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a position and return it."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError(f"a position cannot be negative: {start + offset}")
        self._position = start + offset
        return self._position

    def truncate(self, size: int | None = None) -> int:
        """Cut, or extend with zeros, to `size` and return it."""
        size = self._position if size is None else size
        if size < self._size:
            self._visible = min(self._visible, size)
            first_gone = -(-size // PAGE)
            self._pages = {number: page for number, page in self._pages.items() if number < first_gone}
            if size % PAGE and size // PAGE in self._pages:
                self._pages[size // PAGE][size % PAGE :] = bytes(PAGE - size % PAGE)
        self._size = size
        return size

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill `buffer` from the position on and return how many bytes that were."""
        target = memoryview(buffer).cast("B")
        length = max(0, min(len(target), self._size - self._position))
        target = target[:length]
        start, end = self._position, self._position + length
        self._read_base(target, start)
        for number in self._pages_between(start, end):
            first, last = max(start, number * PAGE), min(end, (number + 1) * PAGE)
            piece = self._pages[number][first - number * PAGE : last - number * PAGE]
            target[first - start : last - start] = piece
        self._position = end
        return length

    def write(self, data: ReadableBuffer) -> int:
        """Keep `data` in memory at the position and return its length."""
        source = memoryview(data).cast("B")
        start, end = self._position, self._position + len(source)
        for number in range(start // PAGE, -(-end // PAGE)):
            first, last = max(start, number * PAGE), min(end, (number + 1) * PAGE)
            page = self._pages.get(number)
            if page is None:
                page = self._pages[number] = self._file_page(number)
            page[first - number * PAGE : last - number * PAGE] = source[first - start : last - start]
        self._position = end
        self._size = max(self._size, end)
        return len(source)

    def edits(self) -> list[Edit]:
        """Return what has changed: neighbouring pages together, and none that is as it was.

        Every byte by which the file grows or is cut is among them.
        """
        edits: list[Edit] = []
        shorter, longer = sorted((self._base_size, self._size))
        moved = range(min(shorter, self._visible) // PAGE, -(-longer // PAGE))  # cut off, hidden, or new
        for number in sorted({*self._pages, *moved}):
            offset = number * PAGE
            page = self._pages.get(number) or self._file_page(number)
            after = bytes(page[: max(0, self._size - offset)])
            before = self._file_bytes(offset, PAGE)
            if after == before:
                continue
            last = edits[-1] if edits else None
            if last is not None and last.offset + max(len(last.before or b""), len(last.after or b"")) == offset:
                edits[-1] = Edit("", last.offset, (last.before or b"") + before, (last.after or b"") + after)
            else:
                edits.append(Edit("", offset, before, after))
        return edits

    def _pages_between(self, start: int, end: int) -> Iterator[int]:
        """Numbers of the pages in memory that a stretch touches, by the shorter of two ways."""
        numbers = range(start // PAGE, -(-end // PAGE))
        if len(numbers) < len(self._pages):
            return (number for number in numbers if number in self._pages)
        return (number for number in self._pages if number in numbers)

    def _read_base(self, target: memoryview, offset: int) -> None:
        """Fill `target` from the file; where the file does not show, with zeros."""
        wanted = max(0, min(len(target), self._visible - offset))
        content = read_at(self._descriptor, wanted, offset)  # shorter if someone has cut the file: that is found later
        target[: len(content)] = content
        target[len(content) :] = bytes(len(target) - len(content))

    def _file_page(self, number: int) -> bytearray:
        """A page as the file shows it."""
        page = bytearray(PAGE)
        self._read_base(memoryview(page), number * PAGE)
        return page

    def _file_bytes(self, offset: int, length: int) -> bytes:
        """Bytes of the file itself."""
        return read_at(self._descriptor, min(length, self._base_size - offset), offset)
