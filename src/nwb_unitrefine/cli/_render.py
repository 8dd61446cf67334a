"""How commands print: tables for people, JSON for programs."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import numpy as np

from nwb_unitrefine.errors import UnitRefineError, without_secrets
from nwb_unitrefine.records import Severity
from nwb_unitrefine.records.display import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.console import Console

    from nwb_unitrefine.records import Predictions, Problem

__all__ = [
    "describe_error",
    "json_option",
    "make_console",
    "margins_of",
    "print_json",
    "print_problems",
    "print_table",
    "say",
    "show_number",
    "show_probability",
    "show_progress",
]

Step = TypeVar("Step")

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of tables.")

NARROW = 100
FEW = 8
GAP = 3


def _shown(text: str) -> str:
    """Text as it may be printed: no control characters of a file, no passwords and tokens of an address."""
    return printable(without_secrets(text))


def say(text: str = "", *, err: bool = False) -> None:
    """Print one line; control characters, which a file's strings may hold, are shown as escapes.

    Everything that a command prints goes through here, `print_table` or `print_json`.
    """
    click.echo(_shown(text), err=err)


def describe_error(error: Exception, *, where: str = "") -> None:
    """Print an error as one line, and its tip as another, on standard error."""
    if isinstance(error, UnitRefineError):
        message, tip = error.message, error.tip
    else:
        message = f"fault in nwb-unitrefine: {type(error).__name__}: {error}"
        tip = "Run again with --debug before the command, and report what it prints."
    prefix = f"{where}: " if where and where not in message else ""
    say(f"error: {prefix}{' '.join(message.split())}", err=True)
    if tip:
        say(f"  tip: {tip}", err=True)


def make_console(*, stderr: bool = False) -> Console:
    """Return a console; piped output is as wide as a wide terminal, so that tables keep their shape."""
    from rich.console import Console

    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, NARROW)
    return console


def show_progress(steps: Iterable[Step], /, *, total: int, doing: str) -> Iterator[Step]:
    """Yield the steps of long work; a terminal shows how many are done of how many, on standard error.

    Parameters
    ----------
    steps : iterable
    total : int
        How many there are.
    doing : str
        What is being done.
    """
    if not sys.stderr.isatty():
        yield from steps
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    doing_column = TextColumn("{task.description}")
    columns = (SpinnerColumn(), doing_column, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=make_console(stderr=True), transient=True) as progress:
        yield from progress.track(steps, total=total, description=doing)


def print_table(title: str, headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under headings; numbers stand to the right."""
    from rich.table import Table
    from rich.text import Text

    rows = [list(row) for row in rows]
    headings = [_shown(heading) for heading in headings]
    table = Table(header_style="bold", box=None, pad_edge=False, padding=(0, GAP, 0, 0))
    last = len(headings) - 1
    for number, heading in enumerate(headings):
        numeric = any(isinstance(row[number], int | float | np.number) for row in rows)
        table.add_column(Text(heading), justify="right" if numeric else "left", no_wrap=number < last, overflow="fold")
    texts = [
        [show_number(cell) if isinstance(cell, float | np.floating) else _shown(str(cell)) for cell in row]
        for row in rows
    ]
    for row_texts in texts:
        table.add_row(*map(Text, row_texts))
    console = make_console()
    console.width = max(console.width, _least_width([list(headings), *texts], wraps=console.is_terminal))
    # Rich ends the program where it cannot write, so it writes into memory.
    with console.capture() as captured:
        console.print(Text(_shown(title), style="bold"), soft_wrap=True)
        console.print(table)
    # What rich pads to the table's width is of no use to anybody who copies or compares the lines.
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def _least_width(rows: Sequence[Sequence[str]], *, wraps: bool) -> int:
    """Width that a table needs for no name to break: only the last column may wrap, and only on a terminal."""
    from rich.cells import cell_len

    widths = [max(map(cell_len, column)) + GAP for column in zip(*rows, strict=True)]
    if wraps:
        widths[-1] = min(widths[-1], max(cell_len(word) for row in rows for word in (row[-1].split() or [""])) + GAP)
    return sum(widths)


def print_problems(problems: Iterable[Problem], *, where: str = "") -> None:
    """Print what was noticed, one line each, on standard error; `where` names the source where there are several."""
    for problem in problems:
        named = problem.unit_ids if len(problem.unit_ids) <= FEW else (*problem.unit_ids[:FEW], "…")
        kind = "note" if problem.severity is Severity.INFO else "warning"
        what = f"{where}: {problem.what}" if where else problem.what
        say(f"{kind}: {what}" + (f" (units {', '.join(map(str, named))})" if named else ""), err=True)


def show_number(value: float | np.floating[Any]) -> str:
    """Four significant digits, and a dash for NaN.

    >>> show_number(0.000123456), show_number(1234567.0), show_number(float("nan"))
    ('0.0001235', '1.235e+06', '–')
    """
    return "–" if np.isnan(value) else f"{value:.4g}"


def show_probability(value: float) -> str:
    """Two decimals, and a dash for NaN.

    >>> show_probability(0.456), show_probability(float("nan"))
    ('0.46', '–')
    """
    return "–" if np.isnan(value) else f"{value:.2f}"


def margins_of(predictions: Predictions) -> list[float]:
    """How far the score that decided each label is above the next one; NaN where that is not recorded."""
    return [float("nan")] * len(predictions) if predictions.margins is None else predictions.margins.tolist()


def print_json(document: object) -> None:
    """Print one JSON document; NaN becomes null, so that every JSON reader accepts it."""
    text = json.dumps(_plain(document), indent=2, ensure_ascii=False, allow_nan=False)
    # JSON lets characters through that a terminal acts on; outside strings there are none, so they can all be escaped.
    click.echo(re.sub(r"[^\n -~]", _escaped, text))


def _escaped(match: re.Match[str]) -> str:
    """Write a character as JSON escapes it, unless it prints."""
    return match[0] if match[0].isprintable() else json.dumps(match[0])[1:-1]


def _plain(value: Any) -> Any:  # noqa: PLR0911 - one line a kind of value
    """Turn our values into what JSON knows."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict) or hasattr(value, "items"):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, list | tuple | set):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str | Path):
        return without_secrets(str(value))
    return value
