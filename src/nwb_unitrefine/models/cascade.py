"""Two models in a row with the face of one: the second divides one class of the first, as neural into sua and mua."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.errors import ModelError
from nwb_unitrefine.models.decision import decide
from nwb_unitrefine.records import CLASSES, ModelIdentity
from nwb_unitrefine.records.names import IN_A_ROW
from nwb_unitrefine.vocabulary.labels import meaning
from nwb_unitrefine.vocabulary.model_classes import class_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from nwb_unitrefine.models.cascade_folder import CascadeManifest
    from nwb_unitrefine.models.model import FittedModel
    from nwb_unitrefine.records import Features, Predictions

__all__ = ["Cascade", "make_cascade"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cascade:
    """Two models in a row, as UnitRefine uses its own.

    Parameters
    ----------
    first : FittedModel
    second : FittedModel
        Distinguishes the units of one class of the first.
    divided : int
        Place of that class among the first's.
    manifest : CascadeManifest or None
        What is known of both together, where they were trained together.
    own_identity : ModelIdentity or None
        Of the folder that holds both; None where they were put together on loading.
    """

    first: FittedModel
    second: FittedModel
    divided: int
    manifest: CascadeManifest | None = None
    own_identity: ModelIdentity | None = None

    @property
    def identity(self) -> ModelIdentity:
        """That of the folder of both, or both models' identities, in their order."""
        if self.own_identity is not None:
            return self.own_identity
        both = (self.first.identity, self.second.identity)
        licences = tuple(dict.fromkeys(one.licence for one in both))
        digests = "".join(f"{one.digest}\n" for one in both)
        return ModelIdentity(
            name=IN_A_ROW.join(one.name for one in both),
            source=IN_A_ROW.join(one.source for one in both),
            revision=IN_A_ROW.join(one.revision for one in both),
            digest=f"sha256:{hashlib.sha256(digests.encode()).hexdigest()}",
            licence=" AND ".join(licences) if all(licences) else "",
        )

    @property
    def options(self) -> dict[str, str]:
        """As of `FittedModel`: the labels given for the classes of each, in their order."""
        both = self.steps
        overrides = [dict(one.label_overrides) for one in both]
        labels = {"labels": json.dumps(overrides)} if any(overrides) else {}
        return {**both[0].options, **both[1].options, **labels}

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes of the second, then those of the first that it does not divide; sua, mua, noise if they are these."""
        labels = self._labels
        standard = [class_name(meaning(label)) for label in labels]
        return CLASSES if sorted(standard, key=str) == sorted(CLASSES) else labels

    @property
    def _labels(self) -> tuple[str, ...]:
        """Classes in the order in which `predict` puts them together."""
        first = self.first.classes
        return (*self.second.classes, *first[: self.divided], *first[self.divided + 1 :])

    @property
    def steps(self) -> tuple[FittedModel, ...]:
        """Both models, in the order in which they decide."""
        return self.first, self.second

    @property
    def training_recordings(self) -> tuple[str, ...]:
        """Recordings that either was trained on, each once."""
        if self.manifest is not None:
            return self.manifest.training.recordings
        both = (*self.first.training_recordings, *self.second.training_recordings)
        return tuple(dict.fromkeys(both))

    @property
    def class_priors(self) -> Mapping[str, float]:
        """Share of each class in training; empty for two models of different data."""
        counts = {} if self.manifest is None else self.manifest.training.n_units
        return {name: count / sum(counts.values()) for name, count in counts.items()}

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Features of both, each once."""
        return tuple(dict.fromkeys((*self.first.feature_names, *self.second.feature_names)))

    def reaches_second(self, features: Features) -> NDArray[np.bool_]:
        """Which units the first gives the class that the second divides, shape (n_units,)."""
        _, scores, _ = self.first.decision_basis(features)
        return np.asarray(scores.argmax(axis=1) == self.divided)

    def predict(self, features: Features) -> Predictions:
        """Label every unit.

        The probabilities are products, as p(noise), p(neural) p(sua | neural) and p(neural) p(mua | neural). The label
        is found as UnitRefine finds it, in two decisions: so a unit of 40 % noise, 35 % sua and 25 % mua is sua.

        Parameters
        ----------
        features : Features
            Those of `feature_names`.

        Returns
        -------
        Predictions
        """
        steps = self.steps
        (first, first_scores, _), (second, second_scores, _) = bases = [step.decision_basis(features) for step in steps]
        labels, classes = self._labels, self.classes
        names = labels if classes == labels else tuple(str(class_name(meaning(label))) for label in labels)
        order = [names.index(name) for name in classes]
        chosen = np.eye(second.shape[1])[second_scores.argmax(axis=1)]
        divided = [self.divided]
        found = decide(
            features,
            probabilities=np.concatenate([first[:, divided] * second, np.delete(first, self.divided, axis=1)], axis=1)[
                :, order
            ],
            scores=np.concatenate(
                [first_scores[:, divided] * chosen, np.delete(first_scores, self.divided, axis=1)], axis=1
            )[:, order],
            inputs=np.concatenate([inputs for _, _, inputs in bases], axis=1),
            classes=classes,
            manifest=None,
        )
        return self._with_flags(found, features, bases)

    def _with_flags(
        self, found: Predictions, features: Features, bases: Sequence[tuple[NDArray[np.float64], ...]]
    ) -> Predictions:
        """Mark labels uncertain that one of the steps that led to them is not sure of."""
        reasons = list(found.reasons)
        second_decided = np.isin(found.labels, [self.classes[place] for place in self._places_of_second])
        for step, (probabilities, scores, inputs), counts in zip(
            self.steps, bases, (np.ones(len(found), dtype=bool), second_decided), strict=True
        ):
            own = decide(
                features,
                probabilities=probabilities,
                scores=scores,
                inputs=inputs,
                classes=step.classes,
                manifest=step.manifest,
            )
            for row in np.flatnonzero(own.uncertain & counts & (found.labels != "")).tolist():
                if own.reasons[row] not in reasons[row]:
                    reasons[row] = "; ".join(filter(None, (reasons[row], own.reasons[row])))
        uncertain = np.array([bool(reason) for reason in reasons], dtype=bool)
        return replace(found, reasons=tuple(reasons), uncertain=uncertain)

    @property
    def _places_of_second(self) -> list[int]:
        """Places of the second's classes among those of both."""
        labels = self._labels
        if self.classes == labels:
            return list(range(len(self.second.classes)))
        return [self.classes.index(str(class_name(meaning(label)))) for label in self.second.classes]


