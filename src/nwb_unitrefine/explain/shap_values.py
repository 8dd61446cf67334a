"""SHAP values of models: how much each metric moves each unit's prediction, and each model's as a whole.

`nwb_unitrefine.explain.reasons` hides kinds of evidence and needs no library. SHAP (Lundberg and Lee 2017, extra
``explain``) divides a prediction among single metrics, for any model. For trees the values are exact (TreeExplainer, in
the trees' own margins: log odds for boosting, probabilities for forests); an ensemble is explained member by member
and the values averaged, while the model averages probabilities. Linear models are explained exactly, others by
sampling (KernelExplainer, in probabilities).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import require_installed
from nwb_unitrefine.models.skops.estimator import load_fitted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nwb_unitrefine.models import FittedModel

__all__ = ["ShapValues", "require_shap", "shap_values"]

_TREES = frozenset(
    {
        "HistGradientBoostingClassifier", "RandomForestClassifier", "ExtraTreesClassifier", "DecisionTreeClassifier",
        "GradientBoostingClassifier",
    }
)  # fmt: skip
_MIXING = frozenset({"PCA", "ColumnTransformer", "FeatureUnion"})
"""After these, a column is no longer a metric."""

_LINEAR = frozenset({"LogisticRegression", "LogisticRegressionCV"})
_BACKGROUND = 100
"""Rows that stand for "feature not known" where a method needs such."""

_SAMPLED_UNITS = 60
"""Units that are explained by sampling: it takes seconds for each."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShapValues:
    """SHAP values of one model on some units.

    Parameters
    ----------
    features : tuple of str, length n_features
    classes : tuple of str, length n_classes
    values : array of float64, shape (n_members, n_units, n_features, n_classes)
        By member of an ensemble; one member for other models.
    inputs : array of float64, shape (n_units, n_features)
        What the model was given, NaN where missing.
    scale : str
        What the values are in: ``"log odds"``, ``"probability"`` or ``"margin"``.
    method : str
        ``"tree"``, ``"linear"`` or ``"kernel"``.
    """

    features: tuple[str, ...]
    classes: tuple[str, ...]
    values: NDArray[np.float64]
    inputs: NDArray[np.float64]
    scale: str
    method: str

    def importance(self) -> NDArray[np.float64]:
        """Mean absolute value by member, feature and class, shape (n_members, n_features, n_classes)."""
        return np.asarray(np.abs(self.values).mean(axis=1))


def shap_values(model: FittedModel, inputs: NDArray[np.float64], *, seed: int = 0) -> ShapValues:
    """Compute SHAP values.

    Parameters
    ----------
    model : FittedModel
    inputs : array of float64, shape (n_units, n_features)
        As of `FittedModel.input_values`, or rows of the model's training table.
    seed : int, optional
        Of what is drawn where a method samples.

    Returns
    -------
    ShapValues

    Raises
    ------
    MissingExtraError
        Without the extra ``explain``.
    """
    require_shap()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of shap's own use of matplotlib
        import shap

    table = np.asarray(inputs, dtype=np.float32).astype(np.float64)
    table[np.isinf(table)] = np.nan
    own = zip(model.class_labels, model.estimator.classes, strict=True)
    classes = tuple(str(one) if label is None else label for label, one in own)
    members, transform = _members(model)
    names = {type(member).__name__ for member in members}
    rows = table
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that estimators were fitted with, and of libraries below
        ready = transform(table)
        one_to_one = bool(members) and ready.shape[1] == len(model.inputs)  # an imputer may add columns
        if one_to_one and names <= _TREES:
            method = "tree"
            scale = "log odds" if any("Boosting" in name for name in names) else "probability"
            found = [shap.TreeExplainer(one).shap_values(ready) for one in members]
        elif one_to_one and names <= _LINEAR:
            method, scale = "linear", "log odds"
            found = [shap.LinearExplainer(one, _background(ready, seed)).shap_values(ready) for one in members]
        else:
            method, scale = "kernel", "probability"
            rows = table[np.random.default_rng(seed).permutation(len(table))[:_SAMPLED_UNITS]]
            explainer = shap.KernelExplainer(model.estimator.predict_proba, _background(table, seed), seed=seed)
            found = [explainer.shap_values(_filled(rows), silent=True)]
    return ShapValues(
        features=model.inputs,
        classes=classes,
        values=np.stack([_by_class(one, len(classes)) for one in found]),
        inputs=rows,
        scale=scale,
        method=method,
    )


def require_shap() -> None:
    """Refuse to compute SHAP values without the extra ``explain``, which is not imported to find out.

    Raises
    ------
    MissingExtraError
    """
    require_installed("shap", extra="explain", purpose="to compute SHAP values")


def _members(model: FittedModel) -> tuple[list[Any], Any]:
    """Take a model apart: the estimators whose probabilities are averaged, and what is done to a table before them.

    An estimator that has to run in a process of its own, as a stranger's booster, is not taken apart, nor one that
    combines or reorders metrics first.
    """
    if type(model.estimator.fitted).__name__ == "IsolatedEstimator":
        return [], lambda table: table
    fitted = load_fitted(model.estimator.path)
    steps: list[Any] = []
    while type(fitted).__name__ == "Pipeline":
        steps += [step for _, step in fitted.steps[:-1]]
        fitted = fitted.steps[-1][1]
    if any(kind.__name__ in _MIXING for step in steps for kind in type(step).__mro__):
        return [], lambda table: table

    def transform(table: NDArray[np.float64]) -> NDArray[np.float64]:
        for step in steps:
            table = np.asarray(step.transform(table), dtype=np.float64)
        return table

    if type(fitted).__name__ == "VotingClassifier" and fitted.voting == "soft" and fitted.weights is None:
        return [one.steps[-1][1] if type(one).__name__ == "Pipeline" else one for one in fitted.estimators_], transform
    return [fitted], transform


def _by_class(values: Any, n_classes: int) -> NDArray[np.float64]:
    """Bring the forms that SHAP has to one, shape (n_units, n_features, n_classes)."""
    if isinstance(values, list):
        values = np.stack(values, axis=-1)
    found = np.asarray(values, dtype=np.float64)
    if found.ndim == 2:  # one margin for two classes
        found = np.stack([-found, found], axis=-1)
    if found.shape[-1] != n_classes:
        raise ValueError(f"SHAP gave values of {found.shape[-1]} classes for a model of {n_classes}")
    return found


def _filled(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Medians for missing values: methods that sample cannot do without numbers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        medians = np.nan_to_num(np.nanmedian(table, axis=0))
    return np.where(np.isnan(table), medians, table)


def _background(table: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """A hundred rows, drawn."""
    rows = np.random.default_rng(seed).permutation(len(table))[:_BACKGROUND]
    return _filled(table)[rows]
