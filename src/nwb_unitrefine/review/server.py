"""The server of a review: this machine alone, for who knows the address, and one page.

The address holds a random token. A request needs the token, a Host that is this server, and, where a browser names an
Origin, this one: another page that is open in the same browser can then neither read nor answer. The page may run its
own scripts alone. This module needs the extra ``review``; `nwb_unitrefine.review.serve` is its door.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
from typing import TYPE_CHECKING, Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from nwb_unitrefine.errors import UnitRefineError
from nwb_unitrefine.report import review_page
from nwb_unitrefine.review.reviewed import ask

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from starlette.requests import Request
    from starlette.types import ASGIApp

    from nwb_unitrefine.review.learning import Learning
    from nwb_unitrefine.review.reviewed import ReviewedFile

__all__ = ["make_app", "serve"]

_MOST_BYTES = 20_000
"""Of a request: an answer with a note."""

_SUGGESTED = 20
"""Units that are asked about at a time, over all files."""

_LONGEST_S = 10.0
"""Until a request has arrived whole."""


class _Guard(BaseHTTPMiddleware):
    """Refuse requests that do not come from the page of this review."""

    def __init__(self, app: ASGIApp, *, token: str, hosts: frozenset[str]) -> None:
        super().__init__(app)
        self._token = token.encode()
        self._hosts = hosts

    async def dispatch(self, request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        if not self._admits(request):
            return PlainTextResponse("This address is not that of the review.", status_code=403)
        response = await call_next(request)
        response.headers["Cache-Control"] = "no-store"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["X-Frame-Options"] = "DENY"
        return response

    def _admits(self, request: Request) -> bool:
        _, _, path = request.url.path.partition("/")
        given, slash, _ = path.partition("/")
        origin = request.headers.get("origin")
        return (
            request.headers.get("host", "") in self._hosts
            and bool(slash)
            and secrets.compare_digest(given.encode(), self._token)
            and (origin is None or origin.removeprefix("http://") in self._hosts)
        )


class _Review:
    """What the addresses of a review answer."""

    def __init__(self, files: Sequence[ReviewedFile], learning: Learning | None) -> None:
        self._files = files
        self._learning = learning

    def page(self, request: Request) -> Response:  # noqa: ARG002 - starlette's signature
        return HTMLResponse(review_page())

    def files(self, request: Request) -> Response:  # noqa: ARG002 - starlette's signature
        return _answered(self._listed)

    async def suggest(self, request: Request) -> Response:
        return await _posted(request, self._suggested)

    def _listed(self) -> list[dict[str, Any]]:
        return [{"name": file.path.name, "pending": len(file.answers.pending())} for file in self._files]

    def _suggested(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        """Have each page begin with the next units that are worth an answer."""
        if body["do"] != "suggest":
            raise ValueError(body["do"])
        ask(self._files, n=_SUGGESTED)
        return self._listed()

    def session(self, request: Request) -> Response:
        return _answered(lambda: self._with_training(self._file(request).data()))

    def state(self, request: Request) -> Response:
        return _answered(lambda: self._file(request).state())

    def export(self, request: Request) -> Response:
        disposition = {"Content-Disposition": "attachment; filename=answers.csv"}
        return Response(self._file(request).export(), media_type="text/csv; charset=utf-8", headers=disposition)

    async def change(self, request: Request) -> Response:
        return await _posted(request, lambda body: _change(self._file(request), body))

    def learning(self, request: Request) -> Response:  # noqa: ARG002 - starlette's signature
        return _answered(lambda: self._require_learning().state())

    async def learn(self, request: Request) -> Response:
        return await _posted(request, self._begin)

    def _begin(self, body: dict[str, Any]) -> dict[str, Any]:
        learning = self._require_learning()
        learning.begin(body["do"])
        return learning.state()

    def _require_learning(self) -> Learning:
        if self._learning is None:
            raise UnitRefineError("This review neither evaluates nor trains.")
        return self._learning

    def _with_training(self, data: dict[str, Any]) -> dict[str, Any]:
        """Add whether the page can offer to train."""
        trains = self._learning is not None and self._learning.trains
        return {**data, "review": {**data["review"], "trains": trains}}

    def _file(self, request: Request) -> ReviewedFile:
        number = int(request.path_params["number"])
        if number >= len(self._files):
            raise UnitRefineError(f"There is no file {number}.")
        return self._files[number]


async def _posted(request: Request, act: Callable[[dict[str, Any]], Any]) -> Response:
    """Take a request as the page makes it, and no other: short JSON that arrives in time."""
    if request.headers.get("content-type") != "application/json":
        return JSONResponse({"error": "An answer is JSON."}, status_code=415)
    length = request.headers.get("content-length", "")
    if not length.isdecimal() or int(length) > _MOST_BYTES:
        return JSONResponse({"error": "The answer is too long."}, status_code=413)
    try:
        body = await asyncio.wait_for(request.body(), _LONGEST_S)
    except TimeoutError:
        return JSONResponse({"error": "The answer did not arrive."}, status_code=408)
    return await run_in_threadpool(_answered, lambda: act(json.loads(body)))


class _JsonResponse(JSONResponse):
    """JSON in escapes: text of a file that is no UTF-8 is read as lone surrogates, which cannot be encoded."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, separators=(",", ":"), allow_nan=False).encode("ascii")


