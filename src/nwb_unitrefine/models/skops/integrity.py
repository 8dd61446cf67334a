"""Checks of what compiled code follows without looking.

scikit-learn's trees and libsvm index memory with numbers from the model; a crafted file could make them read outside
their arrays when they predict. So the parts of such an estimator must be of exactly the types, sizes and ranges that
fitting gives them. Boosters of other libraries are checked in `boosters`, and run in a process of their own besides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.models.skops.archive import broken
from nwb_unitrefine.models.skops.boosters import check_lightgbm, check_xgboost
from nwb_unitrefine.models.skops.neighbours import NEAREST, check_nearest
from nwb_unitrefine.models.skops.plain import is_count, is_exactly

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from nwb_unitrefine.models.skops.archive import Archive

__all__ = ["MAX_FEATURES", "check_estimator", "check_random_state", "check_tree"]

MAX_FEATURES = 100_000
_MERSENNE_WORDS = 624
_SKLEARN_TREES = "sklearn.tree._classes."
_KERNELS = ("linear", "poly", "rbf", "sigmoid")
_STACKED = ("predict_proba", "decision_function", "predict")
_FORESTS = {
    "sklearn.ensemble._forest.RandomForestClassifier": "DecisionTreeClassifier",
    "sklearn.ensemble._forest.RandomForestRegressor": "DecisionTreeRegressor",
    "sklearn.ensemble._forest.ExtraTreesClassifier": "ExtraTreeClassifier",
    "sklearn.ensemble._forest.ExtraTreesRegressor": "ExtraTreeRegressor",
}
"""Each forest, and the only kind of tree that it grows."""

_WITHOUT_EFFECT = {"n_jobs": None, "memory": None, "verbose": 0}
"""Parameters that change no prediction, only threads, folders and output: a file does not decide on these."""


def check_tree(state: Any, *, n_features: int, n_classes: NDArray[np.intp], archive: Archive) -> None:
    """Refuse a tree with a split that leads outside it, back into it, or looks at a feature that is not there."""
    nodes, values = state["nodes"], state["values"]
    count = state["node_count"]
    if not (is_count(n_features, limit=MAX_FEATURES) and isinstance(count, int | np.integer)):
        raise broken(archive.path, "a decision tree has an impossible size")
    if type(n_classes) is not np.ndarray or n_classes.ndim != 1 or not len(n_classes) or np.any(n_classes < 1):
        raise broken(archive.path, "a decision tree has an impossible number of classes")
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
    """Refuse an estimator whose parts are not what compiled code takes them for.

    Parameters
    ----------
    kind : str
        Full name of its class.
    state : dict
        Its attributes; parameters that only concern threads, folders and output are set to their defaults.
    archive : Archive
        For messages.
    """
    if not isinstance(state, dict):
        if state is None or not kind.startswith("sklearn.") or "_loss" in kind:
            return
        raise broken(archive.path, f"the state of a {kind.rpartition('.')[2]} is not a dictionary")
    if not all(type(name) is str for name in state):
        raise broken(archive.path, f"an attribute of a {kind.rpartition('.')[2]} has no name")
    for name, value in _WITHOUT_EFFECT.items():
        if name in state and kind.startswith("sklearn."):
            state[name] = value
    if "n_features_in_" in state and not is_count(state["n_features_in_"], limit=MAX_FEATURES):
        raise broken(archive.path, "an estimator has an impossible number of features")
    check = _CHECKS.get(kind)
    if check is not None:
        check(state, archive=archive)
    elif kind in _FORESTS:
        _check_forest(state, tree=_FORESTS[kind], archive=archive)
    elif kind.startswith(_SKLEARN_TREES):
        _check_tree_estimator(state, archive=archive)


def _check_tree_estimator(state: dict[str, Any], *, archive: Archive) -> None:
    """A tree must be scikit-learn's own, and ask for no feature that its estimator does not check."""
    if "tree_" not in state:
        return  # not fitted: the pattern that an ensemble keeps
    tree = state["tree_"]
    if not is_exactly(tree, "sklearn.tree._tree", "Tree"):
        raise broken(archive.path, "a decision tree is not one")
    if tree.n_features != state.get("n_features_in_"):
        raise broken(archive.path, "a decision tree asks for a feature that its model does not have")


def _check_members(members: list[Any], n_features: Any, *, tree: str, archive: Archive) -> None:
    """Refuse an ensemble that holds anything but trees of one kind on the features of the ensemble itself."""
    for member in members:
        if not is_exactly(member, "sklearn.tree._classes", tree):
            raise broken(archive.path, f"an ensemble of trees holds a {type(member).__name__}")
        if not hasattr(member, "tree_") or member.n_features_in_ != n_features:
            raise broken(archive.path, "a decision tree asks for a feature that its model does not have")


