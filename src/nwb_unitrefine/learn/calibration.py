"""Fit a calibration on probabilities of units that the estimator has not seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.models.manifest import Matrix

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["fit_calibration", "penalised_gradient", "penalised_loss"]

_SMALLEST = 1e-12


def fit_calibration(
    probabilities: NDArray[np.float64],
    targets: NDArray[np.intp],
    *,
    weights: NDArray[np.float64] | None = None,
    penalty: float = 0.01,
) -> Matrix:
    """Fit matrix scaling: ``softmax(weights @ log p + bias)``.

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

    Returns
    -------
    Matrix

    Notes
    -----
    Minimises the mean log loss plus ``penalty * (|W - I|² + |b|²)``, which is convex. Matrix scaling with such a
    penalty is Kull et al. 2019, "Beyond temperature scaling" (Dirichlet calibration, off-diagonal and intercept
    regularisation).

    Examples
    --------
    >>> halved = fit_calibration(np.full((60, 3), 1 / 3), np.repeat([0, 1, 2], [30, 15, 15]), penalty=1e-6)
    >>> bool(halved.bias[0] > halved.bias[1])
    True
    """
    from scipy.optimize import minimize

    n_classes = probabilities.shape[1]
    start = _unchanged(n_classes)
    problem: dict[str, Any] = {
        "logarithms": np.log(np.clip(probabilities, _SMALLEST, 1.0)),
        "wanted": np.eye(n_classes)[targets],
        "shares": np.full(len(targets), 1 / len(targets)) if weights is None else weights / weights.sum(),
        "penalty": penalty,
    }
    found = minimize(
        lambda flat: (penalised_loss(flat, **problem), penalised_gradient(flat, **problem)),
        start,
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 500, "ftol": 1e-12, "gtol": 1e-8},
    )
    # Six digits are more than the data determines, and keep the manifest free of the optimiser's last bits.
    rows = np.round(found.x, 6)
    matrix = rows[:-n_classes].reshape(n_classes, n_classes)
    return Matrix.model_validate({"weights": matrix.tolist(), "bias": rows[-n_classes:].tolist()})


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
