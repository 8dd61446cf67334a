"""What a model makes of units, as plain data: evidence, metrics against classes, thresholds of rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.explain import evidence_of
from nwb_unitrefine.report.page_numbers import rounded
from nwb_unitrefine.vocabulary import find_metric

if TYPE_CHECKING:
    from nwb_unitrefine.explain import ClassQuantiles, Reasons
    from nwb_unitrefine.models.rules.rule_model import CheckedThresholds
    from nwb_unitrefine.records import Curation

__all__ = ["evidence_data", "feature_data", "threshold_data"]

_QUANTILE_LEVELS = (5, 25, 50, 75, 95)
"""What the strips beside each metric show of the training units."""


def evidence_data(reasons: Reasons | None) -> dict[str, Any]:
    """How each kind of evidence moves the probability of each unit's own label."""
    if reasons is None:
        return {"names": [], "changes": [], "note": ""}
    own = reasons.toward_label()
    return {
        "names": [evidence.name for evidence in reasons.evidence],
        "note": reasons.note,
        "changes": [rounded(own[:, column], 3) for column in range(own.shape[1])],
    }


def feature_data(curation: Curation, quantiles: ClassQuantiles | None) -> dict[str, Any]:
    """Values of every feature with what it is, and how it spreads among training units of each class."""
    features = curation.features
    described = []
    for column, name in enumerate(features.names):
        metric = find_metric(name)
        known = quantiles.values.get(name, {}) if quantiles is not None else {}
        described.append(
            {
                "name": name,
                "unit": metric.unit if metric is not None else "",
                "about": metric.definition if metric is not None else "",
                "evidence": evidence_of(name).name,
                "values": rounded(features.values[:, column], significant=4),
                "quantiles": {
                    label: rounded(np.interp(_QUANTILE_LEVELS, quantiles.levels, values), significant=4)
                    for label, values in known.items()
                    if quantiles is not None
                },
            }
        )
    return {"columns": described, "levels": list(_QUANTILE_LEVELS)}


def threshold_data(checked: CheckedThresholds) -> list[dict[str, Any]]:
    """Every threshold of a rule set against every unit: one letter a unit, passed, failed or not checked."""
    outcomes = np.where(checked.left_out, "n", np.where(checked.failed, "f", "p"))
    return [
        {
            "threshold": str(threshold),
            "class": checked.classes[column],
            "values": rounded(checked.values[:, column], significant=4),
            "outcomes": "".join(outcomes[:, column].tolist()),
        }
        for column, threshold in enumerate(checked.thresholds)
    ]
