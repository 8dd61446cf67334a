"""One task of a study: label one file or asset into a small file of the study, and record what became of it."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nwb_unitrefine.batch.ledger import claimed, open_ledger
from nwb_unitrefine.batch.plan import Entry, content_of_file, output_path, told_apart
from nwb_unitrefine.batch.unit_rows import describe_session, unit_rows
from nwb_unitrefine.errors import FileChangedError, ModelError, UnitRefineError
from nwb_unitrefine.journal.appearing import appearing
from nwb_unitrefine.models import load_model
from nwb_unitrefine.pipeline import curate
from nwb_unitrefine.read.sources import read_source
from nwb_unitrefine.records import SourceHints
from nwb_unitrefine.records.names import without_secrets
from nwb_unitrefine.write import write_curation
from nwb_unitrefine.write.exports.units_file import derived_name

if TYPE_CHECKING:
    from nwb_unitrefine.models import Model
    from nwb_unitrefine.records import Curation

__all__ = [
    "DANDISET",
    "LABELLED",
    "RECORDS",
    "REFUSED",
    "LabelTask",
    "TaskOptions",
    "label_entry",
    "record_path",
    "refusal",
]

DANDISET = "dandiset"
"""Folder of a study with the files that it made, laid out as a dandiset."""

RECORDS = "records"
IN_WORK = ".in-work"
LABELLED, REFUSED = "labelled", "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskOptions:
    """What decides, besides the content of a file, what a task makes of it.

    Parameters
    ----------
    model : tuple of str
        Whatever `load_model` takes: one model or two.
    model_digest : str
        Of the model that the study was begun with; a worker that loads another one refuses the task.
    load_options : tuple of (str, str)
        Further arguments of `load_model`, each value as JSON.
    columns : str or tuple of str
        As of `write_curation`.
    hints : SourceHints
        What the sources do not state.
    """

    model: tuple[str, ...] = ("default",)
    model_digest: str = ""
    load_options: tuple[tuple[str, str], ...] = ()
    columns: str | tuple[str, ...] = "unitrefine"
    hints: SourceHints = field(default_factory=SourceHints)

    def key(self, entry: Entry) -> str:
        """Digest of all that decides what a task makes: content, model, version of this package, options."""
        hints = {name: getattr(self.hints, name) for name in SourceHints.__slots__}
        decided_by = [
            entry.id,
            entry.content,
            self.model_digest,
            _version(),
            {"columns": self.columns, "load": sorted(self.load_options), "hints": hints},
        ]
        return sha256(json.dumps(decided_by, sort_keys=True).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelTask:
    """What a worker needs for one entry of a plan.

    Parameters
    ----------
    study : str
        The study's folder, at the same path on every worker.
    entry : Entry
    options : TaskOptions
    retry_failed : bool
        Try again what the ledger has as refused.
    """

    study: str
    entry: Entry
    options: TaskOptions
    retry_failed: bool = False


@cache
def _version() -> str:
    """Version of this package, looked up once: a plan has very many keys."""
    return version("nwb-unitrefine")


def label_entry(task: LabelTask) -> dict[str, Any] | None:
    """Label one entry, and append what became of it to the ledger.

    The small file appears in the study's dandiset when it is complete; a worker that dies before leaves nothing there.

    Parameters
    ----------
    task : LabelTask

    Returns
    -------
    dict or None
        The line of the ledger; None where another run of the study has the entry in work, or has done it.
    """
    study = Path(task.study)
    ledger, key = open_ledger(study), task.options.key(task.entry)
    with claimed(study, task.entry.id) as is_mine:
        if not is_mine:
            return None
        known = ledger.refresh().outcomes.get(key, "")
        if known == LABELLED or (known and not task.retry_failed):
            return None
        start = time.perf_counter()
        try:
            found = _label(study, task)
        except Exception as error:  # noqa: BLE001 - a fault on one file is its line, not the end of the rest
            found = refusal(error)
        line = {
            "key": key,
            "id": task.entry.id,
            "model": task.options.model_digest,
            **found,
            "seconds": round(time.perf_counter() - start, 3),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        ledger.append(line)
        return line


def refusal(error: Exception) -> dict[str, Any]:
    """Return what the ledger holds of an entry that could not be labelled."""
    is_ours = isinstance(error, UnitRefineError)
    message = str(error) if is_ours else f"fault in nwb-unitrefine: {type(error).__name__}: {error}"
    return {"outcome": REFUSED, "reason": type(error).__name__, "error": without_secrets(" ".join(message.split()))}


def record_path(study: Path, entry_id: str) -> Path:
    """Where the units of an entry are recorded for the study's tables."""
    name = sha256(entry_id.encode()).hexdigest()[:32]
    return study / RECORDS / name[:2] / f"{name}.json"


def _label(study: Path, task: LabelTask) -> dict[str, Any]:
    """Read, label, write the small file and the record of its units."""
    entry, options = task.entry, task.options
    units = read_source(entry.source, hints=options.hints)
    model = _model(options.model, options.load_options)
    if model.identity.digest != options.model_digest:
        raise ModelError("The model is not the one that the study is labelled with.", tip="Start `label` again.")
    curation = curate(units, model=model)
    output = entry.output or told_apart(output_path(f"x/{derived_name(units.source)}"), entry)
    _write(study, task, curation, output)
    session = describe_session(curation)
    record = record_path(study, entry.id)
    record.parent.mkdir(parents=True, exist_ok=True)
    with appearing(record, overwrite=True) as place:
        rows = {"id": entry.id, "session": session, "units": unit_rows(curation)}
        place.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    return {
        "outcome": LABELLED,
        "output": output,
        **{name: session[name] for name in ("n_units", "labels", "problems")},
    }


def _write(study: Path, task: LabelTask, curation: Curation, output: str) -> None:
    """Write the small file where nobody looks, then give it its name, in place of an older one."""
    entry, final = task.entry, study / DANDISET / output
    work = study / IN_WORK / sha256(entry.id.encode()).hexdigest()[:32]
    shutil.rmtree(work, ignore_errors=True)  # left by a worker that died; the claim shows that none works on it
    work.mkdir(parents=True)
    try:
        write_curation(
            curation,
            output=work / final.name,
            units_only=True,
            columns=task.options.columns,
            source_digest=entry.digest,
            source_name=entry.id,
        )
        _require_unchanged(entry)
        final.parent.mkdir(parents=True, exist_ok=True)
        (work / final.name).replace(final)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _require_unchanged(entry: Entry) -> None:
    """Refuse a local file that changed since the plan; an asset of an archive gets another id when it changes."""
    if entry.content.startswith("local:") and content_of_file(Path(entry.source))[0] != entry.content:
        raise FileChangedError(f"{entry.id} changed since the study was planned.", tip="Plan the study again.")


@cache
def _model(model: tuple[str, ...], load_options: tuple[tuple[str, str], ...]) -> Model:
    """Load the model once a process."""
    given = {name: json.loads(value) for name, value in load_options}
    return load_model(model[0] if len(model) == 1 else list(model), **given)
