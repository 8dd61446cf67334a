"""Calibration: probabilities that mean what they say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import check_grad

from nwb_unitrefine.learn.calibration import (
    Fold,
    choose_calibration,
    fit_calibration,
    penalised_gradient,
    penalised_loss,
)
from nwb_unitrefine.learn.scoring.scores import balanced_accuracy, calibration_error
from nwb_unitrefine.models.calibration import apply_calibration


def _honest(n_units: int, *, seed: int = 0):
    """Probabilities, and classes drawn from them."""
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet([1, 1, 1], n_units)
    return probabilities, np.array([rng.choice(3, p=row) for row in probabilities])


def test_honest_probabilities_stay() -> None:
    """What is calibrated already is hardly changed."""
    probabilities, targets = _honest(4000)
    found = apply_calibration(fit_calibration(probabilities, targets), probabilities)
    assert np.abs(found - probabilities).mean() < 0.03


def test_overconfidence_is_undone() -> None:
    """Probabilities that were sharpened come back."""
    probabilities, targets = _honest(4000)
    sharp = probabilities**3 / (probabilities**3).sum(axis=1, keepdims=True)
    fitted = fit_calibration(sharp[:2000], targets[:2000], penalty=1e-3)
    before = calibration_error(targets[2000:], sharp[2000:])
    after = calibration_error(targets[2000:], apply_calibration(fitted, sharp[2000:]))
    assert before > 0.1
    assert after < 0.04


def test_few_units_change_little() -> None:
    """A strong penalty leaves probabilities as they are."""
    probabilities, targets = _honest(12)
    fitted = fit_calibration(probabilities, targets, penalty=1e6)
    np.testing.assert_allclose(apply_calibration(fitted, probabilities), probabilities, atol=1e-4)


def test_certainty_is_no_obstacle() -> None:
    """Probabilities of exactly 0 and 1, as forests give them, have finite logarithms here."""
    probabilities = np.eye(3)[[0, 1, 2, 0, 1, 2]]
    found = apply_calibration(fit_calibration(probabilities, np.array([0, 1, 2, 1, 1, 2])), probabilities)
    assert np.isfinite(found).all()
    assert found.sum(axis=1) == pytest.approx(1)


@pytest.mark.parametrize("n_classes", [2, 3, 4])
def test_the_gradient_is_that_of_the_loss(n_classes: int) -> None:
    """The penalty included: without it, the optimiser stops at another point than the minimum."""
    rng = np.random.default_rng(0)
    problem = {
        "logarithms": np.log(rng.dirichlet(np.ones(n_classes), 20)),
        "wanted": np.eye(n_classes)[rng.integers(0, n_classes, 20)],
        "shares": rng.dirichlet(np.ones(20)),
        "penalty": 0.7,
    }
    error = check_grad(
        lambda flat: penalised_loss(flat, **problem),
        lambda flat: penalised_gradient(flat, **problem),
        rng.normal(size=n_classes * (n_classes + 1)),
    )
    assert error < 1e-5


@pytest.mark.parametrize("shape", ["matrix", "vector"])
@pytest.mark.parametrize("n_classes", [2, 3, 4])
def test_a_calibration_is_monotone(shape: str, n_classes: int) -> None:
    """Labels that contradict the estimator flatten its probabilities, and never turn them round."""
    rng = np.random.default_rng(n_classes)
    probabilities = rng.dirichlet(np.full(n_classes, 0.3), 200)
    contrary = probabilities.argmin(axis=1)
    weights = np.array(fit_calibration(probabilities, contrary, penalty=1e-4, shape=shape).weights)
    assert (np.diagonal(weights) >= weights - 1e-6).all()
    fitted = fit_calibration(probabilities, contrary, penalty=1e-4, shape=shape)
    rising = np.full((50, n_classes), 1.0)
    rising[:, 0] = np.geomspace(1e-3, 1e3, 50)
    found = apply_calibration(fitted, rising / rising.sum(axis=1, keepdims=True))[:, 0]
    assert (np.diff(found) >= -1e-6).all()


def test_a_vector_has_one_weight_for_each_class() -> None:
    """All else is zero."""
    probabilities, targets = _honest(200)
    weights = np.array(fit_calibration(probabilities**2, targets, shape="vector").weights)
    np.testing.assert_array_equal(weights[~np.eye(3, dtype=bool)], 0)
    assert (np.diagonal(weights) >= 0).all()


def test_calibration_that_does_not_carry_over_is_dropped() -> None:
    """Where one mouse asks for the opposite of the other, probabilities stay; where they agree, they change."""
    probabilities, targets = _honest(3000)
    sharp = probabilities**3 / (probabilities**3).sum(axis=1, keepdims=True)
    one, other = slice(0, 1500), slice(1500, 3000)
    misled = probabilities[other].argmin(axis=1)
    folds = [
        Fold(probabilities[one], targets[one], probabilities[other], misled),
        Fold(probabilities[other], misled, probabilities[one], targets[one]),
    ]
    good = [
        Fold(sharp[one], targets[one], sharp[other], targets[other]),
        Fold(sharp[other], targets[other], sharp[one], targets[one]),
    ]
    one_sided = [Fold(probabilities[one], np.zeros(1500, dtype=int), probabilities[other], targets[other])]
    assert choose_calibration(probabilities, targets, folds=one_sided).kind == "none"
    assert choose_calibration(probabilities, targets, folds=[]).kind == "none"
    chosen = choose_calibration(sharp, targets, folds=good)
    assert calibration_error(targets, apply_calibration(chosen, sharp)) < 0.04
    kept = choose_calibration(probabilities, targets, folds=folds)
    found = apply_calibration(kept, probabilities)
    assert balanced_accuracy(targets, found.argmax(axis=1)) >= balanced_accuracy(targets, probabilities.argmax(axis=1))
