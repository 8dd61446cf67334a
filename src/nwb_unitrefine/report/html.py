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

__all__ = ["embed_json", "page_file", "plain_page", "render_page", "review_page"]

_SCRIPTS = (
    "elements.js",
    "drawing.js",
    "session.js",
    "spike_pictures.js",
    "place_pictures.js",
    "unit_evidence.js",
    "unit_view.js",
    "unit_table.js",
    "summary.js",
    "provenance.js",
    "printing.js",
    "page.js",
)
"""Files of the page's script, each one idea; a file uses those above it."""

_REVIEW_SCRIPTS = ("review_server.js", "review_keys.js", "review_learning.js", "review.js")
"""What a review adds."""


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
    return _fill(session, script=_script(_SCRIPTS), policy_extra=("connect-src 'none'",), title=_title(session))


def review_page() -> str:
    """Return the page of a review, which asks the server that it came from for its data."""
    script = _script((*_SCRIPTS, *_REVIEW_SCRIPTS))
    return _fill(None, script=script, policy_extra=("connect-src 'self'",), title="Review")


def plain_page(title: str, about: str, content: str) -> str:
    """Return a page without a script.

    Parameters
    ----------
    title, about : str
        Its heading, and the line below it.
    content : str
        HTML, whose texts are escaped.

    Returns
    -------
    str
        HTML that admits nothing but its own style.
    """
    style, title, about = page_file("page.css"), html.escape(title), html.escape(about)
    policy = f"default-src 'none'; style-src '{_digest(style)}'; base-uri 'none'; form-action 'none'"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f'<meta name="color-scheme" content="light dark">\n<title>{title}</title>\n'
        f"<style>{style}</style>\n</head>\n<body>\n"
        f'<header class="top"><div class="names"><h1>{title}</h1><p>{about}</p></div></header>\n'
        f'<main class="tables">\n{content}\n</main>\n</body>\n</html>\n'
    )


def _script(names: Sequence[str]) -> str:
    """Join files of the page into one script: it needs no build step, and no browser to fetch parts."""
    return "\n".join(map(page_file, names))


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
        "title": html.escape(title.encode("utf-8", "replace").decode("utf-8")),
        "style": style,
        "script": script,
        "session": "" if session is None else embed_json(session),
    }


def embed_json(value: Any) -> str:
    r"""Return JSON that can stand in a script element: nothing in it can end the element, and any text can be encoded.

    Examples
    --------
    >>> print(embed_json({"name": "</script>"}))
    {"name":"\u003c/script>"}
    """
    # Text of a file that is no UTF-8 is read as lone surrogates, which only escapes can carry.
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True, allow_nan=False).replace("<", "\\u003c")


def page_file(name: str) -> str:
    """Read one of the page's files."""
    return files(__package__).joinpath("page", name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """Digest of an inline script or style as a Content-Security-Policy has it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
