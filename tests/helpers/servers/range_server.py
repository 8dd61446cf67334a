"""A loopback web server with byte ranges, which counts what it sends and fails as it is told."""

from __future__ import annotations

import gc
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["RangeServer", "serve_ranges"]


@dataclass
class RangeServer:
    """What a running server knows.

    ``sent`` holds (path, first byte, bytes sent) of each answered request. ``fail`` is asked before each answer with
    the number of the request and its path; it returns None (answer), a status, or ``"break"`` (half of the answer).
    Statuses 429 and 503 go with ``retry_after``.
    """

    url: str
    folder: Path
    sent: list[tuple[str, int, int]] = field(default_factory=list)
    fail: Callable[[int, str], int | str | None] = lambda _number, _path: None
    with_ranges: bool = True
    retry_after: str = "0"
    n_asked: int = 0
    headers: list[dict[str, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def n_bytes(self) -> int:
        return sum(n for _, _, n in self.sent)


@contextmanager
def serve_ranges(folder: Path) -> Iterator[RangeServer]:  # noqa: C901  # one branch for each way to fail
    """Serve the files of `folder` while the block lasts.

    Garbage is not collected meanwhile: a collection in the server's thread that meets HDF5 objects waits for the lock
    that h5py holds while it waits for the server.
    """
    state = RangeServer(url="", folder=folder)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            with state.lock:
                state.n_asked += 1
                number = state.n_asked
                state.headers.append(dict(self.headers))
            wrong = state.fail(number, self.path)
            if isinstance(wrong, int):
                self._refuse(wrong)
                return
            path = folder / self.path.lstrip("/").split("?")[0]
            if not path.is_file():
                self._refuse(404)
                return
            size = path.stat().st_size
            found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            start, stop = (int(found[1]), min(size, int(found[2]) + 1)) if found and state.with_ranges else (0, size)
            if start >= size and size:
                self._refuse(416)
                return
            self.send_response(206 if found and state.with_ranges else 200)
            if found and state.with_ranges:
                self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{size}")
            self.send_header("ETag", f'"{path.stat().st_mtime_ns}"')
            self.send_header("Content-Length", str(stop - start))
            self.end_headers()
            n = (stop - start) // 2 if wrong == "break" else stop - start
            with path.open("rb") as stream:
                stream.seek(start)
                left = n
                while left:
                    piece = stream.read(min(left, 1 << 20))
                    self.wfile.write(piece)
                    left -= len(piece)
            with state.lock:
                state.sent.append((self.path, start, n))
            if wrong == "break":
                self.close_connection = True
                self.connection.close()

        def _refuse(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            if status in {429, 503}:
                self.send_header("Retry-After", state.retry_after)
            self.end_headers()

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """Say nothing of a client that went away: it was told to give up."""

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    gc.disable()
    try:
        yield state
    finally:
        gc.enable()
        server.shutdown()
        server.server_close()
        thread.join()
