"""Byte ranges of one address over HTTP: checked, retried, resumed, and explained when they fail."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nwb_unitrefine.errors import MissingExtraError, SourceError, SourceNotFoundError
from nwb_unitrefine.storage.remote.patience import Patience, asked_wait_s

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nwb_unitrefine.storage.remote.connections import Answer, Connections

__all__ = ["HttpRanges", "Patience", "connections_to"]

_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers that may be another the next time."""

_REFUSALS = {
    401: ("asks who you are (401)", "Log in: for DANDI, set the environment variable DANDI_API_KEY."),
    403: ("does not let you read it (403)", "It is private, embargoed, or the link has expired."),
    404: ("is not there (404)", "Look for a typing error, or a file that was moved or replaced."),
    410: ("is no longer there (410)", ""),
    412: ("changed while it was read (412)", "Try again."),
    416: ("is shorter than expected (416)", "It changed while it was read: try again."),
}
"""What to say of an answer that will not change, and what the user can do."""

_ABSENT = frozenset({404, 410})
_PIECE_BYTES = 1 << 18
_RANGE = re.compile(r"bytes (\d{1,20})-(\d{1,20})/(\d{1,20}|\*)")


@dataclass
class HttpRanges:
    """Reads byte ranges of one address.

    Parameters
    ----------
    url : str
    headers : mapping of str to str, optional
        Sent with every request to the server of `url`, as a token.
    patience : Patience, optional
    pool : Connections, optional
        Connections to use, as `connections_to` gives them; by default its own.

    Attributes
    ----------
    n_requests, n_bytes : int
        Sent and received so far.
    waited_s : float
        Waited before tries that followed a failure.
    size : int or None
        Of the file, once the first answer stated it.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    patience: Patience = field(default_factory=Patience)
    pool: Connections | None = field(default=None, repr=False)
    n_requests: int = field(default=0, init=False)
    n_bytes: int = field(default=0, init=False)
    waited_s: float = field(default=0.0, init=False)
    size: int | None = field(default=None, init=False)
    _target: str = field(default="", init=False, repr=False)
    _version: str | None = field(default=None, init=False, repr=False)
    _asked_s: float = field(default=0.0, init=False, repr=False)

    def read(self, start: int, stop: int) -> bytes:
        """Bytes from `start` up to, and without, `stop`, or up to the end where that comes first.

        A connection that breaks is taken up again where it broke.

        Raises
        ------
        SourceNotFoundError
            If there is nothing at the address.
        SourceError
            If the address refuses, serves no ranges or other ones than it is asked for, changes meanwhile, is too slow,
            would send more than may be fetched, or does not answer.
        """
        if self.size is not None:
            stop = min(stop, self.size)
        self._require_room(stop - start)
        received = bytearray()
        failures, slow, reason = 0, 0, ""
        begun = time.monotonic()
        while start + len(received) < stop:
            if failures:
                if max(failures, slow) >= self.patience.attempts:
                    raise SourceError(f"{self.url} does not answer: {reason}.", tip="Try again later.")
                self._wait(failures)
            if time.monotonic() - begun > self.patience.longest_s:
                raise self._too_long()
            before = len(received)
            reason, is_slow = self._receive(start + before, stop, received)
            slow += is_slow
            if self.size is not None:
                stop = min(stop, self.size)
            failures = failures + 1 if is_slow or len(received) == before else min(failures, 1)
            if not reason and len(received) == before:
                break
        return bytes(received)

    def read_all(self, *, most_bytes: int) -> bytes | None:
        """All of a small file; None where there is none.

        Parameters
        ----------
        most_bytes : int
            How large it may be.
        """
        failures, reason = 0, ""
        begun = time.monotonic()
        while failures < self.patience.attempts:
            if failures:
                self._wait(failures)
            if time.monotonic() - begun > self.patience.longest_s:
                raise self._too_long()
            try:
                with self._request({}) as answer:
                    if answer.status in {403, *_ABSENT}:  # S3 answers 403 for a missing key where one may not list
                        return None
                    if answer.status == 200:
                        return self._whole_body(answer, most_bytes)
                    reason = self._refusal(answer)
            except self._http_errors() as error:
                reason = _first_line(error)
            failures += 1
        raise SourceError(f"{self.url} does not answer: {reason}.", tip="Try again later.")

    def _wait(self, failures: int) -> None:
        """Wait before another try, at least as long as the server asked for."""
        seconds = self.patience.wait(failures, self._asked_s)
        self.waited_s, self._asked_s = self.waited_s + seconds, 0.0
        time.sleep(seconds)

    def _receive(self, start: int, stop: int, received: bytearray) -> tuple[str, bool]:
        """Ask once and add to `received` what comes; return why it ended early, or nothing, and whether it was slow."""
        _urllib3()
        from nwb_unitrefine.storage.remote.connections import TooSlowError

        try:
            with self._request({"Range": f"bytes={start}-{stop - 1}"}) as answer:
                if answer.status != 206:
                    return self._refusal(answer), False
                length = self._checked_length(answer, start, stop)
                self._target = answer.url
                for piece in answer.response.stream(min(_PIECE_BYTES, length)):
                    if len(piece) > length:
                        raise self._wrong("sends more bytes than it states")
                    length -= len(piece)
                    received += piece
                    self.n_bytes += len(piece)
                if length:
                    return "the connection ended early", False
        except self._http_errors() as error:
            is_slow = isinstance(error, TooSlowError) or isinstance(error.__context__, TooSlowError)
            return _first_line(error), is_slow
        return "", False

    def _checked_length(self, answer: Answer, start: int, stop: int) -> int:
        """How many bytes follow, which begin at `start`: an answer can be of another range, file or form."""
        self._require_plain(answer)
        found = _RANGE.fullmatch(answer.headers.get("Content-Range", "").strip())
        if found is None:
            raise self._wrong("does not state which bytes it sends")
        first, last = int(found[1]), int(found[2])
        total = None if found[3] == "*" else int(found[3])
        self._require_same(total, answer)
        if first != start or not start <= last < stop or (total is not None and last >= total):
            raise self._wrong(f"was asked for bytes {start} to {stop - 1} and sends {first} to {last}")
        self._require_stated_length(answer, last - first + 1)
        return last - first + 1

    def _require_plain(self, answer: Answer) -> None:
        """Refuse a body that is encoded, or made of parts: its bytes are not the file's."""
        encoding = answer.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in {"", "identity"}:
            raise self._wrong(f"sends it encoded ({encoding[:20]})")
        if answer.headers.get("Content-Type", "").strip().lower().startswith("multipart/"):
            raise self._wrong("sends it in parts")

    def _require_same(self, total: int | None, answer: Answer) -> None:
        """Learn size and version from the first answer, and refuse a later one of another."""
        version = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
        if self.size is None:
            self.size, self._version = total, version
        elif (total, version) != (self.size, self._version):
            raise SourceError(f"{self.url} changed while it was read.", tip="Try again.")

    def _require_stated_length(self, answer: Answer, length: int) -> None:
        stated = answer.headers.get("Content-Length")
        if stated is not None and stated.strip() != str(length):
            raise self._wrong(f"states {length} bytes and another length, {stated[:20]}")

    def _whole_body(self, answer: Answer, most_bytes: int) -> bytes:
        """The body of an answer, if it is not too long."""
        self._require_plain(answer)
        body = bytearray()
        for piece in answer.response.stream(_PIECE_BYTES):
            body += piece
            if len(body) > most_bytes:
                raise self._wrong(f"sends more than {most_bytes / 1e6:.0f} MB, more than it can be")
        self.n_bytes += len(body)
        return bytes(body)

    def _require_room(self, n_bytes: int) -> None:
        """Refuse to fetch more than the user allows, before anything is asked for."""
        most = self.patience.most_bytes
        if self.n_bytes + n_bytes > most:
            raise SourceError(
                f"{self.url}: {(self.n_bytes + n_bytes) / 1e9:.1f} GB would be fetched, more than the limit of "
                f"{most / 1e9:.1f} GB.",
                tip="Download the file and label that, or raise the limit in Python: Patience(most_bytes=…).",
            )

    def _request(self, headers: Mapping[str, str]) -> Answer:
        """Send one request, to where the last one was redirected."""
        if self.pool is None:
            self.pool = connections_to(self.url, self.patience)
        self.n_requests += 1
        try:
            return self.pool.get(self.url, target=self._target, secret=self.headers, headers=headers)
        except SourceError as error:
            raise SourceError(f"{self.url} cannot be read. {error.message}", tip=error.tip) from None

    def _refusal(self, answer: Answer) -> str:
        """Why an answer is no use, where asking again may help; raise where it will not."""
        status = answer.status
        if status in _AGAIN:
            self._asked_s = asked_wait_s(answer.headers.get("Retry-After", ""))
            return f"status {status}"
        if self._target and self._target != self.url and status in {401, 403}:
            self._target = ""  # the address it led to was valid for a while only: ask for a new one
            return f"status {status}"
        if status == 200:
            raise SourceError(
                f"{self.url}: the server sends whole files only, no ranges.", tip="Download the file and label that."
            )
        what, tip = _REFUSALS.get(status, (f"answers with status {status}", ""))
        kind = SourceNotFoundError if status in _ABSENT else SourceError
        raise kind(f"{self.url} {what}.", tip=tip)

    def _wrong(self, what: str) -> SourceError:
        """An answer that would be read as something that it is not."""
        return SourceError(f"{self.url}: the server {what}.", tip="Download the file and label that.")

    def _too_long(self) -> SourceError:
        return SourceError(
            f"{self.url} takes longer than {self.patience.longest_s:g} s.",
            tip="Try again later, download the file, or raise the limit in Python: Patience(longest_s=…).",
        )

    def _http_errors(self) -> tuple[type[Exception], ...]:
        """What urllib3 raises when a connection cannot be made, breaks or goes silent."""
        return (_urllib3().exceptions.HTTPError, OSError)


def connections_to(url: str, patience: Patience) -> Connections:
    """Connections to a server and those that it leads to.

    Raises
    ------
    MissingExtraError
        If urllib3 is not installed.
    """
    _urllib3()
    from nwb_unitrefine.storage.remote.connections import Connections

    return Connections(url, patience)


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
