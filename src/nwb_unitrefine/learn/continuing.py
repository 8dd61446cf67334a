"""Go on with a model: add labelled units to its own training table, replace corrected ones, score before and after."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import TrainingError
from nwb_unitrefine.learn.dataset import combine
from nwb_unitrefine.learn.fitted_once import remembering_fits
from nwb_unitrefine.learn.labelled.labels import LabelRules
from nwb_unitrefine.learn.labelled.minimum_data import check_dataset, require_every_class
from nwb_unitrefine.learn.labelled.tables import read_labelled_tables
from nwb_unitrefine.learn.labelled.training_data import read_training_data
from nwb_unitrefine.learn.learner_settings import recorded_learner
from nwb_unitrefine.learn.progress import Follow, unseen
from nwb_unitrefine.learn.scoring.scores import score
from nwb_unitrefine.learn.splits import split
from nwb_unitrefine.models.folder import TRAINING_DATA
from nwb_unitrefine.models.load import PACKAGED, load_model
from nwb_unitrefine.models.manifest import Round
from nwb_unitrefine.models.model import FittedModel
from nwb_unitrefine.models.places.hub import fetch, parse_address

if TYPE_CHECKING:
    from nwb_unitrefine.learn.dataset import Dataset
    from nwb_unitrefine.learn.learner import FolderLearner
    from nwb_unitrefine.learn.unitrefine.two_steps import TwoSteps
    from nwb_unitrefine.models import Model

__all__ = [
    "Continued",
    "Parent",
    "compare_rounds",
    "continue_dataset",
    "read_parent",
]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Continued:
    """A training table with new rows.

    Parameters
    ----------
    dataset : Dataset
        The old rows, with corrected ones replaced, then the added ones.
    before : Dataset
        The old rows as they were.
    rows_before : array of int, shape (n_before,)
        Row of `dataset` that each of them is.
    added, corrected, unchanged : int
        Units that are new, that have another label now, and that were given again with the same label.
    """

    dataset: Dataset
    before: Dataset
    rows_before: np.ndarray[Any, np.dtype[np.intp]]
    added: int
    corrected: int
    unchanged: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Parent:
    """A model that is continued.

    Parameters
    ----------
    dataset : Dataset
        Its training table.
    learner : FolderLearner or TwoSteps
    seed : int
    digest : str
    lineage : tuple of Round
    """

    dataset: Dataset
    learner: FolderLearner | TwoSteps
    seed: int
    digest: str
    lineage: tuple[Round, ...]


def read_parent(folder: str | Path, *, data: str | Path | None = None) -> Parent:
    """Read what is needed to continue a model.

    Parameters
    ----------
    folder : str or Path
        A model folder that `train_model` wrote, one on the Hub: ``"hf://owner/repo"``, or ``"default"``.
    data : str or Path, optional
        What it was trained on, as `read_training_data` takes it, for a model that comes without: the packaged default
        does, and was trained on the UnitRefine base dataset.

    Raises
    ------
    TrainingError
        If it has no manifest, no training data or no settings, or if `data` are not what it was trained on.
    ModelError
        If it is not a model.
    """
    model = load_model(folder)
    manifest = getattr(model, "manifest", None)
    if manifest is None:
        raise TrainingError(
            f"{folder} has no manifest, so it cannot be continued.", tip="Continue a model folder that train wrote."
        )
    training = manifest.training
    return Parent(
        dataset=replace(_training_data(folder, model, data=data), label_mapping=training.label_mapping),
        learner=recorded_learner(model),
        seed=training.seed,
        digest=model.identity.digest,
        lineage=manifest.lineage,
    )


def _training_data(folder: str | Path, model: Model, *, data: str | Path | None) -> Dataset:
    """Read the training table of a model, or what the user states to be its data, by the digest in the manifest."""
    manifest: Any = getattr(model, "manifest", None)
    packaged = model.identity.source == "packaged"
    address = None if packaged or Path(folder).exists() else parse_address(str(folder))
    if address is not None:
        place = fetch(address, include_data=True)[0]
    else:
        place = PACKAGED / str(folder) if packaged else Path(folder)
    if (place / TRAINING_DATA).is_file():
        if data is not None:
            raise TrainingError(
                f"{folder} holds its training data, to which the labels are added.", tip="Leave out --add-to."
            )
        return read_labelled_tables(
            place,
            rules=LabelRules(classes=manifest.classes),
            description=manifest.training.data,
            licence=manifest.licence,
        )
    if data is None:
        shared = " `model push --include-data` shares it." * (address is not None)
        which = ", the UnitRefine base dataset (CSV files)" * packaged
        command = f"nwb-unitrefine train SOURCE --continue-from {folder} --add-to DATA"
        raise TrainingError(
            f"{folder} has no training data, so it cannot be continued.",
            tip=f"Name what it was trained on{which}: {command}; or continue a model folder that train wrote.{shared}",
        )
    inputs = model.inputs if isinstance(model, FittedModel) else ()
    found = read_training_data(data, classes=manifest.classes, ranks=any("rank_of_" in name for name in inputs))
    if manifest.training.data_digest not in (found.digest, found.select(inputs).digest):
        raise TrainingError(
            f"{data} are not the data that {folder} was trained on: the digest differs.",
            tip="Give the same data, or train a model of all of it: leave out --continue-from.",
        )
    return found


def continue_dataset(old: Dataset, new: Dataset) -> Continued:
    """Add labelled units to a training table.

    A unit is one of the table's if it has the same id in a file of the same object id, or in a recording of the same
    name. Its row is replaced.

    Parameters
    ----------
    old, new : Dataset
        Of the same classes.

    Raises
    ------
    TrainingError
        If the classes differ.
    """
    by_file = {
        (file, unit): row
        for row, (file, unit) in enumerate(zip(old.file_ids.tolist(), old.unit_ids.tolist(), strict=True))
        if file
    }
    by_recording = {
        key: row for row, key in enumerate(zip(old.recordings.tolist(), old.unit_ids.tolist(), strict=True))
    }
    named = dict(
        zip(old.file_ids.tolist(), zip(old.recordings.tolist(), old.subjects.tolist(), strict=True), strict=True)
    )
    recordings, subjects = new.recordings.astype(object), new.subjects.astype(object)
    known = np.full(len(new), -1, dtype=np.intp)
    for row, (file, recording, unit) in enumerate(
        zip(new.file_ids.tolist(), new.recordings.tolist(), new.unit_ids.tolist(), strict=True)
    ):
        if file and file in named:
            # A file keeps its name of the first round, so that its units are held out together.
            recordings[row], subjects[row] = named[file]
        known[row] = by_file.get((file, unit), by_recording.get((recording, unit), -1))
    new = replace(new, recordings=recordings.astype(str), subjects=subjects.astype(str))
    kept = np.setdiff1d(np.arange(len(old)), known)
    again = known >= 0
    differs = new.labels[again] != old.labels[known[again]]
    rows_before = np.empty(len(old), dtype=np.intp)
    rows_before[kept] = np.arange(len(kept))
    rows_before[known[again]] = len(kept) + np.flatnonzero(again)
    return Continued(
        dataset=combine([old.take(kept), new]),
        before=old,
        rows_before=rows_before,
        added=int((~again).sum()),
        corrected=int(differs.sum()),
        unchanged=int((~differs).sum()),
    )


@remembering_fits()
def compare_rounds(
    learner: FolderLearner | TwoSteps,
    continued: Continued,
    *,
    parent: str,
    seed: int = 0,
    validate: bool = True,
    follow: Follow = unseen,
) -> Round:
    """Score the learner on the old rows and on the new ones, both on the same units that were held out.

    Parameters
    ----------
    learner : FolderLearner or TwoSteps
    continued : Continued
    parent : str
        Digest of the model that is continued.
    seed : int
    validate : bool
        Whether to score at all.
    follow : Follow, optional
        As of `cross_validate`.

    Returns
    -------
    Round
        Scores are those of all units of the new table, with their new labels, each from a model that was made without
        its subject (recording, part).

    Raises
    ------
    TrainingError
        If too few units of a class are left for a part.
    """
    dataset, before = continued.dataset, continued.before
    scores: list[dict[str, float]] = [{}, {}]
    if validate:
        check_dataset(dataset)
        classes = dataset.classes
        parts = split(dataset, seed=seed)
        probabilities = np.zeros((2, len(dataset), len(classes)))
        labels = np.zeros((2, len(dataset)), dtype=np.intp)
        for train, test in follow(parts, total=len(parts), doing="scoring before and after"):
            held_out = dataset.take(test)
            for number, data in enumerate((before.take(train[continued.rows_before]), dataset.take(train))):
                require_every_class(data, without=", ".join(sorted(set(held_out.recordings.tolist()))))
                model = learner.fit(data, seed=seed)
                found = model.predict(held_out.to_features(model.feature_names))
                order = [found.classes.index(name) for name in classes]
                shares = np.array([data.counts[name] for name in classes]) / len(data)
                unlabelled = (found.labels == "")[:, None]
                probabilities[number, test] = np.where(unlabelled, shares, found.probabilities[:, order])
                places = {**{name: place for place, name in enumerate(classes)}, "": int(shares.argmax())}
                labels[number, test] = [places[label] for label in found.labels.tolist()]
        scores = [
            {
                name: round(value, 4)
                for name, value in score(dataset.targets, one, chosen, classes=classes).items()
                if np.isfinite(value)
            }
            for one, chosen in zip(probabilities, labels, strict=True)
        ]
    return Round(
        date=datetime.now(UTC).date().isoformat(),
        parent=parent,
        added=continued.added,
        corrected=continued.corrected,
        scored_units=len(dataset) if validate else 0,
        before=scores[0],
        after=scores[1],
    )
