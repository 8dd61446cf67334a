"""A Zarr store behind HTTP: one key, one request, several at a time.

This module needs zarr, and is imported only where a remote Zarr store is opened.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NoReturn

from zarr.storage import BaseStore

from nwb_unitrefine.errors import SourceError
from nwb_unitrefine.storage.remote.http_ranges import HttpRanges, Patience, connections_to

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["HttpStore"]

_N_THREADS = 8
_MOST_METADATA_BYTES = 1 << 28
_MOST_CHUNK_BYTES = 1 << 31
"""What no codec of Zarr 2 exceeds."""


class HttpStore(BaseStore):  # type: ignore[misc]  # zarr 2 has no types
    """Keys of a remote Zarr store, read only.

    Parameters
    ----------
    url : str
        The store's root.
    headers : mapping of str to str, optional
        Sent with every request.
    patience : Patience, optional
        How often to try again.

    Attributes
    ----------
    absent : set of str
        Keys of chunks that were asked for and are not there: zarr takes them for zeros.
    """

    def __init__(self, url: str, *, headers: Mapping[str, str] | None = None, patience: Patience | None = None) -> None:
        self._url = url.rstrip("/")
        self._headers = dict(headers or {})
        self._patience = patience or Patience()
        self._pool = connections_to(self._url, self._patience)
        self._n_bytes = 0
        self._known: dict[str, bytes | None] = {}
        self.absent: set[str] = set()

    def is_writeable(self) -> bool:
        """False."""
        return False

    def is_listable(self) -> bool:
        """False: HTTP does not list."""
        return False

    def listdir(self, path: str = "") -> list[str]:  # noqa: ARG002 - zarr's signature
        """Nothing, for the same reason."""
        return []

    def __getitem__(self, key: str) -> bytes:
        data = self._known[key] if key in self._known else self._get(key)
        if key.rsplit("/", 1)[-1].startswith("."):
            self._known[key] = data  # zarr asks for the same metadata again and again
        if data is None:
            raise KeyError(key)
        return data

    def __contains__(self, key: object) -> bool:
        key = str(key)
        if key not in self._known:
            self._known[key] = self._get(key)
        return self._known[key] is not None

    def getitems(self, keys: Sequence[str], *, contexts: Mapping[str, Any] | None = None) -> dict[str, bytes]:
        """Several keys at a time; those that are not there are left out. Zarr calls this for the chunks of an array."""
        del contexts
        with ThreadPoolExecutor(_N_THREADS) as threads:
            found = dict(zip(keys, threads.map(self._fetch, keys), strict=True))
        there = {key: data for key, data in found.items() if data is not None}
        self.absent |= found.keys() - there.keys()
        return there

    def _fetch(self, key: str) -> bytes | None:
        """One chunk's bytes; one that was looked for before is not fetched again."""
        return self._known.pop(key) if key in self._known else self._get(key)

    def _get(self, key: str) -> bytes | None:
        """One key's bytes; None where there is none."""
        ranges = HttpRanges(f"{self._url}/{key}", headers=self._headers, patience=self._patience, pool=self._pool)
        is_metadata = key.rsplit("/", 1)[-1].startswith(".")
        data = ranges.read_all(most_bytes=_MOST_METADATA_BYTES if is_metadata else _MOST_CHUNK_BYTES)
        self._n_bytes += len(data or b"")
        if self._n_bytes > self._patience.most_bytes:
            raise SourceError(
                f"{self._url}: more than {self._patience.most_bytes / 1e9:.1f} GB would be fetched.",
                tip="Download the store and label that, or raise the limit in Python: Patience(most_bytes=…).",
            )
        return data

    def __iter__(self) -> Iterator[str]:
        """Nothing: HTTP does not list."""
        return iter(())

    def __len__(self) -> int:
        return 0

    def __setitem__(self, key: str, value: bytes) -> NoReturn:
        raise TypeError("a remote store is read only")

    def __delitem__(self, key: str) -> NoReturn:
        raise TypeError("a remote store is read only")
