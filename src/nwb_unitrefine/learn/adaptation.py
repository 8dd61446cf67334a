"""Learn where a lab draws the boundary from a few of its labels, without training again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.models.adaptation import Adaptation
from nwb_unitrefine.records import CLASSES

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FEWEST_LABELS", "STRENGTH", "fit_adaptation", "too_few"]

STRENGTH = 4.0
"""Precision of the prior on each offset: as many labels as it takes for data to outweigh it. Of 1 to 32, on the nine
recordings of the base dataset with their mouse left out, 2 to 6 are the best and equal within 0.001."""

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
    probabilities: NDArray[np.float64],
    targets: NDArray[np.intp],
    *,
    everywhere: NDArray[np.float64],
    priors: NDArray[np.float64],
    strength: float = STRENGTH,
) -> Adaptation:
    """Fit one offset for each class on the log probabilities.

    Parameters
    ----------
    probabilities : array of float64, shape (n_labels, 3)
        Of the labelled units, calibrated, in the order of `CLASSES`.
    targets : array of int, shape (n_labels,)
        Index of each label in `CLASSES`.
    everywhere : array of float64, shape (n_units, 3)
        Probabilities of all units that are to be labelled.
    priors : array of float64, shape (3,)
        Share of each class in training.
    strength : float
        Precision of the normal prior on each offset.

    Returns
    -------
    Adaptation
        With offsets of zero and the priors of training where there are too few labels.

    Notes
    -----
    Maximum a posteriori: minimises ``- sum_i log softmax(log p_i + b)[y_i] + strength / 2 |b|²``, which is strictly
    convex. Offsets follow how many units of each class the recording has as well as where its boundary lies; a label
    that weighs classes divides by the share of each, so the share follows, too, half way on the log scale: the
    geometric mean of the share in training and the mean adapted probability of the units.

    Examples
    --------
    >>> even = np.full((40, 3), 1 / 3)
    >>> found = fit_adaptation(even, np.repeat([0, 1], 20), everywhere=even, priors=np.full(3, 1 / 3))
    >>> found.offsets[2] < 0 < found.offsets[0]
    True
    """
    from scipy.optimize import minimize

    counts = np.bincount(targets, minlength=len(CLASSES))
    n_labels = (int(counts[0]), int(counts[1]), int(counts[2]))
    if too_few(targets):
        unchanged = (float(priors[0]), float(priors[1]), float(priors[2]))
        return Adaptation(offsets=(0.0, 0.0, 0.0), shares=unchanged, n_labels=n_labels)
    logarithms = np.log(np.clip(probabilities, _SMALLEST, 1.0))

    def loss(offsets: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        scores = logarithms + offsets
        largest = scores.max(axis=1, keepdims=True)
        normaliser = largest[:, 0] + np.log(np.exp(scores - largest).sum(axis=1))
        softmax = np.exp(scores - normaliser[:, np.newaxis])
        value = float((normaliser - scores[np.arange(len(targets)), targets]).sum())
        pull = strength * offsets
        return value + float(offsets @ pull) / 2, softmax.sum(axis=0) - counts + pull

    found = minimize(loss, np.zeros(len(CLASSES)), jac=True, method="L-BFGS-B", options={"gtol": 1e-9, "ftol": 1e-14})
    # Six digits are more than labels can tell, and keep what is recorded free of the optimiser's last bits.
    offsets = np.round(found.x, 6)
    fitted = Adaptation(
        offsets=(float(offsets[0]), float(offsets[1]), float(offsets[2])),
        shares=(1 / 3, 1 / 3, 1 / 3),
        n_labels=n_labels,
    )
    known = np.isfinite(everywhere).all(axis=1)
    present = fitted.apply(everywhere[known]).mean(axis=0) if known.any() else priors
    between = np.sqrt(priors * np.maximum(present, _SMALLEST))
    shares = np.round(between / between.sum(), 6)
    return Adaptation(
        offsets=fitted.offsets, shares=(float(shares[0]), float(shares[1]), float(shares[2])), n_labels=n_labels
    )
