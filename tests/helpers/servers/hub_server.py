"""A Hugging Face Hub on loopback, of the standard library: as much of it as the real client asks for.

Repositories are lists of commits in memory; a commit is a mapping of path to bytes. Large files go the way of LFS.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

SOME_DAY = "2026-01-01T00:00:00.000Z"


@dataclass
class Repository:
    """Commits, newest last, and names for some of them."""

    commits: list[tuple[str, dict[str, bytes]]] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)

    def commit(self, files: dict[str, bytes]) -> str:
        """Add a commit and return its hash."""
        identity = hashlib.sha1(json.dumps([len(self.commits), sorted(files)]).encode()).hexdigest()
        self.commits.append((identity, dict(files)))
        return identity

    def find(self, revision: str) -> tuple[str, dict[str, bytes]] | None:
        """Find a commit by branch, tag or hash."""
        if revision == "main":
            return self.commits[-1] if self.commits else None
        wanted = self.tags.get(revision, revision)
        return next((commit for commit in self.commits if commit[0] == wanted), None)


@dataclass
class Hub:
    """What the tests see of the server."""

    url: str
    repositories: dict[str, Repository] = field(default_factory=dict)
    large: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)

    def add(self, name: str, files: dict[str, bytes]) -> str:
        """Commit files to a repository, which is made where it is not there."""
        return self.repositories.setdefault(name, Repository()).commit(files)


class _Handler(BaseHTTPRequestHandler):
    """The routes; every answer is complete, so that connections can be kept."""

    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""

    def _answer(self, body: bytes = b"", *, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _json(self, value: Any, *, status: int = 200) -> None:
        self._answer(json.dumps(value).encode(), status=status, headers={"Content-Type": "application/json"})

    def _missing(self, code: str) -> None:
        self._answer(b"{}", status=HTTPStatus.NOT_FOUND, headers={"X-Error-Code": code})

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _parts(self) -> list[str]:
        self.hub.requests.append(f"{self.command} {self.path}")
        return [unquote(part) for part in urlsplit(self.path).path.strip("/").split("/")]

    def do_HEAD(self) -> None:
        """Answer what a file is."""
        self.do_GET()

    def do_GET(self) -> None:
        """Answer what a repository holds, or one of its files."""
        parts = self._parts()
        if parts[:2] == ["api", "models"]:
            self._repository("/".join(parts[2:4]), parts[4:])
        elif len(parts) > 4 and parts[2] == "resolve":
            self._file("/".join(parts[:2]), parts[3], "/".join(parts[4:]))
        else:
            self._missing("EntryNotFound")

    def _repository(self, name: str, rest: list[str]) -> None:
        repository = self.hub.repositories.get(name)
        if repository is None:
            self._missing("RepoNotFound")
            return
        found = repository.find(rest[1] if len(rest) > 1 else "main")
        if found is None:
            self._missing("RevisionNotFound")
            return
        commit, files = found
        if rest[:1] == ["tree"]:
            self._json(
                [{"type": "file", "path": path, "size": len(data), "oid": "0" * 40} for path, data in files.items()]
            )
            return
        self._json(
            {
                "_id": "0" * 24,
                "id": name,
                "modelId": name,
                "sha": commit,
                "lastModified": SOME_DAY,
                "createdAt": SOME_DAY,
                "private": False,
                "tags": [],
                "siblings": [{"rfilename": path} for path in files],
            }
        )

    def _file(self, name: str, revision: str, path: str) -> None:
        repository = self.hub.repositories.get(name)
        found = repository.find(revision) if repository else None
        if found is None:
            self._missing("RevisionNotFound" if repository else "RepoNotFound")
        elif path not in found[1]:
            self._missing("EntryNotFound")
        else:
            data = found[1][path]
            etag = f'"{hashlib.sha256(data).hexdigest()}"'
            self._answer(data, headers={"ETag": etag, "X-Repo-Commit": found[0], "Accept-Ranges": "bytes"})

    def do_PUT(self) -> None:
        """Take a large file."""
        oid = self._parts()[-1]
        data = self._body()
        assert hashlib.sha256(data).hexdigest() == oid
        self.hub.large[oid] = data
        self._answer()

    def do_POST(self) -> None:
        """Make a repository, ask how to send files, commit them."""
        parts = self._parts()
        body = self._body()
        if parts == ["api", "repos", "create"]:
            wanted = json.loads(body)
            name = f"{wanted.get('organization') or 'me'}/{wanted['name']}"
            status = HTTPStatus.CONFLICT if name in self.hub.repositories else HTTPStatus.OK
            self.hub.repositories.setdefault(name, Repository())
            self._json({"url": f"{self.hub.url}/{name}", "name": name, "id": "0" * 24}, status=status)
        elif parts[-3:] == ["lfs", "objects", "batch"] or parts[-1] == "batch":
            self._json({"transfer": "basic", "objects": [self._place(one) for one in json.loads(body)["objects"]]})
        elif "preupload" in parts:
            files = json.loads(body)["files"]
            self._json({"files": [{**one, "uploadMode": _mode(one["path"]), "shouldIgnore": False} for one in files]})
        elif "commit" in parts:
            self._commit("/".join(parts[2:4]), [json.loads(line) for line in body.splitlines()])
        elif parts[-1] == "validate-yaml":
            self._json({"errors": [], "warnings": []})
        else:
            self._missing("EntryNotFound")

    def _place(self, one: dict[str, Any]) -> dict[str, Any]:
        """Tell where a large file is to be put."""
        place = {"oid": one["oid"], "size": one["size"]}
        if one["oid"] in self.hub.large:
            return place
        return {**place, "actions": {"upload": {"href": f"{self.hub.url}/large/{one['oid']}", "header": {}}}}

    def _commit(self, name: str, lines: list[dict[str, Any]]) -> None:
        repository = self.hub.repositories[name]
        files = dict(repository.commits[-1][1]) if repository.commits else {}
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.hub.large[value["oid"]]
            elif line["key"] == "deletedFile":
                files.pop(value["path"], None)
        commit = repository.commit(files)
        url = f"{self.hub.url}/{name}/commit/{commit}"
        self._json({"success": True, "commitOid": commit, "commitUrl": url, "hookOutput": ""})


def _mode(path: str) -> str:
    """As the Hub does by default: models are large files, text is not."""
    return "lfs" if path.endswith(".skops") else "regular"


@contextmanager
def serve() -> Iterator[Hub]:
    """Run a Hub while the context lasts."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    hub = Hub(url=f"http://127.0.0.1:{server.server_port}")
    server.RequestHandlerClass = type("Handler", (_Handler,), {"hub": hub})
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
