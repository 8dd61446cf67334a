"""One task of a study: label one file or asset into a small file of the study, and record what became of it."""

from __future__ import annotations

import errno
import json
import shutil
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nwb_unitrefine.batch.findings import code_of_refusal
from nwb_unitrefine.batch.ledger import LABELLED, REFUSED, REPLACED, claimed, open_ledger
from nwb_unitrefine.batch.plan import Entry, content_of_file, output_path, told_apart
from nwb_unitrefine.batch.study_folder import IN_WORK, RECORDS, made_file, require_own_files
from nwb_unitrefine.batch.tables.unit_rows import describe_session, unit_rows
from nwb_unitrefine.errors import FileChangedError, ModelError, UnitRefineError, WriteError
from nwb_unitrefine.journal.appearing import appearing
from nwb_unitrefine.journal.system_calls import sync_folder
from nwb_unitrefine.models import load_model
from nwb_unitrefine.pipeline import curate
from nwb_unitrefine.read.sources import read_source
from nwb_unitrefine.records import SourceHints
from nwb_unitrefine.records.names import without_secrets
from nwb_unitrefine.write import write_curation
from nwb_unitrefine.write.exports.units_file import derived_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nwb_unitrefine.batch.ledger import Ledger
    from nwb_unitrefine.models import Model
    from nwb_unitrefine.records import Curation

__all__ = [
    "LabelTask",
    "TaskOptions",
    "is_done",
    "keep_task_model",
    "label_entry",
    "load_task_model",
    "record_path",
    "refusal",
]

_NO_ROOM = frozenset({errno.ENOSPC, errno.EROFS, getattr(errno, "EDQUOT", errno.ENOSPC)})
"""What is wrong with the study's disk and with no source."""


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
        Try again what the ledger has as refused, and what it has as labelled and whose derived file is gone.
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

    Raises
    ------
    SourceError
        If the study's folder is none that may be written into.
    WriteError
        If there is no room on the study's disk, or it may not be written to: that is no fault of the source.
    """
    study = Path(task.study)
    require_own_files(study)
    ledger, key = open_ledger(study), task.options.key(task.entry)
    with claimed(study, task.entry.id) as is_mine:
        if not is_mine:
            return None
        if is_done(study, ledger.refresh(), key, retry_failed=task.retry_failed):
            return None
        start = time.perf_counter()
        try:
            found = _label(study, task, ledger)
        except Exception as error:
            if why := _no_room(error):
                raise WriteError(f"{study} has no room for what is to be written: {why}.") from error
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


def is_done(study: Path, ledger: Ledger, key: str, *, retry_failed: bool = False) -> bool:
    """Whether nothing is to be done for a key: its entry was labelled, or was refused and is not to be tried again.

    Parameters
    ----------
    study : Path
    ledger : Ledger
        Refreshed.
    key : str
        As of `TaskOptions.key`.
    retry_failed : bool, optional
        Take what was refused, and what was labelled and whose derived file is gone, as not done.
    """
    outcome = ledger.outcomes.get(key, "")
    if not outcome or not retry_failed:
        return bool(outcome)
    line = next(ledger.lines([key]), {})
    return outcome == LABELLED and made_file(study, line["output"]).exists() and record_path(study, key).exists()


def _no_room(error: BaseException | None) -> str:
    """Why an error is that of a disk which is full or may not be written to; empty where it is not."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            return error.strerror or str(error)
        error = error.__cause__
    return ""


def refusal(error: Exception) -> dict[str, Any]:
    """Return what the ledger holds of an entry that could not be labelled."""
    is_ours = isinstance(error, UnitRefineError)
    message = str(error) if is_ours else f"fault in nwb-unitrefine: {type(error).__name__}: {error}"
    return {
        "outcome": REFUSED,
        "reason": type(error).__name__,
        "code": code_of_refusal(error).value,
        "error": without_secrets(" ".join(message.split())),
    }


def record_path(study: Path, key: str) -> Path:
    """Where the units of an entry, as they were labelled under a key, are recorded for the study's tables."""
    return study / RECORDS / key[:2] / f"{key}.json"


def _label(study: Path, task: LabelTask, ledger: Ledger) -> dict[str, Any]:
    """Read, label, write the small file and the record of its units."""
    entry, options = task.entry, task.options
    units = read_source(entry.source, hints=options.hints)
    model = load_task_model(options)
    if model.identity.digest != options.model_digest:
        raise ModelError("The model is not the one that the study is labelled with.", tip="Start `label` again.")
    curation = curate(units, model=model)
    output = entry.output or told_apart(output_path(f"x/{derived_name(units.source)}"), entry)
    final, key, former = made_file(study, output), options.key(entry), ledger.labelled.get(entry.id, "")
    with _written(study, task, curation, name=final.name) as made:
        session = describe_session(curation)
        _record(study, key, {"id": entry.id, "session": session, "units": unit_rows(curation)})
        _require_unchanged(entry)
        final.parent.mkdir(parents=True, exist_ok=True)
        if former and former != key:  # what the ledger states of the file that is there ends here
            ledger.append({"key": former, "id": entry.id, "outcome": REPLACED})
            record_path(study, former).unlink(missing_ok=True)
        made.replace(final)
        sync_folder(final.parent)  # the ledger's line must not outlive it
    return {
        "outcome": LABELLED,
        "output": output,
        **{name: session[name] for name in ("n_units", "labels", "problems")},
    }


@contextmanager
def _written(study: Path, task: LabelTask, curation: Curation, *, name: str) -> Iterator[Path]:
    """Write the small file where nobody looks; what is still there at the end goes."""
    entry = task.entry
    work = study / IN_WORK / sha256(entry.id.encode()).hexdigest()[:32]
    shutil.rmtree(work, ignore_errors=True)  # left by a worker that died; the claim shows that none works on it
    work.mkdir(parents=True)
    try:
        write_curation(
            curation,
            output=work / name,
            units_only=True,
            columns=task.options.columns,
            source_digest=entry.digest,
            source_name=entry.id,
        )
        yield work / name
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _record(study: Path, key: str, document: dict[str, Any]) -> None:
    """Keep what the study's tables hold of one entry; text that is not Unicode gets question marks."""
    record = record_path(study, key)
    record.parent.mkdir(parents=True, exist_ok=True)
    with appearing(record, overwrite=True) as place:
        place.write_bytes(json.dumps(document, ensure_ascii=False).encode(errors="replace"))


def _require_unchanged(entry: Entry) -> None:
    """Refuse a local file that changed since the plan; an asset of an archive gets another id when it changes."""
    if entry.content.startswith("local:") and content_of_file(Path(entry.source))[0] != entry.content:
        raise FileChangedError(f"{entry.id} changed since the study was planned.", tip="Plan the study again.")


_models: dict[tuple[tuple[str, ...], tuple[tuple[str, str], ...]], Model] = {}


def keep_task_model(options: TaskOptions, model: Model) -> None:
    """Keep a model for the tasks of this process and of its forks."""
    _models[options.model, options.load_options] = model


def load_task_model(options: TaskOptions) -> Model:
    """Load the model of tasks, once a process: again only where the options ask for another digest, or for none.

    Raises
    ------
    ModelError
        If it cannot be loaded.
    """
    named = (options.model, options.load_options)
    if named not in _models or _models[named].identity.digest != options.model_digest:
        given = {name: json.loads(value) for name, value in options.load_options}
        _models[named] = load_model(options.model[0] if len(options.model) == 1 else list(options.model), **given)
    return _models[named]
