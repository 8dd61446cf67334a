"""Calibration and decision rules, on numbers worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.model_factory import NAMES, make_manifest
from nwb_unitrefine.models.calibration import apply_calibration, calibrate, decision_scores
from nwb_unitrefine.models.manifest import ConditionalCalibration, Matrix, NoCalibration

IDENTITY = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


def test_no_calibration_changes_nothing():
    """The estimator's own probabilities."""
    given_row = np.array([[0.7, 0.2, 0.1]])
    assert apply_calibration(NoCalibration(), given_row) is given_row


def test_matrix_scaling_multiplies_by_the_exponential_of_its_bias():
    """With unit weights, p * exp(bias), normalised: doubling sua turns .5 .3 .2 into 1 .3 .2 of 1.5."""
    matrix = Matrix(weights=IDENTITY, bias=(float(np.log(2)), 0.0, 0.0))
    np.testing.assert_allclose(apply_calibration(matrix, np.array([[0.5, 0.3, 0.2]])), [[2 / 3, 0.2, 2 / 15]])


def test_matrix_scaling_takes_rows_of_weights_for_the_new_classes():
    """Row 0 makes sua from log p(mua), row 1 mua from log p(noise): a matrix that rotates classes rotates them so."""
    rotate = Matrix(weights=((0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (1.0, 0.0, 0.0)), bias=(0.0, 0.0, 0.0))
    np.testing.assert_allclose(apply_calibration(rotate, np.array([[0.5, 0.3, 0.2]])), [[0.3, 0.2, 0.5]])


NUMBERS = st.floats(-20, 20)
CALIBRATIONS = st.builds(
    Matrix,
    weights=st.tuples(*[st.tuples(NUMBERS, NUMBERS, NUMBERS)] * 3),
    bias=st.tuples(NUMBERS, NUMBERS, NUMBERS),
)


@given(CALIBRATIONS, st.lists(st.tuples(*[st.floats(0, 1)] * 3).filter(sum), min_size=1, max_size=5))
def test_calibrated_probabilities_are_probabilities(calibration, rows):
    """Whatever the parameters, and with zeros and ones among the input."""
    probabilities = np.array(rows)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    found = apply_calibration(calibration, probabilities)
    assert np.isfinite(found).all()
    assert (found >= 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_each_unit_is_calibrated_for_the_groups_that_it_lacks():
    """A group is missing when all of its features are; of several that fit, the most missing groups win."""

    def bias(first):
        return Matrix(weights=IDENTITY, bias=(float(np.log(first)), 0.0, 0.0))

    manifest = make_manifest(
        feature_groups={"train": NAMES[:2], "waveform": NAMES[2:]},
        calibrations=(
            ConditionalCalibration(calibration=NoCalibration()),
            ConditionalCalibration(missing_groups=("train", "waveform"), calibration=bias(4)),
            ConditionalCalibration(missing_groups=("waveform",), calibration=bias(2)),
        ),
    )
    inputs = np.array([[1, 1, 1], [np.nan, 1, 1], [1, 1, np.nan], [np.nan, np.nan, np.nan]])
    found = calibrate(manifest, np.tile([0.5, 0.3, 0.2], (4, 1)), inputs=inputs)
    np.testing.assert_allclose(found[:, 0], [0.5, 0.5, 2 / 3, 0.8])


def test_prior_weighting_divides_by_the_share_in_training():
    """.3/.2, .5/.5, .2/.3 = 1.5, 1, 2/3: sua, although mua is more probable."""
    manifest = make_manifest(decision_rule="balanced")
    found = decision_scores(manifest, np.array([[0.3, 0.5, 0.2]]))
    np.testing.assert_allclose(found, np.array([[1.5, 1.0, 2 / 3]]) / (1.5 + 1 + 2 / 3))


@pytest.mark.parametrize("manifest", [None, make_manifest()])
def test_without_a_rule_the_probability_decides(manifest):
    """Models of others have no rule."""
    row = np.array([[0.3, 0.5, 0.2]])
    assert decision_scores(manifest, row) is row


def test_the_user_may_ask_for_another_rule_than_the_manifests():
    """`probable` takes the probabilities as they are, `balanced` divides them by the priors."""
    manifest = make_manifest(decision_rule="balanced")
    row = np.array([[0.3, 0.5, 0.2]])
    assert decision_scores(manifest, row, rule="probable") is row
    assert decision_scores(make_manifest(), row, rule="balanced").argmax() == 0
