"""A loopback server that answers whatever it is told to, byte by byte, right or wrong."""

from __future__ import annotations

import gc
import re
import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["WRONG", "Asked", "HostileServer", "drip", "endless", "moved", "part", "serve_answers"]


@dataclass(frozen=True)
class Asked:
    """One request."""

    number: int
    path: str
    headers: dict[str, str]
    over: threading.Event
    """Set when the server stops: what is sent slowly ends with it."""

    @property
    def range(self) -> tuple[int, int]:
        """First byte asked for, and the byte behind the last."""
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("range", ""))
        return (int(found[1]), int(found[2]) + 1) if found else (0, 0)


@dataclass
class HostileServer:
    """A running server, and what it was asked."""

    url: str
    asked: list[Asked] = field(default_factory=list)


def part(content: bytes, asked: Asked, *, status: int = 206, body: bytes | None = None, **headers: str) -> bytes:
    """The right answer to a request for a range, with headers replaced (underscores are hyphens), or a body."""
    start, stop = asked.range
    stop = min(stop, len(content))
    body = content[start:stop] if body is None else body
    lines = {
        "Content-Range": f"bytes {start}-{stop - 1}/{len(content)}",
        "Content-Length": str(len(body)),
        "ETag": '"one"',
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
    return f"HTTP/1.1 {status} So\r\n{head}\r\n".encode() + body


def drip(asked: Asked, pieces: bytes) -> Iterator[bytes]:
    """One byte at a time, each long before anybody gives up waiting for it."""
    for value in pieces:
        yield bytes([value])
        asked.over.wait(0.05)


def endless(asked: Asked) -> Iterator[bytes]:
    """Zeros."""
    while not asked.over.is_set():
        yield bytes(1 << 16)


def moved(location: str, status: int = 302) -> bytes:
    """A redirect."""
    return f"HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()


WRONG: dict[str, Callable[[bytes, Asked], bytes]] = {
    "other range": lambda c, a: part(c, a, Content_Range=f"bytes 4096-{4095 + a.range[1] - a.range[0]}/{len(c)}"),
    "shifted bytes": lambda c, a: part(c, a, Content_Range=f"bytes {a.range[0] + 1}-{a.range[1]}/{len(c)}"),
    "more than asked": lambda c, a: part(c, a, Content_Range=f"bytes 0-{len(c) - 1}/{len(c)}", body=c),
    "no range": lambda c, a: part(c, a, Content_Range=""),
    "words": lambda c, a: part(c, a, Content_Range="bytes all of it"),
    "last before first": lambda c, a: part(c, a, Content_Range=f"bytes 100-50/{len(c)}"),
    "last behind the end": lambda c, a: part(c, a, Content_Range="bytes 0-99/50"),
    "negative": lambda c, a: part(c, a, Content_Range=f"bytes -1-99/{len(c)}"),
    "digits": lambda c, a: part(c, a, Content_Range=f"bytes 0-99/{'9' * 5000}"),
    "length of another": lambda c, a: part(c, a, Content_Length="10"),
    "longer body": lambda c, a: part(c, a, body=c[:100_000], Content_Length=""),
    "gzip": lambda c, a: part(c, a, Content_Encoding="gzip"),
    "brotli": lambda c, a: part(c, a, Content_Encoding="br"),
    "parts": lambda c, a: part(c, a, Content_Type="multipart/byteranges; boundary=x"),
    "whole file": lambda c, a: part(c, a, status=200, body=c),
    "other file later": lambda c, a: part(c, a, ETag=f'"{a.number}"'),
    "other date later": lambda c, a: part(c, a, ETag="", Last_Modified=f"Mon, 0{a.number} Jan 2026 00:00:00 GMT"),
    "other size later": lambda c, a: part(c + bytes(a.number), a),
    "nothing": lambda _c, _a: b"",
    "no HTTP": lambda _c, _a: b"220 mail ready\r\n",
    "status 999": lambda c, a: part(c, a, status=999),
}
"""Answers to a request for a range that are none, each of the content of the file."""


@contextmanager
def serve_answers(answer: Callable[[Asked], Iterable[bytes]]) -> Iterator[HostileServer]:
    """Send the pieces that `answer` gives for each request, while the block lasts.

    Every connection ends with its answer. Garbage is not collected meanwhile, as in `helpers.servers.range_server`.
    """
    over = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))
    server = HostileServer(f"http://127.0.0.1:{listener.getsockname()[1]}")

    def talk(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                piece = connection.recv(65536)
                if not piece:
                    return
                head += piece
            first, *lines = head.decode("latin-1").split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
            asked = Asked(len(server.asked) + 1, first.split(" ")[1], headers, over)
            server.asked.append(asked)
            for piece in answer(asked):
                if over.is_set():
                    return
                connection.sendall(piece)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=talk, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    gc.disable()
    try:
        yield server
    finally:
        gc.enable()
        over.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
