"""The manifest: everything about a model that its estimator does not state by itself.

A folder of UnitRefine's or SpikeInterface's holds a fitted estimator and a few words about it. The manifest adds what
is needed to use the estimator rightly (features with unit and definition, calibration, decision rule, when not to
believe it) and to judge it (what was measured, on what, and the command that makes it again). Calibration is plain
numbers, so that it means the same under every scikit-learn.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from nwb_unitrefine.errors import ModelError
from nwb_unitrefine.records import CLASSES
from nwb_unitrefine.vocabulary.model_classes import check_classes

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "MAX_CLASSES",
    "QUANTILE_LEVELS",
    "Calibration",
    "ConditionalCalibration",
    "DecisionRule",
    "Digest",
    "Evaluation",
    "Feature",
    "Manifest",
    "ManifestValue",
    "Matrix",
    "NoCalibration",
    "RecordingScores",
    "Round",
    "Training",
    "Uncertainty",
    "manifest_json",
    "read_manifest",
]

Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
MAX_FEATURES, MAX_GROUPS, MAX_CLASSES = 10_000, 100, 100
Row = tuple[float, ...]
DecisionRule = Literal["balanced", "probable"]
QUANTILE_LEVELS = (0, 1, 5, 10, 25, 50, 75, 90, 95, 99, 100)
"""In percent: how a feature spreads among the training units of a class."""
_FORMER_RULES = {"prior-weighted": "balanced", "argmax": "probable"}


def _current_name(rule: Any) -> Any:
    """Read the names that decision rules had in version 0.1."""
    return _FORMER_RULES.get(rule, rule) if isinstance(rule, str) else rule


class ManifestValue(BaseModel):
    """A frozen value of the manifest; unknown keys are mistakes."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Feature(ManifestValue):
    """One input of the estimator.

    Parameters
    ----------
    name : str
        Vocabulary name, with its definition: ``"snr"`` (today's), ``"half_width@0.101"`` (of an older SpikeInterface).
    column : str
        What the estimator calls it (``feature_names_in_``). SpikeInterface looks its metrics up by this name.
    unit : str
        Physical unit; empty for a pure number.
    low, high : float or None
        Range seen in training, as the uncertainty rule uses it.
    quantiles : mapping of str to tuple of float
        Quantiles at `QUANTILE_LEVELS` among the training units of each class; classes without a known value are left
        out.
    """

    name: str
    column: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    quantiles: Mapping[str, tuple[float, ...]] = Field(default_factory=dict, max_length=MAX_CLASSES)

    @model_validator(mode="after")
    def _has_quantiles_in_order(self) -> Self:
        """Refuse quantiles that are none."""
        for label, values in self.quantiles.items():
            if len(values) != len(QUANTILE_LEVELS) or list(values) != sorted(values):
                raise ValueError(
                    f"the quantiles of {self.name!r} for {label!r} are not {len(QUANTILE_LEVELS)} in order"
                )
        return self


class NoCalibration(ManifestValue):
    """The estimator's probabilities, as they are."""

    kind: Literal["none"] = "none"


class Matrix(ManifestValue):
    """Matrix (or, with a diagonal one, vector) scaling: ``softmax(weights @ log p + bias)``.

    Parameters
    ----------
    weights : n_classes x n_classes numbers
        Row ``i`` makes the new score of class ``i`` from the log probabilities of the estimator's classes.
    bias : n_classes numbers
    """

    kind: Literal["matrix"] = "matrix"
    weights: tuple[Row, ...] = Field(min_length=2, max_length=MAX_CLASSES)
    bias: Row

    @model_validator(mode="after")
    def _is_square(self) -> Self:
        """Refuse a matrix that does not fit its bias."""
        if {len(row) for row in self.weights} != {len(self.weights)} or len(self.bias) != len(self.weights):
            raise ValueError("weights must be a square matrix, and bias as long as one of its rows")
        return self


Calibration = Annotated[NoCalibration | Matrix, Field(discriminator="kind")]


class ConditionalCalibration(ManifestValue):
    """A calibration, and for which units it was fitted.

    Parameters
    ----------
    missing_groups : tuple of str
        Names of feature groups in which the unit has no value at all; empty for units that have all.
    calibration : Calibration
    """

    missing_groups: tuple[str, ...] = ()
    calibration: Calibration


