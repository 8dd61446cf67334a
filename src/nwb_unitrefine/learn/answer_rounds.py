"""What a round of a person's answers was worth: the model adapted without and with it, on the same held-out units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.errors import TrainingError
from nwb_unitrefine.learn.adaptation import fit_adaptation, too_few
from nwb_unitrefine.learn.scoring.scores import balanced_accuracy, bootstrap_interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nwb_unitrefine.models.adaptation import Placed

__all__ = ["RoundScores", "score_round"]

PARTS = 10
"""Labelled units are held out in so many parts, a tenth at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundScores:
    """Scores of a model adapted to the labels before a round, and to those after it, on the same units.

    Parameters
    ----------
    n_units : int
        Units that are labelled after the round. Each is predicted by models that were not adapted to its label.
    balanced_accuracy, accuracy : tuple of float
        Before and after.
    gain : tuple of float
        Mean gain in accuracy, and the ends of its 95 % bootstrap interval over units.
    """

    n_units: int
    balanced_accuracy: tuple[float, float]
    accuracy: tuple[float, float]
    gain: tuple[float, float, float]


def score_round(
    units: Placed,
    *,
    before: NDArray[np.intp],
    after: NDArray[np.intp],
    priors: NDArray[np.float64],
    weighs: bool = True,
    seed: int = 0,
) -> RoundScores:
    """Adapt a model to the labels before and after a round, without a part of the units in turn, and score it on that.

    Parameters
    ----------
    units : Placed
        Probabilities of the model as it was trained; NaN for units without a prediction.
    before, after : array of int, shape (n_units,)
        Index of each unit's label in `CLASSES`; -1 for units without a label.
    priors : array of float64, shape (3,)
        Share of each class in training.
    weighs : bool
        Whether the label is the class of the largest probability over its share, or the most probable one.
    seed : int
        Of the parts.

    Returns
    -------
    RoundScores

    Raises
    ------
    TrainingError
        If there are too few labels after the round to learn from.

    Examples
    --------
    >>> from nwb_unitrefine.models.adaptation import Placed
    >>> even = Placed.from_ranks(np.full((40, 3), 1 / 3), {})
    >>> none = np.full(40, -1)
    >>> score_round(even, before=none, after=np.repeat([0, 0, 0, 1], 10), priors=np.full(3, 1 / 3)).accuracy[1]
    0.75
    """
    known = np.isfinite(units.probabilities).all(axis=1)
    scored = np.flatnonzero(known & (after >= 0))
    if why := too_few(after[scored]):
        raise TrainingError(f"The round cannot be scored: {why}.")
    parts = np.array_split(np.random.default_rng(seed).permutation(scored), min(PARTS, len(scored)))
    labels = np.zeros((2, len(units.probabilities)), dtype=np.intp)
    for held_out in parts:
        for place, targets in enumerate((before, after)):
            rows = np.setdiff1d(np.flatnonzero(known & (targets >= 0)), held_out)
            fitted = fit_adaptation(units.take(rows), targets[rows], everywhere=units, priors=priors)
            adapted = fitted.apply(units.take(held_out))
            labels[place, held_out] = (fitted.scores(adapted) if weighs else adapted).argmax(axis=1)
    right = labels[:, scored] == after[scored]
    gains = right[1].astype(np.float64) - right[0]
    without, with_it = (balanced_accuracy(after[scored], one) for one in labels[:, scored])
    return RoundScores(
        n_units=len(scored),
        balanced_accuracy=(without, with_it),
        accuracy=(float(right[0].mean()), float(right[1].mean())),
        gain=(float(gains.mean()), *bootstrap_interval(gains, seed=seed)),
    )
