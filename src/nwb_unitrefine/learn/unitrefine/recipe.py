"""UnitRefine's published recipe, to be compared with: median imputer, standard scaler, random forest, in two steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import TrainingError
from nwb_unitrefine.records import CLASSES, ModelIdentity, Predictions

if TYPE_CHECKING:
    from nwb_unitrefine.learn.dataset import Dataset
    from nwb_unitrefine.records import Features

__all__ = ["UnitRefineRecipe"]

_NOISE = CLASSES.index("noise")
_MUA = CLASSES.index("mua")


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitRefineRecipe:
    """A cascade of two forests with the hyperparameters of the published models: noise or neural, then sua or mua.

    The label is decided step by step, as UnitRefine does: noise where its probability is above one half, else the
    likelier of sua and mua. The three probabilities are the products along the way, uncalibrated.

    Parameters
    ----------
    name : str
        What to call it in a table of scores.
    strong : bool
        Whether both forests have 150 trees with leaves of 4 and balanced subsamples, which does better on recordings
        that were not seen.
    """

    name: str = "UnitRefine recipe, all metrics"
    strong: bool = False

    def fit(self, dataset: Dataset, *, seed: int = 0) -> _Cascade:
        """Fit both steps on every metric of the dataset.

        Raises
        ------
        TrainingError
            If its classes are not sua, mua and noise.
        """
        if dataset.classes != CLASSES:
            raise TrainingError(
                f"UnitRefine's recipe distinguishes {', '.join(CLASSES)}, and the data {', '.join(dataset.classes)}."
            )
        from sklearn.ensemble import RandomForestClassifier
        from sklearn.impute import SimpleImputer
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        shared = {"min_samples_split": 4, "random_state": seed, "n_jobs": 1}
        trees, leaf, mua_weights = (150, 4, "balanced_subsample") if self.strong else (100, 2, "balanced")
        noise = make_pipeline(
            SimpleImputer(strategy="median", keep_empty_features=True),
            StandardScaler(),
            RandomForestClassifier(
                trees, criterion="entropy", min_samples_leaf=leaf, class_weight="balanced_subsample", **shared
            ),
        )
        mua = make_pipeline(
            SimpleImputer(strategy="median", keep_empty_features=True),
            StandardScaler(),
            RandomForestClassifier(150, criterion="gini", min_samples_leaf=4, class_weight=mua_weights, **shared),
        )
        data = dataset.in_order()
        neural = data.targets != _NOISE
        noise.fit(data.values, ~neural)
        mua.fit(data.values[neural], data.targets[neural] == _MUA)
        return _Cascade(noise=noise, mua=mua, feature_names=data.names)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Cascade:
    """Both steps, fitted."""

    noise: Any
    mua: Any
    feature_names: tuple[str, ...]

    @property
    def identity(self) -> ModelIdentity:
        """What to call it."""
        return ModelIdentity(name="UnitRefine recipe", source="memory", revision="", digest="")

    @property
    def options(self) -> dict[str, str]:
        """None: it is never loaded."""
        return {}

    @property
    def classes(self) -> tuple[str, ...]:
        """Sua, mua, noise."""
        return CLASSES

    @property
    def training_recordings(self) -> tuple[str, ...]:
        """Not recorded: it lives only while it is scored."""
        return ()

    @property
    def class_priors(self) -> dict[str, float]:
        """Not recorded."""
        return {}

    def predict(self, features: Features) -> Predictions:
        """Label every unit, whatever it lacks."""
        values = features.select(self.feature_names).values
        noise = self.noise.predict_proba(values)[:, 1]
        mua = self.mua.predict_proba(values)[:, 1]
        probabilities = np.column_stack([(1 - noise) * (1 - mua), (1 - noise) * mua, noise])
        labels = np.where(noise > 0.5, "noise", np.where(mua > 0.5, "mua", "sua"))
        return Predictions(
            unit_ids=features.unit_ids,
            probabilities=probabilities,
            labels=labels,
            uncertain=np.zeros(len(features), dtype=bool),
            reasons=("",) * len(features),
        )
