"""Steps between releases of scikit-learn, on states written by hand."""

from __future__ import annotations

import numpy as np
import pytest
from packaging.version import Version

from nwb_unitrefine.models.skops.translate import DOWNGRADES, UPGRADES, translate

LOGISTIC = "sklearn.linear_model._logistic.LogisticRegression"
SCALER = "sklearn.preprocessing._data.StandardScaler"
IMPUTER = "sklearn.impute._base.SimpleImputer"


def _translate(kind, state, written_by, installed):
    return translate(kind, state, written_by=written_by, installed=Version(installed))


def test_a_model_of_the_installed_release_is_left_alone():
    """Neither forwards nor backwards."""
    for release in ("1.6.1", "1.7.2", "1.8.0", "1.9.1", "2.0"):
        for step in (*UPGRADES, *DOWNGRADES):
            for kind in step.kinds:
                assert _translate(kind, {"x": 1}, release, release) == (kind, {"x": 1})


def test_the_state_in_the_file_is_not_changed():
    """A translation works on a copy."""
    state = {"_fit_dtype": np.dtype("float32")}
    _, translated = _translate(IMPUTER, state, "1.5.2", "1.9.1")
    assert "_fill_dtype" in translated
    assert "_fill_dtype" not in state


def test_leaves_of_classification_trees_become_shares():
    """Counts 3 and 1 are .75 and .25; regression trees keep their values; no units cause no division by zero."""
    tree = "sklearn.tree._tree.Tree"
    _, state = _translate(tree, {"values": np.array([[[3.0, 1.0]], [[0.0, 0.0]]])}, "1.3.2", "1.9.1")
    np.testing.assert_array_equal(state["values"], [[[0.75, 0.25]], [[0.0, 0.0]]])
    _, state = _translate(tree, {"values": np.array([[[3.0]]])}, "1.3.2", "1.9.1")
    np.testing.assert_array_equal(state["values"], [[[3.0]]])


@pytest.mark.parametrize(
    ("way", "solver", "n_classes", "name"),
    [
        ("auto", "lbfgs", 2, "LogisticRegression"),
        ("auto", "lbfgs", 3, "LogisticRegression"),
        ("multinomial", "lbfgs", 2, "LogisticTwoSided"),
        ("multinomial", "lbfgs", 3, "LogisticRegression"),
        ("ovr", "lbfgs", 3, "LogisticOneAgainstRest"),
        ("ovr", "lbfgs", 2, "LogisticRegression"),
        ("deprecated", "liblinear", 3, "LogisticOneAgainstRest"),
        ("auto", "newton-cholesky", 3, "LogisticOneAgainstRest"),
    ],
)
def test_logistic_regression_keeps_its_way_to_tell_classes_apart(way, solver, n_classes, name):
    """The table of `multi_class`, as scikit-learn 1.5 documents it."""
    state = {"multi_class": way, "solver": solver, "classes_": np.arange(n_classes)}
    kind, _ = _translate(LOGISTIC, state, "1.5.2", "1.9.1")
    assert kind.rpartition(".")[2] == name


def test_the_scaler_computes_as_its_writer_did_in_both_directions():
    """1.8 changed the arithmetic: older models keep the old one, newer ones under an older release the new one."""
    assert _translate(SCALER, {}, "1.7.2", "1.8.0")[0].endswith("StandardScalerInDouble")
    assert _translate(SCALER, {}, "1.8.0", "1.7.2")[0].endswith("StandardScalerInInputType")
    assert _translate(SCALER, {}, "1.3.2", "1.7.2")[0] == SCALER


def test_the_two_scalers_differ_in_the_last_bit():
    """0.1f - 0.1 is 1.5e-9 in double, and 0 when 0.1 is rounded first."""
    from nwb_unitrefine.models.skops.old_arithmetic import StandardScalerInDouble, StandardScalerInInputType

    row = np.array([[0.1]], dtype=np.float32)
    found = []
    for kind in (StandardScalerInDouble, StandardScalerInInputType):
        scaler = kind()
        scaler.__dict__.update(mean_=np.array([0.1]), scale_=np.array([1.0]), n_features_in_=1)
        found.append(float(scaler.transform(row)[0, 0]))
    np.testing.assert_allclose(found, [float(np.float32(0.1)) - 0.1, 0.0], rtol=1e-6)


def test_a_version_that_cannot_be_read_is_the_installed_one():
    """Files that do not state it are not translated."""
    for written_by in ("", "unknown"):
        assert _translate(SCALER, {}, written_by, "1.9.1")[0] == SCALER


def test_scikit_learn_is_not_told_of_the_other_version():
    """It would warn of what was just dealt with."""
    _, state = _translate(IMPUTER, {"_sklearn_version": "1.3.2"}, "1.3.2", "1.9.1")
    assert state["_sklearn_version"] == "1.9.1"
