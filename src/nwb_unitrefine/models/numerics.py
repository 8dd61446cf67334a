"""Estimators that compute as an earlier or later scikit-learn did.

Imported only when a model needs one of them: it imports scikit-learn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted, validate_data

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["StandardScalerInDouble", "StandardScalerInInputType"]


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
