"""Write reports: one page for one file; for several, a page each and an overview that links to them."""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nwb_unitrefine.journal.appearing import appearing
from nwb_unitrefine.records.display import plural
from nwb_unitrefine.report.html import plain_page, render_page

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["ReportRow", "write_overview", "write_page"]


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One file in an overview.

    Parameters
    ----------
    name : str
    link : str
        Relative address of its page; empty where the file was refused.
    counts : mapping of str to int
        Units by label.
    n_uncertain : int
    refusal : str
        Why there is no page; empty where there is one.
    """

    name: str
    link: str
    counts: Mapping[str, int]
    n_uncertain: int
    refusal: str = ""


def write_page(session: Mapping[str, Any], output: str | Path, *, overwrite: bool = False) -> Path:
    """Write the page of one session.

    Parameters
    ----------
    session : mapping
        As of `session_data`.
    output : str or Path
        HTML file.
    overwrite : bool, optional
        Replace a file that exists.

    Raises
    ------
    WriteError
        If the file exists and is not to be replaced, or cannot be written.
    """
    return _write(render_page(session), Path(output), overwrite=overwrite)


def write_overview(rows: Sequence[ReportRow], output: str | Path, *, overwrite: bool = False) -> Path:
    """Write the page that lists several files.

    Parameters
    ----------
    rows : sequence of ReportRow
    output, overwrite
        As of `write_page`.
    """
    labels = list(dict.fromkeys(label for row in rows for label in row.counts))
    head = "".join(f'<th scope="col" class="number">{html.escape(label)}</th>' for label in (*labels, "uncertain"))
    body = "\n".join(_overview_row(row, labels) for row in rows)
    n_units = sum(sum(row.counts.values()) for row in rows)
    refused = sum(bool(row.refusal) for row in rows)
    about = f"{plural(len(rows), 'file')}, {plural(n_units, 'unit')}" + (f", {refused} refused" if refused else "")
    content = (
        '<section aria-label="Files"><table class="plain">\n'
        f'<thead><tr><th scope="col">file</th>{head}<th scope="col">remark</th></tr></thead>\n'
        f"<tbody>\n{body}\n</tbody></table></section>"
    )
    return _write(plain_page("Units of several files", about, content), Path(output), overwrite=overwrite)


def _overview_row(row: ReportRow, labels: Sequence[str]) -> str:
    name = html.escape(row.name)
    named = f'<a href="{html.escape(row.link, quote=True)}">{name}</a>' if row.link else name
    counts = "".join(f'<td class="number">{row.counts.get(label, 0) if row.link else "–"}</td>' for label in labels)
    uncertain = f'<td class="number">{row.n_uncertain if row.link else "–"}</td>'
    return f'<tr><th scope="row">{named}</th>{counts}{uncertain}<td>{html.escape(row.refusal)}</td></tr>'


def _write(text: str, output: Path, *, overwrite: bool) -> Path:
    """Write a file that is there whole or not at all."""
    with appearing(output, overwrite=overwrite) as place:
        place.write_text(text, encoding="utf-8")
    return output