def _check_forest(state: dict[str, Any], *, tree: str, archive: Archive) -> None:
    """A forest asks only its first tree whether a table has the right columns, so all must be alike."""
    members = state.get("estimators_", [])
    if type(members) is not list:
        raise broken(archive.path, "the trees of a forest are not a list")
    _check_members(members, state.get("n_features_in_"), tree=tree, archive=archive)


def _check_gradient_boosting(state: dict[str, Any], *, archive: Archive) -> None:
    """The compiled loop over stages looks up each tree's nodes by type, and writes one column for each class."""
    if "estimators_" not in state:
        return
    stages = state["estimators_"]
    n_classes = len(state["classes_"])
    columns = 1 if n_classes == 2 else n_classes
    if not (type(stages) is np.ndarray and stages.dtype == object and stages.shape[1:] == (columns,)):
        raise broken(archive.path, "the stages of gradient boosting are not one tree for each class")
    if "n_trees_per_iteration_" in state and state["n_trees_per_iteration_"] != columns:
        raise broken(archive.path, "the stages of gradient boosting are not one tree for each class")
    first = state.get("init_", "zero")
    if first != "zero" and not is_exactly(first, "sklearn.dummy", "DummyClassifier"):
        raise broken(archive.path, f"gradient boosting starts from a {type(first).__name__}")
    if getattr(state.get("_loss"), "n_classes", n_classes) not in (n_classes, 1 + (columns > 1)):
        raise broken(archive.path, "the loss of gradient boosting is for another number of classes")
    members = stages.ravel().tolist()
    _check_members(members, state.get("n_features_in_"), tree="DecisionTreeRegressor", archive=archive)
    if any(member.tree_.value.shape[1:] != (1, 1) for member in members):
        raise broken(archive.path, "a tree of gradient boosting has more than one value in a leaf")


def _check_histogram_boosting(state: dict[str, Any], *, archive: Archive) -> None:
    """Its trees are followed on the table as it is, so nothing may be between them, and no feature beyond it."""
    if state.get("_preprocessor") is not None or np.any(state.get("is_categorical_")):
        raise broken(archive.path, "a model of numbers takes categories")
    if state.get("_in_fit"):
        raise broken(archive.path, "a model is still being fitted")
    stages = state.get("_predictors", [])
    if type(stages) is not list or not all(type(stage) is list for stage in stages):
        raise broken(archive.path, "the trees of histogram gradient boosting are not lists")
    for stage in stages:
        for tree in stage:
            if not is_exactly(tree, "sklearn.ensemble._hist_gradient_boosting.predictor", "TreePredictor"):
                raise broken(archive.path, f"histogram gradient boosting holds a {type(tree).__name__}")
            splits = tree.nodes[~tree.nodes["is_leaf"].astype(bool)]
            if splits["feature_idx"].max(initial=-1) >= state["n_features_in_"]:
                raise broken(archive.path, "a decision tree asks for a feature that its model does not have")


def _check_neighbours(state: dict[str, Any], *, archive: Archive) -> None:
    """Imputation from neighbours compares a table with the one it was fitted on, by one distance."""
    if state.get("metric") != "nan_euclidean" or state.get("weights") not in ("uniform", "distance"):
        raise broken(archive.path, "imputation from neighbours uses an unknown distance")
    fitted = state.get("_fit_X")
    if fitted is not None and not (
        type(fitted) is np.ndarray and fitted.ndim == 2 and fitted.shape[1] == state.get("n_features_in_")
    ):
        raise broken(archive.path, "the neighbours of an imputer have not as many features as it has")


def _check_components(state: dict[str, Any], *, archive: Archive) -> None:
    """Principal components are no more than there are features, and numbers throughout."""
    if "components_" not in state:
        return  # not fitted
    n_features, components, variances = state["n_features_in_"], state["components_"], state["explained_variance_"]
    arrays = (components, variances, state["mean_"])
    fits = (
        all(type(each) is np.ndarray and each.dtype in (np.float32, np.float64) for each in arrays)
        and components.ndim == 2
        and 0 < len(components) <= n_features
        and components.shape[1] == n_features
        and variances.shape == (len(components),)
        and state["mean_"].shape == (n_features,)
        and type(state["whiten"]) is bool
    )
    if not fits:
        raise broken(archive.path, "principal components are not of one size")


def _check_selection(state: dict[str, Any], *, archive: Archive) -> None:
    """The best features are chosen by one number for each; the function that gave it is not called again."""
    if "scores_" not in state:
        return  # not fitted
    scores, most = state["scores_"], state["k"]
    if not (
        type(scores) is np.ndarray
        and scores.dtype in (np.float32, np.float64)
        and scores.shape == (state["n_features_in_"],)
        and (most == "all" or is_count(most, limit=MAX_FEATURES))
    ):
        raise broken(archive.path, "features are not selected by a score of each")


def _check_stack(state: dict[str, Any], *, archive: Archive) -> None:
    """A stack calls its members' methods by name."""
    methods = state.get("stack_method_", [])
    if type(methods) is not list or not all(method is None or method in _STACKED for method in methods):
        raise broken(archive.path, "a stack of models asks its members for something else than predictions")


