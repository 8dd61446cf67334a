"""Histogram gradient boosting as arrays: the same probabilities as scikit-learn's, to the last bit, without it.

The packaged models are averages of boosted trees. Their trees are a few thousand numbers, and importing scikit-learn
takes longer than everything else that labelling a file does; its threads, which wait for each other busily, take
seconds more on a machine that has something else to do. So such models are evaluated here, for all units and trees at
once, with the operations in scikit-learn's order. Models of any other kind are built and run by scikit-learn itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.models.skops.build import construct_plain

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from numpy.typing import NDArray

    from nwb_unitrefine.models.skops.archive import Archive
    from nwb_unitrefine.models.skops.plain import Plain

__all__ = ["BoostedTrees", "read_boosted_trees"]

_PIPELINE = "sklearn.pipeline.Pipeline"
_VOTING = "sklearn.ensemble._voting.VotingClassifier"
_BOOSTING = "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingClassifier"
_PARTS = frozenset(
    {
        "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.preprocessing._label.LabelEncoder",
        "sklearn.utils._bunch.Bunch",
    }
)
_PREFIXES = ("builtins.", "numpy.", "sklearn._loss.", "_loss.")
_UNITS_AT_ONCE = 512
"""Bounds the memory: one row of indices for each unit and tree."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Trees:
    """All trees of one classifier, one after another; a leaf leads to itself.

    Parameters
    ----------
    roots : array of int64, shape (n_rounds, n_trees_per_round)
    feature, left, right : array of int64, shape (n_nodes,)
    threshold, value : array of float64, shape (n_nodes,)
    missing_left : array of bool, shape (n_nodes,)
    depth : int
        Longest way from a root to a leaf.
    baseline : array of float64, shape (1, n_trees_per_round)
    """

    roots: NDArray[np.int64]
    feature: NDArray[np.int64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    threshold: NDArray[np.float64]
    value: NDArray[np.float64]
    missing_left: NDArray[np.bool_]
    depth: int
    baseline: NDArray[np.float64]

    def probabilities(self, table: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probability of each class, shape (n_units, n_classes)."""
        raw = np.empty((len(table), self.roots.shape[1]))
        for start in range(0, len(table), _UNITS_AT_ONCE):
            raw[start : start + _UNITS_AT_ONCE] = self._sums(table[start : start + _UNITS_AT_ONCE])
        if raw.shape[1] == 1:
            from scipy.special import expit

            second = expit(raw[:, 0])
            return np.stack([1 - second, second], axis=1)
        raw -= raw.max(axis=1)[:, None]
        exponentials = np.exp(raw)
        return np.asarray(exponentials / exponentials.sum(axis=1)[:, None])

    def _sums(self, table: NDArray[np.float64]) -> NDArray[np.float64]:
        """Baseline plus the leaves' values, round by round, as scikit-learn adds them up."""
        rows = np.arange(len(table))[:, None]
        node = np.broadcast_to(self.roots.ravel(), (len(table), self.roots.size)).copy()
        for _ in range(self.depth):
            values = table[rows, self.feature[node]]
            goes_left = np.where(np.isnan(values), self.missing_left[node], values <= self.threshold[node])
            node = np.where(goes_left, self.left[node], self.right[node])
        leaves = self.value[node].reshape(len(table), *self.roots.shape)
        raw = np.zeros((len(table), self.roots.shape[1])) + self.baseline
        for number in range(self.roots.shape[0]):
            raw += leaves[:, number]
        return raw


class BoostedTrees:
    """A classifier of boosted trees, or the average of several, with the face of a scikit-learn estimator.

    Attributes
    ----------
    classes_ : array, shape (n_classes,)
    feature_names_in_ : array of str, shape (n_features,)
        Absent where the estimator was fitted on bare numbers.
    n_features_in_ : int
    """

    def __init__(self, members: Sequence[_Trees], outer: Plain, first: Plain, weights: Any) -> None:
        self._members = tuple(members)
        self._weights = weights
        self.classes_ = np.asarray(outer.state["classes_"])
        self.n_features_in_ = int(first.state["n_features_in_"])
        names = outer.state.get("feature_names_in_", first.state.get("feature_names_in_"))
        if names is not None:
            self.feature_names_in_ = np.asarray(names)

    def predict_proba(self, table: Any) -> NDArray[np.float64]:
        """Return the probability of each class.

        Parameters
        ----------
        table : array or pandas.DataFrame, shape (n_units, n_features)
            NaN where a value is missing.

        Returns
        -------
        array of float64, shape (n_units, n_classes)
        """
        values = np.ascontiguousarray(table, dtype=np.float64)
        if values.ndim != 2 or values.shape[1] != self.n_features_in_:
            raise ValueError(f"a table of shape {values.shape} has not {self.n_features_in_} features")
        found = [member.probabilities(values) for member in self._members]
        return found[0] if len(found) == 1 else np.average(np.asarray(found), axis=0, weights=self._weights)


def read_boosted_trees(archive: Archive, types: Collection[str]) -> BoostedTrees | None:
    """Read a model of boosted trees; None for a model that is anything else.

    Parameters
    ----------
    archive : Archive
        One that `audit` let pass.
    types : collection of str
        The types that it names.

    Raises
    ------
    ModelError
        If the file contradicts itself.
    """
    named = {name for name in types if not name.startswith(_PREFIXES)}
    if _BOOSTING not in named or not named <= _PARTS | {_PIPELINE, _VOTING, _BOOSTING}:
        return None
    outer = _only_step(construct_plain(archive))
    if outer is None:
        return None
    weights = None
    members: Iterable[Any] = (outer,)
    if outer.kind == _VOTING:
        names = [name for name, one in outer.state["estimators"] if one != "drop"]
        weights = outer.state.get("weights")
        if outer.state.get("voting") != "soft" or len(names) != len(outer.state["estimators_"]):
            return None
        members = outer.state["estimators_"]
    classifiers = [_only_step(member) for member in members]
    if not classifiers or any(one is None or one.kind != _BOOSTING for one in classifiers):
        return None
    known = [one for one in classifiers if one is not None]
    trees = [_read_trees(one) for one in known]
    if any(one is None for one in trees) or not _agree(outer, known):
        return None
    return BoostedTrees([one for one in trees if one is not None], outer, known[0], weights)


def _only_step(model: Any) -> Plain | None:
    """Take the estimator out of pipelines that do nothing else."""
    while getattr(model, "kind", None) == _PIPELINE:
        if len(model.state["steps"]) != 1:
            return None
        model = model.state["steps"][0][1]
    return model if getattr(model, "kind", None) in {_VOTING, _BOOSTING} else None


def _agree(outer: Plain, members: Sequence[Plain]) -> bool:
    """Whether all members have as many inputs, and classes that are the outer ones, or their numbers."""
    classes = np.asarray(outer.state["classes_"])
    same_inputs = len({int(one.state["n_features_in_"]) for one in members}) == 1
    return same_inputs and all(
        np.array_equal(np.asarray(one.state["classes_"]), classes if one is outer else np.arange(len(classes)))
        for one in members
    )


def _read_trees(classifier: Plain) -> _Trees | None:
    """Put all trees of a classifier into one set of arrays; None where some decide by categories."""
    state = classifier.state
    rounds = state["_predictors"]
    if state.get("_preprocessor") is not None or not rounds:
        return None
    nodes = [tree.state["nodes"] for one in rounds for tree in one]
    if any(one["is_categorical"].any() for one in nodes):
        return None
    starts = np.cumsum([0, *(len(one) for one in nodes)])
    alike = len({one.dtype for one in nodes}) == 1
    every = np.concatenate(nodes, dtype=nodes[0].dtype if alike else None)  # else numpy compares their fields in pairs
    offset = np.repeat(starts[:-1], np.diff(starts))
    leaf = every["is_leaf"].astype(bool)
    own = np.arange(len(every))
    return _Trees(
        roots=starts[:-1].reshape(len(rounds), -1),
        feature=np.where(leaf, 0, every["feature_idx"]).astype(np.int64),
        left=np.where(leaf, own, offset + every["left"]),
        right=np.where(leaf, own, offset + every["right"]),
        threshold=every["num_threshold"].astype(np.float64),
        value=every["value"].astype(np.float64),
        missing_left=every["missing_go_to_left"].astype(bool),
        depth=int(every["depth"].max()),
        baseline=np.asarray(state["_baseline_prediction"], dtype=np.float64).reshape(1, -1),
    )
