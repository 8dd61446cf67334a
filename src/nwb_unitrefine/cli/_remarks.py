"""Remarks beside labels, so that they are not taken for more than they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nwb_unitrefine.records import Features, Predictions

__all__ = ["missing_features", "missing_remark", "weighing_remark"]


def weighing_remark(predictions: Predictions, *, model_name: str) -> str:
    """Explain labels that are not the most probable class, which would look like a mistake; empty without any."""
    labelled = (predictions.labels != "") & np.isfinite(predictions.probabilities).all(axis=1)
    likeliest = np.array(predictions.classes)[np.argmax(np.nan_to_num(predictions.probabilities), axis=1)]
    weighed = predictions.unit_ids[labelled & (likeliest != predictions.labels)].tolist()
    if not weighed:
        return ""
    return (
        f"labels that are not the most probable class: {len(weighed)}. {model_name} does not decide by the probability "
        f"alone; nwb-unitrefine explain SOURCE --unit {weighed[0]} states the scores"
    )


def missing_features(features: Features) -> tuple[str, ...]:
    """Name the features that no unit has."""
    return tuple(name for place, name in enumerate(features.names) if np.isnan(features.values[:, place]).all())


def missing_remark(features: Features) -> str:
    """Say which of a model's features no unit has; empty where there is none."""
    missing = missing_features(features)
    if not missing:
        return ""
    return f"{len(missing)} of {len(features.names)} features of the model are missing: {', '.join(missing)}"
