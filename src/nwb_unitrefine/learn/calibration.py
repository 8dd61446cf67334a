"""Fit a calibration on probabilities of units that the estimator has not seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.models.manifest import Matrix

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["fit_calibration"]

_SMALLEST = 1e-12
_N_CLASSES = 3


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
    probabilities : array of float64, shape (n_units, 3)
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

    logarithms = np.log(np.clip(probabilities, _SMALLEST, 1.0))
    shares = np.full(len(targets), 1 / len(targets)) if weights is None else weights / weights.sum()
    wanted = np.eye(_N_CLASSES)[targets]
    start = np.concatenate([np.eye(_N_CLASSES).ravel(), np.zeros(_N_CLASSES)])

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        matrix, bias = flat[:-_N_CLASSES].reshape(_N_CLASSES, _N_CLASSES), flat[-_N_CLASSES:]
        scores = logarithms @ matrix.T + bias
        scores -= scores.max(axis=1, keepdims=True)
        normaliser = np.log(np.exp(scores).sum(axis=1, keepdims=True))
        residual = (np.exp(scores - normaliser) - wanted) * shares[:, None]
        value = float((shares * (normaliser[:, 0] - (scores * wanted).sum(axis=1))).sum())
        gradient = np.concatenate([(residual.T @ logarithms).ravel(), residual.sum(axis=0)])
        off = flat - start
        return value + penalty * float(off @ off), gradient + 2 * penalty * off

    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 500, "ftol": 1e-12, "gtol": 1e-8})
    # Six digits are more than the data can tell, and keep the manifest free of the optimiser's last bits.
    rows = np.round(found.x, 6)
    matrix = rows[:-_N_CLASSES].reshape(_N_CLASSES, _N_CLASSES)
    return Matrix.model_validate({"weights": matrix.tolist(), "bias": rows[-_N_CLASSES:].tolist()})
