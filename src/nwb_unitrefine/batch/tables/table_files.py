"""Tables of a study: their columns, and how they become files, as TSV with a JSON description and as Parquet."""

from __future__ import annotations

import csv
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from nwb_unitrefine.errors import MissingExtraError
from nwb_unitrefine.journal.appearing import appearing
from nwb_unitrefine.records.csv_text import plain_cell

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

__all__ = ["COLUMNS", "MISSING", "TableWriter", "describe_table", "open_table", "to_parquet"]

MISSING = "n/a"
"""As in BIDS."""

_UNITS = {
    "source": "The file or asset that the unit is in.",
    "subject": "Subject id, as the file states it.",
    "session": "Session id, as the file states it.",
    "unit_id": "Id in the file's units table.",
    "region": "Brain region of the unit's main channel, as the file names it.",
    "electrode_group": "Probe or shank of the unit's main channel.",
    "depth_um": "Position of the main channel along the probe, in µm.",
    "n_spikes": "Number of spikes.",
    "span_s": "Time from the first to the last spike, in s.",
    "label": "Label by the model; empty where it gives none.",
    "uncertain": "Whether the label should not be relied on.",
    "reason": "Why not, or why there is no label.",
}
_SESSIONS = {
    "source": "The file or asset.",
    "outcome": "labelled, refused, skipped (its metadata lists no units) or waiting.",
    "refused_for": "Kind of error for which it was refused.",
    "subject": "Subject id, as the file states it.",
    "session": "Session id, as the file states it.",
    "start_time": "Start of the session.",
    "dialect": "Archive or program whose names its columns follow.",
    "n_units": "Number of units.",
    "n_spikes": "Number of spikes of all units.",
    "n_uncertain": "Units whose label should not be relied on.",
    "share_out_of_range": "Share of the units outside the training range of the model.",
    "rests_on": "The richest kind of feature that the labels rest on.",
    "problems": "Codes of the problems, separated by semicolons.",
    "output": "Derived file, relative to the study's dandiset.",
    "error": "Why it was refused.",
}
_PROBLEMS = {
    "source": "The file or asset.",
    "subject": "Subject id, as the file states it.",
    "session": "Session id, as the file states it.",
    "importance": "How grave it is, in the words of nwbinspector: ERROR where the source was refused.",
    "code": "Stable code of the problem.",
    "message": "What is wrong.",
    "location": "Path in the file.",
    "n_units": "Number of units that it concerns; missing where it concerns all.",
    "remedy": "How to mend it in the source.",
}
COLUMNS = {"units": _UNITS, "sessions": _SESSIONS, "problems": _PROBLEMS}
"""Columns of each table, and what they mean."""

_FAMILIES = {
    "probability_": "Calibrated probability of this class.",
    "label_in_": "Label in this column of the source, in the words sua, mua and noise.",
    "accuracy_": "Share of the units labelled in this column of the source that have the same label here.",
    "n_": "Number of units with this label.",
}
_NUMBERS = ("depth_um", "span_s", "share_out_of_range", "probability_", "accuracy_")
_PARQUET = {"boolean": "bool_", "integer": "int64", "number": "float64", "string": "string"}
"""Types of pyarrow, by the format of a column as BIDS names it."""


class TableWriter:
    """Writes rows of a table with what is missing, and no formulas."""

    def __init__(self, file: Any, columns: Sequence[str]) -> None:
        self._columns = columns
        self._writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        self._writer.writerow([plain_cell(name) for name in columns])

    def writerow(self, row: Mapping[str, Any]) -> None:
        """Write what a row has of the table's columns."""
        cells = (row.get(name) for name in self._columns)
        self._writer.writerow([MISSING if cell is None or cell == "" else plain_cell(cell) for cell in cells])


@contextmanager
def open_table(path: Path, columns: Sequence[str]) -> Iterator[TableWriter]:
    """A table that appears under its name when it is complete."""
    with appearing(path, overwrite=True) as place, place.open("w", encoding="utf-8", newline="") as file:
        yield TableWriter(file, columns)


def describe_table(path: Path, columns: Sequence[str]) -> Path:
    """Write what each column of a table means."""
    known = COLUMNS[path.stem]
    described: dict[str, dict[str, str]] = {}
    for name in columns:
        family = next((text for prefix, text in _FAMILIES.items() if name.startswith(prefix)), "")
        described[name] = {"Description": known.get(name, family), "Format": _format(name)}
        if name.endswith(("_um", "_s")):
            described[name]["Units"] = "µm" if name.endswith("_um") else "s"
    sidecar = path.with_suffix(".json")
    with appearing(sidecar, overwrite=True) as place:
        place.write_text(json.dumps(described, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return sidecar


def _format(name: str) -> str:
    """Format of a column, in the words of BIDS."""
    if name == "uncertain":
        return "boolean"
    if name.startswith("n_"):
        return "integer"
    return "number" if name.startswith(_NUMBERS) else "string"


def to_parquet(path: Path, columns: Sequence[str]) -> Path:
    """Write a table as Parquet, with numbers as numbers."""
    try:
        import pyarrow as pa
        from pyarrow import csv as arrow_csv
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtraError("pyarrow", extra="parquet", purpose="to write Parquet") from error

    table = arrow_csv.read_csv(
        path,
        parse_options=arrow_csv.ParseOptions(delimiter="\t", newlines_in_values=True),
        convert_options=arrow_csv.ConvertOptions(
            column_types={name: getattr(pa, _PARQUET[_format(name)])() for name in columns},
            null_values=[MISSING],
            strings_can_be_null=True,
        ),
    )
    output = path.with_suffix(".parquet")
    with appearing(output, overwrite=True) as place:
        parquet.write_table(table, place)
    return output
