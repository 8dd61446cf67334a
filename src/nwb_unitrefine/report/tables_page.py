"""A page of plain tables for a whole study: no script, no network."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nwb_unitrefine.journal.appearing import appearing
from nwb_unitrefine.report.html import plain_page

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["PageTable", "write_tables_page"]


@dataclass(frozen=True, slots=True)
class PageTable:
    """One table of a page.

    Parameters
    ----------
    title : str
    headings : sequence of str
    rows : sequence of sequences
        The first cell of each names the row; numbers stand to the right.
    """

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[object]]


def write_tables_page(title: str, about: str, tables: Sequence[PageTable], output: Path) -> None:
    """Write a page with these tables, in place of an older one.

    Parameters
    ----------
    title, about : str
    tables : sequence of PageTable
        Those without rows are left out.
    output : Path

    Raises
    ------
    WriteError
        If it cannot be written.
    """
    sections = "\n".join(_section(table) for table in tables if table.rows)
    with appearing(output, overwrite=True) as place:
        place.write_text(plain_page(title, about, sections), encoding="utf-8")


def _section(table: PageTable) -> str:
    numeric = [any(isinstance(row[place], int | float) for row in table.rows) for place in range(len(table.headings))]
    head = "".join(
        f'<th scope="col"{_class(is_number)}>{html.escape(heading)}</th>'
        for heading, is_number in zip(table.headings, numeric, strict=True)
    )
    body = "\n".join(
        f'<tr><th scope="row">{html.escape(str(row[0]))}</th>'
        + "".join(
            f"<td{_class(is_number)}>{html.escape(_shown(cell))}</td>"
            for cell, is_number in zip(row[1:], numeric[1:], strict=True)
        )
        + "</tr>"
        for row in table.rows
    )
    name = html.escape(table.title)
    return (
        f'<section aria-label="{html.escape(table.title, quote=True)}"><h2>{name}</h2><table class="plain">'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></section>"
    )


def _class(is_number: bool) -> str:  # noqa: FBT001 - a predicate's value
    return ' class="number"' if is_number else ""


def _shown(cell: object) -> str:
    return f"{cell:.3g}" if isinstance(cell, float) else str(cell)
