"""Review labels in a browser: the page of a report, with keys to answer, and a small server on this machine.

Answers are kept on the disk at the key press (`answers`) and become one human run when they are written (`reviewed`).
The server (`server`) listens on this machine alone, for who knows its address.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nwb_unitrefine.errors import require_installed
from nwb_unitrefine.review.answers import Answers, answers_path
from nwb_unitrefine.review.learning import Learning
from nwb_unitrefine.review.reviewed import ReviewedFile, answers_as_csv, ask

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Answers", "Learning", "ReviewedFile", "answers_as_csv", "answers_path", "ask", "require_server", "serve"]


def require_server() -> None:
    """Refuse to review without the packages that serve the page, which are not imported to find out.

    Raises
    ------
    MissingExtraError
    """
    for package in ("starlette", "uvicorn"):
        require_installed(package, extra="review", purpose="to review in a browser")


def serve(
    files: Sequence[ReviewedFile],
    *,
    port: int = 0,
    ready: Callable[[str], None] = print,
    learning: Learning | None = None,
) -> None:
    """Serve a review until it is interrupted; see `nwb_unitrefine.review.server.serve`.

    Raises
    ------
    MissingExtraError
        Without the extra ``review``.
    """
    require_server()
    from nwb_unitrefine.review import server

    server.serve(files, port=port, ready=ready, learning=learning)
