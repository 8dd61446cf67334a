"""Where a unit's metrics lie among the training units of each class."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.models import Cascade, FittedModel
from nwb_unitrefine.models.manifest import QUANTILE_LEVELS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from nwb_unitrefine.models import Model
    from nwb_unitrefine.records import Features

__all__ = ["ClassQuantiles", "class_quantiles", "percentiles"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClassQuantiles:
    """Quantiles of each metric among the training units of each class.

    Parameters
    ----------
    levels : array of float64, shape (n_levels,)
        Percent, from 0 to 100.
    values : mapping of str to mapping of str to array of float64, shape (n_levels,)
        By feature and class, in the unit of the metric.
    """

    levels: NDArray[np.float64]
    values: Mapping[str, Mapping[str, NDArray[np.float64]]] = field(default_factory=dict)

    def median(self, feature: str, label: str) -> float:
        """Median of a feature among the training units of a class; NaN where it is not known."""
        known = self.values.get(feature, {}).get(label)
        return float("nan") if known is None else float(np.interp(50.0, self.levels, known))


def class_quantiles(model: Model) -> ClassQuantiles | None:
    """Return the quantiles that a model records; None for a model that records none.

    Of two models in a row, each class has those of the model that gives it.

    Parameters
    ----------
    model : Model
    """
    steps = model.steps if isinstance(model, FittedModel | Cascade) else ()
    found: dict[str, dict[str, NDArray[np.float64]]] = {}
    for manifest in (step.manifest for step in steps if step.manifest is not None):
        for feature in manifest.features:
            known = {label: np.array(each) for label, each in feature.quantiles.items() if label in model.classes}
            found.setdefault(feature.name, {}).update(known)
    if not any(found.values()):
        return None
    return ClassQuantiles(levels=np.array(QUANTILE_LEVELS, dtype=np.float64), values=found)


def percentiles(features: Features, quantiles: ClassQuantiles, label: str) -> NDArray[np.float64]:
    """Return the percentile of each value among the training units of one class.

    Between two quantiles the percentile is interpolated; among equal ones (a metric that is zero for half of the units)
    it is the middle of theirs.

    Parameters
    ----------
    features : Features
    quantiles : ClassQuantiles
    label : str
        A class of the model.

    Returns
    -------
    array of float64, shape (n_units, n_features)
        Percent, 0 to 100; NaN where the value or the quantiles are missing.

    Examples
    --------
    >>> from nwb_unitrefine.records import Features, Origin, OriginKind
    >>> known = ClassQuantiles(levels=np.array([0.0, 50, 100]), values={"firing_rate": {"sua": np.array([0.0, 4, 40])}})
    >>> rates = Features(
    ...     unit_ids=np.array([7]),
    ...     names=("firing_rate",),
    ...     values=np.array([[2.0]]),
    ...     origins=(Origin(OriginKind.COLUMN, "rate"),),
    ...     origin_index=np.zeros((1, 1), dtype=np.intp),
    ... )
    >>> percentiles(rates, known, "sua").item()
    25.0
    """
    found = np.full(features.values.shape, np.nan)
    for column, name in enumerate(features.names):
        known = quantiles.values.get(name, {}).get(label)
        if known is None or not np.isfinite(known).all():
            continue
        values = features.values[:, column]
        found[:, column] = (
            _percentile(values, known, quantiles.levels) + 100 - _percentile(-values, -known[::-1], quantiles.levels)
        ) / 2
    return found


def _percentile(
    values: NDArray[np.float64], known: NDArray[np.float64], levels: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Percentile of each value, the highest of those with equal quantiles."""
    after = np.searchsorted(known, values, side="right")
    low, high = np.clip(after - 1, 0, len(known) - 1), np.clip(after, 0, len(known) - 1)
    step = known[high] - known[low]
    with np.errstate(invalid="ignore", divide="ignore"):
        part = np.where(step > 0, (values - known[low]) / step, 0.0)
    found = levels[low] + part * (levels[high] - levels[low])
    return np.where(np.isnan(values), np.nan, np.where(after == 0, 0.0, found))
