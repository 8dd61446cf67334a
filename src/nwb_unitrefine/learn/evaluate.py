"""Score a model, or a way to make models, on labelled units that it has not seen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.errors import TrainingError
from nwb_unitrefine.learn.fitted_once import remembering_fits
from nwb_unitrefine.learn.labelled.minimum_data import check_dataset, require_every_class
from nwb_unitrefine.learn.progress import Follow, unseen
from nwb_unitrefine.learn.scoring.scores import bootstrap_interval, score
from nwb_unitrefine.learn.splits import split
from nwb_unitrefine.models import FittedModel, RuleModel
from nwb_unitrefine.models.adaptation import Placed
from nwb_unitrefine.models.manifest import Evaluation, RecordingScores
from nwb_unitrefine.models.training_rows import was_trained_on
from nwb_unitrefine.vocabulary.common_classes import common_classes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from nwb_unitrefine.learn.dataset import Dataset
    from nwb_unitrefine.learn.learner import Learner
    from nwb_unitrefine.models.model import Model

__all__ = ["Scored", "compare", "cross_validate", "cross_validate_hiding", "evaluate", "score_table"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scored:
    """Predictions of labelled units, and how good they are.

    Parameters
    ----------
    name : str
        Of the model, or of the way it was made.
    scheme : str
        How what was trained on and what was scored were kept apart.
    dataset : Dataset
        The units that were scored.
    probabilities : array of float64, shape (n_units, n_classes)
        Of the dataset's `classes`. A unit without a prediction has the class shares of the scored units' training
        data when those are known, else equal shares; it counts, and is not left out.
    labels : array of int, shape (n_units,)
        Index of the label in the dataset's `classes`.
    uncertain : array of bool, shape (n_units,)
        Whether the model marks the unit uncertain.
    unlabelled : array of bool, shape (n_units,)
        Units without a prediction.
    inputs : tuple of str
        Metrics of the dataset that the model took.
    """

    name: str
    scheme: str
    dataset: Dataset
    probabilities: NDArray[np.float64]
    labels: NDArray[np.intp]
    uncertain: NDArray[np.bool_]
    unlabelled: NDArray[np.bool_]
    inputs: tuple[str, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes, in the order of the probabilities."""
        return self.dataset.classes

    @property
    def pooled(self) -> dict[str, float]:
        """Scores over all units together, as of `scores.score`; ``kept`` and ``accuracy_kept`` of the certain ones."""
        kept = ~self.uncertain
        right = self.dataset.targets == self.labels
        return {
            **score(self.dataset.targets, self.probabilities, self.labels, classes=self.classes),
            "kept": float(kept.mean()),
            "accuracy_kept": float(right[kept].mean()) if kept.any() else float("nan"),
        }

    @property
    def by_recording(self) -> dict[str, dict[str, float]]:
        """Scores of each recording."""
        found = {}
        for recording in np.unique(self.dataset.recordings).tolist():
            rows = self.dataset.recordings == recording
            found[recording] = score(
                self.dataset.targets[rows], self.probabilities[rows], self.labels[rows], classes=self.classes
            )
        return found

    def placed(self, rows: NDArray[np.intp]) -> Placed:
        """Some units, as people's labels would move their probabilities; see `Placed`."""
        data = self.dataset.take(rows).select(self.inputs)
        return Placed.of(self.probabilities[rows], names=data.names, values=data.values, recordings=data.recordings)

    def mean(self, name: str) -> tuple[float, float, float]:
        """Mean of a score over recordings, and the ends of its bootstrap interval over recordings."""
        values = np.array([scores[name] for scores in self.by_recording.values()])
        return float(np.nanmean(values)), *bootstrap_interval(values)

    def to_evaluation(self, *, features: Sequence[str] = (), note: str = "") -> Evaluation:
        """Return what a manifest records."""
        subjects = dict(zip(self.dataset.recordings.tolist(), self.dataset.subjects.tolist(), strict=True))
        mean, low, high = self.mean("balanced_accuracy")
        pooled = {**self.pooled, "mean_balanced_accuracy": mean, "mean_low": low, "mean_high": high}
        return Evaluation(
            name=self.name,
            scheme=self.scheme,
            features=tuple(features),
            pooled=_finite(pooled),
            recordings=tuple(
                RecordingScores(
                    recording=recording,
                    subject=subjects[recording],
                    n_units=int((self.dataset.recordings == recording).sum()),
                    scores=_finite({name: scores[name] for name in _by_recording(self.classes)}),
                )
                for recording, scores in self.by_recording.items()
            ),
            note=note,
        )


