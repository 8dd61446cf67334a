"""Tables of a whole study: a row for each unit and for each session, and a page that counts them."""

from __future__ import annotations

import csv
import json
from collections import Counter, defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from nwb_unitrefine.batch.ledger import LABELLED, REFUSED, open_ledger
from nwb_unitrefine.batch.plan import read_plan
from nwb_unitrefine.batch.study import read_options
from nwb_unitrefine.batch.tasks import record_path
from nwb_unitrefine.errors import MissingExtraError, SourceError
from nwb_unitrefine.journal.appearing import appearing
from nwb_unitrefine.records import Severity
from nwb_unitrefine.records.csv_text import plain_cell
from nwb_unitrefine.records.names import recorded_name
from nwb_unitrefine.report.tables_page import PageTable, write_tables_page

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["StudyTables", "summarize_study"]

MISSING = "n/a"
"""As in BIDS."""

UNIT_COLUMNS = {
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
SESSION_COLUMNS = {
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
_FAMILIES = {
    "probability_": "Calibrated probability of this class.",
    "label_in_": "Label in this column of the source, in the words sua, mua and noise.",
    "accuracy_": "Share of the units labelled in this column of the source that have the same label here.",
    "n_": "Number of units with this label.",
}
_NUMBERS = ("depth_um", "span_s", "share_out_of_range", "probability_", "accuracy_")
_PARQUET = {"boolean": "bool_", "integer": "int64", "number": "float64", "string": "string"}
"""Types of pyarrow, by the format of a column as BIDS names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyTables:
    """What `summarize_study` wrote.

    Parameters
    ----------
    paths : tuple of Path
    n_sessions, n_units : int
    """

    paths: tuple[Path, ...]
    n_sessions: int
    n_units: int


def summarize_study(study: str | Path, *, parquet: bool = False, folder: Path | None = None) -> StudyTables:
    """Write ``units.tsv``, ``sessions.tsv``, a JSON description of each, and ``report.html`` into a study's folder.

    They hold what the ledger has with the options that the study was last labelled with. Text that a spreadsheet would
    take for a formula gets an apostrophe; what is missing is ``n/a``. Sessions are read one at a time.

    Parameters
    ----------
    study : str or Path
    parquet : bool, optional
        Write each table as Parquet, too.
    folder : Path, optional
        Write them there, to be published: of files on this machine their names alone, and of errors their kind.

    Raises
    ------
    SourceNotFoundError
        If there is no study.
    SourceError
        If nothing of it was labelled yet.
    MissingExtraError
        If Parquet is wanted and pyarrow is not installed.
    """
    study = Path(study).resolve()
    if read_options(study) is None:
        next(read_plan(study), None)
        raise SourceError(f"Nothing of {study.name} was labelled yet.", tip="nwb-unitrefine dandiset label STUDY")
    is_public = folder is not None
    place = study if folder is None else folder
    classes, before = _names(study)
    unit_columns = [*UNIT_COLUMNS, *(f"probability_{name}" for name in classes), *(f"label_in_{n}" for n in before)]
    session_columns = [*SESSION_COLUMNS, *(f"n_{name}" for name in classes), *(f"accuracy_{name}" for name in before)]
    counts, n_units, n_sessions = _Counts(), 0, 0
    with (
        _table(place / "units.tsv", unit_columns) as units,
        _table(place / "sessions.tsv", session_columns) as sessions,
    ):
        for found, document in _sessions(study):
            row = _as_published(found) if is_public else found
            sessions.writerow(row)
            counts.add_session(row, document)
            n_sessions += 1
            for unit in () if document is None else document["units"]:
                units.writerow({**row, **unit})
                counts.add_unit({**row, **unit})
                n_units += 1
    paths = [place / "units.tsv", place / "sessions.tsv"]
    for path, columns in zip(tuple(paths), (unit_columns, session_columns), strict=True):
        paths.append(_describe(path, columns))
        if parquet:
            paths.append(_to_parquet(path, columns))
    page, title = place / "report.html", "Curated units" if is_public else f"Study {study.name}"
    write_tables_page(title, f"{n_sessions} sessions, {n_units} units", counts.tables(classes), page)
    return StudyTables(paths=(*paths, page), n_sessions=n_sessions, n_units=n_units)


def _as_published(row: dict[str, Any]) -> dict[str, Any]:
    """A row without folders of this machine."""
    return {**row, "source": recorded_name(row["source"]), "error": row.get("refused_for", "")}


def _sessions(study: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any] | None]]:
    """Yield a row for each entry of the plan, and the record of its units where it was labelled."""
    options, ledger = read_options(study), open_ledger(study).refresh()
    assert options is not None
    for entry in read_plan(study):
        row: dict[str, Any] = {"source": entry.id, "outcome": "skipped" if entry.skip else "waiting"}
        key = options.key(entry)
        line = next(ledger.lines([key]), None)
        if entry.skip or line is None:
            yield {**row, "error": entry.skip}, None
            continue
        row |= {"outcome": line["outcome"], "output": line.get("output", ""), "error": line.get("error", "")}
        if line["outcome"] != LABELLED:
            yield {**row, "refused_for": line["reason"], "problems": line.get("code", "")}, None
            continue
        try:
            document = _Record.model_validate_json(record_path(study, key).read_bytes()).model_dump()
        except (OSError, ValueError):
            lost = "The record of its units is gone or damaged: remove it, then label with --retry-failed."
            yield {**row, "error": lost}, None
            continue
        session = document["session"]
        codes = dict.fromkeys(problem["code"] for problem in session["problems"])
        n_units = session["n_units"]
        yield (
            {
                **row,
                **{name: session[name] for name in SESSION_COLUMNS if name in session},
                "problems": ";".join(codes),
                "share_out_of_range": round(session["n_out_of_range"] / n_units, 4) if n_units else None,
                **{f"n_{label}": number for label, number in session["labels"].items()},
                **{f"accuracy_{name}": found["accuracy"] for name, found in session["agreement"].items()},
            },
            document,
        )


class _Part(BaseModel):
    """A part of a record: what the tables rely on is checked, and the rest is kept."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)


class _Problem(_Part):
    code: str
    severity: str
    n_units: int


class _Agreement(_Part):
    n_units: int
    accuracy: float


class _Session(_Part):
    n_units: int
    n_out_of_range: int
    labels: dict[str, int]
    agreement: dict[str, _Agreement]
    problems: list[_Problem]


class _Unit(_Part):
    unit_id: int | str
    label: str
    uncertain: bool
    reason: str


class _Record(_Part):
    """What is recorded of one session; a study's folder may be a stranger's."""

    session: _Session
    units: list[_Unit]


def _names(study: Path) -> tuple[list[str], list[str]]:
    """Classes of the labels, and columns of labels that any session has: known only when all were read."""
    classes: dict[str, None] = {}
    before: dict[str, None] = {}
    for _, document in _sessions(study):
        for name in () if document is None or not document["units"] else document["units"][0]:
            if name.startswith("probability_"):
                classes[name.removeprefix("probability_")] = None
            elif name.startswith("label_in_"):
                before[name.removeprefix("label_in_")] = None
    return list(classes), list(before)


class _Writer:
    """Writes rows of a table with what is missing, and no formulas."""

    def __init__(self, file: Any, columns: Sequence[str]) -> None:
        self._columns = columns
        self._writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        self._writer.writerow([plain_cell(name) for name in columns])

    def writerow(self, row: Mapping[str, Any]) -> None:
        cells = (row.get(name) for name in self._columns)
        self._writer.writerow([MISSING if cell is None or cell == "" else plain_cell(cell) for cell in cells])


@contextmanager
def _table(path: Path, columns: Sequence[str]) -> Iterator[_Writer]:
    """A table that appears under its name when it is complete."""
    with appearing(path, overwrite=True) as place, place.open("w", encoding="utf-8", newline="") as file:
        yield _Writer(file, columns)


def _describe(path: Path, columns: Sequence[str]) -> Path:
    """Write what each column of a table means."""
    known = UNIT_COLUMNS if path.stem == "units" else SESSION_COLUMNS
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


def _to_parquet(path: Path, columns: Sequence[str]) -> Path:
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


class _Counts:
    """What the page of a study counts."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()
        self.problems: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        self.units: dict[str, dict[str, Counter[str]]] = {
            name: defaultdict(Counter) for name in ("subject", "region", "electrode_group", "dialect")
        }
        self.agreement: dict[str, Counter[str]] = defaultdict(Counter)

    def add_session(self, row: Mapping[str, Any], document: Mapping[str, Any] | None) -> None:
        self.outcomes[row["outcome"]] += 1
        if row["outcome"] == REFUSED:
            self.refusals[f"{row['refused_for']}: {row['error'].replace(row['source'], '…')}"] += 1
            if row["problems"]:
                self.problems[row["problems"], Severity.CRITICAL].update(problems=1)
        for problem in () if document is None else document["session"]["problems"]:
            found = self.problems[problem["code"], problem["severity"]]
            found.update(problems=1, units=problem["n_units"])
        for name, found_before in {} if document is None else document["session"]["agreement"].items():
            n_alike = round(found_before["accuracy"] * found_before["n_units"])
            self.agreement[name].update(sessions=1, units=found_before["n_units"], alike=n_alike)

    def add_unit(self, row: Mapping[str, Any]) -> None:
        for name, found in self.units.items():
            of_name = found[str(row.get(name) or MISSING)]
            of_name.update([row["label"] or "unlabelled"])
            is_outside = int("outside the training range" in row["reason"])
            of_name.update(uncertain=int(row["uncertain"]), outside=is_outside)

    def tables(self, classes: Sequence[str]) -> list[PageTable]:
        labels = [*classes, "unlabelled", "uncertain"]
        tables = [PageTable("Sessions", ["outcome", "sessions"], list(self.outcomes.most_common()))]
        tables.append(PageTable("Refusals", ["reason", "sessions"], list(self.refusals.most_common())))
        rows = [(*key, found["problems"], found["units"]) for key, found in sorted(self.problems.items())]
        tables.append(PageTable("Problems", ["code", "severity", "times", "units named"], rows))
        for name, found in self.units.items():
            shown = [
                (value, *(counts[label] for label in labels), counts["outside"] / max(1, _n_units(counts, classes)))
                for value, counts in sorted(found.items())
            ]
            tables.append(PageTable(f"Units by {name}", [name, *labels, "share out of training range"], shown))
        agreed = [(n, c["sessions"], c["units"], c["alike"] / c["units"]) for n, c in sorted(self.agreement.items())]
        tables.append(
            PageTable("Agreement with columns of labels", ["column", "sessions", "units", "share alike"], agreed)
        )
        return tables


def _n_units(counts: Counter[str], classes: Sequence[str]) -> int:
    return sum(counts[name] for name in (*classes, "unlabelled"))
