"""Fit a calibration on probabilities of units that the estimator has not seen."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from nwb_unitrefine.models.calibration import apply_calibration
from nwb_unitrefine.models.manifest import Matrix, NoCalibration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from nwb_unitrefine.models.manifest import Calibration

__all__ = ["Fold", "choose_calibration", "fit_calibration", "penalised_gradient", "penalised_loss"]

_SMALLEST = 1e-12

Shape = Literal["vector", "matrix"]
_SHAPES: tuple[Shape, ...] = ("vector", "matrix")
_PENALTIES = (1.0, 0.1, 0.01)


class Fold(NamedTuple):
    """Probabilities to fit a calibration on, and those of other recordings to score it on.

    The estimators behind the first have seen none of the recordings of the second, nor the other way round. Shapes are
    (n_units, n_classes) for probabilities and (n_units,) for indices of classes.
    """

    probabilities: NDArray[np.float64]
    targets: NDArray[np.intp]
    other_probabilities: NDArray[np.float64]
    other_targets: NDArray[np.intp]


def choose_calibration(
    probabilities: NDArray[np.float64], targets: NDArray[np.intp], *, folds: Sequence[Fold]
) -> Calibration:
    """Choose the calibration, or none, that does best on recordings that it was not fitted on.

    Parameters
    ----------
    probabilities : array of float64, shape (n_units, n_classes)
        Of units that were held out when the estimator was fitted.
    targets : array of int, shape (n_units,)
        Index of each unit's class.
    folds : sequence of Fold
        What each choice is scored on; without any, there is no calibration.

    Returns
    -------
    NoCalibration or Matrix
        Of the smallest log loss over the units of all folds, fitted on `probabilities`. It is `NoCalibration` where
        vector and matrix scaling make the probabilities of other recordings worse.

    Examples
    --------
    >>> given = np.tile([[0.9, 0.1], [0.1, 0.9]], (20, 1))
    >>> right, wrong = np.tile([0, 1], 20), np.tile([1, 0], 20)
    >>> choose_calibration(given, wrong, folds=[Fold(given, wrong, given, right)]).kind
    'none'
    """
    choices = list(itertools.product(_SHAPES, _PENALTIES))
    losses = np.zeros(1 + len(choices))
    for fold in folds:
        losses[0] += _log_losses(fold.other_probabilities, fold.other_targets).sum()
        for place, (shape, penalty) in enumerate(choices, start=1):
            fitted = fit_calibration(fold.probabilities, fold.targets, penalty=penalty, shape=shape)
            losses[place] += _log_losses(apply_calibration(fitted, fold.other_probabilities), fold.other_targets).sum()
    best = int(np.argmin(losses))
    if best == 0:
        return NoCalibration()
    shape, penalty = choices[best - 1]
    return fit_calibration(probabilities, targets, penalty=penalty, shape=shape)


def _log_losses(probabilities: NDArray[np.float64], targets: NDArray[np.intp]) -> NDArray[np.float64]:
    """Minus the logarithm of the probability of each unit's class."""
    return np.asarray(-np.log(np.clip(probabilities[np.arange(len(targets)), targets], _SMALLEST, 1.0)))


def fit_calibration(
    probabilities: NDArray[np.float64],
    targets: NDArray[np.intp],
    *,
    weights: NDArray[np.float64] | None = None,
    penalty: float = 0.01,
    shape: Shape = "matrix",
) -> Matrix:
    """Fit matrix scaling that is monotone: ``softmax(weights @ log p + bias)``.

    Parameters
    ----------
    probabilities : array of float64, shape (n_units, n_classes)
        Of units that were held out when the estimator was fitted.
    targets : array of int, shape (n_units,)
        Index of each unit's class.
    weights : array of float64, shape (n_units,), optional
        How much each unit counts.
    penalty : float
        Strength of the pull toward leaving probabilities as they are, in nats of mean log loss per unit of squared
        distance: with few units, calibration changes little.
    shape : {"matrix", "vector"}
        Vector scaling has one weight for each class: the matrix is diagonal.

    Returns
    -------
    Matrix

    Notes
    -----
    Minimises the mean log loss plus ``penalty * (|W - I|² + |b|²)``, which is convex, over matrices that have the
    largest entry of each column on the diagonal. The calibrated probability of a class then never falls when the
    estimator's rises, the others' keeping their proportions: a few units, or recordings of few subjects, cannot reverse
    what the estimator learned. Matrix scaling with such a penalty is Kull et al. 2019, "Beyond temperature scaling"
    (Dirichlet calibration, off-diagonal and intercept regularisation); for two classes it is beta calibration, whose
    authors restrict it likewise (Kull et al. 2017).

    Examples
    --------
    >>> halved = fit_calibration(np.full((60, 3), 1 / 3), np.repeat([0, 1, 2], [30, 15, 15]), penalty=1e-6)
    >>> bool(halved.bias[0] > halved.bias[1])
    True
    """
    from scipy.optimize import minimize

    n_classes = probabilities.shape[1]
    directions, start, smallest = _monotone(n_classes, shape)
    problem: dict[str, Any] = {
        "logarithms": np.log(np.clip(probabilities, _SMALLEST, 1.0)),
        "wanted": np.eye(n_classes)[targets],
        "shares": np.full(len(targets), 1 / len(targets)) if weights is None else weights / weights.sum(),
        "penalty": penalty,
    }
    found = minimize(
        lambda free: (
            penalised_loss(directions @ free, **problem),
            directions.T @ penalised_gradient(directions @ free, **problem),
        ),
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[(bound, None) for bound in smallest],
        options={"maxiter": 1000, "ftol": 1e-15, "gtol": 1e-9},
    )
    # Six digits are more than the data determines, and keep the manifest free of the optimiser's last bits.
    rows = np.round(directions @ found.x, 6)
    matrix = rows[:-n_classes].reshape(n_classes, n_classes)
    return Matrix.model_validate({"weights": matrix.tolist(), "bias": rows[-n_classes:].tolist()})


