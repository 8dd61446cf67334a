"""Why a model gave a unit its label: how the probabilities change when a kind of evidence is hidden.

For a model that was trained to take missing features, hiding them asks a question that the model can answer: what would
it predict without this evidence? The changes of probability are therefore exact for such a model. Others have an
imputer fill in what is missing, so they are asked what they would predict for an ordinary value. Changes are *not
additive*: two kinds of evidence that agree can each be hidden without much change.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import FeatureError
from nwb_unitrefine.explain.evidence import EVIDENCE, Evidence, evidence_of
from nwb_unitrefine.models import Cascade, FittedModel

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from nwb_unitrefine.models import Model
    from nwb_unitrefine.records import Features, Predictions

__all__ = ["Reasons", "explain"]

_EXACT = "The model was trained to do without metrics, so each change is what it predicts without this evidence."
_IMPUTED = "The model's imputer fills in hidden metrics, so each change is against an ordinary value, not against none."

_WORTH_NAMING = 0.02
"""A smaller change of probability is no reason."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reasons:
    """What each kind of evidence does to the probabilities of every unit.

    Parameters
    ----------
    unit_ids : array, shape (n_units,)
    classes : tuple of str
    labels : array of str, shape (n_units,)
        As predicted.
    evidence : tuple of Evidence, length n_evidence
        Those that the model uses and at least one unit has.
    changes : array of float64, shape (n_units, n_evidence, n_classes)
        Probability of each class with all evidence, minus that without this kind: positive where it supports the
        class. NaN where the model cannot do without it.
    features : tuple of tuple of str
        Features of each kind.
    note : str
        What hiding meant for this model, in one sentence.
    """

    unit_ids: NDArray[Any]
    classes: tuple[str, ...]
    labels: NDArray[np.str_]
    evidence: tuple[Evidence, ...]
    changes: NDArray[np.float64]
    features: tuple[tuple[str, ...], ...]
    note: str

    def __len__(self) -> int:
        return len(self.unit_ids)

    def toward_label(self) -> NDArray[np.float64]:
        """Change of the probability of each unit's own label, shape (n_units, n_evidence); NaN without a label."""
        column = np.array([self.classes.index(label) if label else 0 for label in self.labels.tolist()])
        own = np.take_along_axis(self.changes, column[:, None, None], axis=2)[:, :, 0]
        return np.where((self.labels == "")[:, None], np.nan, own)

    def ranked(self, row: int) -> list[tuple[Evidence, float]]:
        """Evidence for one unit's label, the strongest first, with the change of the label's probability."""
        own = self.toward_label()[row]
        order = [int(i) for i in np.argsort(-np.nan_to_num(own, nan=-np.inf)) if np.isfinite(own[i])]
        return [(self.evidence[i], float(own[i])) for i in order]

    def sentence(self, row: int) -> str:
        """One sentence on the evidence for and against a unit's label; empty without a label."""
        label = str(self.labels[row])
        ranked = self.ranked(row)
        if not label or not ranked:
            return ""
        speaks_for = [f"{evidence.name} ({change:+.2f})" for evidence, change in ranked if change >= _WORTH_NAMING][:2]
        against = [f"{evidence.name} ({change:+.2f})" for evidence, change in ranked[::-1] if change <= -_WORTH_NAMING]
        parts = [f"For {label}: {' and '.join(speaks_for)}" if speaks_for else f"No evidence alone decides for {label}"]
        if against:
            parts.append(f"against it: {against[0]}")
        return "; ".join(parts) + "."


def explain(model: Model, features: Features, predictions: Predictions) -> Reasons:
    """Hide one kind of evidence after the other and see how the probabilities change.

    Parameters
    ----------
    model : Model
        The one that predicted.
    features : Features
        What it was given.
    predictions : Predictions
        What it predicted.

    Returns
    -------
    Reasons
        The sum of the changes is not the probability: see this module.
    """
    used = [name for name in model.feature_names if name in features.names]
    groups = [(evidence, _present(features, used, evidence)) for evidence in EVIDENCE]
    groups = [(evidence, names) for evidence, names in groups if names]
    changes = np.full((len(features), len(groups), len(predictions.classes)), np.nan)
    asked, fills = _filling(model)
    for place, (_, names) in enumerate(groups):
        try:
            without = asked.predict(hide(features, names))
        except FeatureError:
            continue
        rest = np.where(np.isnan(without.probabilities), _uninformed(predictions), without.probabilities)
        changes[:, place] = predictions.probabilities - rest
    return Reasons(
        unit_ids=features.unit_ids,
        classes=predictions.classes,
        labels=predictions.labels,
        evidence=tuple(evidence for evidence, _ in groups),
        changes=changes,
        features=tuple(names for _, names in groups),
        note=_IMPUTED if fills else _EXACT,
    )


def _filling(model: Model) -> tuple[Model, bool]:
    """Return a model that fills missing features in where it would refuse them, and whether it does."""
    if isinstance(model, Cascade):
        first, second = (_filling(one)[0] for one in model.steps)
        assert isinstance(first, FittedModel)
        assert isinstance(second, FittedModel)
        return replace(model, first=first, second=second), first.manifest is None or second.manifest is None
    if isinstance(model, FittedModel) and model.manifest is None:
        return replace(model, missing="impute"), True
    return model, False


def _present(features: Features, used: Iterable[str], evidence: Evidence) -> tuple[str, ...]:
    """Features of one kind that at least one unit has."""
    return tuple(
        name
        for name in used
        if evidence_of(name) == evidence and np.isfinite(features.values[:, features.names.index(name)]).any()
    )


def _uninformed(predictions: Predictions) -> NDArray[np.float64]:
    """Mean probability of the units: what is left for a unit whose only evidence is hidden."""
    known = predictions.probabilities[np.isfinite(predictions.probabilities).all(axis=1)]
    return known.mean(axis=0) if len(known) else np.full(predictions.probabilities.shape[1], np.nan)


def hide(features: Features, names: Sequence[str]) -> Features:
    """Return the features without the values of `names`."""
    values = features.values.copy()
    values[:, [features.names.index(name) for name in names]] = np.nan
    return replace(features, values=values)
