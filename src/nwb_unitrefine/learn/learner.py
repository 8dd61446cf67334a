"""The default learner: gradient boosting that takes missing for missing, calibrated on recordings it has not seen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from nwb_unitrefine.errors import FeatureError
from nwb_unitrefine.learn.calibration import fit_calibration
from nwb_unitrefine.learn.fitted_once import fit_once
from nwb_unitrefine.learn.input_sets import choose_inputs, feature_groups, missing_tiers
from nwb_unitrefine.learn.splits import split
from nwb_unitrefine.models.calibration import apply_calibration
from nwb_unitrefine.models.manifest import (
    QUANTILE_LEVELS,
    ConditionalCalibration,
    Feature,
    Manifest,
    NoCalibration,
    Training,
    Uncertainty,
)
from nwb_unitrefine.models.model import FittedModel
from nwb_unitrefine.models.skops.estimator import Estimator
from nwb_unitrefine.records import ModelIdentity
from nwb_unitrefine.vocabulary import NEW, OLD, find_metric, resolve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from nwb_unitrefine.learn.dataset import Dataset
    from nwb_unitrefine.models.model import Model

__all__ = [
    "BoostedTrees",
    "FolderLearner",
    "Learner",
    "describe",
    "guises_of",
    "in_memory",
    "metric_table",
]


class Learner(Protocol):
    """A way to make a model from labelled units, everything included: what is scored is what is shipped."""

    @property
    def name(self) -> str:
        """What to call it in a table of scores."""

    def fit(self, dataset: Dataset, *, seed: int = 0) -> Model:
        """Make a model; the same from the same dataset and seed."""


class FolderLearner(Learner, Protocol):
    """A learner whose models can be written as a folder."""

    def fit(self, dataset: Dataset, *, seed: int = 0) -> FittedModel:
        """Make a model with a manifest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoostedTrees:
    """Histogram gradient boosting, all classes at once.

    Every unit is shown several times: as it is, as sources without many channels or without waveforms would give it,
    and with metrics missing at random. So one model serves any subset of its metrics. Probabilities are calibrated for
    each kind of source on subjects (or recordings) that were left out, and the label is the class whose probability
    rises most over its share in training, which serves rare classes as well as frequent ones.

    Parameters
    ----------
    inputs : str
        Which metrics to use: a key of `input_sets.INPUT_SETS`.
    metrics : tuple of str
        Names of the metrics to use instead.
    relative : bool
        Whether to use ratios of counts, and ranks of metrics among the units of their recording, too; the data must
        have them: ``dataset.with_evidence().with_ranks()``. Other programs do not compute them.
    members : int
        How many boosted models, of different seeds, are averaged.
    rounds, learning_rate, leaves, smallest_leaf, shrinkage, features_per_split
        Of ``HistGradientBoostingClassifier``: `max_iter`, `learning_rate`, `max_leaf_nodes`, `min_samples_leaf` (in
        units; of few units less, see `SHARE_OF_LEAF`), `l2_regularization`, `max_features`.
    whole : float
        How much of a unit's weight is on the unit as it is; the rest is on what poorer sources would give of it.
    penalty : float
        How strongly calibration is pulled toward changing nothing; see `fit_calibration`.
    keep : float
        Share of units, of subjects not seen, whose label is not to be called uncertain.
    max_contamination : float or None
        Single units for which a larger share of foreign spikes cannot be excluded are uncertain; None for no limit.
    max_evident_contamination : float or None
        Likewise where violations show a larger share.
    """

    inputs: str = "spike times + mean waveform"
    metrics: tuple[str, ...] = ()
    relative: bool = False
    members: int = 3
    rounds: int = 100
    learning_rate: float = 0.08
    leaves: int = 8
    smallest_leaf: int = 60
    shrinkage: float = 5.0
    features_per_split: float = 0.3
    whole: float = 0.5
    penalty: float = 0.5
    keep: float = 0.8
    max_contamination: float | None = None
    max_evident_contamination: float | None = None

    @property
    def name(self) -> str:
        """What to call it in a table of scores."""
        inputs = ", ".join(self.metrics) or self.inputs
        return f"default learner, {inputs}{', ratios and ranks' * self.relative}"

    def fit(self, dataset: Dataset, *, seed: int = 0) -> FittedModel:
        """Make a calibrated model.

        Parameters
        ----------
        dataset : Dataset
        seed : int

        Returns
        -------
        FittedModel
            Its manifest is complete but for a name and scores.
        """
        data = dataset.in_order()
        names = choose_inputs(data, inputs=self.inputs, metrics=self.metrics, relative=self.relative)
        data = data.select(names)
        calibrations, uncertainty = self._calibrate(data, seed=seed)
        manifest = describe(data, calibrations=calibrations, uncertainty=uncertainty, seed=seed)
        return in_memory(self._fit_estimator(data, seed=seed), manifest)

    def _calibrate(self, data: Dataset, *, seed: int) -> tuple[tuple[ConditionalCalibration, ...], Uncertainty]:
        """Leave each subject out once; fit what the estimator's probabilities of them have to become."""
        tiers = missing_tiers(data.names)
        groups = feature_groups(data.names)
        held_out = np.zeros((len(tiers), len(data), len(data.classes)))
        for train, test in split(data, seed=seed):
            if len(set(data.labels[train].tolist())) < len(data.classes):
                return (ConditionalCalibration(calibration=NoCalibration()),), Uncertainty()
            estimator = self._fit_estimator(data.take(train), seed=seed)
            for number, lacking in enumerate(tiers):
                shown = self._inputs(data.take(test).hide([name for group in lacking for name in groups[group]]))
                held_out[number, test] = estimator.predict_proba(metric_table(shown.names, shown.values))
        calibrations = tuple(
            ConditionalCalibration(
                missing_groups=lacking, calibration=fit_calibration(raw, data.targets, penalty=self.penalty)
            )
            for lacking, raw in zip(tiers, held_out, strict=True)
        )
        calibrated = apply_calibration(calibrations[0].calibration, held_out[0])
        return calibrations, Uncertainty(
            min_spikes=MIN_SPIKES,
            max_out_of_range=MAX_OUT_OF_RANGE,
            min_probability=_smallest_kept(calibrated, data, keep=self.keep),
            max_contamination=self.max_contamination,
            max_evident_contamination=self.max_evident_contamination,
        )

    def _inputs(self, data: Dataset) -> Dataset:
        """Take what the estimator is given: here, all of it."""
        return data

    def _fit_estimator(self, data: Dataset, *, seed: int) -> Any:
        """Fit the averaged models on every unit in each of its guises."""
        guises = guises_of(data, seed=seed)
        weights = np.full(len(guises), (1 - self.whole) / (len(guises) - 1))
        weights[0] = self.whole
        return self.fit_members(
            metric_table(data.names, np.concatenate(guises)),
            np.tile(data.targets, len(guises)),
            np.repeat(weights, len(data)),
            copies=len(guises),
            seed=seed,
        )

    def fit_members(
        self, shown: Any, targets: NDArray[np.intp], weights: NDArray[np.float64], *, copies: float, seed: int
    ) -> Any:
        """Fit the averaged models, each of another seed; the result may be remembered, and must not be changed."""
        from sklearn.ensemble import HistGradientBoostingClassifier, VotingClassifier
        from sklearn.pipeline import Pipeline
        from threadpoolctl import threadpool_limits

        n_units = len(targets) / copies
        # A metric that no unit of this part has cannot be put into bins; one that is the same for all is never used.
        shown = shown.fillna({name: 0.0 for name in shown.columns if shown[name].isna().all()})
        member = HistGradientBoostingClassifier(
            max_iter=self.rounds,
            learning_rate=self.learning_rate,
            max_leaf_nodes=self.leaves,
            min_samples_leaf=round(min(self.smallest_leaf, max(FEWEST_IN_LEAF, n_units / SHARE_OF_LEAF)) * copies),
            l2_regularization=self.shrinkage,
            max_features=self.features_per_split,
            early_stopping=False,
        )
        seeds = np.random.SeedSequence(seed).generate_state(self.members).tolist()
        members = [(f"seed_{one}", _with_seed(member, one)) for one in seeds]
        estimator = Pipeline([("vote", VotingClassifier(members, voting="soft"))])

        def fit() -> Any:
            # One thread: a tree of this size is grown sooner than threads have met, and much sooner on a busy machine.
            with threadpool_limits(1):
                estimator.fit(shown, targets, vote__sample_weight=weights)
            for fitted in estimator["vote"].estimators_:
                # Of use while fitting only, and a random generator has no business in a model file.
                fitted._feature_subsample_rng = None  # noqa: SLF001
            return estimator

        settings = [tuple(shown.columns), *(one.get_params() for _, one in members)]
        return fit_once(fit, settings=settings, arrays=[shown.to_numpy(), targets, weights])