def make_cascade(one: FittedModel, other: FittedModel) -> Cascade:
    """Put two models in their order.

    Raises
    ------
    ModelError
        If no class of either contains the classes of the other.
    """
    for first, second in ((one, other), (other, one)):
        divided = _divided(first, second)
        if divided is not None:
            return Cascade(first=first, second=second, divided=divided)
    found = "; ".join(f"{model.identity.name} distinguishes {_names(model)}" for model in (one, other))
    raise ModelError(
        f"Of two models in a row, the second must divide one class of the first, as sua and mua divide neural:"
        f" {found}.",
        tip="Where a model does not state what its classes mean, give it: --labels 0=MEANING,1=MEANING "
        "for each, or labels=[{'0': MEANING, …}, {…}].",
    )


def _divided(first: FittedModel, second: FittedModel) -> int | None:
    """Find the class of the first that contains all of the second's; None where there is none."""
    parts = [meant for meant in second.meanings if meant is not None]
    if len(parts) != len(second.meanings):
        return None
    whole = frozenset[str]().union(*parts)
    places = [place for place, meant in enumerate(first.meanings) if meant is not None and whole <= meant]
    return places[0] if len(places) == 1 and len(parts) > 1 else None


def _names(model: FittedModel) -> str:
    """Name the classes of a model, in its own words where their meaning is unknown."""
    pairs = zip(model.class_labels, model.estimator.classes, strict=True)
    return " from ".join(label or repr(own) for label, own in pairs)
