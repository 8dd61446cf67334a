"""Byte ranges of one address over HTTP: retried, resumed, and explained when they fail."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from nwb_unitrefine.errors import MissingExtraError, SourceError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["HttpRanges", "Patience", "make_pool"]

_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers that may be another the next time."""

_REFUSALS = {
    401: ("asks who you are (401)", "Log in: for DANDI, set the environment variable DANDI_API_KEY."),
    403: ("does not let you read it (403)", "It is private, embargoed, or the link has expired."),
    404: ("is not there (404)", "Look for a typing error, or a file that was moved or replaced."),
    410: ("is no longer there (410)", ""),
    416: ("is shorter than expected (416)", "It changed while it was read: try again."),
}
"""What to say of an answer that will not change, and what the user can do."""

_PIECE_BYTES = 1 << 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often and how long to try again.

    Parameters
    ----------
    attempts : int
        Tries without a byte of progress before giving up.
    wait_s : float
        Wait before the second try; each further wait is twice as long, up to half a minute.
    timeout_s : float
        Wait for a connection, and for the next bytes.
    """

    attempts: int = 5
    wait_s: float = 0.5
    timeout_s: float = 30.0


@dataclass
class HttpRanges:
    """Reads byte ranges of one address.

    Parameters
    ----------
    url : str
    headers : mapping of str to str, optional
        Sent with every request, as a token.
    patience : Patience, optional
    pool : urllib3.PoolManager, optional
        Connections to use, as `make_pool` gives them; by default its own.

    Attributes
    ----------
    n_requests, n_bytes : int
        Sent and received so far.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    patience: Patience = field(default_factory=Patience)
    pool: Any = field(default=None, repr=False)
    n_requests: int = field(default=0, init=False)
    n_bytes: int = field(default=0, init=False)
    size: int | None = field(default=None, init=False)
    _target: str = field(default="", init=False, repr=False)
    _version: str | None = field(default=None, init=False, repr=False)

    def read(self, start: int, stop: int) -> bytes:
        """Bytes from `start` up to, and without, `stop`, or up to the end where that comes first.

        A connection that breaks is taken up again where it broke.

        Raises
        ------
        SourceError
            If the address refuses, is not there, serves no ranges, changes meanwhile, or does not answer.
        """
        received = bytearray()
        failures, reason = 0, ""
        while start + len(received) < stop:
            if failures:
                if failures >= self.patience.attempts:
                    raise SourceError(f"{self.url} does not answer: {reason}.", tip="Try again later.")
                time.sleep(min(30.0, self.patience.wait_s * 2 ** (failures - 1)))
            before = len(received)
            reason = self._receive(start + before, stop, received)
            if self.size is not None:
                stop = min(stop, self.size)
            failures = failures + 1 if len(received) == before else min(failures, 1)
            if not reason and len(received) == before:
                break
        return bytes(received)

    def read_all(self) -> bytes | None:
        """All of a small file; None where there is none."""
        failures, reason = 0, ""
        while failures < self.patience.attempts:
            if failures:
                time.sleep(min(30.0, self.patience.wait_s * 2 ** (failures - 1)))
            try:
                with self._request({}) as response:
                    if response.status in {403, 404}:  # S3 says 403 of a missing key to those who may not list
                        return None
                    if response.status == 200:
                        body = bytes(response.read())
                        self.n_bytes += len(body)
                        return body
                    reason = self._answer(response.status)
            except self._http_errors() as error:
                reason = _first_line(error)
            failures += 1
        raise SourceError(f"{self.url} does not answer: {reason}.", tip="Try again later.")

    def _receive(self, start: int, stop: int, received: bytearray) -> str:
        """Ask once and add to `received` what comes; return why it ended early, or nothing."""
        try:
            with self._request({"Range": f"bytes={start}-{stop - 1}"}) as response:
                if response.status != 206:
                    return self._answer(response.status)
                self._check_version(response)
                history = response.retries.history if response.retries else ()
                if history and history[-1].redirect_location:
                    self._target = history[-1].redirect_location
                for piece in response.stream(_PIECE_BYTES):
                    received += piece
                    self.n_bytes += len(piece)
        except self._http_errors() as error:
            return _first_line(error)
        return ""

    def _request(self, headers: Mapping[str, str]) -> Any:
        """Send one request, to where the last one was redirected."""
        if self.pool is None:
            self.pool = make_pool(self.url)
        self.n_requests += 1
        patience = self.patience
        target = self._target or self.url
        is_home = urlsplit(target).netloc == urlsplit(self.url).netloc
        own = self.headers if is_home else {}  # a token is for the address it was given for, not where that leads
        return self.pool.request(
            "GET",
            target,
            headers={"Accept-Encoding": "identity", **own, **headers},
            preload_content=False,
            decode_content=False,
            retries=_urllib3().Retry(total=None, connect=0, read=0, redirect=5, status=0, other=0),
            timeout=_urllib3().Timeout(connect=patience.timeout_s, read=patience.timeout_s),
        )

    def _answer(self, status: int) -> str:
        """Why an answer is no use, where asking again may help; raise where it will not."""
        if status in _AGAIN:
            return f"status {status}"
        if self._target and self._target != self.url and status in {401, 403}:
            self._target = ""  # the address it led to was valid for a while only: ask for a new one
            return f"status {status}"
        if status == 200:
            raise SourceError(
                f"{self.url}: the server sends whole files only, no ranges.", tip="Download the file and label that."
            )
        what, tip = _REFUSALS.get(status, (f"answers with status {status}", ""))
        raise SourceError(f"{self.url} {what}.", tip=tip)

    def _check_version(self, response: Any) -> None:
        """Learn size and version from the first answer, and refuse a later one of another."""
        found = re.fullmatch(r"bytes \d+-\d+/(\d+)", response.headers.get("Content-Range", ""))
        size = int(found[1]) if found else self.size
        version = response.headers.get("ETag")
        if self.size is None:
            self.size, self._version = size, version
        elif (size, version) != (self.size, self._version):
            raise SourceError(f"{self.url} changed while it was read.", tip="Try again.")

    def _http_errors(self) -> tuple[type[Exception], ...]:
        """What urllib3 raises when a connection cannot be made, breaks or goes silent."""
        return (_urllib3().exceptions.HTTPError, OSError)


def make_pool(url: str) -> Any:
    """Connections to a server and those that it leads to, through the proxy that the environment names, if any.

    Raises
    ------
    MissingExtraError
        If urllib3 is not installed.
    """
    split = urlsplit(url)
    proxy = getproxies().get(split.scheme)
    if proxy and not proxy_bypass(split.hostname or ""):
        return _urllib3().ProxyManager(proxy, maxsize=8)
    return _urllib3().PoolManager(maxsize=8)


def _urllib3() -> Any:
    """The one door to urllib3."""
    try:
        import urllib3
    except ImportError as error:
        raise MissingExtraError("urllib3", extra="remote", purpose="to read over the network") from error
    return urllib3


def _first_line(error: Exception) -> str:
    """The part of a network error that a person can use."""
    reason = getattr(error, "reason", None) or error
    return re.sub(r"^.*?: ", "", " ".join(str(reason).split()), count=1)[:200] or type(error).__name__