def _check_histogram_tree(state: dict[str, Any], *, archive: Archive) -> None:
    """The same as `check_tree`, for the trees of histogram gradient boosting."""
    nodes = state["nodes"]
    if type(nodes) is not np.ndarray or nodes.ndim != 1 or not len(nodes):
        raise broken(archive.path, "a decision tree has no nodes")
    split = ~nodes["is_leaf"].astype(bool)
    own = np.arange(len(nodes))
    for side in ("left", "right"):
        child = nodes[side].astype(np.int64)
        if np.any(split & ((child <= own) | (child >= len(nodes)))):
            raise broken(archive.path, "a decision tree leads outside itself")
    if np.any(split & (nodes["feature_idx"].astype(np.int64) < 0)):
        raise broken(archive.path, "a decision tree asks for a feature that it does not have")
    if np.any(nodes["is_categorical"]):
        raise broken(archive.path, "a decision tree asks for categories, and metrics are numbers")


def _check_support_vectors(state: dict[str, Any], *, archive: Archive) -> None:
    """Compare the sizes that libsvm multiplies with."""
    if "support_vectors_" not in state:
        return  # not fitted: the pattern that a CalibratedClassifierCV keeps
    if state.get("kernel") not in _KERNELS or state.get("_impl", "c_svc") != "c_svc" or state.get("_sparse"):
        raise broken(archive.path, "a support vector machine has a kernel that cannot be evaluated")
    vectors, weights = state["support_vectors_"], state["_dual_coef_"]
    per_class = np.asarray(state["_n_support"]).astype(np.int64)
    n_classes = len(state["classes_"])
    n_pairs = n_classes * (n_classes - 1) // 2
    arrays = ("support_vectors_", "_dual_coef_", "_intercept_", "_probA", "_probB")
    indices = ("support_", "_n_support")
    fits = (
        all(type(state[name]) is np.ndarray and state[name].dtype == np.float64 for name in arrays)
        and all(type(state[name]) is np.ndarray and state[name].dtype == np.int32 for name in indices)
        and vectors.ndim == weights.ndim == 2
        and per_class.shape == (n_classes,)
        and np.all(per_class >= 0)
        and len(vectors) == int(per_class.sum()) == weights.shape[1]
        and weights.shape[0] == n_classes - 1
        and state["support_"].shape == (len(vectors),)
        and state["_intercept_"].shape == (n_pairs,)
        and state["_probA"].shape == state["_probB"].shape
        and state["_probA"].shape in ((0,), (n_pairs,))
        and vectors.shape[1] == int(state["n_features_in_"])
    )
    if not fits:
        raise broken(archive.path, "a support vector machine's parts are not of one size")


def check_random_state(state: Any, *, archive: Archive) -> None:
    """Refuse a random generator that would read beyond its words."""
    words = state["state"]["key"]
    position = state["state"]["pos"]
    if state["bit_generator"] != "MT19937" or len(words) != _MERSENNE_WORDS or not 0 <= position <= _MERSENNE_WORDS:
        raise broken(archive.path, "a random generator has an impossible state")


def _check_lightgbm_state(state: dict[str, Any], *, archive: Archive) -> None:
    """LightGBM keeps its trees as text."""
    text = state.get("_handle", state.get("handle"))
    if text is not None:
        check_lightgbm(text, archive=archive)


def _check_xgboost_state(state: dict[str, Any], *, archive: Archive) -> None:
    """XGBoost keeps its trees as binary JSON."""
    if state.get("handle") is not None:
        check_xgboost(state["handle"], archive=archive)


_CHECKS: dict[str, Callable[..., None]] = {
    "sklearn.ensemble._gb.GradientBoostingClassifier": _check_gradient_boosting,
    "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingClassifier": (
        _check_histogram_boosting
    ),
    "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingRegressor": (
        _check_histogram_boosting
    ),
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor": _check_histogram_tree,
    "sklearn.ensemble._stacking.StackingClassifier": _check_stack,
    "sklearn.impute._knn.KNNImputer": _check_neighbours,
    "nwb_unitrefine.models.skops.old_arithmetic.NeighbourImputer13": _check_neighbours,
    "nwb_unitrefine.models.skops.old_arithmetic.NeighbourImputer15": _check_neighbours,
    "sklearn.decomposition._pca.PCA": _check_components,
    "nwb_unitrefine.models.skops.old_arithmetic.ComponentsOfCentred": _check_components,
    "sklearn.feature_selection._univariate_selection.SelectKBest": _check_selection,
    NEAREST: check_nearest,
    "sklearn.svm._classes.SVC": _check_support_vectors,
    "lightgbm.basic.Booster": _check_lightgbm_state,
    "xgboost.core.Booster": _check_xgboost_state,
}
"""What is checked of each class whose compiled code relies on it."""
