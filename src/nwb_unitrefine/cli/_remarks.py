"""Remarks beside labels, so that they are not taken for more than they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.records.names import IN_A_ROW

if TYPE_CHECKING:
    from nwb_unitrefine.records import Features, Predictions

__all__ = ["missing_features", "missing_remark", "weighing_remark"]


def weighing_remark(predictions: Predictions, *, model_name: str) -> str:
    """Explain labels that are not the most probable class, which would look like a mistake; empty without any."""
    labelled = (predictions.labels != "") & np.isfinite(predictions.probabilities).all(axis=1)
    likeliest = np.array(predictions.classes)[np.argmax(predictions.probabilities[labelled], axis=1)]
    n_weighed = int(np.sum(likeliest != predictions.labels[labelled]))
    if not n_weighed:
        return ""
    is_pair = IN_A_ROW in model_name
    why = "decides in two steps" if is_pair else "weighs each probability by the class's share in training"
    return f"{n_weighed} labels are not the most probable class: {model_name} {why}"


def missing_features(features: Features) -> tuple[str, ...]:
    """Name the features that no unit has."""
    return tuple(name for place, name in enumerate(features.names) if np.isnan(features.values[:, place]).all())


def missing_remark(features: Features) -> str:
    """Say which of a model's features no unit has; empty where there is none."""
    missing = missing_features(features)
    if not missing:
        return ""
    return f"{len(missing)} of {len(features.names)} features of the model are missing: {', '.join(missing)}"
