"""What people's answers were worth: the rounds of a file, each scored before and after on the same held-out units."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import TrainingError
from nwb_unitrefine.history.runs import human_labels, runs_in_effect
from nwb_unitrefine.learn.answer_rounds import score_round
from nwb_unitrefine.models import FittedModel
from nwb_unitrefine.models.adaptation import Placed
from nwb_unitrefine.records import CLASSES, RunKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from nwb_unitrefine.models import Model
    from nwb_unitrefine.records import Features, Run

__all__ = ["answer_rounds", "score_answers"]


_MOST_SCORED = 20
"""Rounds that are scored, the newest: each takes twenty fits."""


def answer_rounds(history: Sequence[Run], *, model: Model | None, features: Features) -> list[dict[str, Any]]:
    """Return the rounds of answers that a file's runs record, with scores computed anew.

    A round is one run of a person: what was written at a time.

    Parameters
    ----------
    history : sequence of Run
        The oldest first.
    model : Model or None
        Whose boundary the answers move.
    features : Features
        Of all units of the file.

    Returns
    -------
    list of dict
        ``number``, ``by``, ``when``, ``run``, ``n_answers``, ``n_scored``, ``scores`` as of `score_answers`, or None
        with ``why``.
    """
    in_effect = runs_in_effect(history)
    n_rounds = sum(run.kind is RunKind.HUMAN for run in in_effect)
    rounds: list[dict[str, Any]] = []
    before: dict[int, str] = {}
    for place, run in enumerate(in_effect):
        after = {unit: label for unit, (label, _) in human_labels(in_effect[: place + 1]).items() if label}
        if run.kind is RunKind.HUMAN:
            scores, why = None, f"not scored: only the newest {_MOST_SCORED} rounds are"
            if len(rounds) >= n_rounds - _MOST_SCORED:
                scores, why = score_answers(model, features, before=before, after=after)
            rounds.append(
                {
                    "number": len(rounds) + 1,
                    "by": run.agent,
                    "when": run.created.isoformat(),
                    "run": run.name,
                    "n_answers": int(len(run.predictions) if run.changed is None else run.changed.sum()),
                    "n_scored": scores["n_units"] if scores else 0,
                    "scores": scores,
                    "why": why,
                }
            )
        before = after
    return rounds


def score_answers(
    model: Model | None, features: Features, *, before: Mapping[Any, str], after: Mapping[Any, str]
) -> tuple[dict[str, Any] | None, str]:
    """Score a model adapted to the labels before a round, and to those after it, on the same held-out units.

    Parameters
    ----------
    model : Model or None
    features : Features
    before, after : mapping of unit id to str
        Labels of people.

    Returns
    -------
    scores : dict or None
        ``n_units``, ``balanced_accuracy``, ``accuracy`` and ``gain``, as of `RoundScores`.
    why : str
        Why there are none; empty where there are.
    """
    if not isinstance(model, FittedModel) or model.manifest is None or model.classes != CLASSES:
        return None, "not scored: the model cannot be adapted"
    plain = replace(model, adaptation=None)
    try:
        found = score_round(
            Placed.of(plain.predict(features).probabilities, names=plain.inputs, values=plain.input_values(features)),
            before=_targets(features, before),
            after=_targets(features, after),
            priors=np.array([plain.class_priors[name] for name in CLASSES]),
            weighs=bool(plain.decision_shares),
        )
    except TrainingError as error:
        return None, f"not scored: {str(error).partition(': ')[2].rstrip('.')}"
    scores = {
        name: [round(one, 4) for one in getattr(found, name)] for name in ("balanced_accuracy", "accuracy", "gain")
    }
    return {"n_units": found.n_units, **scores}, ""


def _targets(features: Features, labels: Mapping[Any, str]) -> NDArray[np.intp]:
    """Index of each unit's label in `CLASSES`; -1 without one of these."""
    given = [labels.get(unit, "") for unit in features.unit_ids.tolist()]
    return np.array([CLASSES.index(label) if label in CLASSES else -1 for label in given], dtype=np.intp)
