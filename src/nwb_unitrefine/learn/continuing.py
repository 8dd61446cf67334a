"""Go on with a model: add labelled units to its own training table, replace corrected ones, score before and after."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from nwb_unitrefine.errors import TrainingError
from nwb_unitrefine.learn.contamination.contamination_aware import ContaminationAware
from nwb_unitrefine.learn.contamination.shared_vote import SharedVote
from nwb_unitrefine.learn.dataset import combine
from nwb_unitrefine.learn.labelled.labels import LabelRules
from nwb_unitrefine.learn.labelled.minimum_data import check_dataset, require_every_class
from nwb_unitrefine.learn.labelled.tables import read_labelled_tables
from nwb_unitrefine.learn.learner import BoostedTrees
from nwb_unitrefine.learn.scoring.scores import score
from nwb_unitrefine.learn.splits import split
from nwb_unitrefine.learn.unitrefine.search import Search
from nwb_unitrefine.learn.unitrefine.two_steps import TwoSteps
from nwb_unitrefine.models.folder import TRAINING_DATA
from nwb_unitrefine.models.hub import fetch, parse_address
from nwb_unitrefine.models.load import load_model
from nwb_unitrefine.models.manifest import Round

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nwb_unitrefine.learn.dataset import Dataset
    from nwb_unitrefine.learn.learner import FolderLearner

__all__ = [
    "Continued",
    "Parent",
    "compare_rounds",
    "continue_dataset",
    "learner_from_settings",
    "learner_settings",
    "read_parent",
]


def learner_settings(learner: object) -> dict[str, Any]:
    """Describe a learner so that `learner_from_settings` makes it again; empty for one that is not known there.

    Examples
    --------
    >>> learner_from_settings(learner_settings(BoostedTrees(rounds=7))).rounds
    7
    """
    if type(learner) is TwoSteps:
        return {"kind": "two steps", "step": learner_settings(learner.step)}
    if type(learner) is BoostedTrees:
        return {"kind": "boosted trees", **asdict(learner)}
    if type(learner) is ContaminationAware:
        return {"kind": "contamination-aware", **asdict(learner)}
    if type(learner) is SharedVote:
        return {"kind": "shared vote", **asdict(learner)}
    if type(learner) is Search:
        return {"kind": "search", **asdict(learner)}
    return {}


def learner_from_settings(settings: Mapping[str, Any]) -> FolderLearner | TwoSteps:
    """Make the learner that a manifest describes.

    Raises
    ------
    TrainingError
        If it describes none that is known here.
    """
    kind = settings.get("kind")
    fields: dict[str, Any] = {
        name: tuple(one) if isinstance(one, list) else one for name, one in settings.items() if name != "kind"
    }
    try:
        if kind == "boosted trees":
            return BoostedTrees(**fields)
        if kind == "contamination-aware":
            return ContaminationAware(**fields)
        if kind == "shared vote":
            return SharedVote(**fields)
        if kind == "search":
            return Search(**fields)
        if kind == "two steps":
            step = learner_from_settings(settings["step"])
            return TwoSteps(step=cast("FolderLearner", step))
    except (KeyError, TypeError) as error:
        raise TrainingError("The model records settings that no learner has.") from error
    raise TrainingError(
        "The model does not record how it was made, so it cannot be continued with the same settings.",
        tip="Train another model, and give this one's folder to --add-to.",
    )


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


def read_parent(folder: str | Path) -> Parent:
    """Read what is needed to continue a model.

    Parameters
    ----------
    folder : str or Path
        A model folder that `train_model` wrote with its training data, or one on the Hub: ``"hf://owner/repo"``.

    Raises
    ------
    TrainingError
        If it has no manifest, no training data or no settings.
    ModelError
        If it is no model.
    """
    model = load_model(folder)
    manifest = getattr(model, "manifest", None)
    address = None if Path(folder).exists() else parse_address(str(folder))
    place = Path(folder) if address is None else fetch(address, include_data=True)[0]
    if manifest is None or not (place / TRAINING_DATA).is_file():
        shared = " `model push --include-data` shares it." * (address is not None)
        raise TrainingError(
            f"{folder} has no {'manifest' if manifest is None else 'training data'}, so it cannot be continued.",
            tip=f"Continue a model folder that train wrote.{shared}",
        )
    training = manifest.training
    dataset = read_labelled_tables(
        place,
        rules=LabelRules(classes=manifest.classes),
        description=training.data,
        licence=manifest.licence,
    )
    return Parent(
        dataset=replace(dataset, label_mapping=training.label_mapping),
        learner=learner_from_settings(training.learner),
        seed=training.seed,
        digest=model.identity.digest,
        lineage=manifest.lineage,
    )


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


def compare_rounds(
    learner: FolderLearner | TwoSteps, continued: Continued, *, parent: str, seed: int = 0, validate: bool = True
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
        for train, test in parts:
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
