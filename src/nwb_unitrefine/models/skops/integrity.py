"""Checks of what compiled code follows without looking.

scikit-learn's trees and libsvm index memory with numbers from the model; a crafted file could make them read outside
their arrays when they predict. Everything else in a model is read by Python or numpy, which raise.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import ModelError
from nwb_unitrefine.models.skops.archive import broken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from nwb_unitrefine.models.skops.archive import Archive

__all__ = ["check_estimator", "check_random_state", "check_tree"]

_TRUSTS_ITS_TREES = (
    "sklearn.ensemble._forest.",
    "sklearn.ensemble._gb.",
    "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.",
    "sklearn.tree._classes.",
)
_MERSENNE_WORDS = 624
_XGBOOST_VERSION = re.compile(rb"version\[#L\x00{7}\x03i(.)i(.)i(.)\}\}$", re.DOTALL)
"""The end of a booster in XGBoost's binary JSON."""


def check_tree(state: Any, *, n_features: int, n_classes: NDArray[np.intp], archive: Archive) -> None:
    """Refuse a tree with a split that leads outside it, back into it, or looks at a feature that is not there."""
    nodes, values = state["nodes"], state["values"]
    count = state["node_count"]
    fits = len(nodes) == count and count > 0 and values.ndim == 3 and len(values) == count
    if not (fits and values.shape[2] >= int(np.max(n_classes)) and values.shape[1] == len(n_classes)):
        raise broken(archive.path, "a decision tree has not as many values as nodes")
    split = nodes["left_child"] != -1
    own = np.arange(count)
    for side in ("left_child", "right_child"):
        child = nodes[side]
        # scikit-learn numbers children after their parent, so a larger number also rules out cycles.
        if np.any(split & ((child <= own) | (child >= count))):
            raise broken(archive.path, "a decision tree leads outside itself")
    if np.any(split & ((nodes["feature"] < 0) | (nodes["feature"] >= n_features))):
        raise broken(archive.path, "a decision tree asks for a feature that it does not have")


def check_estimator(kind: str, state: Any, *, archive: Archive) -> None:
    """Refuse an estimator whose parts do not fit together where compiled code assumes that they do."""
    if kind.endswith(".TreePredictor"):
        _check_histogram_tree(state, archive=archive)
    elif kind.startswith(_TRUSTS_ITS_TREES):
        # An ensemble keeps an unfitted copy of what it is made of, which has neither trees nor features.
        n_features = state.get("n_features_in_", 0)
        if any(needed > n_features for needed in _features_of_trees(state)):
            raise broken(archive.path, "a decision tree asks for a feature that its model does not have")
    elif kind == "sklearn.svm._classes.SVC":
        _check_support_vectors(state, archive=archive)
    elif kind == "xgboost.core.Booster":
        _check_xgboost_version(state, archive=archive)


def _features_of_trees(state: dict[str, Any]) -> Iterator[int]:
    """How many features each tree below an estimator needs."""
    if "tree_" in state:
        yield state["tree_"].n_features
    for trees in (state.get("estimators_"), state.get("_predictors")):
        for tree in _leaves(trees):
            if hasattr(tree, "tree_"):
                yield max(tree.tree_.n_features, tree.n_features_in_)
            elif hasattr(tree, "nodes"):
                splits = tree.nodes[~tree.nodes["is_leaf"].astype(bool)]
                yield int(splits["feature_idx"].max(initial=-1)) + 1


def _leaves(nested: Any) -> Iterator[Any]:
    """Go through lists and arrays of estimators, however nested."""
    if isinstance(nested, list | tuple | np.ndarray):
        for item in nested:
            yield from _leaves(item)
    elif nested is not None:
        yield nested


def _check_histogram_tree(state: dict[str, Any], *, archive: Archive) -> None:
    """The same as `check_tree`, for the trees of histogram gradient boosting."""
    nodes = state["nodes"]
    count = len(nodes)
    split = ~nodes["is_leaf"].astype(bool)
    own = np.arange(count)
    for side in ("left", "right"):
        child = nodes[side].astype(np.int64)
        if count == 0 or np.any(split & ((child <= own) | (child >= count))):
            raise broken(archive.path, "a decision tree leads outside itself")
    if np.any(split & (nodes["feature_idx"].astype(np.int64) < 0)):
        raise broken(archive.path, "a decision tree asks for a feature that it does not have")
    categorical = split & nodes["is_categorical"].astype(bool)
    for bits in (state["raw_left_cat_bitsets"], state["binned_left_cat_bitsets"]):
        if bits.ndim != 2 or bits.shape[1] != 8 or np.any(nodes["bitset_idx"][categorical] >= len(bits)):
            raise broken(archive.path, "a decision tree asks for categories that it does not have")


def _check_support_vectors(state: dict[str, Any], *, archive: Archive) -> None:
    """Compare the sizes that libsvm multiplies with."""
    if "support_vectors_" not in state:
        return  # not fitted: the pattern that a CalibratedClassifierCV keeps
    vectors, weights = state["support_vectors_"], state["_dual_coef_"]
    per_class = np.asarray(state["_n_support"])
    n_classes = len(state["classes_"])
    fits = (
        isinstance(vectors, np.ndarray)
        and vectors.ndim == 2
        and np.all(per_class >= 0)
        and len(per_class) == n_classes
        and len(vectors) == int(per_class.sum()) == weights.shape[1]
        and weights.shape[0] == n_classes - 1
        and len(state["support_"]) == len(vectors)
        and len(state["_intercept_"]) == n_classes * (n_classes - 1) // 2
        and len(state["_probA"]) == len(state["_probB"])
        and len(state["_probA"]) in (0, n_classes * (n_classes - 1) // 2)
        and vectors.shape[1] == int(state["n_features_in_"])
    )
    if not fits:
        raise broken(archive.path, "a support vector machine's parts are not of one size")


def _check_xgboost_version(state: dict[str, Any], *, archive: Archive) -> None:
    """Refuse what the installed XGBoost would load and predict wrongly with: a booster of a later major release."""
    import xgboost

    found = _XGBOOST_VERSION.search(bytes(state.get("handle") or b""))
    if found is not None and found[1][0] > int(xgboost.__version__.partition(".")[0]):
        written = ".".join(str(part[0]) for part in found.groups())
        raise ModelError(
            f"{archive.path} was written by XGBoost {written}; XGBoost {xgboost.__version__} cannot read it rightly.",
            tip="Install XGBoost in that version or a later one.",
        )


def check_random_state(state: Any, *, archive: Archive) -> None:
    """Refuse a random generator that would read beyond its words."""
    words = state["state"]["key"]
    position = state["state"]["pos"]
    if state["bit_generator"] != "MT19937" or len(words) != _MERSENNE_WORDS or not 0 <= position <= _MERSENNE_WORDS:
        raise broken(archive.path, "a random generator has an impossible state")
