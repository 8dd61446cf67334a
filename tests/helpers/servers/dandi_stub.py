"""As much of a DANDI server as the real client needs, on the standard library: listing, streaming, uploading."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import uuid
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["DandiStub", "known_instances", "serve_dandi"]

DATE = "2026-01-01T00:00:00Z"


@dataclass
class DandiStub:
    """Assets by path: their id, and where their bytes are.

    ``key`` is the only API key that is let in, where it is set; ``seen_keys`` holds what was sent to the download
    address. ``page_size`` is the most assets of one answer. ``refuse`` is asked before each answer with the number of
    the request and its path, and returns None or a status (429 goes with Retry-After). ``uploaded`` holds the bytes and
    the metadata of each uploaded asset by path, ``blobs`` the bytes of each blob.
    """

    url: str = ""
    assets: dict[str, tuple[str, str, bool]] = field(default_factory=dict)
    metadata: dict[str, dict[str, Any]] = field(default_factory=dict)
    key: str = ""
    seen_keys: list[str] = field(default_factory=list)
    page_size: int = 100
    asked: list[str] = field(default_factory=list)
    refuse: Callable[[int, str], int | None] = lambda _number, _path: None
    blobs: dict[str, bytes] = field(default_factory=dict)
    etags: dict[str, str] = field(default_factory=dict)
    uploads: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(
        self, path: str, asset_id: str, blob_url: str, *, is_zarr: bool = False, measured: tuple[str, ...] = ()
    ) -> None:
        self.assets[path] = (asset_id, blob_url, is_zarr)
        variables = [{"schemaKey": "PropertyValue", "value": name} for name in measured]
        self.metadata[path] = {"variableMeasured": variables}


@contextmanager
def known_instances(folder: Path, **servers: DandiStub) -> Iterator[dict[str, str]]:
    """Let the real client know servers as instances (``dandi_stub`` is ``dandi-stub``), here and in other processes.

    Yields the environment that other processes need; `folder`, which is made, holds what they import.
    """
    from unittest.mock import patch

    from dandi import consts

    urls = {name.replace("_", "-"): stub.url for name, stub in servers.items()}
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "from dandi import consts\n"
        f"for name, url in {urls!r}.items():\n"
        "    consts.known_instances[name] = consts.DandiInstance(name, url, f'{url}/api')\n"
        "    consts.known_instances_rev[url] = name\n"
    )
    known = {name: consts.DandiInstance(name, url, f"{url}/api") for name, url in urls.items()}
    paths = [str(folder), os.environ.get("PYTHONPATH", "")]
    with ExitStack() as stack:
        stack.enter_context(patch.dict(consts.known_instances, known))
        stack.enter_context(patch.dict(consts.known_instances_rev, {url: name for name, url in urls.items()}))
        stack.enter_context(patch.dict(os.environ, {"DANDI_NO_ET": "1"}))
        yield {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


@contextmanager
def serve_dandi(dandiset: str = "000123") -> Iterator[DandiStub]:  # noqa: C901  # one branch for each address
    """Serve one dandiset while the block lasts."""
    stub = DandiStub()
    versions = f"/dandisets/{dandiset}/versions/draft"

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            split, path = self._begin()
            if path is None:
                return
            if path == "/info":
                self._send(_info(stub.url))
            elif path == "/auth/token":
                self._send({"token": stub.key})
            elif path == f"/dandisets/{dandiset}":
                self._send({**_dandiset(dandiset), "draft_version": _version(dandiset, len(stub.assets))})
            elif path == f"{versions}/info":
                self._send({**_version(dandiset, len(stub.assets)), "metadata": {}})
            elif path == f"{versions}/assets":
                self._list(split.query)
            elif path.startswith("/blobs/"):
                self._blob(stub.blobs.get(path.rpartition("/")[2]))
            else:
                self._asset(path.split("/"))

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_POST(self) -> None:
            _, path = self._begin()
            if path is None:
                return
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            document = json.loads(body) if body[:1] == b"{" else {}
            parts = path.split("/")
            if path == "/uploads/initialize":
                etag = document["digest"]["value"]
                known = next((blob for blob, one in stub.etags.items() if one == etag), None)
                if known is not None:
                    self._send({"detail": "Blob already exists."}, 409, Location=known)
                    return
                upload = str(uuid.uuid4())
                stub.uploads[upload] = {"etag": etag, "size": document["contentSize"], "parts": {}}
                part = {"part_number": 1, "size": document["contentSize"], "upload_url": f"{stub.url}/parts/{upload}/1"}
                self._send({"upload_id": upload, "parts": [part]})
            elif parts[-1] == "complete":
                self._send({"complete_url": f"{stub.url}/done/{parts[-2]}", "body": "<x/>"})
            elif path.startswith("/done/"):
                etag = stub.uploads[parts[-1]]["etag"]
                self._send_text(
                    f"<CompleteMultipartUploadResult><ETag>&quot;{etag}&quot;</ETag></CompleteMultipartUploadResult>"
                )
            elif parts[-1] == "validate":
                upload = stub.uploads[parts[-2]]
                stub.blobs[parts[-2]] = b"".join(upload["parts"].values())
                stub.etags[parts[-2]] = upload["etag"]
                self._send({"blob_id": parts[-2], "etag": upload["etag"], "sha256": None, "size": upload["size"]})
            elif path == f"{versions}/assets":
                self._keep(document, str(uuid.uuid4()))
            else:
                self._send({"detail": "Not found."}, 404)

        def do_PUT(self) -> None:
            _, path = self._begin()
            if path is None:
                return
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if path.startswith("/parts/"):
                upload, number = path.split("/")[2:]
                stub.uploads[upload]["parts"][int(number)] = body
                self.send_response(200)
                self.send_header("ETag", f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"')
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self._keep(json.loads(body), str(uuid.uuid4()))

        def _begin(self) -> tuple[Any, str | None]:
            """Count the request, and refuse what is to be refused; the path is None then."""
            split = urlsplit(self.path)
            path = split.path.removeprefix("/api").rstrip("/")
            stub.asked.append(path)
            status = stub.refuse(len(stub.asked), path)
            if status is not None:
                self._drain()
                self._send({"detail": "Later."}, status, **({"Retry-After": "0"} if status == 429 else {}))
                return split, None
            is_open = path == "/info" or path.startswith(("/blobs/", "/parts/", "/done/"))
            if stub.key and not is_open and self.headers.get("Authorization") != f"token {stub.key}":
                self._drain()
                self._send({"detail": "Authentication credentials were not provided."}, 401)
                return split, None
            return split, path

        def _drain(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))

        def _list(self, query: str) -> None:
            from fnmatch import fnmatch

            given = {name: values[0] for name, values in parse_qs(query).items()}
            found = [
                {
                    **_summary(place, asset_id, is_zarr=is_zarr),
                    **({"metadata": self._metadata(place)} if given.get("metadata") else {}),
                }
                for place, (asset_id, _, is_zarr) in sorted(stub.assets.items())
                if place.startswith(given.get("path", "")) and fnmatch(place, given.get("glob", "*"))
            ]
            size, page = min(int(given.get("page_size", stub.page_size)), stub.page_size), int(given.get("page", 1))
            more = f"{stub.url}{self.path.partition('?')[0]}?{query.split('&page=', maxsplit=1)[0]}&page={page + 1}"
            is_last = page * size >= len(found)
            results = found[(page - 1) * size : page * size]
            self._send({"count": len(found), "next": None if is_last else more, "previous": None, "results": results})

        def _metadata(self, path: str) -> dict[str, Any]:
            asset_id, blob_url, _ = stub.assets[path]
            urls = [f"{stub.url}/api/assets/{asset_id}/download/", blob_url]
            return {**stub.metadata.get(path, {}), "path": path, "contentUrl": urls}

        def _asset(self, parts: list[str]) -> None:
            for path, (asset_id, blob_url, is_zarr) in stub.assets.items():
                if asset_id not in parts:
                    continue
                if parts[-1] == "download":
                    stub.seen_keys.append(self.headers.get("Authorization", ""))
                    self.send_response(302)
                    self.send_header("Location", blob_url)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                elif parts[-1] == "info":
                    self._send({**_summary(path, asset_id, is_zarr=is_zarr), "metadata": self._metadata(path)})
                else:
                    self._send(self._metadata(path))
                return
            self._send({"detail": "Not found."}, 404)

        def _keep(self, document: dict[str, Any], asset_id: str) -> None:
            """Make an asset of a blob, in place of one with its path."""
            path, blob = document["metadata"]["path"], document["blob_id"]
            stub.assets[path] = (asset_id, f"{stub.url}/blobs/{blob}", False)
            stub.metadata[path] = document["metadata"]
            self._send({**_summary(path, asset_id, is_zarr=False), "metadata": self._metadata(path)})

        def _blob(self, content: bytes | None) -> None:
            if content is None:
                self._send({"detail": "Not found."}, 404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        def _send_text(self, text: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def _send(self, document: object, status: int = 200, **headers: str) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            for name, value in headers.items():
                self.send_header(name, value)
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


def _version(dandiset: str, n_assets: int) -> dict[str, Any]:
    return {
        "version": "draft",
        "name": "Test",
        "asset_count": n_assets,
        "size": 1,
        "status": "Valid",
        "created": DATE,
        "modified": DATE,
        "dandiset": _dandiset(dandiset),
        "asset_validation_errors": [],
        "version_validation_errors": [],
        "contact_person": "Test",
    }


def _dandiset(dandiset: str) -> dict[str, Any]:
    about = {"identifier": dandiset, "created": DATE, "modified": DATE, "contact_person": "Test"}
    return {**about, "embargo_status": "OPEN", "most_recent_published_version": None}


def _info(url: str) -> dict[str, object]:
    from dandischema.consts import DANDI_SCHEMA_VERSION

    service = {"url": url}
    return {
        "schema_version": DANDI_SCHEMA_VERSION,
        "schema_url": url,
        "version": "0.0.0",
        "cli-minimal-version": "0.0.0",
        "cli-bad-versions": [],
        "services": {"api": {"url": f"{url}/api"}, "webui": service, "jupyterhub": service},
    }