SHARE_OF_LEAF = 20
"""Leaves need no more than a twentieth of the units. With leaves of 60, trees of 100 units cannot split at all, and
label every unit alike (``tests/benchmarks/few_labels.py``)."""

FEWEST_IN_LEAF = 5

MIN_SPIKES = 10
"""Below this, hardly any interval between spikes is left to look at. More would not help: of units with 10 to 50
spikes, on mice not seen, four labels in five are right, as of all."""

MAX_OUT_OF_RANGE = 1
"""One metric beyond all that training saw is common (one unit in ten, on mice not seen) and harmless."""

RANDOMLY_MISSING = 0.15
GROUP_MISSING = 0.25


def _with_seed(member: Any, seed: int) -> Any:
    """Copy an estimator that is not fitted."""
    from sklearn.base import clone

    return clone(member).set_params(random_state=int(seed))


def metric_table(names: Sequence[str], values: NDArray[np.float64]) -> Any:
    """Show metrics to an estimator under the names that SpikeInterface looks them up by, rounded as it rounds them."""
    import pandas as pd

    return pd.DataFrame(values.astype(np.float32), columns=[name.partition("@")[0] for name in names])


def guises_of(data: Dataset, *, seed: int) -> list[NDArray[np.float64]]:
    """Every unit as each kind of source would give it, and once with metrics missing at random."""
    groups = feature_groups(data.names)
    shown = [
        data.hide([name for group in lacking for name in groups[group]]).values for lacking in missing_tiers(data.names)
    ]
    rng = np.random.default_rng(seed)
    holes = data.values.copy()
    holes[rng.random(holes.shape) < RANDOMLY_MISSING] = np.nan
    # Where a file has too few units, it has no ranks.
    ranks = tuple(name for name in data.names if (metric := find_metric(name)) and metric.rank_of)
    for together in (*groups.values(), *_MISSING_TOGETHER, *([ranks] if ranks else [])):
        members = np.array([name.partition("@")[0] in _bare(together) for name in data.names])
        holes[(rng.random(len(holes)) < GROUP_MISSING)[:, None] & members] = np.nan
    return [*shown, holes]


