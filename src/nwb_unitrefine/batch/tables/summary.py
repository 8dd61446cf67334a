"""Tables of a whole study: a row for each unit and for each session, and a page that counts them."""

from __future__ import annotations

from collections import Counter, defaultdict
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from nwb_unitrefine.batch.findings import IMPORTANCE, importance_of_refusal, remedy
from nwb_unitrefine.batch.ledger import LABELLED, REFUSED, open_ledger
from nwb_unitrefine.batch.plan import read_plan
from nwb_unitrefine.batch.study import read_options
from nwb_unitrefine.batch.tables.table_files import COLUMNS, MISSING, describe_table, open_table, to_parquet
from nwb_unitrefine.batch.tasks import record_path
from nwb_unitrefine.errors import SourceError
from nwb_unitrefine.records import ProblemCode, Severity
from nwb_unitrefine.records.names import recorded_name
from nwb_unitrefine.report.tables_page import PageTable, write_tables_page

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["StudyTables", "summarize_study"]


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
    """Write ``units.tsv``, ``sessions.tsv``, ``problems.tsv``, a description of each, and ``report.html``.

    They hold what the ledger has with the options that the study was last labelled with. Text that a spreadsheet would
    take for a formula gets an apostrophe; what is missing is ``n/a``. Sessions are read one at a time.

    Parameters
    ----------
    study : str or Path
    parquet : bool, optional
        Write each table as Parquet, too.
    folder : Path, optional
        Write them there, to be published: of files on this machine their names alone, of errors their kind, and not
        where links lead to.

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
    columns = {
        "units": [*COLUMNS["units"], *(f"probability_{name}" for name in classes), *(f"label_in_{n}" for n in before)],
        "sessions": [*COLUMNS["sessions"], *(f"n_{name}" for name in classes), *(f"accuracy_{n}" for n in before)],
        "problems": list(COLUMNS["problems"]),
    }
    counts, n_units, n_sessions = _Counts(), 0, 0
    paths = [place / f"{name}.tsv" for name in columns]
    with ExitStack() as stack:
        units, sessions, problems = (stack.enter_context(open_table(path, columns[path.stem])) for path in paths)
        for found, document in _sessions(study):
            row = _as_published(found) if is_public else found
            sessions.writerow(row)
            counts.add_session(row, document)
            n_sessions += 1
            for problem in _problems(row, document):
                of_links = is_public and problem["code"] == ProblemCode.LINK_OUTSIDE
                problems.writerow({**problem, "message": ""} if of_links else problem)
            for unit in () if document is None else document["units"]:
                units.writerow({**row, **unit})
                counts.add_unit({**row, **unit})
                n_units += 1
    for path in tuple(paths):
        paths.append(describe_table(path, columns[path.stem]))
        if parquet:
            paths.append(to_parquet(path, columns[path.stem]))
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
                **{name: session[name] for name in COLUMNS["sessions"] if name in session},
                "problems": ";".join(codes),
                "share_out_of_range": round(session["n_out_of_range"] / n_units, 4) if n_units else None,
                **{f"n_{label}": number for label, number in session["labels"].items()},
                **{f"accuracy_{name}": found["accuracy"] for name, found in session["agreement"].items()},
            },
            document,
        )


def _problems(row: Mapping[str, Any], document: Mapping[str, Any] | None) -> Iterator[dict[str, Any]]:
    """Yield what is wrong with a session, or why it was refused, in the form of nwbinspector's messages."""
    about = {name: row.get(name) for name in ("source", "subject", "session")}
    if document is None:
        if row["outcome"] == REFUSED:
            code = row["problems"]
            grave = {"importance": importance_of_refusal(code), "code": code, "message": row["error"]}
            yield {**about, **grave, "remedy": _remedy(code)}
        return
    for problem in document["session"]["problems"]:
        yield {
            **about,
            "importance": IMPORTANCE.get(problem["severity"], ""),
            "code": problem["code"],
            "message": problem.get("what", ""),
            "location": document["session"].get("location", ""),
            "n_units": problem["n_units"] or None,
            "remedy": _remedy(problem["code"]),
        }


def _remedy(code: str) -> str:
    """How to mend a problem; empty for a code of another version of this package."""
    return next((remedy(known) for known in ProblemCode if known.value == code), "")


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
        rows = [
            (*key, found["problems"], found["units"], _remedy(key[0])) for key, found in sorted(self.problems.items())
        ]
        tables.append(PageTable("Problems", ["code", "severity", "times", "units named", "how to mend it"], rows))
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
