"""Estimators that compute as an earlier or later scikit-learn did.

Imported only when a model needs one of them: it imports scikit-learn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import AdaBoostClassifier
from sklearn.impute import KNNImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors._base import _get_weights
from sklearn.preprocessing import StandardScaler
from sklearn.utils.extmath import softmax
from sklearn.utils.validation import check_is_fitted, validate_data

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "AdaBoostReal",
    "ComponentsOfCentred",
    "LogisticOneAgainstRest",
    "LogisticTwoSided",
    "NeighbourImputer13",
    "NeighbourImputer15",
    "StandardScalerInDouble",
    "StandardScalerInInputType",
]


class StandardScalerInDouble(StandardScaler):  # type: ignore[misc]
    """Scikit-learn's until 1.7: float64 mean and scale, each result rounded to the float32 of the input."""

    def transform(self, X: Any, copy: bool | None = None) -> NDArray[np.floating[Any]]:  # noqa: FBT001, N803
        """Centre and scale."""
        values = _checked(self, X, copy=copy)
        if self.with_mean:
            values -= self.mean_
        if self.with_std:
            values /= self.scale_
        return values


class StandardScalerInInputType(StandardScaler):  # type: ignore[misc]
    """Scikit-learn's since 1.8: mean and scale are rounded to the input's type before anything is computed."""

    def transform(self, X: Any, copy: bool | None = None) -> NDArray[np.floating[Any]]:  # noqa: FBT001, N803
        """Centre and scale."""
        values = _checked(self, X, copy=copy)
        if self.with_mean:
            values -= self.mean_.astype(values.dtype)
        if self.with_std:
            values /= self.scale_.astype(values.dtype)
        return values


def _checked(scaler: StandardScaler, table: Any, *, copy: bool | None) -> NDArray[np.floating[Any]]:
    """Validate as both do: a copy, in the input's own floating point type, missing values allowed."""
    check_is_fitted(scaler)
    checked: NDArray[np.floating[Any]] = validate_data(
        scaler,
        table,
        reset=False,
        copy=scaler.copy if copy is None else copy,
        dtype=[np.float64, np.float32],
        force_writeable=True,
        ensure_all_finite="allow-nan",
    )
    return checked


class ComponentsOfCentred(PCA):  # type: ignore[misc]
    """Principal components as scikit-learn's until 1.4: the mean is taken off before the projection, not after it."""

    def transform(self, X: Any) -> NDArray[np.floating[Any]]:  # noqa: N803
        """Project."""
        check_is_fitted(self)
        values = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        projected: NDArray[np.floating[Any]] = (values - self.mean_) @ self.components_.T
        if self.whiten:
            projected /= np.sqrt(self.explained_variance_)
        return projected


class AdaBoostReal(AdaBoostClassifier):  # type: ignore[misc]
    """AdaBoost by ``SAMME.R``, scikit-learn's default until 1.5, which adds up logarithms of probabilities.

    References
    ----------
    Zhu, Zou, Rosset, Hastie 2009, "Multi-class AdaBoost", algorithm 4.
    """

    def decision_function(self, X: Any) -> NDArray[np.float64]:  # noqa: N803
        """Sum of the estimators' votes, shape (n_units,) for two classes and (n_units, n_classes) for more."""
        check_is_fitted(self)
        table = self._check_X(X)
        n_classes = self.n_classes_
        votes = np.zeros((len(table), n_classes))
        for estimator in self.estimators_:
            probabilities = estimator.predict_proba(table)
            logarithms = np.log(np.clip(probabilities, np.finfo(probabilities.dtype).eps, None))
            votes += (n_classes - 1) * (logarithms - (1.0 / n_classes) * logarithms.sum(axis=1)[:, np.newaxis])
        votes /= self.estimator_weights_.sum()
        if n_classes == 2:
            return np.asarray(votes[:, 1] - votes[:, 0])
        return votes


class LogisticOneAgainstRest(LogisticRegression):  # type: ignore[misc]
    """Logistic regression of several classes, one against the rest: sigmoids divided by their sum."""

    def predict_proba(self, X: Any) -> NDArray[np.float64]:  # noqa: N803
        """Probability of each class, shape (n_units, n_classes)."""
        found: NDArray[np.float64] = self._predict_proba_lr(X)
        return found


class LogisticTwoSided(LogisticRegression):  # type: ignore[misc]
    """Logistic regression of two classes that was fitted as if there were several: a softmax of both signs."""

    def predict_proba(self, X: Any) -> NDArray[np.float64]:  # noqa: N803
        """Probability of each class, shape (n_units, 2)."""
        decision = self.decision_function(X)
        return np.asarray(softmax(np.c_[-decision, decision], copy=False))


class NeighbourImputer15(KNNImputer):  # type: ignore[misc]
    """Scikit-learn's until 1.5: a donor that has nothing in common with a unit counts like any other."""

    def _pick(self, distances: NDArray[np.floating[Any]], count: int) -> NDArray[np.intp]:
        """Pick the nearest donors, as the installed numpy does."""
        return np.asarray(np.argpartition(distances, count - 1, axis=1)[:, :count])

    def _calc_impute(
        self,
        dist_pot_donors: NDArray[np.floating[Any]],
        n_neighbors: int,
        fit_X_col: NDArray[np.floating[Any]],  # noqa: N803
        mask_fit_X_col: NDArray[np.bool_],  # noqa: N803
    ) -> NDArray[np.floating[Any]]:
        """Average the nearest donors; scikit-learn calls this for every column."""
        donors = self._pick(dist_pot_donors, n_neighbors)
        weights = _get_weights(np.take_along_axis(dist_pot_donors, donors, axis=1), self.weights)
        if weights is not None:
            weights[np.isnan(weights)] = 0.0
        values = np.ma.array(fit_X_col.take(donors), mask=mask_fit_X_col.take(donors))
        return np.asarray(np.ma.average(values, axis=1, weights=weights).data)


class NeighbourImputer13(NeighbourImputer15):
    """Scikit-learn's until 1.4.1, which only ran with numpy 1: equally near donors are picked as that did."""

    def _pick(self, distances: NDArray[np.floating[Any]], count: int) -> NDArray[np.intp]:
        """Pick the nearest donors, as numpy 1 did."""
        from nwb_unitrefine.models.skops.numpy1_partition import select_nearest

        return select_nearest(distances, count)
