"""From the estimator's probabilities to calibrated ones, and from these to a label."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.models.manifest import NoCalibration
from nwb_unitrefine.records import CLASSES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from nwb_unitrefine.models.manifest import Calibration, DecisionRule, Manifest

__all__ = ["apply_calibration", "calibrate", "decision_scores", "over_shares", "softmax"]

_SMALLEST = 1e-12
"""Probabilities are kept this far from 0 and 1 before their logarithm is taken."""


def softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn log probabilities, up to a constant of each unit, into probabilities, without overflow.

    Parameters
    ----------
    scores : array of float64, shape (n_units, n_classes)

    Returns
    -------
    array of float64, shape (n_units, n_classes)
        Rows sum to 1.
    """
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def apply_calibration(calibration: Calibration, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Calibrate probabilities.

    Parameters
    ----------
    calibration : Calibration
        As the manifest holds it.
    probabilities : array of float64, shape (n_units, n_classes)
        In the order of the classes that it was fitted for; rows sum to 1.

    Returns
    -------
    array of float64, shape (n_units, n_classes)
        Rows sum to 1.

    Notes
    -----
    Matrix scaling: Guo et al. 2017, "On calibration of modern neural networks", section 4.2, with the logarithms of
    the probabilities in the place of logits.

    Examples
    --------
    >>> from nwb_unitrefine.models.manifest import Matrix
    >>> halved = Matrix(weights=((0.5, 0, 0), (0, 0.5, 0), (0, 0, 0.5)), bias=(0, 0, 0))
    >>> apply_calibration(halved, np.array([[0.8, 0.2, 0.0]])).round(3).tolist()
    [[0.667, 0.333, 0.0]]
    """
    if isinstance(calibration, NoCalibration):
        return probabilities
    logarithms = np.log(np.clip(probabilities, _SMALLEST, 1 - _SMALLEST))
    return softmax(logarithms @ np.asarray(calibration.weights).T + np.asarray(calibration.bias))


def calibrate(
    manifest: Manifest, probabilities: NDArray[np.float64], *, inputs: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Calibrate each unit with the parameters fitted for the feature groups it lacks.

    Parameters
    ----------
    manifest : Manifest
    probabilities : array, shape (n_units, n_classes)
        Of the estimator, in the order that `FittedModel.classes` gives.
    inputs : array, shape (n_units, n_features)
        What the estimator was given, in the manifest's order.

    Returns
    -------
    array of float64, shape (n_units, n_classes)
    """
    absent = np.isnan(inputs)
    names = manifest.input_names
    missing = {
        group: absent[:, [names.index(name) for name in members]].all(axis=1)
        for group, members in manifest.feature_groups.items()
    }
    chosen = np.zeros(len(inputs), dtype=np.intp)
    most = np.zeros(len(inputs), dtype=np.intp)
    for number, entry in enumerate(manifest.calibrations):
        size = len(entry.missing_groups)
        fits = np.ones(len(inputs), dtype=bool)
        for group in entry.missing_groups:
            fits &= missing[group]
        better = fits & (size > most)
        chosen[better], most[better] = number, size
    calibrated = np.empty_like(probabilities)
    for number, entry in enumerate(manifest.calibrations):
        rows = chosen == number
        calibrated[rows] = apply_calibration(entry.calibration, probabilities[rows])
    return calibrated


def decision_scores(
    manifest: Manifest | None,
    probabilities: NDArray[np.float64],
    *,
    classes: Sequence[str] = CLASSES,
    rule: DecisionRule | None = None,
) -> NDArray[np.float64]:
    """Return the scores whose largest gives the label: probabilities, or probabilities over priors scaled to sum 1.

    Parameters
    ----------
    manifest : Manifest or None
        Holds the priors and the rule of the model; None for a model without one: the largest probability decides.
    probabilities : array, shape (n_units, n_classes)
    classes : sequence of str
        Their order.
    rule : {"balanced", "probable"}, optional
        Overrides the rule of the manifest.
    """
    if manifest is None or (rule or manifest.decision_rule) == "probable":
        return probabilities
    return over_shares(probabilities, np.array([manifest.class_priors[name] for name in classes]))


def over_shares(probabilities: NDArray[np.float64], shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide probabilities by the share of each class, scaled to sum 1.

    Parameters
    ----------
    probabilities : array of float64, shape (n_units, n_classes)
    shares : array of float64, shape (n_classes,)
        Positive.

    Returns
    -------
    array of float64, shape (n_units, n_classes)
    """
    weighted = probabilities / shares
    return np.asarray(weighted / weighted.sum(axis=1, keepdims=True))
