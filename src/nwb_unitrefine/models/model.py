"""A model: features in, a probability of each class for every unit out."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

import numpy as np

from nwb_unitrefine.errors import FeatureError, ModelError
from nwb_unitrefine.models.adaptation import Adaptation, Placed
from nwb_unitrefine.models.calibration import calibrate, decision_scores
from nwb_unitrefine.models.decision import decide
from nwb_unitrefine.models.manifest import Uncertainty
from nwb_unitrefine.records import CLASSES, CONTAMINATION_LOWER, CONTAMINATION_UPPER
from nwb_unitrefine.vocabulary.labels import meaning
from nwb_unitrefine.vocabulary.model_classes import class_name, json_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray

    from nwb_unitrefine.models.manifest import DecisionRule, Manifest
    from nwb_unitrefine.models.skops.estimator import Estimator
    from nwb_unitrefine.records import Features, ModelIdentity, Predictions
    from nwb_unitrefine.vocabulary.labels import Meaning

__all__ = ["FittedModel", "Missing", "Model"]

Missing = Literal["refuse", "impute", "ignore"]
SPIKE_COUNT = "num_spikes"


@runtime_checkable
class Model(Protocol):
    """All that is asked of a model, whether it is one estimator or two in a row."""

    @property
    def identity(self) -> ModelIdentity:
        """Name, source, revision and digest of the model."""

    @property
    def options(self) -> Mapping[str, str]:
        """How it was loaded, where that changes its labels; a run records it, see `recorded.recorded_options`."""

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Vocabulary names of the features to give it, in any order."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Labels that it gives, in the order of its probabilities."""

    @property
    def training_recordings(self) -> tuple[str, ...]:
        """Recordings that it was trained on; empty where it does not record them."""

    @property
    def class_priors(self) -> Mapping[str, float]:
        """Share of each class in training; empty where it does not record them."""

    def predict(self, features: Features) -> Predictions:
        """Label every unit; see `load.predict`."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedModel:
    """One estimator, with what is needed to use it correctly.

    Parameters
    ----------
    identity : ModelIdentity
    estimator : Estimator
    inputs : tuple of str
        Vocabulary name of each of the estimator's inputs; a name that the vocabulary does not have is as in the file.
    class_labels : tuple of str or None
        Label of each of the estimator's classes, or None where the folder does not state it. A label means a set of
        sua, mua and noise (see `vocabulary.labels`) or is a word of the model's own.
    manifest : Manifest or None
        None for a folder that is not ours.
    missing : {"refuse", "impute"}
        What a model without a manifest does about features that no unit has: refuse, naming them, or have its imputer
        fill them in. Features that only some units lack are always left to the estimator.
    label_overrides : mapping of str to str
        Labels of its classes that the user gave on loading.
    decide : {"balanced", "probable"} or None
        The decision rule that the user asked for; None for that of the manifest.
    adaptation : Adaptation or None
        What people's labels changed about its boundary; None for the model as it was trained.
    """

    identity: ModelIdentity
    estimator: Estimator
    inputs: tuple[str, ...]
    class_labels: tuple[str | None, ...]
    manifest: Manifest | None = None
    missing: Missing = "refuse"
    label_overrides: Mapping[str, str] = field(default_factory=dict)
    decide: DecisionRule | None = None
    adaptation: Adaptation | None = None

    @property
    def options(self) -> dict[str, str]:
        """How it was loaded, where that changes its labels."""
        found = {"labels": json.dumps(dict(self.label_overrides))} if self.label_overrides else {}
        if self.missing != "refuse":
            found["missing"] = self.missing
        if self.decide is not None:
            found["decide"] = self.decide
        if self.adaptation is not None:
            found["adaptation"] = self.adaptation.to_json()
        return found

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Vocabulary names of the features to give it: its inputs, and what its rule of uncertainty looks at."""
        wanted = [SPIKE_COUNT]
        rule = self.manifest.uncertainty if self.manifest is not None else Uncertainty()
        if rule.max_contamination is not None:
            wanted.append(CONTAMINATION_UPPER)
        if rule.max_evident_contamination is not None:
            wanted.append(CONTAMINATION_LOWER)
        given = {name.partition("@")[0] for name in self.inputs}
        return (*self.inputs, *(name for name in wanted if name not in given))

    @property
    def steps(self) -> tuple[FittedModel, ...]:
        """The estimators that decide, in their order: this one."""
        return (self,)

    @property
    def training_recordings(self) -> tuple[str, ...]:
        """Recordings that it was trained on; empty without a manifest."""
        return () if self.manifest is None else self.manifest.training.recordings

    @property
    def class_priors(self) -> Mapping[str, float]:
        """Share of each class in training; empty without a manifest."""
        return {} if self.manifest is None else self.manifest.class_priors

    @property
    def decision_shares(self) -> Mapping[str, float]:
        """What each class's probability is divided by to find the label; empty where the most probable class is it."""
        if self.manifest is None or (self.decide or self.manifest.decision_rule) == "probable":
            return {}
        if self.adaptation is not None:
            return dict(zip(CLASSES, self.adaptation.shares, strict=True))
        return self.manifest.class_priors

    @property
    def meanings(self) -> tuple[Meaning | None, ...]:
        """Which of sua, mua and noise each of the estimator's classes means; None for a word of its own."""
        return tuple(None if label is None else meaning(label) for label in self.class_labels)

    @property
    def classes(self) -> tuple[str, ...]:
        """Labels that it gives: its own, or sua, mua and noise in this order where these are what its own mean."""
        if self._is_standard:
            return CLASSES
        return tuple(
            str(own) if label is None else label
            for own, label in zip(self.estimator.classes, self.class_labels, strict=True)
        )

    @property
    def _is_standard(self) -> bool:
        """Whether its classes mean sua, mua and noise, each once."""
        return sorted(map(class_name, self.meanings), key=str) == sorted(CLASSES)

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
                f"{self.identity.name} needs columns that the table does not have: {', '.join(absent)}.", missing=absent
            )
        values = table[list(self.estimator.columns)] if self.estimator.columns else table
        return self.estimator.predict_proba(values.to_numpy(dtype=np.float64))

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
        """Make the error that names the features that no unit has, why they are missing, and what can be done."""
        reasons = {
            features.origin(0, name).detail if name in features.names else "not among the features given"
            for name in absent
        }
        why = f" ({'; '.join(sorted(reasons))})" if len(reasons) <= 2 else ""
        tip = (
            "Give a source that they can be computed from, use the default model, or let the model fill in its "
            "training values, which it was not validated for: --missing impute, or missing='impute' in Python."
            if len(absent) < len(self.inputs)
            else "This source has none of the model's features."
        )
        return FeatureError(
            f"{self.identity.name} needs features that no unit has: {', '.join(absent)}{why}.", tip=tip, missing=absent
        )

    def predict(self, features: Features) -> Predictions:
        """Label every unit; see `load.predict`."""
        probabilities, scores, inputs = self.decision_basis(features)
        return decide(
            features,
            probabilities=probabilities,
            scores=scores,
            inputs=inputs,
            classes=self.classes,
            manifest=self.manifest,
        )

    def decision_basis(
        self, features: Features
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Compute what a label is decided by.

        Returns
        -------
        probabilities : array, shape (n_units, n_classes)
            Of `classes`, calibrated where there is a calibration.
        scores : array, shape (n_units, n_classes)
            The label is the class of the largest.
        inputs : array, shape (n_units, n_inputs)
            What the estimator was given.

        Raises
        ------
        ModelError
            As of `require_labels`.
        """
        self.require_labels()
        inputs = self.input_values(features)
        probabilities = self.estimator.predict_proba(inputs)
        if self._is_standard:
            names = [class_name(meant) for meant in self.meanings]
            probabilities = probabilities[:, [names.index(name) for name in CLASSES]]
        if self.manifest is not None:
            probabilities = calibrate(self.manifest, probabilities, inputs=inputs)
        scores = decision_scores(self.manifest, probabilities, classes=self.classes, rule=self.decide)
        if self.adaptation is not None:
            weighs = scores is not probabilities
            units = Placed.of(probabilities, names=self.inputs, values=inputs)
            probabilities = self.adaptation.apply(units)
            scores = self.adaptation.scores(probabilities) if weighs else probabilities
        return probabilities, scores, inputs

    def require_labels(self) -> None:
        """Refuse a model whose classes are numbers that nothing explains, or two of which have one label.

        Raises
        ------
        ModelError
        """
        name = self.identity.name
        unknown = [
            repr(one) for one, label in zip(self.estimator.classes, self.class_labels, strict=True) if label is None
        ]
        if unknown:
            words = itertools.chain(("noise", "neural"), itertools.repeat("MEANING"))
            example = ",".join(f"{json_key(one)}={next(words)}" for one in self.estimator.classes)
            raise ModelError(
                f"{name} does not state what its classes {', '.join(unknown)} mean.",
                tip="State it once, to be remembered beside the model: `nwb-unitrefine model describe FOLDER --classes "
                f"{example}`; or for this time: --labels {example}, or labels= in Python.",
            )
        if len(set(self.class_labels)) != len(self.class_labels):
            raise ModelError(f"Two classes of {name} have the same label: {', '.join(map(str, self.class_labels))}.")
