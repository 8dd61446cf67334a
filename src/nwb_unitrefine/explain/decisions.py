"""By which scores a model gave each unit its label: probabilities, or these relative to the classes' shares."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.models import Cascade, FittedModel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from nwb_unitrefine.models import Model
    from nwb_unitrefine.records import Features, Predictions

__all__ = ["DecisionStep", "Decisions", "explain_decisions"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DecisionStep:
    """One choice among classes; a cascade makes two.

    Parameters
    ----------
    classes : tuple of str
    scores : array of float64, shape (n_units, n_classes)
        The class with the largest is chosen; rows sum to 1.
    decided : array of bool, shape (n_units,)
        Units for which the step was made.
    by : str
        What the scores are, in words.
    shares : mapping of str to float
        What the probability of each class was divided by; empty where the scores are the probabilities.
    """

    classes: tuple[str, ...]
    scores: NDArray[np.float64]
    decided: NDArray[np.bool_]
    by: str
    shares: Mapping[str, float]

    def text(self, row: int) -> str:
        """Scores of one unit, the largest first."""
        order = np.argsort(-self.scores[row], kind="stable").tolist()
        return ", ".join(f"{self.classes[i]} {self.scores[row, i]:.2f}" for i in order)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Decisions:
    """How every unit got its label.

    Parameters
    ----------
    predictions : Predictions
    steps : tuple of DecisionStep
        In their order; empty for a model of another kind.
    """

    predictions: Predictions
    steps: tuple[DecisionStep, ...]

    def sentence(self, row: int) -> str:
        """State by which scores a unit got its label, and whether another class is more probable.

        Empty without a label.
        """
        steps = self._of_unit(row)
        if not steps:
            return ""
        decided = f"Decided by {steps[0].by}: {steps[0].text(row)}"
        for before, step in pairwise(steps):
            decided += f"; then{'' if step.by == before.by else f' by {step.by}:'} {step.text(row)}"
        return f"{decided}. {self._of_likeliest(row)}".rstrip()

    def unexpected(self, row: int) -> str:
        """Return `sentence` for a unit whose label is not its most probable class, which looks like a mistake."""
        return self.sentence(row) if self._of_likeliest(row) else ""

    def document(self, row: int) -> dict[str, Any]:
        """Return the decision on one unit as plain data: the sentence, the margin and each step."""
        margins = self.predictions.margins
        return {
            "sentence": self.sentence(row),
            "margin": None if margins is None else float(margins[row]),
            "steps": [
                {
                    "by": step.by,
                    "scores": dict(zip(step.classes, step.scores[row].tolist(), strict=True)),
                    "shares": dict(step.shares),
                }
                for step in self._of_unit(row)
            ],
        }

    def _of_unit(self, row: int) -> list[DecisionStep]:
        """Steps that were made for a unit; none for a unit without a label."""
        return [step for step in self.steps if step.decided[row]] if self.predictions.labels[row] else []

    def _of_likeliest(self, row: int) -> str:
        """Name the most probable class where it is not the label."""
        probabilities, label = self.predictions.probabilities[row], str(self.predictions.labels[row])
        if not label or not np.isfinite(probabilities).all() or not self.steps:
            return ""
        likeliest = self.predictions.classes[int(probabilities.argmax())]
        if likeliest == label:
            return ""
        share = self.steps[0].shares.get(likeliest) if len(self.steps) == 1 else None
        why = "" if share is None else f", and more common: its share is {share:.2f}, that of {label} "
        why = why and f"{why}{self.steps[0].shares[label]:.2f}"
        return f"{likeliest[:1].upper()}{likeliest[1:]} is more probable ({probabilities.max():.2f}){why}."


def explain_decisions(model: Model, features: Features, predictions: Predictions) -> Decisions:
    """Find the scores by which a model gave each unit its label.

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
    Decisions
    """
    if isinstance(model, Cascade):
        decided = (None, model.reaches_second(features))
        both = tuple(_step(step, features, decided=one) for step, one in zip(model.steps, decided, strict=True))
        return Decisions(predictions=predictions, steps=both)
    steps = (_step(model, features),) if isinstance(model, FittedModel) else ()
    return Decisions(predictions=predictions, steps=steps)


def _step(model: FittedModel, features: Features, *, decided: NDArray[np.bool_] | None = None) -> DecisionStep:
    """The choice that one model makes."""
    by = "probability"
    if model.decision_shares:
        by += " relative to the class's share in training"
        by += ", adapted to labels of people" if model.adaptation is not None else ""
    return DecisionStep(
        classes=model.classes,
        scores=model.decision_basis(features)[1],
        decided=np.ones(len(features), dtype=np.bool_) if decided is None else decided,
        by=by,
        shares=model.decision_shares,
    )
