"""Learn where a lab draws the boundary from a few of its labels, without training again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.models.adaptation import Adaptation, Placed
from nwb_unitrefine.records import CLASSES

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FEWEST_LABELS", "fit_adaptation", "too_few"]

_BETWEEN_NEURAL, _NOISE, _WEIGHTS = 6.0, 2.0, 50.0
"""Precisions of the prior. Among the nine recordings of the base dataset, with their mouse left out, the boundary
between sua and mua has a variance of 0.1, and that between both and noise one of 0.9: recordings differ most in how
much noise they have. Precisions of the weights from 25 to 100 differ by 0.001 of balanced accuracy."""

_CONTRASTS = np.array([[1.0, -1.0, 0.0], [1.0, 1.0, -2.0], [1.0, 1.0, 1.0]])
_CONTRASTS /= np.linalg.norm(_CONTRASTS, axis=1, keepdims=True)
_OFFSETS = _CONTRASTS.T @ np.diag([_BETWEEN_NEURAL, _NOISE, _NOISE]) @ _CONTRASTS
"""Precision matrix of the offsets; what is added to all classes alike changes nothing."""

FEWEST_LABELS = 5
"""Below this, nothing is learned."""

_SMALLEST = 1e-12


def too_few(targets: NDArray[np.intp]) -> str:
    """Say why labels teach no boundary; empty where they do.

    Parameters
    ----------
    targets : array of int, shape (n_labels,)
        Index of each label in `CLASSES`.
    """
    if len(targets) < FEWEST_LABELS:
        return f"{len(targets)} labels of people, fewer than {FEWEST_LABELS}"
    classes = np.unique(targets)
    if len(classes) == 1:
        return f"all {len(targets)} labels of people are {CLASSES[int(classes[0])]}"
    return ""


def fit_adaptation(
    labelled: Placed,
    targets: NDArray[np.intp],
    *,
    everywhere: Placed,
    priors: NDArray[np.float64],
    strength: float = 1.0,
) -> Adaptation:
    """Fit what is added to the log probabilities: one offset for each class, and weights of each metric's rank.

    Parameters
    ----------
    labelled : Placed
        The labelled units.
    targets : array of int, shape (n_labels,)
        Index of each label in `CLASSES`.
    everywhere : Placed
        All units that are to be labelled.
    priors : array of float64, shape (3,)
        Share of each class in training.
    strength : float
        Multiplies the precision of the prior.

    Returns
    -------
    Adaptation
        With offsets of zero, no weights and the priors of training where there are too few labels.

    Notes
    -----
    Maximum a posteriori: minimises ``- sum_i log softmax(log p_i + b + W z_i)[y_i]`` plus half the squares of b and W
    under the precision of a normal prior, which is strictly convex. Offsets follow how many units of each class the
    recording has as well as where its boundary lies, weights what this curator goes by more than others do. A
    label that weighs classes divides by the share of each, so the share follows, too, half way on the log scale: the
    geometric mean of the share in training and the mean adapted probability of the units.

    Examples
    --------
    >>> even = Placed.from_ranks(np.full((40, 3), 1 / 3), {})
    >>> found = fit_adaptation(even, np.repeat([0, 1], 20), everywhere=even, priors=np.full(3, 1 / 3))
    >>> found.offsets[2] < 0 < found.offsets[0]
    True
    """
    from scipy.optimize import minimize

    counts = np.bincount(targets, minlength=len(CLASSES))
    n_labels = (int(counts[0]), int(counts[1]), int(counts[2]))
    if too_few(targets):
        return Adaptation(offsets=(0.0, 0.0, 0.0), shares=_three(priors), n_labels=n_labels)
    logarithms = np.log(np.clip(labelled.probabilities, _SMALLEST, 1.0))
    wanted = np.eye(len(CLASSES))[targets]

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        offsets, weights = parameters[: len(CLASSES)], parameters[len(CLASSES) :].reshape(-1, len(CLASSES))
        scores = logarithms + offsets + labelled.places @ weights
        largest = scores.max(axis=1, keepdims=True)
        normaliser = largest[:, 0] + np.log(np.exp(scores - largest).sum(axis=1))
        residual = np.exp(scores - normaliser[:, np.newaxis]) - wanted
        pull, pull_weights = strength * (_OFFSETS @ offsets), strength * _WEIGHTS * weights
        value = float((normaliser - (scores * wanted).sum(axis=1)).sum())
        value += float(offsets @ pull + (weights * pull_weights).sum()) / 2
        return value, np.concatenate(
            [residual.sum(axis=0) + pull, (labelled.places.T @ residual + pull_weights).ravel()]
        )

    start = np.zeros((1 + len(labelled.names)) * len(CLASSES))
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"gtol": 1e-9, "ftol": 1e-14})
    # Six digits are more than labels can tell, and keep what is recorded free of the optimiser's last bits.
    offsets, *weights = np.round(found.x, 6).reshape(-1, len(CLASSES))
    fitted = Adaptation(
        offsets=_three(offsets),
        shares=(1 / 3, 1 / 3, 1 / 3),
        n_labels=n_labels,
        weights={name: _three(one) for name, one in zip(labelled.names, weights, strict=True) if one.any()},
    )
    known = np.flatnonzero(np.isfinite(everywhere.probabilities).all(axis=1))
    present = fitted.apply(everywhere.take(known)).mean(axis=0) if len(known) else priors
    between = np.sqrt(priors * np.maximum(present, _SMALLEST))
    return replace(fitted, shares=_three(np.round(between / between.sum(), 6)))


def _three(values: NDArray[np.float64]) -> tuple[float, float, float]:
    """One number for each class, as a record holds them."""
    one, two, three = values.tolist()
    return one, two, three