def _by_recording(classes: Sequence[str]) -> tuple[str, ...]:
    """Name the scores that a manifest keeps of each recording."""
    recalls = (f"recall_{name}" for name in classes)
    return (
        "balanced_accuracy",
        "macro_f1",
        *recalls,
        f"auc_{classes[0]}",
        "brier",
        "calibration_error",
        "accuracy_at_80",
    )


def _finite(scores: dict[str, float]) -> dict[str, float]:
    """A manifest is JSON, which has no NaN; four digits are more than the data can tell."""
    return {name: round(value, 4) for name, value in scores.items() if np.isfinite(value)}


def evaluate(model: Model, dataset: Dataset, *, name: str = "") -> Scored:
    """Score a finished model on labelled units.

    Parameters
    ----------
    model : Model
    dataset : Dataset
        Units that the model was not trained on. Where its classes are not the model's, as sua, mua and noise are not
        those of a model of neural and noise, both are scored on the finest classes that both distinguish.
    name : str, optional
        What to call it; by default the model's name.

    Returns
    -------
    Scored

    Raises
    ------
    TrainingError
        If the model was trained on some of these recordings: such scores say nothing. If no two classes are common. If
        it is a set of rules, which has no probabilities.
    FeatureError
        If the model needs features that the dataset does not have.
    """
    if isinstance(model, RuleModel):
        raise TrainingError(
            f"{model.identity.name} gives no probabilities to score.",
            tip=f"Compare its labels: nwb-unitrefine compare SOURCE --model {model.identity.name}",
        )
    if seen := set(model.training_recordings) & set(dataset.recordings.tolist()):
        raise TrainingError(
            f"{model.identity.name} was trained on {', '.join(sorted(seen))}: scores on these say nothing.",
            tip="Score it on other recordings, or score its learner by leaving recordings out.",
        )
    manifest = getattr(model, "manifest", None)
    files = set() if manifest is None else set(manifest.training.file_ids)
    if seen := files & set(dataset.file_ids.tolist()):
        names = sorted(set(dataset.recordings[np.isin(dataset.file_ids, list(seen))].tolist()))
        raise TrainingError(
            f"{model.identity.name} was trained on the files of {', '.join(names)}: scores on these say nothing.",
            tip="Score it on other recordings, or score its learner by leaving recordings out.",
        )
    features = dataset.to_features(model.feature_names)
    rows = was_trained_on(model, features, recordings=dataset.recordings, file_ids=dataset.file_ids)
    if rows.any():
        listed = f"{rows.sum()} of these units, of {', '.join(sorted(set(dataset.recordings[rows].tolist())))}"
        raise TrainingError(
            f"{model.identity.name} was trained on {listed}: scores on these say nothing.",
            tip="Score it on other recordings, or score its learner by leaving recordings out.",
        )
    return _predict(model, dataset, name=name or model.identity.name, scheme="recordings not trained on")


def cross_validate(
    learner: Learner,
    dataset: Dataset,
    *,
    by: str = "auto",
    seed: int = 0,
    hide: Sequence[str] = (),
    name: str = "",
    follow: Follow = unseen,
) -> Scored:
    """Score a way to make models: make one without each subject in turn, and score it on that subject.

    Everything is made anew without the units held out: imputers, scalers, calibration, decision rule and the limit of
    what is uncertain.

    Parameters
    ----------
    learner : Learner
    dataset : Dataset
    by : {"auto", "subject", "recording", "random"}
        As of `split`.
    seed : int
    hide : sequence of str, optional
        Metrics that the held-out units lack, though the models were trained with them: how well one model does on
        poorer sources.
    name : str, optional
        What to call it; by default the learner's name.
    follow : Follow, optional
        Is handed the parts that are left out one after another, and may count them.

    Returns
    -------
    Scored
    """
    hidden = {name or learner.name: hide}
    return cross_validate_hiding(learner, dataset, hidden=hidden, by=by, seed=seed, follow=follow)[0]


