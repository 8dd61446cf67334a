"""From the state that another scikit-learn wrote to the state that the installed one expects.

Every change of an estimator's private attributes is one step: the release that made it, the classes it concerns, and a
function on the state. A model passes the steps between the release that wrote it and the installed one, forwards or
backwards. Where not the state but the arithmetic changed, a step exchanges the class for one of `old_arithmetic` that
computes as the model's writer did.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from packaging.version import Version

__all__ = ["DOWNGRADES", "RETIRED", "UPGRADES", "Retired", "Step", "translate"]

State = dict[str, Any]
Change = Callable[[str, State], str]
"""Changes the state in place and returns the class to build."""

_TREE = "sklearn.tree._tree.Tree"
_TREES = tuple(
    f"sklearn.tree._classes.{name}{purpose}"
    for name in ("DecisionTree", "ExtraTree")
    for purpose in ("Classifier", "Regressor")
)
_GRADIENT = "sklearn.ensemble._gb.GradientBoostingClassifier"
_HISTOGRAM = "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoosting"
_ADA = "sklearn.ensemble._weight_boosting.AdaBoostClassifier"
_SIMPLE_IMPUTER = "sklearn.impute._base.SimpleImputer"
_NEIGHBOUR_IMPUTER = "sklearn.impute._knn.KNNImputer"
_ITERATIVE_IMPUTER = "sklearn.impute._iterative.IterativeImputer"
_COMPONENTS = "sklearn.decomposition._pca.PCA"
_STANDARD = "sklearn.preprocessing._data.StandardScaler"
_LOGISTIC = "sklearn.linear_model._logistic.LogisticRegression"
_NUMERICS = "nwb_unitrefine.models.skops.old_arithmetic"
_LOSSES = "sklearn.ensemble._gb_losses"

RETIRED = frozenset({f"{_LOSSES}.BinomialDeviance", f"{_LOSSES}.ExponentialLoss", f"{_LOSSES}.MultinomialDeviance"})
"""Classes that scikit-learn no longer has; they are kept as data until the estimator that holds them is translated."""


@dataclass(frozen=True, slots=True, eq=False)
class Retired:
    """An object of a class that no longer exists."""

    kind: str
    state: Any


@dataclass(frozen=True, slots=True)
class Step:
    """One change between two releases.

    Parameters
    ----------
    release : Version
        The first release that has it.
    kinds : tuple of str
        Full names of the classes it concerns.
    change : function
    """

    release: Version
    kinds: tuple[str, ...]
    change: Change


def _shares_in_trees(kind: str, state: State) -> str:
    """1.4: the leaves of a classification tree hold shares of its classes, no longer counts."""
    values = state["values"]
    if values.shape[2] > 1:
        total = values.sum(axis=2, keepdims=True)
        state["values"] = values / np.where(total == 0, 1, total)
    return kind


def _common_losses(kind: str, state: State) -> str:
    """1.4: gradient boosting shares the loss functions of the other models."""
    from sklearn._loss.loss import ExponentialLoss, HalfBinomialLoss, HalfMultinomialLoss

    n_trees = state["estimators_"].shape[1]
    state["n_trees_per_iteration_"] = n_trees
    old = state["_loss"].kind.removeprefix(f"{_LOSSES}.")
    state["_loss"] = {
        "BinomialDeviance": HalfBinomialLoss,
        "ExponentialLoss": ExponentialLoss,
        "MultinomialDeviance": lambda: HalfMultinomialLoss(n_classes=n_trees),
    }[old]()
    return kind


def _no_preprocessor(kind: str, state: State) -> str:
    """1.4: histogram gradient boosting may encode categories itself; older models have none."""
    state.setdefault("_preprocessor", None)
    state.setdefault("_is_categorical_remapped", state.get("is_categorical_"))
    return kind


def _no_monotonic_constraints(kind: str, state: State) -> str:
    """1.4: trees may be constrained to rise or fall with a feature; older ones are not."""
    state.setdefault("monotonic_cst", None)
    return kind


def _centred_first(_: str, __: State) -> str:
    """1.5: principal components are projected first and centred then, which rounds differently."""
    return f"{_NUMERICS}.ComponentsOfCentred"


def _empty_features(kind: str, state: State) -> str:
    """1.6: iterative imputation remembers which columns were empty, where it asked its first imputer before."""
    if "initial_imputer_" in state:
        statistics = np.asarray(state["initial_imputer_"].statistics_, dtype=np.float64)
        state["_is_empty_feature"] = np.isnan(statistics)
    return kind


def _every_donor(_: str, __: State) -> str:
    """1.6: imputation from neighbours leaves out donors that have nothing in common with the unit."""
    return f"{_NUMERICS}.NeighbourImputer15"


def _equally_near_donors(_: str, __: State) -> str:
    """1.4.2: the first release that ran with numpy 2, which picks others of equally near donors."""
    return f"{_NUMERICS}.NeighbourImputer13"


def _real_boosting(kind: str, state: State) -> str:
    """1.6: AdaBoost lost the algorithm that was its default until then."""
    return f"{_NUMERICS}.AdaBoostReal" if state.get("algorithm") == "SAMME.R" else kind


def _fill_type(kind: str, state: State) -> str:
    """1.8: imputers remember the type they fill in beside the type they were fitted on."""
    if "_fit_dtype" in state:
        state.setdefault("_fill_dtype", state["_fit_dtype"])
    return kind


def _typed_fill_values(kind: str, state: State) -> str:
    """1.8, backwards: a constant to fill in was of the type to be filled, where it is a Python object now."""
    if "_fill_dtype" in state and "statistics_" in state:
        state["statistics_"] = np.asarray(state["statistics_"]).astype(state["_fill_dtype"])
    return kind


def _scale_in_double(_: str, __: State) -> str:
    """1.8: standard scaling rounds mean and scale to the type of its input first."""
    return f"{_NUMERICS}.StandardScalerInDouble"


def _scale_in_input_type(_: str, __: State) -> str:
    """1.8, backwards."""
    return f"{_NUMERICS}.StandardScalerInInputType"


def _several_classes(kind: str, state: State) -> str:
    """1.8: logistic regression has one way to tell several classes apart; it had two, and a choice for two classes."""
    if "classes_" not in state:
        return kind
    binary = len(state["classes_"]) <= 2
    way = state.get("multi_class", "auto")
    one_against_rest = way in ("ovr", "warn") or (
        way in ("auto", "deprecated") and (binary or state["solver"] == "liblinear")
    )
    if one_against_rest == binary:
        return kind
    return f"{_NUMERICS}.{'LogisticOneAgainstRest' if one_against_rest else 'LogisticTwoSided'}"


def _newton_against_rest(kind: str, state: State) -> str:
    """1.6: one solver no longer fits several classes one against the rest."""
    if state.get("multi_class") in ("auto", "deprecated") and state.get("solver") == "newton-cholesky":
        state["multi_class"] = "ovr"
    return kind


def _one_way_for_classes(kind: str, state: State) -> str:
    """1.8, backwards: until then there was a choice, whose default is what 1.8 does."""
    state.setdefault("multi_class", "auto")
    return kind


UPGRADES = (
    Step(Version("1.4"), (_TREE,), _shares_in_trees),
    Step(Version("1.4"), _TREES, _no_monotonic_constraints),
    Step(Version("1.4"), (_GRADIENT,), _common_losses),
    Step(Version("1.4"), (f"{_HISTOGRAM}Classifier", f"{_HISTOGRAM}Regressor"), _no_preprocessor),
    Step(Version("1.5"), (_COMPONENTS,), _centred_first),
    Step(Version("1.6"), (_ITERATIVE_IMPUTER,), _empty_features),
    Step(Version("1.6"), (_NEIGHBOUR_IMPUTER,), _every_donor),
    Step(Version("1.4.2"), (_NEIGHBOUR_IMPUTER,), _equally_near_donors),
    Step(Version("1.6"), (_ADA,), _real_boosting),
    Step(Version("1.6"), (_LOGISTIC,), _newton_against_rest),
    Step(Version("1.8"), (_SIMPLE_IMPUTER,), _fill_type),
    Step(Version("1.8"), (_STANDARD,), _scale_in_double),
    Step(Version("1.8"), (_LOGISTIC,), _several_classes),
)
"""Passed, in this order, by models that are older than the installed scikit-learn."""

DOWNGRADES = (
    Step(Version("1.8"), (_SIMPLE_IMPUTER,), _typed_fill_values),
    Step(Version("1.8"), (_STANDARD,), _scale_in_input_type),
    Step(Version("1.8"), (_LOGISTIC,), _one_way_for_classes),
)
"""Passed by models that are newer than the installed scikit-learn."""


@cache
def installed_version() -> Version:
    """Version of the installed scikit-learn."""
    from importlib.metadata import version

    return Version(version("scikit-learn"))


def translate(kind: str, state: Any, *, written_by: str, installed: Version | None = None) -> tuple[str, Any]:
    """Return the class to build instead of `kind`, and its state.

    Parameters
    ----------
    kind : str
        Full name of the class in the file.
    state : dict or None
        Its state in the file; not changed.
    written_by : str
        The scikit-learn that wrote it; where the file does not state it, it is taken to be the installed one.
    installed : Version, optional
        The scikit-learn to translate to.

    Examples
    --------
    >>> imputer = "sklearn.impute._base.SimpleImputer"
    >>> translate(imputer, {"_fit_dtype": "float32"}, written_by="1.5.2", installed=Version("1.9"))[1]
    {'_fit_dtype': 'float32', '_fill_dtype': 'float32'}
    """
    if not isinstance(state, dict):
        return kind, state
    installed = installed or installed_version()
    state = dict(state)
    try:
        written = Version(written_by)
    except ValueError:  # no version, or one of thousands of digits
        written = installed
    named = kind
    for step in UPGRADES:
        if named in step.kinds and written < step.release <= installed:
            kind = step.change(kind, state)
    for step in DOWNGRADES:
        if named in step.kinds and installed < step.release <= written:
            kind = step.change(kind, state)
    if "_sklearn_version" in state:
        # scikit-learn compares this with itself, and would warn of what was just done.
        state["_sklearn_version"] = str(installed)
    return kind, state
