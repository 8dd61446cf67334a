"""One self-contained page from session data: no network, nothing that a browser would have to fetch."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["embed_json", "page_file", "render_page", "review_page"]


def render_page(session: Mapping[str, Any]) -> str:
    """Return the page of one session.

    Parameters
    ----------
    session : mapping
        As of `session_data`.

    Returns
    -------
    str
        HTML. Its Content-Security-Policy admits the page's own script and style by their digests, and nothing else, so
        that no name of a file or a unit can become code.
    """
    return _fill(session, script=page_file("page.js"), policy_extra=("connect-src 'none'",), title=_title(session))


def review_page() -> str:
    """Return the page of a review, which asks the server that it came from for its data."""
    script = f"{page_file('page.js')}\n{page_file('review.js')}"
    return _fill(None, script=script, policy_extra=("connect-src 'self'",), title="Review")


def _title(session: Mapping[str, Any]) -> str:
    return f"{session['file']['name']}: units"


def _fill(session: Mapping[str, Any] | None, *, script: str, policy_extra: Sequence[str], title: str) -> str:
    """Put script, style and data into the frame."""
    style = page_file("page.css")
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src '{_digest(script)}'",
            f"style-src '{_digest(style)}'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            *policy_extra,
        )
    )
    return page_file("page.html") % {
        "policy": html.escape(policy, quote=True).replace("&#x27;", "'"),
        "title": html.escape(title),
        "style": style,
        "script": script,
        "session": "" if session is None else embed_json(session),
    }


def embed_json(value: Any) -> str:
    r"""Return JSON that can stand in a script element: nothing in it can end the element.

    Examples
    --------
    >>> print(embed_json({"name": "</script>"}))
    {"name":"\u003c/script>"}
    """
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def page_file(name: str) -> str:
    """Read one of the page's files."""
    return files(__package__).joinpath("page", name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """Digest of an inline script or style as a Content-Security-Policy has it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
