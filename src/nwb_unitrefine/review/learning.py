"""What a model learns from the written answers of a review: scores of the model, and training it further.

Both take seconds to minutes, so the server does them while the person goes on. Nothing is written before a person has
seen the scores and asked for it.
"""

from __future__ import annotations

import shlex
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import ModelError, TrainingError, UnitRefineError
from nwb_unitrefine.history.authors import label_authors
from nwb_unitrefine.history.runs import runs_in_effect
from nwb_unitrefine.learn.continuing import compare_rounds, continue_dataset, read_parent
from nwb_unitrefine.learn.evaluate import evaluate
from nwb_unitrefine.learn.labelled.labels import LabelRules
from nwb_unitrefine.learn.labelled.sources import read_labelled
from nwb_unitrefine.learn.scoring.scores import share_interval
from nwb_unitrefine.learn.train import train_model
from nwb_unitrefine.models import FittedModel
from nwb_unitrefine.models.folder import require_free
from nwb_unitrefine.write import read_history

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from nwb_unitrefine.learn import Dataset
    from nwb_unitrefine.learn.continuing import Continued, Parent
    from nwb_unitrefine.models import Model
    from nwb_unitrefine.models.manifest import Round

__all__ = ["Learning"]


@dataclass(frozen=True, slots=True)
class _Compared:
    """A round of training that was scored and not yet written."""

    continued: Continued
    round: Round


class Learning:
    """Evaluate and train on the answers that the files of a review hold; one job at a time.

    Parameters
    ----------
    paths : sequence of Path
        Files under review.
    model : Model
        Whose labels are reviewed.
    parent : str or Path, optional
        Its folder, to be trained further; by default it is only evaluated.
    output : Path, optional
        Model folder to write then.

    Raises
    ------
    TrainingError
        If the model cannot be trained further.
    ModelError
        If there is something at `output`: that is found out before anybody has worked.
    """

    def __init__(
        self, paths: Sequence[Path], *, model: Model, parent: str | Path | None = None, output: Path | None = None
    ) -> None:
        self._paths = tuple(paths)
        self._model = replace(model, adaptation=None) if isinstance(model, FittedModel) else model
        self._parent: Parent | None = None
        self._output = output
        self._compared: _Compared | None = None
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._running = ""
        self._outcome: dict[str, Any] = {}
        if parent is not None and output is not None:
            self._parent = read_parent(parent)
            require_free(output, overwrite=False)

    @property
    def trains(self) -> bool:
        """Whether the model can be trained further."""
        return self._parent is not None

    def begin(self, what: str) -> None:
        """Begin a job: ``evaluate``, ``train`` (score only) or ``write`` (the model that was scored).

        Raises
        ------
        TrainingError
            If a job is running, or there is nothing to write.
        """
        jobs: dict[str, tuple[str, Callable[[], dict[str, Any]]]] = {
            "evaluate": ("scoring the model", self.evaluate),
            "train": ("training without each part in turn", self.compare),
            "write": ("training the model", self.write),
        }
        words, job = jobs[what]
        with self._lock:
            if self._running:
                raise TrainingError(f"The server is busy {self._running}.", tip="Wait for it.")
            self._running, self._outcome = words, {}
            self._thread = threading.Thread(target=self._do, args=(job,), daemon=True)
            self._thread.start()

    def wait(self) -> dict[str, Any]:
        """Wait until the job is done, and return the state."""
        if self._thread is not None:
            self._thread.join()
        return self.state()

    def state(self) -> dict[str, Any]:
        """``running`` in words, or the outcome of the last job: ``done`` or ``error``."""
        with self._lock:
            return {"running": self._running, **self._outcome}

    def _do(self, job: Callable[[], dict[str, Any]]) -> None:
        """Run a job; what goes wrong is its outcome."""
        try:
            outcome: dict[str, Any] = {"done": job()}
        except (UnitRefineError, OSError) as error:
            outcome = {"error": str(error)}
        except Exception as error:  # noqa: BLE001 - the server goes on, and the page shows what happened
            outcome = {"error": f"This failed unexpectedly: {type(error).__name__}: {error}"}
        with self._lock:
            self._running, self._outcome = "", outcome

    def evaluate(self) -> dict[str, Any]:
        """Score the model, as it was trained, on the labels that people set in the files.

        Raises
        ------
        TrainingError
            If there are none, or the model was trained on them.
        """
        paths = self._answered()
        scored = evaluate(self._model, self._labelled(paths, self._model.classes))
        targets, labels = scored.dataset.targets, scored.labels
        confusion = np.zeros((len(scored.classes), len(scored.classes)), dtype=int)
        np.add.at(confusion, (targets, labels), 1)
        return {
            "model": self._model.identity.name,
            "n_units": len(targets),
            "files": len(paths),
            "scores": {name: round(value, 4) for name, value in scored.pooled.items() if np.isfinite(value)},
            "accuracy_interval": [
                round(float(one), 4) for one in share_interval((targets == labels).sum(), len(targets))
            ],
            "classes": list(scored.classes),
            "confusion": confusion.tolist(),
        }

    def compare(self) -> dict[str, Any]:
        """Train without and with the answers, and score both on the same held-out units; nothing is written.

        Raises
        ------
        TrainingError
            If there are no answers, or too few units of a class.
        """
        parent = self._require_parent()
        continued = continue_dataset(parent.dataset, self._labelled(self._answered(), parent.dataset.classes))
        scored = compare_rounds(parent.learner, continued, parent=parent.digest, seed=parent.seed)
        self._compared = _Compared(continued, scored)
        return {
            "model": self._model.identity.name,
            "output": self._output.name if self._output is not None else "",
            **scored.model_dump(mode="json"),
            "unchanged": continued.unchanged,
        }

    def write(self) -> dict[str, Any]:
        """Train the model that was scored last on all its units, and write its folder.

        Raises
        ------
        TrainingError
            If none was scored.
        ModelError
            If there is something at the place by now.
        """
        parent, compared = self._require_parent(), self._compared
        if compared is None or self._output is None:
            raise TrainingError("There is no model to write.", tip="Have it scored first.")
        files = [path.name for path in self._paths]
        trained = train_model(
            compared.continued.dataset,
            output=self._output,
            learner=parent.learner,
            lineage=(*parent.lineage, compared.round),
            seed=parent.seed,
            command=shlex.join(["nwb-unitrefine", "train", *files, "--continue-from", self._model.identity.name]),
        )
        self._compared = None
        return {"path": str(trained.path), "warnings": list(trained.warnings)}

    def _require_parent(self) -> Parent:
        if self._parent is None:
            raise ModelError("This review does not train a model.", tip="Start it with --train-to FOLDER.")
        return self._parent

    def _answered(self) -> list[Path]:
        """Files in which people have set labels."""
        found = [path for path in self._paths if label_authors(runs_in_effect(read_history(path))).by_people]
        if not found:
            raise TrainingError("No answer is written into the files yet.", tip="Write your answers first.")
        return found

    @staticmethod
    def _labelled(paths: Sequence[Path], classes: Sequence[str]) -> Dataset:
        return read_labelled(list(paths), rules=LabelRules(classes=tuple(classes)))