class Uncertainty(ManifestValue):
    """When a label should not be relied on.

    Parameters
    ----------
    min_spikes : int
        Units with fewer spikes are uncertain (needs the feature `spike_count`, which need not be an input).
    min_probability : float
        Smallest probability of a unit's label.
    max_out_of_range : int or None
        How many inputs may lie outside their training range; None for any number.
    min_present : int
        Units with fewer inputs are uncertain; those without any have no label.
    spike_count : str
        Name of the feature that counts spikes.
    max_contamination, max_evident_contamination : float or None
        Single units are uncertain where more foreign spikes cannot be excluded, and where more are evident: the ends of
        the 90 % interval (features ``contamination_upper``, ``contamination_lower``). None for any share.
    """

    min_spikes: int = Field(default=0, ge=0)
    min_probability: float = Field(default=0.0, ge=0, le=1)
    max_out_of_range: int | None = Field(default=None, ge=0)
    min_present: int = Field(default=1, ge=1)
    spike_count: str = "num_spikes"
    max_contamination: float | None = Field(default=None, ge=0, le=1)
    max_evident_contamination: float | None = Field(default=None, ge=0, le=1)

    @model_validator(mode="before")
    @classmethod
    def _without_margin(cls, given: Any) -> Any:
        """Read manifests of version 0.1, which recorded a smallest margin that no learner ever set."""
        if isinstance(given, dict) and "min_margin" in given:
            if given["min_margin"] != 0:
                raise ValueError("min_margin is no longer supported; use min_probability")
            return {name: value for name, value in given.items() if name != "min_margin"}
        return given


class RecordingScores(ManifestValue):
    """Scores on one recording that the model scored had not seen.

    Parameters
    ----------
    recording, subject : str
    n_units : int
    scores : mapping of str to float
        ``"balanced_accuracy"``, ``"macro_f1"``, ``"brier"``, ``"calibration_error"``, …
    """

    recording: str
    subject: str = ""
    n_units: int = Field(ge=0)
    scores: Mapping[str, float]


class Evaluation(ManifestValue):
    """One measurement: what was left out, what the model was given, how it did.

    Parameters
    ----------
    name : str
        As ``"spike times + mean waveform"``.
    scheme : str
        How training and test were kept apart, as ``"leave one mouse out"``.
    features : tuple of str
        Names of the features that were given.
    pooled : mapping of str to float
        Scores over all units together.
    recordings : tuple of RecordingScores
    note : str
    """

    name: str
    scheme: str
    features: tuple[str, ...] = ()
    pooled: Mapping[str, float] = Field(default_factory=dict)
    recordings: tuple[RecordingScores, ...] = ()
    note: str = ""


class Training(ManifestValue):
    """What the model was made from, and how to make it again.

    Parameters
    ----------
    data : str
        One sentence: which data, by whom labelled, under which licence.
    data_digest : str
        ``"sha256:…"`` of ``training_data.csv`` and ``labels.csv``, or of what they were made from.
    command : str
        The command that rebuilds the model.
    seed : int
    recordings, subjects : tuple of str
    n_units : mapping of str to int
        Number of units of each class.
    label_mapping : mapping of str to str
        Which label of the data became which class.
    file_ids : tuple of str
        Object ids of the NWB files among the data.
    learner : mapping
        Settings with which the model can be continued; empty where it does not hold its training data.
    """

    data: str
    data_digest: Digest
    command: str
    seed: int
    recordings: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    n_units: Mapping[str, int] = Field(default_factory=dict)
    label_mapping: Mapping[str, str] = Field(default_factory=dict)
    file_ids: tuple[str, ...] = ()
    learner: Mapping[str, Any] = Field(default_factory=dict)


class Round(ManifestValue):
    """One time that labelled units were added to a model's training table.

    Parameters
    ----------
    date : str of the form 2026-01-31
    parent : str
        Digest of the model before.
    added, corrected : int
        Units that were new, and that got another label.
    scored_units : int
        Units that both scores are of.
    before, after : mapping of str to float
        Scores of the same units, held out from the old table and from the new one.
    """

    date: str
    parent: Digest
    added: int = Field(ge=0)
    corrected: int = Field(ge=0)
    scored_units: int = Field(default=0, ge=0)
    before: Mapping[str, float] = Field(default_factory=dict)
    after: Mapping[str, float] = Field(default_factory=dict)


def manifest_json(manifest: BaseModel) -> str:
    """Write a manifest; what only continued models have is left out where it is empty."""
    document = manifest.model_dump(mode="json")
    for place, name in ((document, "lineage"), (document["training"], "file_ids"), (document["training"], "learner")):
        if not place[name]:
            del place[name]
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


