"""One file under review: what the page shows of it, the answers, and writing them as one human run."""

from __future__ import annotations

import csv
import io
import threading
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nwb_unitrefine.errors import FileChangedError, NoUnitsError, SourceError, UnitRefineError, WriteError
from nwb_unitrefine.history.authors import read_label_authors
from nwb_unitrefine.history.runs import run_names
from nwb_unitrefine.history.tree import HISTORY
from nwb_unitrefine.learn.suggest import candidates_of, suggest_units
from nwb_unitrefine.records.csv_text import plain_cell
from nwb_unitrefine.report.page_numbers import plain_id
from nwb_unitrefine.review.answers import Answers, answers_path
from nwb_unitrefine.write import read_history, relabel, write_curation
from nwb_unitrefine.write.digests import digest_input, digest_same_units
from nwb_unitrefine.write.stores.open import read_store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nwb_unitrefine.learn.suggest import Candidates
    from nwb_unitrefine.models import Model
    from nwb_unitrefine.records import Curation
    from nwb_unitrefine.review.answers import Answer
    from nwb_unitrefine.write import WriteReport

__all__ = ["ReviewedFile", "answers_as_csv", "ask"]


class ReviewedFile:
    """One file under review; safe to use from several threads.

    Parameters
    ----------
    path : str or Path
        NWB file on this machine.
    model : Model
        Whose labels are reviewed.
    by : str
        Who answers.
    words : sequence of str, optional
        Labels that can be given besides the model's classes and those that are in the file.
    blind : bool, optional
        Hide the model's label of a unit until it has an answer.

    Raises
    ------
    SourceError
        If the file cannot be read, or kept answers are about other units.
    WriteError
        If the file cannot be written: that is found out before anybody has worked.
    """

    def __init__(
        self, path: str | Path, *, model: Model, by: str, words: Sequence[str] = (), blind: bool = False
    ) -> None:
        self.path = Path(path)
        self.by = by.strip()
        self.blind = blind
        self.asked: tuple[int, ...] = ()
        self._model = model
        self._curation: Curation | None = None
        self._data: dict[str, Any] | None = None
        self._rounds: tuple[int, list[dict[str, Any]]] = (-1, [])
        self._lock = threading.RLock()
        if not self.by:
            raise WriteError("A review needs the name of the person who answers.", tip="Name them with --by.")
        with read_store(self.path) as store:
            ids = store.read("id")
            if ids.dtype.kind not in "iu":
                raise SourceError(f"{self.path.name} has unit ids that are not whole numbers.")
            if not len(ids):
                raise NoUnitsError(f"{self.path.name} has no units to review.")
            unit_ids = frozenset(ids.tolist())
            digest = digest_input(store, "spike_times") if store.shape("spike_times") is not None else ""
            digest += digest_input(store, "id")
        in_file = [label for run in read_history(self.path) for label in run.predictions.classes]
        self.words = tuple(dict.fromkeys((*model.classes, *in_file, *words)))
        relabel(self.path, {min(unit_ids): self.words[0]}, by=self.by, dry_run=True)
        self.answers = Answers(answers_path(self.path), units_digest=digest, unit_ids=unit_ids, words=self.words)

    @property
    def curation(self) -> Curation:
        """The file as it was read, with the model's labels; made when it is first asked for."""
        from nwb_unitrefine.pipeline import curate

        with self._lock:
            if self._curation is None:
                self._curation = curate(self.path, model=self._shown_model())
            return self._curation

    def _shown_model(self) -> Model:
        """Return the model with the boundary that this file's labels come from."""
        from nwb_unitrefine.pipeline import adapt_as_recorded

        return adapt_as_recorded(self._model, read_history(self.path))

    def data(self) -> dict[str, Any]:
        """What the page shows, with the state of the answers."""
        from nwb_unitrefine.report import answer_rounds, session_data, with_history

        with self._lock:
            if self._data is None:
                self._data = session_data(self.curation, model=self._shown_model())
            history = read_history(self.path)
            if self._rounds[0] != len(history):
                found = answer_rounds(history, model=self._model, features=self.curation.features)
                self._rounds = (len(history), found)
            return {
                **with_history(self._data, history, rounds=self._rounds[1]),
                "blind": self.blind,
                "asked": [plain_id(unit) for unit in self.asked],
                "review": self.state(),
            }

    def state(self) -> dict[str, Any]:
        """The answers that are not in the file yet, by unit, who answers, and the number of runs in the file."""
        with self._lock:
            pending = self.answers.pending()
            return {
                "by": self.by,
                "words": self.words,
                "runs": self._n_runs(),
                "answers": {str(unit): asdict(answer) for unit, answer in pending.items()},
            }

    def _n_runs(self) -> int:
        """Count the runs of the file: another number means that the page shows labels of before."""
        try:
            with read_store(self.path) as store:
                return len(run_names(store.group(HISTORY)))
        except (UnitRefineError, OSError):
            return -1  # the file is away or being written: answers are kept all the same

    def answer(self, unit: int, label: str | None, note: str = "") -> dict[str, Any]:
        """Keep an answer, or clear it where `label` is None, and return the state."""
        with self._lock:
            if label is None:
                self.answers.clear(unit)
            else:
                self.answers.give(unit, label, note)
            return self.state()

    def undo(self) -> dict[str, Any]:
        """Take the last answer back; ``undone`` of the state is its unit."""
        with self._lock:
            undone = self.answers.undo()
            return {**self.state(), "undone": None if undone is None else plain_id(undone)}

    def write(self) -> WriteReport:
        """Write the answers as one human run.

        Raises
        ------
        FileChangedError
            If the units are not those that were shown: the answers are kept, and can be exported.
        WriteError
            If there is nothing to write, or the file cannot be written: the answers are kept.
        """
        with self._lock:
            pending = self.answers.pending()
            if not pending:
                raise WriteError("There is no answer to write.")
            with read_store(self.path) as store:
                if not digest_same_units(store, self.curation.units):
                    raise FileChangedError(
                        f"The units of {self.path.name} are not those that were reviewed.",
                        tip="The answers are kept: export them, and compare them with the file.",
                    )
            notes = [f"unit {unit}: {answer.note}" for unit, answer in pending.items() if answer.note]
            labels = {unit: answer.label for unit, answer in pending.items()}
            report = relabel(self.path, labels, by=self.by, note="; ".join(notes))
            self.answers.written()
            return report

    def preview_adaptation(self) -> dict[str, Any]:
        """Show which labels of the model would change if its boundary were moved to the labels of people.

        Returns
        -------
        dict
            ``remark``, one sentence; ``changed``, a list of unit, label now and label then, without the units that
            people labelled; ``scores`` and ``why``, as of `score_answers`: of the model adapted to the labels in the
            file, and to the pending answers as well. Nothing is written.

        Raises
        ------
        ModelError
            If the model cannot be adapted.
        """
        from nwb_unitrefine.pipeline import adapt_model, distrust
        from nwb_unitrefine.report import score_answers

        with self._lock:
            curation = self.curation
            pending = {unit: answer.label for unit, answer in self.answers.pending().items()}
            in_file = read_label_authors(curation.units.source)
            labels = {**in_file.by_people, **pending}
            people = {**in_file.people, **dict.fromkeys(pending, self.by)}
            adapted, remark = adapt_model(self._model, curation.features, labels, people=people)
            problems = (*curation.units.problems, *curation.features.problems)
            then = distrust(adapted.predict(curation.features), problems).labels.tolist()
            rows = zip(curation.units.unit_ids.tolist(), curation.predictions.labels.tolist(), then, strict=True)
            changed = [[plain_id(unit), old, new] for unit, old, new in rows if old != new and unit not in labels]
            scores, why = score_answers(self._model, curation.features, before=in_file.by_people, after=labels)
            return {"remark": remark.what, "changed": changed, "scores": scores, "why": why}

    def write_adapted(self) -> WriteReport:
        """Write the pending answers as a human run, and then the labels of the model with its boundary moved to them.

        Raises
        ------
        FileChangedError, WriteError
            As of `write`; the answers are kept where they are not in the file.
        """
        from nwb_unitrefine.pipeline import curate

        with self._lock:
            if self.answers.pending():
                self.write()
            curation = curate(self.path, model=self._model, adapt=True)
            report = write_curation(curation)
            self._curation, self._data = curation, None
            return report

    def candidates(self) -> Candidates:
        """Return what decides which units to ask about; those with an answer are labelled."""
        with self._lock:
            labelled = {*read_label_authors(self.curation.units.source).by_people, *self.answers.pending()}
            return candidates_of(self.curation, labelled)

    def export(self) -> str:
        """Return the pending answers as CSV, which `relabel --labels` reads."""
        return answers_as_csv(self.answers.pending())


def ask(files: Sequence[ReviewedFile], *, n: int) -> None:
    """Choose units to ask about, evenly over files, and have each page begin with them.

    Parameters
    ----------
    files : sequence of ReviewedFile
    n : int
        How many in all.
    """
    chosen = suggest_units([file.candidates() for file in files], n=n)
    for number, file in enumerate(files):
        ids = file.curation.predictions.unit_ids.tolist()
        file.asked = tuple(ids[one.row] for one in chosen if one.file == number)


def answers_as_csv(answers: Mapping[int, Answer]) -> str:
    """Return answers as CSV, which `relabel --labels` reads.

    Parameters
    ----------
    answers : mapping of int to Answer
        As of `Answers.pending`.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["unit_id", "label", "note", "at"])
    writer.writerows([unit, plain_cell(one.label), plain_cell(one.note), one.at] for unit, one in answers.items())
    return out.getvalue()
