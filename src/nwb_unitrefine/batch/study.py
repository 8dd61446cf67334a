"""A study: a folder with a plan, a ledger of what is done, and the files that were made. Work on it can stop and go on.

A task is a function of the content of a file, the model, the version of this package and the options; these make its
key. What the ledger holds a line of under its key is not done again, whoever runs the study, and wherever.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from heapq import heappop, heappush
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from nwb_unitrefine.batch.executors import MOST_DEATHS, WorkerDiedError, run_tasks
from nwb_unitrefine.batch.ledger import LABELLED, REFUSED, open_ledger
from nwb_unitrefine.batch.plan import read_plan, require_study
from nwb_unitrefine.batch.processes import can_fork, import_for_workers, run_in_processes
from nwb_unitrefine.batch.study_folder import MOST_LINE_BYTES, OPTIONS, require_own_files
from nwb_unitrefine.batch.tasks import (
    LabelTask,
    TaskOptions,
    is_done,
    keep_task_model,
    label_entry,
    load_task_model,
    refusal,
)
from nwb_unitrefine.errors import SourceError
from nwb_unitrefine.journal.appearing import appearing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nwb_unitrefine.batch.plan import Entry
    from nwb_unitrefine.models import Model

__all__ = ["StudyStatus", "Workforce", "label_study", "pending", "read_options", "study_options", "study_status"]


_PRELOAD = (label_entry.__module__, "pynwb")
"""What takes a worker longer to import than to label a small file."""

_AHEAD = 64
"""Entries among which the largest is done first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workforce:
    """Who does the tasks of a study, and which of them.

    Parameters
    ----------
    workers : int
        Processes on this machine.
    scheduler : str
        Address of a Dask scheduler, or ``local``; empty for none.
    task_index, of : int
        Do every `of`-th entry of the plan, from number `task_index` on, as an array of SLURM jobs does.
    """

    workers: int = 1
    scheduler: str = ""
    task_index: int = 0
    of: int = 1

    def __post_init__(self) -> None:
        """Refuse a share that does not exist."""
        if not 0 <= self.task_index < self.of:
            raise SourceError(
                f"There is no share {self.task_index} of {self.of}.", tip=f"Shares are numbered 0 to {self.of - 1}."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyStatus:
    """How far a study is, with the options that it was last labelled with.

    Parameters
    ----------
    n_planned : int
        Entries of the plan.
    n_skipped : int
        Of these, entries without units, according to their metadata.
    n_labelled, n_refused, n_waiting : int
        The others, by what became of them.
    labels : mapping of str to int
        Units by label.
    refusals : mapping of str to int
        Refused entries by kind of error.
    model_digest : str
        Empty before anything was labelled.
    """

    n_planned: int
    n_skipped: int
    n_labelled: int
    n_refused: int
    n_waiting: int
    labels: Mapping[str, int] = field(default_factory=dict)
    refusals: Mapping[str, int] = field(default_factory=dict)
    model_digest: str = ""


def study_options(options: TaskOptions, *, workers: int = 1) -> TaskOptions:
    """Return options with the digest of their model, which is loaded for that, and kept for the tasks.

    Parameters
    ----------
    options : TaskOptions
    workers : int, optional
        How many processes of this machine will label: with several, one loads the model while this one imports what
        all will need.

    Raises
    ------
    ModelError
        If it cannot be loaded.
    """
    options = replace(options, model_digest="")
    model = _loaded_beside(options) if workers > 1 and can_fork() else None
    return replace(options, model_digest=(load_task_model(options) if model is None else model).identity.digest)


def _loaded_beside(options: TaskOptions) -> Model | None:
    """Load the model in a process of its own, and import meanwhile; None where it cannot be had that way."""
    loading = run_in_processes(load_task_model, [options], workers=1)
    import_for_workers(_PRELOAD)
    try:
        ((_, model),) = loading
    except Exception:  # noqa: BLE001 - loaded here it gives the same error, or one model that cannot be sent
        return None
    if isinstance(model, WorkerDiedError):
        return None
    keep_task_model(options, model)
    return model


def pending(
    study: Path,
    options: TaskOptions,
    *,
    retry_failed: bool = False,
    only_new: bool = False,
    share: tuple[int, int] = (0, 1),
) -> Iterator[Entry]:
    """Yield the entries of a study that are still to be done, in the order of the plan.

    Parameters
    ----------
    study : Path
    options : TaskOptions
        With the digest of the model.
    retry_failed : bool, optional
        Take those that were refused, and those whose derived file is gone, as still to be done.
    only_new : bool, optional
        Leave out what was labelled before with another model, version or options, or with another content.
    share : (int, int), optional
        Number of a share, and how many there are: every so many-th entry of the plan, whatever is done of it.
    """
    ledger = open_ledger(study).refresh()
    known = ledger.ids if only_new else set()
    index, of = share
    for entry in islice(read_plan(study), index, None, of):
        if entry.skip or entry.id in known:
            continue
        if is_done(study, ledger, options.key(entry), retry_failed=retry_failed):
            continue
        yield entry


def label_study(
    study: str | Path,
    options: TaskOptions,
    *,
    workforce: Workforce | None = None,
    retry_failed: bool = False,
    only_new: bool = False,
) -> Iterator[dict[str, Any]]:
    """Label what is still to be done of a study; worker processes are started at once.

    It can be interrupted or killed at any time, and goes on where it stopped; several runs at once share the work.

    Parameters
    ----------
    study : str or Path
    options : TaskOptions
        With the digest of the model, as of `study_options`.
    workforce : Workforce, optional
        By default, this process alone.
    retry_failed, only_new : bool, optional
        As of `pending`.

    Returns
    -------
    iterator of dict
        The ledger's line of each entry, as soon as it is done.

    Raises
    ------
    SourceNotFoundError
        If there is no study.
    SchedulerError
        If the Dask scheduler went away: run again to go on.
    """
    study, workforce = Path(study).resolve(), workforce or Workforce()
    _keep_options(study, options)
    share = (workforce.task_index, workforce.of)
    todo = pending(study, options, retry_failed=retry_failed, only_new=only_new, share=share)
    ordered = _largest_first(todo) if workforce.workers > 1 or workforce.scheduler else todo
    tasks = (LabelTask(study=str(study), entry=entry, options=options, retry_failed=retry_failed) for entry in ordered)
    done = run_tasks(label_entry, tasks, workers=workforce.workers, scheduler=workforce.scheduler, preload=_PRELOAD)
    return _lines(study, done)


def _largest_first(entries: Iterator[Entry]) -> Iterator[Entry]:
    """Take the largest of the next few entries, so that the last ones are small and workers end at about one time."""
    ahead: list[tuple[int, int, Entry]] = []
    for number, entry in enumerate(entries):
        heappush(ahead, (-entry.size_bytes, number, entry))
        if len(ahead) == _AHEAD:
            yield heappop(ahead)[-1]
    while ahead:
        yield heappop(ahead)[-1]


def _lines(
    study: Path, done: Iterator[tuple[LabelTask, dict[str, Any] | WorkerDiedError | None]]
) -> Iterator[dict[str, Any]]:
    """Yield the ledger's line of each task that was done here, and record those that were given up."""
    for task, line in done:
        if isinstance(line, WorkerDiedError):
            yield _given_up(study, task)
        elif line is not None:
            yield line


def study_status(study: str | Path) -> StudyStatus:
    """Count what is done of a study and what is not, with the options that it was last labelled with.

    Raises
    ------
    SourceNotFoundError
        If there is no study.
    """
    study = Path(study)
    options, ledger = read_options(study), open_ledger(study.resolve()).refresh()
    counts: Counter[str] = Counter()
    keys: list[str] = []
    for entry in read_plan(study):
        key = "" if options is None else options.key(entry)
        counts["skipped" if entry.skip else ledger.outcomes.get(key, "waiting")] += 1
        if not entry.skip and key in ledger.outcomes:
            keys.append(key)
    labels: Counter[str] = Counter()
    refusals: Counter[str] = Counter()
    for line in ledger.lines(keys):
        labels.update(line.get("labels", {}))
        refusals.update([line["reason"]] if line["outcome"] == REFUSED else [])
    return StudyStatus(
        n_planned=sum(counts.values()),
        n_skipped=counts["skipped"],
        n_labelled=counts[LABELLED],
        n_refused=counts[REFUSED],
        n_waiting=counts["waiting"],
        labels=dict(labels.most_common()),
        refusals=dict(refusals.most_common()),
        model_digest="" if options is None else options.model_digest,
    )


def read_options(study: Path) -> TaskOptions | None:
    """The options that a study was last labelled with; None before it was labelled."""
    require_own_files(study)
    try:
        with (study / OPTIONS).open("rb") as file:
            return TypeAdapter(TaskOptions).validate_json(file.read(MOST_LINE_BYTES))
    except FileNotFoundError:
        return None
    except (ValueError, SourceError) as error:  # hints that cannot be are refused by `SourceHints`
        raise SourceError(f"{study / OPTIONS} is damaged.", tip="Label the study again.") from error


def _keep_options(study: Path, options: TaskOptions) -> None:
    """Keep the options for `status`, `summary` and whoever goes on."""
    require_study(study)
    try:
        known = read_options(study)
    except SourceError:  # damaged: these take their place
        known = None
    if known != options:
        with appearing(study / OPTIONS, overwrite=True) as place:
            place.write_text(json.dumps(asdict(options), indent=1), encoding="utf-8")


def _given_up(study: Path, task: LabelTask) -> dict[str, Any]:
    """Record an entry over which every worker died."""
    error = SourceError(
        f"{MOST_DEATHS} workers died over it one after another.", tip="Give workers more memory, then --retry-failed."
    )
    line = {"key": task.options.key(task.entry), "id": task.entry.id, "model": task.options.model_digest}
    line |= {**refusal(error), "reason": "WorkerDied"}
    open_ledger(study).append(line)
    return line