_MISSING_TOGETHER = (
    ("repolarization_slope", "recovery_slope"),  # where the waveform's scale is not known
    ("presence_ratio", "firing_range"),  # where the recording is short
    ("sync_spike_2", "sync_spike_4", "sync_spike_8"),  # where some of the units are in the file
)


def _bare(names: Sequence[str]) -> set[str]:
    """Names without their definition."""
    return {name.partition("@")[0] for name in names}


def _smallest_kept(probabilities: NDArray[np.float64], data: Dataset, *, keep: float) -> float:
    """Find the probability that the labels of the wanted share of held-out units reach."""
    shares = np.array(list(data.counts.values())) / len(data)
    labels = (probabilities / shares).argmax(axis=1)
    return round(float(np.quantile(probabilities[np.arange(len(data)), labels], 1 - keep)), 4)


def describe(
    data: Dataset, *, calibrations: tuple[ConditionalCalibration, ...], uncertainty: Uncertainty, seed: int
) -> Manifest:
    """Write the manifest of a model that was just fitted on `data`."""
    import sklearn

    features = []
    for column, name in enumerate(data.names):
        known = data.values[~np.isnan(data.values[:, column]), column]
        metric = find_metric(name)
        if metric is not None and metric.rank_of:
            known = np.array(metric.valid)  # a recording of more units has ranks nearer to both ends
        features.append(
            Feature(
                name=name,
                column=name.partition("@")[0],
                unit=_unit(name),
                low=float(np.float32(known.min())) if known.size else None,
                high=float(np.float32(known.max())) if known.size else None,
                quantiles=_quantiles(data, column),
            )
        )
    counts = data.counts
    return Manifest(
        name="unnamed",
        version="0",
        features=tuple(features),
        feature_groups=feature_groups(data.names),
        classes=data.classes,
        class_priors={name: count / len(data) for name, count in counts.items()},
        decision_rule="balanced",
        calibrations=calibrations,
        uncertainty=uncertainty,
        training=Training(
            data=data.description or "Labelled units.",
            data_digest=data.digest,
            command="",
            seed=seed,
            recordings=tuple(np.unique(data.recordings).tolist()),
            subjects=tuple(np.unique(data.subjects).tolist()),
            n_units=counts,
            label_mapping=dict(data.label_mapping),
            file_ids=tuple(np.unique(data.file_ids[data.file_ids != ""]).tolist()),
        ),
        licence=data.licence,
        requirements={"scikit-learn": sklearn.__version__, **_spikeinterface(data.names)},
    )


