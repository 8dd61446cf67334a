"""How a record shows itself: a few lines at a prompt, a table in a notebook."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from html import escape
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Displayed", "Summary", "count_labels", "plural", "printable"]

N_ROWS = 10
"""Rows of a table in a notebook; the title states how many there are."""

N_FACTS = 12
LONGEST = 160
"""Lines of a summary, and characters of one: a file may have hundreds of columns and as many notes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a record shows of itself.

    Parameters
    ----------
    title : str
        One line.
    facts : iterable of (str, str), optional
        Name and text of each further line; empty texts are left out.
    headings : iterable of str, optional
        Of the table that a notebook shows.
    rows : iterable of iterables, optional
        Its rows, as many as there are; the first ten are shown.
    """

    title: str
    facts: Iterable[tuple[str, str]] = ()
    headings: Iterable[str] = ()
    rows: Iterable[Iterable[object]] = ()


class Displayed:
    """Gives a record `repr` and ``_repr_html_`` from its summary; its dataclass decorator needs ``repr=False``."""

    __slots__ = ()

    @abstractmethod
    def summary(self) -> Summary:
        """Return what `repr` and a notebook show."""

    def __repr__(self) -> str:
        summary = self.summary()
        facts = _few(summary.facts)
        width = max((len(name) for name, _ in facts), default=0)
        lines = [summary.title, *(f"  {name:<{width}}  {text}" for name, text in facts)]
        return "\n".join(map(printable, lines))

    def _repr_html_(self) -> str:
        summary = self.summary()
        facts = "".join(f"<tr>{_cell('th', name)}{_cell('td', text)}</tr>" for name, text in _few(summary.facts))
        head = "".join(_cell("th", heading) for heading in summary.headings)
        body = "".join(
            f"<tr>{''.join(_cell('td', value) for value in row)}</tr>" for row in islice(summary.rows, N_ROWS)
        )
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if head and body else ""
        return f"<p>{_text(summary.title)}</p>" + (f"<table>{facts}</table>" if facts else "") + table


def printable(text: str) -> str:
    r"""Escape the control characters of a text from a file, which could rewrite what a terminal shows.

    Line feeds and tabs are escaped too: the text is meant for one line.

    >>> print(printable("a\x1b[2Jb\tµV"))
    a\x1b[2Jb\tµV
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def plural(count: int, noun: str) -> str:
    """Return a count with its noun.

    >>> plural(1, "unit"), plural(1200, "unit")
    ('1 unit', '1,200 units')
    """
    return f"{count:,} {noun}{'s' * (count != 1)}"


def count_labels(labels: Iterable[str]) -> str:
    """Return how many units have each label, in the order in which the labels come first.

    >>> count_labels(["sua", "", "sua"])
    '2 sua, 1 unlabelled'
    """
    counts: dict[str, int] = {}
    for label in labels:
        counts[label or "unlabelled"] = counts.get(label or "unlabelled", 0) + 1
    return ", ".join(f"{count} {label}" for label, count in counts.items())


def _few(facts: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Keep the facts that have a text, and of these as many as fit on a few lines."""
    cut = [(name, text if len(text) <= LONGEST else f"{text[:LONGEST]}…") for name, text in facts if text]
    return cut if len(cut) <= N_FACTS else [*cut[:N_FACTS], ("…", f"{len(cut) - N_FACTS} more")]


def _cell(tag: str, value: object) -> str:
    """One cell of a table; numbers have four significant digits."""
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return f"<{tag}>{_text(text)}</{tag}>"


def _text(text: str) -> str:
    """Text for HTML: what a file holds may look like markup."""
    return escape(printable(text))