def _answered(make: Callable[[], Any]) -> Response:
    """Answer with JSON, and with a line where something is refused."""
    try:
        return _JsonResponse(make())
    except UnitRefineError as error:
        return _JsonResponse({"error": str(error)}, status_code=409)
    except (KeyError, TypeError, ValueError, RecursionError):
        return JSONResponse({"error": "This is no answer."}, status_code=400)
    except OSError as error:
        return JSONResponse({"error": f"This was not done: {error.strerror or error}."}, status_code=409)


def _change(file: ReviewedFile, body: dict[str, Any]) -> dict[str, Any]:
    """Do what the page asks for, and return the state of the answers."""
    do = body["do"]
    if do == "answer":
        label = body["label"]
        return file.answer(int(body["unit"]), None if label is None else str(label), str(body.get("note", "")))
    if do == "undo":
        return file.undo()
    if do == "preview":
        return {**file.state(), "preview": file.preview_adaptation()}
    if do in {"write", "adapt"}:
        report = file.write() if do == "write" else file.write_adapted()
        return {**file.state(), "written": {"run": report.run, "n": report.n_changed}}
    raise ValueError(do)


def make_app(
    files: Sequence[ReviewedFile], *, token: str, hosts: frozenset[str], learning: Learning | None = None
) -> Starlette:
    """Make the application.

    Parameters
    ----------
    files : sequence of ReviewedFile
    learning : Learning, optional
        What evaluates and trains; without it, neither is offered.
    token : str
        What only who started the review knows.
    hosts : frozenset of str
        Values of the header Host that mean this server, as ``127.0.0.1:8000``.
    """
    review = _Review(files, learning)
    file = f"/{token}/api/files/{{number:int}}"
    routes = [
        Route(f"/{token}/", review.page),
        Route(f"/{token}/api/files", review.files),
        Route(f"/{token}/api/suggest", review.suggest, methods=["POST"]),
        Route(f"/{token}/api/learning", review.learning),
        Route(f"/{token}/api/learning", review.learn, methods=["POST"]),
        Route(file, review.session),
        Route(f"{file}/state", review.state),
        Route(f"{file}/change", review.change, methods=["POST"]),
        Route(f"{file}/answers.csv", review.export),
    ]
    return Starlette(routes=routes, middleware=[Middleware(_Guard, token=token, hosts=hosts)])


def serve(
    files: Sequence[ReviewedFile], *, port: int = 0, ready: Callable[[str], None], learning: Learning | None = None
) -> None:
    """Serve until interrupted.

    Parameters
    ----------
    files : sequence of ReviewedFile
    learning : Learning, optional
        As of `make_app`.
    port : int, optional
        By default one that is free.
    ready : callable
        Called with the address once the server listens.

    Raises
    ------
    UnitRefineError
        If the port cannot be used.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.bind(("127.0.0.1", port))
    except OSError as error:
        listening.close()
        raise UnitRefineError(f"Port {port} cannot be used: {error.strerror}.", tip="Choose another --port.") from error
    port = listening.getsockname()[1]
    token = secrets.token_urlsafe(24)
    hosts = frozenset({f"127.0.0.1:{port}", f"localhost:{port}"})
    app = make_app(files, token=token, hosts=hosts, learning=learning)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off"))
    with listening:
        listening.listen()
        ready(f"http://127.0.0.1:{port}/{token}/")
        server.run(sockets=[listening])
