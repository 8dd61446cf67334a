"""Scores, worked by hand and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nwb_unitrefine.learn.scoring.scores import (
    accuracy_at_coverage,
    balanced_accuracy,
    bootstrap_interval,
    brier_score,
    calibration_error,
    macro_f1,
    roc_auc,
    score,
)


def test_balanced_accuracy_by_hand() -> None:
    """Half of three sua, all of one mua: (2/3 + 1) / 2; a class that does not occur does not count."""
    assert balanced_accuracy(np.array([0, 0, 0, 1]), np.array([0, 0, 2, 1])) == pytest.approx((2 / 3 + 1) / 2)


def test_calibration_error_by_hand() -> None:
    """Four units at 0.75 of which two are right, one at 0.95 that is right: 4/5 * 0.25 + 1/5 * 0.05."""
    probabilities = np.array([[0.75, 0.25, 0]] * 4 + [[0.95, 0.05, 0]])
    assert calibration_error(np.array([0, 0, 1, 2, 0]), probabilities) == pytest.approx(0.8 * 0.25 + 0.2 * 0.05)


def test_brier_score_by_hand() -> None:
    """Certain and right is 0, certain and wrong is 2, no idea is 2/3."""
    probabilities = np.array([[1, 0, 0], [1, 0, 0], [1 / 3, 1 / 3, 1 / 3]])
    assert brier_score(np.array([0, 1, 2]), probabilities) == pytest.approx((0 + 2 + 2 / 3) / 3)


def test_coverage_keeps_the_most_certain() -> None:
    """Of four units the two surest are kept."""
    arguments = np.array([0, 1, 2, 0]), np.array([0, 1, 0, 1])
    certainty = np.array([0.9, 0.8, 0.5, 0.4])
    assert accuracy_at_coverage(*arguments, certainty, coverage=0.5) == 1
    assert accuracy_at_coverage(*arguments, certainty, coverage=1) == 0.5


@settings(deadline=None)  # scikit-learn is imported in the first example
@given(st.integers(0, 2**32 - 1), st.integers(30, 80))
def test_scores_are_scikit_learns(seed: int, n_units: int) -> None:
    """Where scikit-learn has the same score, it has the same value."""
    from sklearn import metrics

    rng = np.random.default_rng(seed)
    targets = rng.permutation(np.arange(n_units) % 3)
    probabilities = np.round(rng.dirichlet([1, 1, 1], n_units), 1) + 1e-3
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    labels = probabilities.argmax(axis=1)
    found = score(targets, probabilities, labels)
    assert found["balanced_accuracy"] == pytest.approx(metrics.balanced_accuracy_score(targets, labels))
    assert macro_f1(targets, labels) == pytest.approx(metrics.f1_score(targets, labels, average="macro"))
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(targets, labels))
    assert roc_auc(targets == 1, probabilities[:, 1]) == pytest.approx(
        metrics.roc_auc_score(targets == 1, probabilities[:, 1])
    )


def test_without_positives_there_is_no_auc() -> None:
    """A class that does not occur has no AUC rather than a perfect one."""
    assert np.isnan(roc_auc(np.zeros(4, dtype=bool), np.arange(4.0)))


def test_the_interval_is_of_recordings() -> None:
    """Equal recordings have no spread, and the interval of different ones holds the mean."""
    assert bootstrap_interval(np.full(9, 0.7)) == pytest.approx((0.7, 0.7))
    low, high = bootstrap_interval(np.array([0.6, 0.7, 0.8, np.nan]))
    assert pytest.approx(low) == 0.6
    assert pytest.approx(high) == 0.8
