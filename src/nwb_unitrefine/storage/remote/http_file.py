"""A remote file that HDF5 can open, which fetches little more than what is read.

HDF5 asks for its metadata in hundreds of pieces of a few bytes, and for data in large ones. Small reads are served from
blocks that are fetched once; before data are read, `RemoteFile.fetch` gets their places and gets all of them in as
few requests as a small surplus of bytes allows.
"""

from __future__ import annotations

import io
from bisect import bisect_right
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from nwb_unitrefine.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nwb_unitrefine.storage.remote.http_ranges import HttpRanges

__all__ = ["RemoteFile", "merge_ranges"]

_BLOCK_BYTES = 32 << 10
_AHEAD_BYTES = 512 << 10
_SURPLUS_BYTES = 64 << 10
_SURPLUS = 0.03
_N_THREADS = 4

Range = tuple[int, int]
"""First byte, and the byte behind the last."""


def merge_ranges(
    ranges: Iterable[Range], *, surplus_bytes: int = _SURPLUS_BYTES, surplus: float = _SURPLUS
) -> list[Range]:
    """Join ranges across the smallest gaps between them, as long as the gaps add up to little.

    Parameters
    ----------
    ranges : iterable of tuple
    surplus_bytes : int, optional
        Bytes of gaps that may be fetched in any case.
    surplus : float, optional
        Bytes of gaps that may be fetched, as a fraction of all bytes.

    Examples
    --------
    >>> merge_ranges([(0, 10), (12, 20), (500, 600), (5, 11)], surplus_bytes=3)
    [(0, 20), (500, 600)]
    """
    joined: list[Range] = []
    for start, stop in sorted(r for r in ranges if r[1] > r[0]):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(stop, joined[-1][1]))
        else:
            joined.append((start, stop))
    budget = max(surplus_bytes, int(surplus * sum(stop - start for start, stop in joined)))
    gaps = sorted((joined[i + 1][0] - joined[i][1], i) for i in range(len(joined) - 1))
    bridged: set[int] = set()
    for gap, i in gaps:
        budget -= gap
        if budget < 0:
            break
        bridged.add(i)
    merged: list[Range] = []
    for i, (start, stop) in enumerate(joined):
        if i - 1 in bridged:
            merged[-1] = (merged[-1][0], stop)
        else:
            merged.append((start, stop))
    return merged


class RemoteFile(io.RawIOBase):
    """A file behind HTTP ranges, read only.

    Parameters
    ----------
    ranges : HttpRanges
        Where its bytes come from.

    Attributes
    ----------
    name : str
        Its address.
    """

    def __init__(self, ranges: HttpRanges) -> None:
        super().__init__()
        self._ranges = ranges
        self._starts: list[int] = []
        self._pieces: list[bytes] = []
        self._position = 0
        self._ahead_bytes = _BLOCK_BYTES
        self.name = ranges.url
        self._failure: SourceError | None = None
        self._keep(0, ranges.read(0, _BLOCK_BYTES))
        if ranges.size is None:
            raise SourceError(f"{ranges.url}: the server does not state how large the file is.")
        self.size = ranges.size

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Set where the next read begins."""
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        self._position = origin + offset
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill `buffer` from where the last read ended; return how many bytes there were."""
        start = self._position
        stop = min(self.size, start + len(buffer))
        if stop <= start:
            return 0
        if self._failure is not None:
            raise OSError(self._failure.message)
        try:
            if missing := self._missing(start, stop):
                self._fetch_around(missing)
        except SourceError as error:
            self._failure = SourceError(error.message, tip=error.tip)
            raise OSError(error.message) from None
        self._copy(start, stop, memoryview(buffer))
        self._position = stop
        return stop - start

    def fetch(self, ranges: Iterable[Range]) -> None:
        """Get `ranges` in few requests, so that reading them takes no more."""
        missing = [gap for start, stop in ranges for gap in self._missing(start, min(stop, self.size))]
        merged = merge_ranges(missing)
        with ThreadPoolExecutor(_N_THREADS) as threads:
            for (start, _), data in zip(merged, threads.map(lambda r: self._ranges.read(*r), merged), strict=True):
                self._keep(start, data)

    def take_failure(self) -> SourceError | None:
        """The failure of a read, once: HDF5 reports only that a read failed, or mistakes it for a file without data.

        The error is handed over, not kept: HDF5 holds this object, the error's traceback would hold HDF5's, and neither
        would ever be freed.
        """
        failure, self._failure = self._failure, None
        return failure

    def _fetch_around(self, missing: list[Range]) -> None:
        """Get what a read lacks; a small piece as part of a block that later reads will find there."""
        if len(missing) > 1 or missing[0][1] - missing[0][0] >= _BLOCK_BYTES:
            wanted = merge_ranges(missing)
        else:
            wanted = [self._block_around(*missing[0])]
        for start, stop in wanted:  # no threads: HDF5 holds its lock, for which another thread's collector may wait
            self._keep(start, self._ranges.read(start, stop))

    def _block_around(self, start: int, stop: int) -> Range:
        """A block with a small read in it: ahead of it, and before it as far as what lies ahead was already fetched.

        Reading on from where the last block ended doubles the next one.
        """
        i = bisect_right(self._starts, start)
        floor = self._starts[i - 1] + len(self._pieces[i - 1]) if i else 0
        ceiling = self._starts[i] if i < len(self._starts) else self.size
        self._ahead_bytes = min(self._ahead_bytes * 2, _AHEAD_BYTES) if floor == start else _BLOCK_BYTES
        end = max(stop, min(start + self._ahead_bytes, ceiling))
        return max(floor, min(start, end - self._ahead_bytes)), end

    def _missing(self, start: int, stop: int) -> list[Range]:
        """Parts of a range that were not fetched yet."""
        gaps: list[Range] = []
        i = bisect_right(self._starts, start) - 1
        if i >= 0:
            start = max(start, self._starts[i] + len(self._pieces[i]))
        while start < stop:
            i += 1
            next_start = self._starts[i] if i < len(self._starts) else stop
            if next_start > start:
                gaps.append((start, min(next_start, stop)))
            start = next_start + len(self._pieces[i]) if i < len(self._starts) else stop
        return gaps

    def _keep(self, start: int, data: bytes) -> None:
        """Remember the bytes of a range that begins at `start`, without those already fetched."""
        view = memoryview(data)
        for a, b in self._missing(start, start + len(data)):
            i = bisect_right(self._starts, a)
            self._starts.insert(i, a)
            self._pieces.insert(i, bytes(view[a - start : b - start]))

    def _copy(self, start: int, stop: int, target: memoryview) -> None:
        """Copy bytes that are all there."""
        i = bisect_right(self._starts, start) - 1
        at = start
        while at < stop:
            piece, offset = self._pieces[i], at - self._starts[i]
            n = min(stop - at, len(piece) - offset)
            target[at - start : at - start + n] = memoryview(piece)[offset : offset + n]
            at += n
            i += 1