class Manifest(ManifestValue):
    """All of it, as ``manifest.json`` holds it.

    Parameters
    ----------
    name, version : str
    description : str
        One paragraph for people.
    features : tuple of Feature
        In the order in which the estimator takes them.
    feature_groups : mapping of str to tuple of str
        Names of features that a source has together or not at all, as ``"waveform"``; `calibrations` refer to them.
    classes : tuple of str
        Labels of the estimator's classes, in its order (``classes_``). A label means a set of sua, mua and noise (see
        `vocabulary.labels`) or is a word of the model's own; classes that mean sua, mua and noise have these names.
    class_priors : mapping of str to float
        Share of each class in training; what ``"balanced"`` divides by.
    decision_rule : {"balanced", "probable"}
        The label is the class with the largest probability over its prior (balanced), or with the largest probability.
    calibrations : tuple of ConditionalCalibration
        The first is for units that have every feature group; of the others, that with most of a unit's missing groups.
    uncertainty : Uncertainty
    training : Training
    evaluations : tuple of Evaluation
    lineage : tuple of Round
        How it was continued, the first round first.
    licence : str
        SPDX identifier.
    files : mapping of str to digest
        Of the ``.skops``, at least.
    requirements : mapping of str to str
        Versions of the packages that wrote the model.
    """

    schema_version: Literal[1] = 1
    name: str = Field(min_length=1)
    version: str = Field(min_length=1)
    description: str = ""
    features: tuple[Feature, ...] = Field(min_length=1, max_length=MAX_FEATURES)
    feature_groups: Mapping[str, tuple[str, ...]] = Field(default_factory=dict, max_length=MAX_GROUPS)
    classes: tuple[str, ...] = Field(default=CLASSES, min_length=2, max_length=MAX_CLASSES)
    class_priors: Mapping[str, float]
    decision_rule: Annotated[DecisionRule, BeforeValidator(_current_name)] = "probable"
    calibrations: tuple[ConditionalCalibration, ...] = Field(
        default=(ConditionalCalibration(calibration=NoCalibration()),), max_length=MAX_GROUPS
    )
    uncertainty: Uncertainty = Uncertainty()
    training: Training
    evaluations: tuple[Evaluation, ...] = ()
    lineage: tuple[Round, ...] = ()
    licence: str = ""
    files: Mapping[str, Digest] = Field(default_factory=dict)
    requirements: Mapping[str, str] = Field(default_factory=dict)

    @property
    def input_names(self) -> tuple[str, ...]:
        """Vocabulary names of the estimator's inputs, in its order."""
        return tuple(feature.name for feature in self.features)

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        """Refuse what could only be noticed as a wrong label later."""
        names = self.input_names
        if len(set(names)) != len(names):
            raise ValueError("a feature is listed twice")
        check_classes(self.classes)
        if set(self.class_priors) != set(self.classes):
            raise ValueError(f"class_priors must name {', '.join(self.classes)}")
        if min(self.class_priors.values()) <= 0 or abs(sum(self.class_priors.values()) - 1) > 1e-6:
            raise ValueError("class_priors must be positive and sum to 1")
        if not self.calibrations or self.calibrations[0].missing_groups:
            raise ValueError("the first calibration must be that of units with every feature group")
        for group, members in self.feature_groups.items():
            if unknown := set(members) - set(names):
                raise ValueError(f"feature group {group!r} names {sorted(unknown)}, which are not features")
        for entry in self.calibrations:
            if isinstance(entry.calibration, Matrix) and len(entry.calibration.bias) != len(self.classes):
                raise ValueError(f"a calibration is not of {len(self.classes)} classes")
            if unknown := set(entry.missing_groups) - set(self.feature_groups):
                raise ValueError(f"a calibration names the feature groups {sorted(unknown)}, which are not there")
        return self

    def to_json(self) -> str:
        """Return the text of ``manifest.json``: the same bytes for the same manifest."""
        return manifest_json(self)


def read_manifest(path: Path) -> Manifest:
    """Read ``manifest.json``.

    Raises
    ------
    ModelError
        If it is not JSON, or not a manifest; the message names the first field that is wrong.
    """
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise ModelError(
            f"{path} is not a model manifest: {where}: {first['msg']}.",
            tip="Remove the file to use the folder without calibration, or rebuild the model.",
        ) from error
