"""Small fitted models and their manifests, made on the spot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nwb_unitrefine.models.manifest import Feature, Manifest, Training
from nwb_unitrefine.records import CLASSES, Features, Origin, OriginKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sklearn.pipeline import Pipeline

NAMES = ("num_spikes", "firing_rate", "half_width@0.101")


def training_table(n_units: int = 240, *, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Three classes that overlap a little, with missing values."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n_units) % 3
    values = rng.normal(size=(n_units, 3)) + labels[:, None] * np.array([2.0, -1.0, 1.5])
    values[:, 0] = np.abs(values[:, 0] * 50).round() + 1
    values[rng.random(values.shape) < 0.1] = np.nan
    columns = [name.partition("@")[0] for name in NAMES]
    return pd.DataFrame(values.astype(np.float32), columns=columns), labels


def fitted_pipeline(classifier: Any | None = None, *, labels: np.ndarray | None = None) -> Pipeline:
    """A pipeline as SpikeInterface expects it."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import Pipeline

    table, own = training_table()
    if classifier is None:
        classifier = HistGradientBoostingClassifier(max_iter=5, random_state=0)
    return Pipeline([("classifier", classifier)]).fit(table, own if labels is None else labels)


def make_manifest(**changes: Any) -> Manifest:
    """A manifest for `fitted_pipeline`."""
    fields: dict[str, Any] = {
        "name": "toy",
        "version": "1",
        "features": tuple(Feature(name=name, column=name.partition("@")[0]) for name in NAMES),
        "classes": CLASSES,
        "class_priors": {"sua": 0.2, "mua": 0.5, "noise": 0.3},
        "training": Training(data="made up", data_digest=f"sha256:{'0' * 64}", command="none", seed=0),
        "licence": "MIT",
        "requirements": {"spikeinterface": "0.102.3"},
    }
    return Manifest(**{**fields, **changes})


def make_features(values: Any, names: Sequence[str] = NAMES, *, unit_ids: Any | None = None) -> Features:
    """Features with one origin."""
    values = np.asarray(values, dtype=np.float64)
    return Features(
        unit_ids=np.arange(len(values)) if unit_ids is None else np.asarray(unit_ids),
        names=tuple(names),
        values=values,
        origins=(Origin(OriginKind.COMPUTED, "test"),),
        origin_index=np.zeros(values.shape, dtype=np.intp),
    )