def _quantiles(data: Dataset, column: int) -> dict[str, tuple[float, ...]]:
    """How a feature spreads among the units of each class; four digits are enough for a picture."""
    found = {}
    for number, label in enumerate(data.classes):
        values = data.values[data.targets == number, column]
        values = values[np.isfinite(values)]
        if len(values):
            found[label] = tuple(float(f"{one:.4g}") for one in np.percentile(values, QUANTILE_LEVELS))
    return found


_RELEASE_OF = {OLD: "0.101.2", NEW: "0.105.3"}
"""The release of SpikeInterface that each definition was checked against."""


def _spikeinterface(names: Sequence[str]) -> dict[str, str]:
    """Name the SpikeInterface whose metrics the data holds; nothing where some are of one definition, some of another.

    SpikeInterface renames and converts its metrics by this version. A metric that every release computes alike fits
    either.
    """
    definitions = set()
    for name in names:
        try:
            feature = resolve(name)
        except FeatureError:
            continue
        if feature.metric.difference or len(feature.metric.definitions) == 1:
            definitions.add(feature.definition)
    if len(definitions) > 1:
        return {}
    return {"spikeinterface": _RELEASE_OF[definitions.pop() if definitions else NEW]}


def _unit(name: str) -> str:
    """Physical unit of a metric; empty for one that the vocabulary does not know."""
    try:
        return resolve(name).metric.unit
    except FeatureError:
        return ""


def in_memory(estimator: Any, manifest: Manifest) -> FittedModel:
    """Make a model of a fitted estimator without writing it, so that it is scored by the code that users run."""
    return FittedModel(
        identity=ModelIdentity(name=manifest.name, source="memory", revision="", digest="", licence=manifest.licence),
        estimator=Estimator(
            fitted=estimator,
            columns=tuple(feature.column for feature in manifest.features),
            n_inputs=len(manifest.features),
            classes=tuple(range(len(manifest.classes))),
            path=Path("(in memory)"),
            kind=type(estimator).__name__,
        ),
        inputs=manifest.input_names,
        class_labels=manifest.classes,
        manifest=manifest,
    )
