"""Tables of units in CSV and TSV files: metrics, labels, a sorter's cluster tables.

What is plain is read, whoever wrote it: commas, tabs or semicolons whatever the name ends in, decimal commas, a byte
order mark, Windows line ends, quotes, blank rows, ids as ``1.0``. What is not plain is refused with one line that names
where and why.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import NoUnitsError, SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["ID_COLUMNS", "Table", "is_table", "read_table"]

ID_COLUMNS = ("unit_id", "cluster_id", "phy_clusterid", "id", "unit", "unit_index", "unnamed: 0", "")
"""Columns that hold unit ids, in lower case; the first that is there counts.

``phy_clusterID`` is Bombcell's (its own ``clusterID`` counts from 1). The empty name, of a first column only, and
``Unnamed: 0`` are what pandas gives an index.
"""

_DELIMITERS = (",", "\t", ";")
_MISSING = frozenset({"", "nan", "na", "n/a", "<na>", "none", "null"})
_COMMA = re.compile(r"[+-]?(\d+,\d*|,\d+)(e[+-]?\d+)?", re.IGNORECASE)
_WHOLE = re.compile(r"([+-]?\d+)[.,]0*")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table:
    """A table with one row a unit, as text.

    Parameters
    ----------
    name : str
        What to call it.
    id_column : str
        Column that the ids are from.
    ids : tuple of str
        Whole numbers without decimals.
    columns : mapping of str to tuple of str
        Cells of every other column, without surrounding space.
    decimal_mark : {".", ",", "?"}
        What its numbers have before their decimals; ``"?"`` where commas can as well separate thousands.
    """

    name: str
    id_column: str
    ids: tuple[str, ...]
    columns: Mapping[str, tuple[str, ...]]
    decimal_mark: str = "."

    def __len__(self) -> int:
        return len(self.ids)

    def unit_ids(self) -> NDArray[Any]:
        """Ids as whole numbers where all are, else as text; shape (n_rows,)."""
        return _ids(self.ids)

    def values(self, column: str) -> NDArray[Any]:
        """Values of a column, shape (n_rows,): numbers where every cell that is not missing is one, else text.

        Raises
        ------
        SourceError
            If its numbers have commas, and the table does not show what these mean.
        """
        cells = self.columns[column]
        absent = np.array([cell.casefold() in _MISSING for cell in cells], dtype=np.bool_)
        present = [cell for cell, missing in zip(cells, absent.tolist(), strict=True) if not missing]
        if not all(_is_number(cell) or _is_with_commas(cell) for cell in present):
            return np.array(cells, dtype=object)
        commas = [cell for cell in present if "," in cell]
        if commas and self.decimal_mark != ",":
            raise SourceError(
                f"{self.name}: column {column!r} has numbers with commas, such as {commas[0]}, and what the comma "
                "means is not plain.",
                tip="Save it with decimal points and without separators of thousands.",
            )
        values = np.full(len(cells), np.nan)
        values[~absent] = [float(cell.replace(",", ".")) for cell in present]
        return values


def is_table(path: Path) -> bool:
    """Whether a file is a table by its name."""
    return path.suffix.casefold() in {".csv", ".tsv"}


def read_table(path: Path, *, name: str = "") -> Table:
    """Read a table of units.

    Parameters
    ----------
    path : Path
    name : str, optional
        What to call it in errors; by default, the name of the file.

    Raises
    ------
    SourceError
        If it is not a table of text, has no column of ids or two of one name, or a row is not as long as the heading.
    NoUnitsError
        If it is empty.
    """
    name = name or path.name
    names, rows = _parse(_text(path, name), name=name, preferred="\t" if path.suffix.casefold() == ".tsv" else ",")
    id_column = _id_column(names)
    if id_column is None:
        raise SourceError(
            f"{name} has no column of unit ids.", tip=f"Name it unit_id. It has: {', '.join(names[:12]) or 'none'}."
        )
    columns: dict[str, tuple[str, ...]] = {}
    for place, column in enumerate(names):
        cells = tuple(row[place] for _, row in rows)
        if column and place != id_column:
            columns[column] = cells
        elif place not in (id_column, 0) and any(cells):  # a first column without a name is pandas' index
            raise SourceError(f"{name}: column {place + 1} has no name.", tip="Name it in the heading.")
    for line, row in rows:
        if not row[id_column]:
            raise SourceError(f"{name}: row {line} has no unit id in column {names[id_column]!r}.")
    return Table(
        name=name,
        id_column=names[id_column],
        ids=tuple(_id(row[id_column]) for _, row in rows),
        columns=columns,
        decimal_mark=_decimal_mark(columns.values()),
    )


def _text(path: Path, name: str) -> str:
    """Text of a file, which is UTF-8 or nothing that can be known."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(f"{name} cannot be read: {error.strerror or error}.") from error
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data:
        kind = "UTF-16 text" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "no text: it has zero bytes"
        raise SourceError(f"{name} is {kind}.", tip="Save it as CSV in UTF-8.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise SourceError(
            f"{name} is not UTF-8 text: line {line} has byte 0x{data[error.start]:02x}.", tip="Save it in UTF-8."
        ) from error


