"""As much of a DANDI server as the real client needs to find an asset, on the standard library alone."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["DandiStub", "serve_dandi"]

DATE = "2026-01-01T00:00:00Z"


@dataclass
class DandiStub:
    """Assets by path: their id, and where their bytes are.

    ``key`` is the only API key that is let in, where it is set; ``seen_keys`` holds what was sent to the download
    address.
    """

    url: str = ""
    assets: dict[str, tuple[str, str, bool]] = field(default_factory=dict)
    key: str = ""
    seen_keys: list[str] = field(default_factory=list)

    def add(self, path: str, asset_id: str, blob_url: str, *, is_zarr: bool = False) -> None:
        self.assets[path] = (asset_id, blob_url, is_zarr)


@contextmanager
def serve_dandi(dandiset: str = "000123") -> Iterator[DandiStub]:  # noqa: C901  # one branch for each address
    """Serve one dandiset while the block lasts."""
    stub = DandiStub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            split = urlsplit(self.path)
            path = split.path.removeprefix("/api").rstrip("/")
            if path == "/info":
                self._send(_info(stub.url))
                return
            if stub.key and self.headers.get("Authorization") != f"token {stub.key}":
                self._send({"detail": "Authentication credentials were not provided."}, 401)
                return
            if path == "/auth/token":
                self._send({"token": stub.key})
            elif path == f"/dandisets/{dandiset}/versions/draft/assets":
                wanted = parse_qs(split.query).get("path", [""])[0]
                found = [
                    _summary(place, asset_id, is_zarr=is_zarr)
                    for place, (asset_id, _, is_zarr) in stub.assets.items()
                    if place.startswith(wanted)
                ]
                self._send({"count": len(found), "next": None, "previous": None, "results": found})
            else:
                self._asset(path.split("/"))

        def _asset(self, parts: list[str]) -> None:
            for path, (asset_id, blob_url, is_zarr) in stub.assets.items():
                if asset_id not in parts:
                    continue
                metadata = {"path": path, "contentUrl": [f"{stub.url}/api/assets/{asset_id}/download/", blob_url]}
                if parts[-1] == "download":
                    stub.seen_keys.append(self.headers.get("Authorization", ""))
                    self.send_response(302)
                    self.send_header("Location", blob_url)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                elif parts[-1] == "info":
                    self._send({**_summary(path, asset_id, is_zarr=is_zarr), "metadata": metadata})
                else:
                    self._send(metadata)
                return
            self._send({"detail": "Not found."}, 404)

        def _send(self, document: object, status: int = 200) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    stub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _summary(path: str, asset_id: str, *, is_zarr: bool) -> dict[str, object]:
    return {
        "asset_id": asset_id,
        "blob": None if is_zarr else asset_id,
        "zarr": asset_id if is_zarr else None,
        "path": path,
        "size": 1,
        "created": DATE,
        "modified": DATE,
    }


def _info(url: str) -> dict[str, object]:
    service = {"url": url}
    return {
        "schema_version": "0.7.0",
        "schema_url": url,
        "version": "0.0.0",
        "cli-minimal-version": "0.0.0",
        "cli-bad-versions": [],
        "services": {"api": {"url": f"{url}/api"}, "webui": service, "jupyterhub": service},
    }
