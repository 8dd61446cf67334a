"""Connections that end: however slowly or endlessly a server answers, and wherever it leads to.

urllib3 waits for the next byte, and a server of one byte a second keeps it waiting for ever; here each answer, its head
included, has to keep up a rate and to end within a time.
This module needs urllib3, and is imported only where something remote is read.
"""

from __future__ import annotations

import http.client
import io
import time
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from nwb_unitrefine.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from _typeshed import WriteableBuffer

    from nwb_unitrefine.storage.remote.patience import Patience

__all__ = ["Answer", "Connections", "TooSlowError"]

_MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class TooSlowError(OSError):
    """An answer comes too slowly, or takes too long."""


class Connections:
    """Connections to a server and those that it leads to, through the proxy that the environment names, if any.

    Parameters
    ----------
    url : str
        Where the first request goes.
    patience : Patience
    """

    def __init__(self, url: str, patience: Patience) -> None:
        split = urlsplit(url)
        proxy = getproxies().get(split.scheme)
        is_proxied = proxy is not None and not proxy_bypass(split.hostname or "")
        pool = urllib3.ProxyManager(str(proxy), maxsize=8) if is_proxied else urllib3.PoolManager(maxsize=8)
        pool.pool_classes_by_scheme = _pool_classes(patience)
        self._pool = pool
        self._patience = patience

    def get(self, url: str, *, target: str = "", secret: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        """Send a request, and follow where it leads to.

        Parameters
        ----------
        url : str
            The address that was asked for.
        target : str, optional
            Where an earlier request to it was led to, which saves the way.
        secret : mapping of str to str
            Headers for the server of `url` only, such as a token: once a redirect changes scheme, host or port they are
            not sent again.
        headers : mapping of str to str
            Headers for whichever server answers.

        Raises
        ------
        SourceError
            If redirects go on and on, or lead to something that is not http or https.
        urllib3.exceptions.HTTPError, OSError
            If the connection cannot be made, breaks or is too slow.
        """
        at = target or url
        is_home = _origin(at) == _origin(url)
        for _ in range(_MOST_REDIRECTS + 1):
            response = self._send(at, {**(secret if is_home else {}), **headers})
            location = response.headers.get("Location")
            if response.status not in _REDIRECTS or not location:
                return Answer(response, at)
            response.release_conn()
            response.close()
            at = urljoin(at, location)
            if urlsplit(at).scheme not in {"http", "https"} or not urlsplit(at).hostname:
                raise SourceError("It leads to an address that is neither http nor https, which is not followed.")
            is_home = is_home and _origin(at) == _origin(url)
        raise SourceError(f"It leads from one address to the next, more than {_MOST_REDIRECTS} times.")

    def _send(self, url: str, headers: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
        patience = self._patience
        return self._pool.request(
            "GET",
            url,
            headers={"Accept-Encoding": "identity", **headers},
            redirect=False,
            preload_content=False,
            decode_content=False,
            retries=False,
            timeout=urllib3.Timeout(connect=patience.timeout_s, read=patience.timeout_s),
        )


class Answer:
    """An answer whose body was not read yet; leaving the block closes it.

    Parameters
    ----------
    response : urllib3.BaseHTTPResponse
    url : str
        Where it came from, after redirects.
    """

    def __init__(self, response: urllib3.BaseHTTPResponse, url: str) -> None:
        self.response = response
        self.url = url
        self.status = response.status
        self.headers = response.headers

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # a body that ended is read to its end, without which the connection is not free for the next request; what was
        # not read would have to be, too, and it may never end
        if _is_read(self.response):
            self.response.read()
        else:
            self.response.close()


def _is_read(response: Any) -> bool:
    return bool(getattr(response, "length_remaining", None) == 0)


def _origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port: what a token is for."""
    split = urlsplit(url)
    return split.scheme, split.hostname or "", split.port or (443 if split.scheme == "https" else 80)


class _Timed(io.RawIOBase):
    """The bytes of a connection, for the length of one answer.

    Parameters
    ----------
    raw : raw stream
    patience : Patience
    """

    def __init__(self, raw: io.RawIOBase, patience: Patience) -> None:
        super().__init__()
        self._raw, self._patience = raw, patience
        self._start, self._n_bytes = time.monotonic(), 0

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        """Fill `buffer` with what comes next.

        Raises
        ------
        TooSlowError
            If the answer does not keep up the rate, or takes longer than it may.
        """
        n_bytes: int | None = self._raw.readinto(buffer)
        self._n_bytes += n_bytes or 0
        elapsed_s = time.monotonic() - self._start
        patience = self._patience
        if elapsed_s > patience.longest_s:
            raise TooSlowError(f"an answer takes longer than {patience.longest_s:g} s")
        if n_bytes and elapsed_s > patience.timeout_s and self._n_bytes < elapsed_s * patience.slowest_bytes_per_s:
            raise TooSlowError(f"an answer comes at less than {patience.slowest_bytes_per_s:g} bytes a second")
        return n_bytes

    def close(self) -> None:
        """Close the connection's stream."""
        self._raw.close()
        super().close()


def _pool_classes(patience: Patience) -> dict[str, Any]:
    """urllib3's pools, whose connections read every answer through `_Timed`."""

    class TimedResponse(http.client.HTTPResponse):
        def __init__(self, sock: Any, *arguments: Any, **options: Any) -> None:
            super().__init__(sock, *arguments, **options)
            raw = self.fp.detach()
            self.fp = io.BufferedReader(_Timed(raw, patience))

    class TimedHTTP(HTTPConnection):  # type: ignore[misc]  # urllib3 is an option, and not seen by mypy
        response_class = TimedResponse

    class TimedHTTPS(HTTPSConnection):  # type: ignore[misc]  # as above
        response_class = TimedResponse

    class HTTPPool(HTTPConnectionPool):  # type: ignore[misc]  # as above
        ConnectionCls = TimedHTTP

    class HTTPSPool(HTTPSConnectionPool):  # type: ignore[misc]  # as above
        ConnectionCls = TimedHTTPS

    return {"http": HTTPPool, "https": HTTPSPool}