@remembering_fits()
def cross_validate_hiding(
    learner: Learner,
    dataset: Dataset,
    *,
    hidden: Mapping[str, Sequence[str]],
    by: str = "auto",
    seed: int = 0,
    follow: Follow = unseen,
) -> tuple[Scored, ...]:
    """Score a way to make models on several kinds of sources at once; see `cross_validate`.

    Parameters
    ----------
    learner : Learner
    dataset : Dataset
    hidden : mapping of str to sequence of str
        What to call each kind of source, and the metrics that it lacks.
    by, seed, follow
        As of `cross_validate`.

    Returns
    -------
    tuple of Scored
        In the order of `hidden`.

    Raises
    ------
    TrainingError
        If there are too few units of a class, in all or once a part is held out.
    """
    check_dataset(dataset)
    parts = split(dataset, by=by, seed=seed)
    scored = [
        Scored(
            name=name,
            scheme=parts.scheme,
            dataset=dataset,
            probabilities=np.zeros((len(dataset), len(dataset.classes))),
            labels=np.zeros(len(dataset), dtype=np.intp),
            uncertain=np.zeros(len(dataset), dtype=bool),
            unlabelled=np.zeros(len(dataset), dtype=bool),
        )
        for name in hidden
    ]
    inputs: dict[str, dict[str, None]] = {name: {} for name in hidden}
    for train, test in follow(parts, total=len(parts), doing=f"scoring {learner.name}"):
        left = dataset.take(train)
        require_every_class(left, without=", ".join(sorted(set(dataset.recordings[test].tolist()))))
        model = learner.fit(left, seed=seed)
        for whole, lacking in zip(scored, hidden.values(), strict=True):
            part = _predict(model, dataset.take(test).hide(lacking), name="", scheme="")
            whole.probabilities[test], whole.labels[test] = part.probabilities, part.labels
            whole.uncertain[test], whole.unlabelled[test] = part.uncertain, part.unlabelled
            inputs[whole.name].update(dict.fromkeys(part.inputs))
    return tuple(replace(whole, inputs=tuple(inputs[whole.name])) for whole in scored)


def _predict(model: Model, dataset: Dataset, *, name: str, scheme: str) -> Scored:
    """Have a model label a dataset; units without a prediction get the class shares."""
    common = common_classes(model.classes, dataset.classes)
    if len(set(common.known.values())) < 2:
        raise TrainingError(
            f"{model.identity.name} distinguishes {', '.join(model.classes)}, and the labels "
            f"{', '.join(dataset.classes)}: no two classes are common.",
            tip="Say with --mapping which label means which class of the model.",
        )
    classes = common.classes
    data = dataset.with_ranks(model.feature_names).merged(common.known, classes=classes)
    places = np.array([classes.index(common.predicted[own]) for own in model.classes])
    sums = np.equal.outer(places, np.arange(len(classes))).astype(float)
    found = model.predict(data.to_features())
    unlabelled = found.labels == ""
    shares = np.array([model.class_priors.get(one, 1 / len(model.classes)) for one in model.classes]) @ sums
    probabilities = np.where(unlabelled[:, None], shares, found.probabilities @ sums)
    chosen = {own: int(place) for own, place in zip(model.classes, places, strict=True)}
    taken = model.inputs if isinstance(model, FittedModel) else ()
    labels = np.array([chosen[one] if one else int(shares.argmax()) for one in found.labels.tolist()], dtype=np.intp)
    return Scored(
        name=name,
        scheme=scheme,
        dataset=data,
        probabilities=probabilities,
        labels=labels,
        uncertain=found.uncertain | unlabelled,
        unlabelled=unlabelled,
        inputs=tuple(
            name for name in taken if name in data.names and np.isfinite(data.values[:, data.names.index(name)]).any()
        ),
    )


def compare(one: Scored, other: Scored, *, score_name: str = "balanced_accuracy") -> tuple[float, float, float]:
    """Mean over recordings of one's score minus the other's, with a bootstrap interval over recordings.

    Parameters
    ----------
    one, other : Scored
        On the same units.
    score_name : str

    Returns
    -------
    mean, low, high : float
        The interval is of 95 %: above zero, `one` is better on recordings like these.

    Raises
    ------
    TrainingError
        If the units differ.
    """
    first, second = (_labels_of(scored.dataset) for scored in (one, other))
    if first != second:
        raise TrainingError("Only scores on the same units can be compared.")
    ours, theirs = one.by_recording, other.by_recording
    differences = np.array([ours[recording][score_name] - theirs[recording][score_name] for recording in ours])
    return float(np.nanmean(differences)), *bootstrap_interval(differences)


def _labels_of(dataset: Dataset) -> dict[tuple[str, str], str]:
    """Label of each unit; what metrics it was shown with does not matter."""
    keys = zip(dataset.recordings.tolist(), dataset.unit_ids.tolist(), strict=True)
    return dict(zip(keys, dataset.labels.tolist(), strict=True))


def score_table(scored: Sequence[Scored]) -> pd.DataFrame:
    """Put scores side by side: one row for each, with pooled scores and the mean over recordings."""
    import pandas as pd

    rows = []
    for one in scored:
        mean, low, high = one.mean("balanced_accuracy")
        rows.append(
            {"name": one.name, **one.pooled, "mean_balanced_accuracy": mean, "mean_low": low, "mean_high": high}
        )
    return pd.DataFrame(rows).set_index("name")
