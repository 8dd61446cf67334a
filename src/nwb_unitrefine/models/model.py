"""A model: features in, a probability of sua, mua and noise for every unit out."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

import numpy as np

from nwb_unitrefine.errors import FeatureError, ModelError
from nwb_unitrefine.models.calibration import calibrate, decision_scores
from nwb_unitrefine.models.decision import decide
from nwb_unitrefine.records import CLASSES
from nwb_unitrefine.vocabulary.labels import NEURAL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from nwb_unitrefine.models.manifest import Manifest
    from nwb_unitrefine.models.skops.estimator import Estimator
    from nwb_unitrefine.records import Features, ModelIdentity, Predictions

__all__ = ["FittedModel", "Missing", "Model", "predict"]

Missing = Literal["refuse", "impute"]
SPIKE_COUNT = "num_spikes"


@runtime_checkable
class Model(Protocol):
    """What every model is, whether one estimator or two in a row."""

    @property
    def identity(self) -> ModelIdentity:
        """What names it for good."""

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Vocabulary names of the features to give it, in any order."""

    def predict(self, features: Features) -> Predictions:
        """Label every unit; see `predict`."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedModel:
    """One estimator, with what is needed to use it rightly.

    Parameters
    ----------
    identity : ModelIdentity
    estimator : Estimator
    inputs : tuple of str
        Vocabulary name of each of the estimator's inputs; a name that the vocabulary does not have is as in the file.
    meanings : tuple of str or None
        What each of the estimator's classes means: sua, mua, noise, neural, or None where nobody says.
    manifest : Manifest or None
        None for a folder that is not ours.
    missing : {"refuse", "impute"}
        What a model without a manifest does about features that no unit has: refuse, naming them, or have its imputer
        fill them in. Features that only some units lack are always left to the estimator.
    said : mapping of str to str
        What its user said on loading that its classes mean; empty where nobody did.
    """

    identity: ModelIdentity
    estimator: Estimator
    inputs: tuple[str, ...]
    meanings: tuple[str | None, ...]
    manifest: Manifest | None = None
    missing: Missing = "refuse"
    said: Mapping[str, str] = field(default_factory=dict)

    @property
    def options(self) -> dict[str, str]:
        """How it was loaded, where that decides what it says: a run records it; see `recorded_options`."""
        labels = {"labels": json.dumps(dict(self.said))} if self.said else {}
        return labels | ({"missing": self.missing} if self.missing != "refuse" else {})

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Vocabulary names of the features to give it: its inputs, and the number of spikes."""
        counted = any(name.partition("@")[0] == SPIKE_COUNT for name in self.inputs)
        return self.inputs if counted else (*self.inputs, SPIKE_COUNT)

    @property
    def tells(self) -> frozenset[str | None]:
        """Which meanings it tells apart."""
        return frozenset(self.meanings)

    def class_probabilities(self, table: Features | pd.DataFrame) -> NDArray[np.float64]:
        """Probability of each of the estimator's own classes, as the estimator gives it: no calibration, no rule.

        Parameters
        ----------
        table : Features or pandas.DataFrame
            Features of the vocabulary; or a table with the estimator's own columns, such as the model's
            ``training_data.csv``, which is taken as it is.

        Returns
        -------
        array of float64, shape (n_units, n_classes)
            In the order of ``estimator.classes``.

        Raises
        ------
        FeatureError
            If a column is missing.

        Examples
        --------
        >>> model = load_model("unitrefine_sklearn152")  # doctest: +SKIP
        >>> model.class_probabilities(pd.read_csv("training_data.csv"))  # doctest: +SKIP
        """
        import pandas as pd

        if not isinstance(table, pd.DataFrame):
            return self.estimator.predict_proba(self.input_values(table))
        absent = tuple(name for name in self.estimator.columns if name not in table.columns)
        if absent:
            raise FeatureError(
                f"{self.identity.name} needs columns that are not there: {', '.join(absent)}.", missing=absent
            )
        values = table[list(self.estimator.columns)] if self.estimator.columns else table
        return self.estimator.predict_proba(values.to_numpy(dtype=np.float64))

    def meaning_probabilities(self, features: Features) -> dict[str | None, NDArray[np.float64]]:
        """Probability of each of the model's meanings, each of shape (n_units,)."""
        found = self.class_probabilities(features)
        return {meaning: found[:, column] for column, meaning in enumerate(self.meanings)}

    def input_values(self, features: Features) -> NDArray[np.float64]:
        """Put features into the estimator's order.

        Returns
        -------
        array of float64, shape (n_units, n_inputs)

        Raises
        ------
        FeatureError
            If the model was made to have all its features, one is missing for every unit, and `missing` is not
            ``"impute"``. Models with a manifest take whatever there is, but something there must be.
        """
        values = np.full((len(features), len(self.inputs)), np.nan)
        absent = []
        for column, name in enumerate(self.inputs):
            if name in features.names:
                values[:, column] = features.values[:, features.names.index(name)]
            if len(features) and np.isnan(values[:, column]).all():
                absent.append(name)
        if absent and (len(absent) == len(self.inputs) or (self.manifest is None and self.missing == "refuse")):
            raise self._lacks(tuple(absent), features)
        return values

    def _lacks(self, absent: tuple[str, ...], features: Features) -> FeatureError:
        """Say which features are missing for all units, why, and what can be done."""
        reasons = {
            features.origin(0, name).detail if name in features.names else "not among the features given"
            for name in absent
        }
        why = f" ({'; '.join(sorted(reasons))})" if len(reasons) <= 2 else ""
        tip = (
            "Give the source that they can be computed from, take the default model, or let the model fill in its "
            "training values, which it was not validated for: --missing impute, or missing='impute' in Python."
            if len(absent) < len(self.inputs)
            else "None of the model's features can be had from this source."
        )
        return FeatureError(
            f"{self.identity.name} needs features that no unit has: {', '.join(absent)}{why}.", tip=tip, missing=absent
        )

    def predict(self, features: Features) -> Predictions:
        """Label every unit; see `predict`."""
        if self.tells != set(CLASSES):
            raise self._cannot_say()
        inputs = self.input_values(features)
        raw = self.estimator.predict_proba(inputs)
        probabilities = raw[:, [self.meanings.index(name) for name in CLASSES]]
        if self.manifest is not None:
            probabilities = calibrate(self.manifest, probabilities, inputs=inputs)
        scores = decision_scores(self.manifest, probabilities)
        return decide(features, probabilities=probabilities, scores=scores, inputs=inputs, manifest=self.manifest)

    def _cannot_say(self) -> ModelError:
        """Explain why a model of two classes, or of unknown ones, gives no labels of ours."""
        name = self.identity.name
        if None in self.tells:
            unknown = ", ".join(
                repr(one) for one, meaning in zip(self.estimator.classes, self.meanings, strict=True) if meaning is None
            )
            return ModelError(
                f"{name} does not say what its classes {unknown} mean.",
                tip="Say what each is (sua, mua, noise, neural): labels={'0': MEANING, '1': MEANING} in Python, "
                "--labels 0=MEANING,1=MEANING in the shell.",
            )
        if self.tells == {"noise", NEURAL}:
            tip = "Give it together with a model that tells sua from mua: both as --model, or load_model([this, that])."
        elif self.tells == {"sua", "mua"}:
            tip = (
                "Give it together with one that tells noise from neural: both as --model, or load_model([that, this])."
            )
        else:
            tip = "A model must tell sua, mua and noise apart, alone or as two in a row."
        return ModelError(f"{name} tells only {' from '.join(sorted(map(str, self.tells)))}.", tip=tip)


def predict(model: Model | str | Path | Sequence[str | Path], features: Features) -> Predictions:
    """Label every unit.

    Parameters
    ----------
    model : Model, str, Path or two of these
        A model, or whatever `load_model` takes.
    features : Features
        Those of ``model.feature_names``, in any order; further ones are not looked at.

    Returns
    -------
    Predictions
        A probability of each of `CLASSES` for every unit. Units without spikes or without any feature get no label,
        and the reason.

    Raises
    ------
    ModelError
        If the model cannot be loaded or does not tell sua, mua and noise apart.
    FeatureError
        If it needs features that are not there.
    """
    from nwb_unitrefine.models.load import load_model

    return load_model(model).predict(features)
