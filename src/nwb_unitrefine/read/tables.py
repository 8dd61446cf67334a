"""A table of metrics, as SpikeInterface, UnitRefine or Allen's pipeline export it: units without spikes."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import NoUnitsError, SourceError
from nwb_unitrefine.records import Column, Problem, ProblemCode, Ragged, Source, Units
from nwb_unitrefine.vocabulary.dialects import recognise

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["TABLE_SUFFIXES", "read_metric_table"]

TABLE_SUFFIXES = frozenset({".csv", ".tsv"})

_ID_COLUMNS = ("unit_id", "cluster_id", "id", "unit", "")
"""Columns that hold unit ids, the most telling first; the empty name is what pandas gives the index."""


def read_metric_table(path: Path, *, uri: str) -> Units:
    """Read a table of metrics: one row a unit, one column a metric.

    Parameters
    ----------
    path : Path
        CSV, or TSV where the name ends so.
    uri : str
        What to call it.

    Returns
    -------
    Units
        Without spikes and waveforms; every column is there as it stands, numbers as float. Where ids repeat, rows are
        counted from 0, and the ids stay as a column.

    Raises
    ------
    SourceError
        If it is no table, has no ids, or rows have more or fewer cells than the heading.
    NoUnitsError
        If it has no rows.
    """
    names, rows = _read(path, uri)
    if not rows:
        raise NoUnitsError(f"{uri} has no rows.")
    cells = {name: [row[i].strip() for row in rows] for i, name in enumerate(names)}
    id_column = next((name for name in _ID_COLUMNS if name in cells), None)
    if id_column is None:
        raise SourceError(f"{uri} has no column of unit ids.", tip="Name it unit_id.")
    what = "A table of metrics has no spike times and no waveforms: nothing is computed from them."
    problems = [Problem(ProblemCode.TABLE_WITHOUT_SPIKES, what)]
    unit_ids = _ids(cells[id_column])
    if len(set(unit_ids.tolist())) == len(unit_ids):
        del cells[id_column]
    else:
        what = f"Ids in column {id_column!r} repeat, as in a table of several recordings: rows are numbered."
        problems.append(Problem(ProblemCode.TABLE_IDS_REPEAT, what))
        unit_ids = np.arange(len(rows))
    cells.pop("", None)
    dialect = recognise(cells)
    return Units(
        unit_ids=unit_ids,
        spike_times_s=Ragged.from_counts(np.empty(0), np.zeros(len(unit_ids))),
        source=Source(uri=uri, kind="csv", dialect=dialect.name if dialect else "", size_bytes=path.stat().st_size),
        columns={name: Column(name, "", _numbers_or_text(texts)) for name, texts in cells.items()},
        problems=tuple(problems),
    )


def _read(path: Path, uri: str) -> tuple[list[str], list[list[str]]]:
    """Heading and rows, all of one length."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            lines = [line for line in csv.reader(stream, delimiter="\t" if path.suffix == ".tsv" else ",") if line]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{uri} cannot be read as a table: {error}.") from error
    if not lines:
        raise NoUnitsError(f"{uri} is empty.")
    names = [name.strip() for name in lines[0]]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise SourceError(f"{uri} has column {twice!r} more than once.")
    for number, row in enumerate(lines[1:], start=2):
        if len(row) != len(names):
            raise SourceError(f"{uri}: row {number} has {len(row)} cells and the heading {len(names)}.")
    return names, lines[1:]


def _ids(texts: list[str]) -> NDArray[Any]:
    """Whole numbers if all are (``12.0`` too), text otherwise."""
    try:
        numbers = np.array([float(text) for text in texts])
    except ValueError:
        return np.array(texts, dtype=object)
    if not (np.isfinite(numbers) & (numbers == np.floor(numbers))).all():
        return np.array(texts, dtype=object)
    return numbers.astype(np.int64)


def _numbers_or_text(texts: list[str]) -> NDArray[Any]:
    """Numbers if every cell that is not empty is one; an empty cell is NaN."""
    try:
        return np.array([float(text) if text else np.nan for text in texts])
    except ValueError:
        return np.array(texts, dtype=object)