def _parse(text: str, *, name: str, preferred: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Heading, and rows with their line; split by the delimiter under which it is a table of units.

    A heading with a column of ids decides, then rows that are all as long as it; the file's ending only where both
    leave a choice.
    """
    readings = []
    failure = ""
    for delimiter in (preferred, *(other for other in _DELIMITERS if other != preferred and other in text)):
        try:
            lines = _split(text, delimiter)
        except csv.Error as error:
            failure = failure or str(error)
            continue
        if not lines:
            raise NoUnitsError(f"{name} is empty.")
        heading = lines[0][1]
        several = len(heading) > 1
        fits = several and all(len(row) == len(heading) for _, row in lines)
        readings.append(((_id_column(heading) is not None, fits, several), lines))
    (has_ids, _, _), lines = max(readings, key=lambda reading: reading[0], default=((False, False, False), []))
    if failure and not has_ids:
        raise SourceError(f"{name} cannot be read as a table: {failure}.")
    heading = lines[0][1]
    if twice := [column for column in heading if column and heading.count(column) > 1]:
        raise SourceError(f"{name} has column {twice[0]!r} more than once.", tip="Keep the one that counts.")
    for line, row in lines[1:]:
        if len(row) != len(heading):
            raise SourceError(f"{name}: row {line} has {len(row)} cells and the heading {len(heading)}.")
    return heading, lines[1:]


def _split(text: str, delimiter: str) -> list[tuple[int, list[str]]]:
    """Rows that hold something, each with the line that it ends on."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=True)
    rows = ((reader.line_num, [_cell(cell) for cell in row]) for row in reader)
    return [(line, row) for line, row in rows if any(row)]


def _cell(text: str) -> str:
    """A cell as its writer meant it: an apostrophe before a sign only keeps spreadsheets from running a formula."""
    text = text.strip()
    return text[1:] if text[:1] == "'" and text[1:2] in set("=+-@") else text


def _id_column(names: Sequence[str]) -> int | None:
    """Place of the column of ids."""
    folded = [name.casefold().replace(" ", "_") for name in names]
    for wanted in ID_COLUMNS:
        if wanted in folded and (wanted or not folded[0]):
            return folded.index(wanted)
    return None


def _decimal_mark(columns: Iterable[Sequence[str]]) -> str:
    """What numbers have before their decimals, by all columns of numbers."""
    commas: list[str] = []
    points = False
    for cells in columns:
        present = [cell for cell in cells if cell.casefold() not in _MISSING]
        if all(_is_number(cell) or _is_with_commas(cell) for cell in present):
            commas += [cell for cell in present if "," in cell]
            points = points or any("." in cell for cell in present)
    if not commas:
        return "."
    thousands = all(_THOUSANDS.fullmatch(cell) for cell in commas) or any(cell.count(",") > 1 for cell in commas)
    return "?" if points or thousands else ","


def _is_with_commas(cell: str) -> bool:
    """Whether a cell is a number with commas, before its decimals or between thousands."""
    return bool(_COMMA.fullmatch(cell) or _THOUSANDS.fullmatch(cell))


def _is_number(cell: str) -> bool:
    """Whether a cell is a number as Python and most programs write it."""
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell


def _id(cell: str) -> str:
    """An id; whole numbers lose decimals that some program gave them."""
    whole = _WHOLE.fullmatch(cell)
    return whole[1] if whole else cell


def _ids(texts: Sequence[str]) -> NDArray[Any]:
    """Whole numbers if all are, text otherwise."""
    if all(re.fullmatch(r"[+-]?\d{1,18}", text) for text in texts):
        return np.array([int(text) for text in texts], dtype=np.int64)
    return np.array(texts, dtype=object)