def _monotone(n_classes: int, shape: Shape) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Parametrise monotone maps, so that bounds of single parameters are all that holds them.

    Of a matrix, a column has its largest entry, which is on the diagonal, and how far each other one is below it.

    Returns
    -------
    directions : array, shape (n_classes * (n_classes + 1), n_parameters)
        Weights, row by row, then the bias are ``directions @ parameters``.
    start, smallest : array, shape (n_parameters,)
        Parameters that leave probabilities as they are, and the bound of each.
    """
    columns, start, smallest = [], [], []

    def add(direction: NDArray[np.float64], at: float, bound: float) -> None:
        columns.append(direction)
        start.append(at)
        smallest.append(bound)

    units = np.eye(n_classes * (n_classes + 1))
    for column in range(n_classes):
        entries = units[column : n_classes**2 : n_classes]
        if shape == "vector":
            add(entries[column], 1, 0)
            continue
        add(entries.sum(axis=0), 1, -np.inf)
        for row in range(n_classes):
            if row != column:
                add(-entries[row], 1, 0)
    for bias in units[n_classes**2 :]:
        add(bias, 0, -np.inf)
    return np.stack(columns, axis=1), np.array(start, dtype=float), np.array(smallest, dtype=float)


def _unchanged(n_classes: int) -> NDArray[np.float64]:
    """Parameters that leave probabilities as they are: the unit matrix, then a bias of zero."""
    return np.concatenate([np.eye(n_classes).ravel(), np.zeros(n_classes)])


def _normalised_scores(flat: NDArray[np.float64], logarithms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logarithms of the calibrated probabilities, shape (n_units, n_classes)."""
    n_classes = logarithms.shape[1]
    scores = logarithms @ flat[:-n_classes].reshape(n_classes, n_classes).T + flat[-n_classes:]
    scores -= scores.max(axis=1, keepdims=True)
    return np.asarray(scores - np.log(np.exp(scores).sum(axis=1, keepdims=True)))


def penalised_loss(
    flat: NDArray[np.float64],
    *,
    logarithms: NDArray[np.float64],
    wanted: NDArray[np.float64],
    shares: NDArray[np.float64],
    penalty: float,
) -> float:
    """Mean log loss plus the penalty; see `fit_calibration`.

    Parameters
    ----------
    flat : array, shape (n_classes * (n_classes + 1),)
        Weights, row by row, then the bias.
    logarithms : array, shape (n_units, n_classes)
        Of the estimator's probabilities.
    wanted : array, shape (n_units, n_classes)
        1 for each unit's class, else 0.
    shares : array, shape (n_units,)
        Weight of each unit; they sum to 1.
    penalty : float
    """
    off = flat - _unchanged(logarithms.shape[1])
    loss = -(shares * (_normalised_scores(flat, logarithms) * wanted).sum(axis=1)).sum()
    return float(loss + penalty * (off @ off))


def penalised_gradient(
    flat: NDArray[np.float64],
    *,
    logarithms: NDArray[np.float64],
    wanted: NDArray[np.float64],
    shares: NDArray[np.float64],
    penalty: float,
) -> NDArray[np.float64]:
    """Gradient of `penalised_loss`, of the shape of `flat`."""
    residual = (np.exp(_normalised_scores(flat, logarithms)) - wanted) * shares[:, None]
    gradient = np.concatenate([(residual.T @ logarithms).ravel(), residual.sum(axis=0)])
    return np.asarray(gradient + 2 * penalty * (flat - _unchanged(logarithms.shape[1])))
