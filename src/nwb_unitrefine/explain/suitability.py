"""Whether a file is like what a model was trained on: a sentence about the file, from its data and the training's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.metrics.prepare.observed_time import observed_time
from nwb_unitrefine.metrics.spike_trains import PRESENCE_BIN_S
from nwb_unitrefine.models.cascade import Cascade
from nwb_unitrefine.models.decision import out_of_range
from nwb_unitrefine.models.manifest import QUANTILE_LEVELS
from nwb_unitrefine.models.model import FittedModel
from nwb_unitrefine.records import Problem, ProblemCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from nwb_unitrefine.models.manifest import Feature, Manifest
    from nwb_unitrefine.models.model import Model
    from nwb_unitrefine.records import Features, Predictions, Units, Waveforms

__all__ = ["Comparison", "compare_with_training", "unlike_training"]

LARGEST_OUTSIDE = 0.25
"""Share of the units that may lie outside the training range."""

LARGEST_DISTANCE = 0.46
"""Of a metric within a class. One of the default model's nine recordings has up to 0.45 to all of them together
(``tests/benchmarks/unlike_training.py``)."""

LARGEST_SHARE_DIFFERING = 1 / 3
"""Of a file's metrics that may be distributed otherwise than in training."""

LEAST_UNITS = 20
"""Of a class, for its metrics to be compared: the label of one unit more or less must not decide about the file."""

_BY_CHANCE = 0.87
"""Mean of the Kolmogorov-Smirnov statistic of units from training itself, times the root of their number."""

LARGEST_SYNCHRONOUS = 0.5
"""Share of the units that may be more synchronous with others than 95 % of the single units in training; it is 0.39 in
that of the default model's recordings where it is largest."""

_FEWEST = 0.1
"""Of the units of the smallest recording in training, below which a file has few."""

_SUA = "sua"
_QUARTER = QUANTILE_LEVELS.index(25)
_SHOWN = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How the units of a file differ from those that a model was trained on.

    Parameters
    ----------
    share_outside : float
        Share of the units that have more metrics outside the training range than the model's rule allows.
    distances : mapping of str to float
        Of each metric, the largest difference of the cumulative distributions of file and training within a predicted
        class (Kolmogorov-Smirnov, at the quantiles that the manifest records), averaged over the units of all classes.
        Metrics for which no class has twenty units are left out.
    differing : tuple of str
        Metrics whose distance is large, also without what chance gives so few units, the largest first.
    share_synchronous : float
        Share of the units more of whose spikes coincide with those of other units than with 95 % of the single units
        in training; NaN where that is not known.
    """

    share_outside: float
    distances: dict[str, float]
    differing: tuple[str, ...]
    share_synchronous: float


def unlike_training(model: Model, units: Units, features: Features, predictions: Predictions) -> list[Problem]:
    """Report what makes a file another kind of data than a model was trained on.

    Parameters
    ----------
    model : Model
        For one without a manifest of ours nothing is known of its training, and nothing reported.
    units : Units
    features : Features
        What it was given.
    predictions : Predictions
        What it made of them.

    Returns
    -------
    list of Problem
        At most one sentence about the data, and one about the number of units.
    """
    steps = model.steps if isinstance(model, FittedModel | Cascade) else ()
    described = [(step, step.manifest) for step in steps if step.manifest is not None]
    if not described or steps[0].manifest is None or not len(features):
        return []
    (first, manifest), (last, with_single_units) = described[0], described[-1]
    found = compare_with_training(manifest, first.input_values(features), _of_first(model, predictions))
    synchronous = _share_synchronous(with_single_units, last.input_values(features))
    reasons = [*_of_metrics(replace(found, share_synchronous=synchronous)), *_of_recording(with_single_units, units)]
    problems = []
    if reasons:
        what = f"The data is unlike what {model.identity.name} was trained on: {'; '.join(reasons)}."
        problems.append(Problem(ProblemCode.MODEL_OTHER_DATA, what))
    evaluations = model.manifest.evaluations if isinstance(model, Cascade) and model.manifest else manifest.evaluations
    smallest = min((one.n_units for score in evaluations for one in score.recordings), default=0)
    if len(features) < _FEWEST * smallest:
        what = (
            f"Synchrony with other units needs other units: here are {len(features)}, and the smallest recording that "
            f"{model.identity.name} was trained on has {smallest}."
        )
        problems.append(Problem(ProblemCode.MODEL_FEW_UNITS, what))
    return problems


def _of_first(model: Model, predictions: Predictions) -> Predictions:
    """Labels of two models in a row as the first gave them: neural for sua and mua."""
    if not isinstance(model, Cascade):
        return predictions
    labels = predictions.labels
    own = np.isin(labels, (*model.first.classes, ""))
    return replace(predictions, labels=np.where(own, labels, model.first.classes[model.divided]))


def compare_with_training(manifest: Manifest, inputs: NDArray[np.float64], predictions: Predictions) -> Comparison:
    """Compare the metrics of a file with those of a model's training.

    Parameters
    ----------
    manifest : Manifest
    inputs : array, shape (n_units, n_inputs)
        What the estimator was given.
    predictions : Predictions
    """
    allowed = manifest.uncertainty.max_out_of_range
    outside = out_of_range(inputs, manifest).sum(axis=1) > (len(manifest.features) if allowed is None else allowed)
    distances, differing = {}, []
    for column, feature in enumerate(manifest.features):
        found = [
            (len(values), _distance(values, np.array(quantiles)))
            for label, quantiles in feature.quantiles.items()
            if len(values := _known(inputs[predictions.labels == label, column])) >= LEAST_UNITS
        ]
        if found:
            n_units = sum(number for number, _ in found)
            distance = sum(number * one for number, one in found) / n_units
            name = _plain(feature)
            distances[name] = distance
            if distance - _BY_CHANCE / np.sqrt(n_units) > LARGEST_DISTANCE:
                differing.append(name)
    return Comparison(
        share_outside=float(outside.mean()) if len(outside) else 0.0,
        distances=distances,
        differing=tuple(sorted(differing, key=lambda name: -distances[name])),
        share_synchronous=_share_synchronous(manifest, inputs),
    )


def _of_metrics(found: Comparison) -> Iterator[str]:
    """What the metrics of all units show."""
    if found.share_outside > LARGEST_OUTSIDE:
        yield f"{100 * found.share_outside:.0f} % of the units lie outside the range of its training"
    if found.share_synchronous > LARGEST_SYNCHRONOUS:
        yield (
            f"{100 * found.share_synchronous:.0f} % of the units are more synchronous with others than 95 % of the "
            "single units in training, as artefacts on all channels are"
        )
    if len(found.differing) > LARGEST_SHARE_DIFFERING * len(found.distances):
        names = ", ".join(found.differing[:_SHOWN])
        yield (
            f"within the labels that it gives, {len(found.differing)} of {len(found.distances)} metrics are "
            f"distributed otherwise than in training ({names})"
        )


def _of_recording(manifest: Manifest, units: Units) -> Iterator[str]:
    """What its length and the stored waveforms cannot show of units as those in training were."""
    yield from _of_duration(manifest, units)
    waveforms = units.waveforms
    if waveforms is None:
        return
    rate_hz = waveforms.sampling_rate_hz or units.sampling_rate_hz
    width, valley, spread = (_quantiles(manifest, name) for name in ("half_width", "peak_to_valley", "spread"))
    if rate_hz and width is not None and 1 / rate_hz > width[5]:
        yield (
            f"a sample of its waveforms is {1e3 / rate_hz:.2g} ms, longer than the half-width of 5 % of the single "
            f"units in training ({1e3 * width[5]:.2g} ms)"
        )
    if rate_hz and valley is not None and (after_s := _after_peak(waveforms) / rate_hz) < valley[75]:
        yield (
            f"its waveforms end {1e3 * after_s:.2g} ms after the peak, and those of 25 % of the single units in "
            f"training have their valley later ({1e3 * valley[75]:.2g} ms)"
        )
    pitch_um = _pitch_um(units)
    if spread is not None and pitch_um > spread[25]:
        yield (
            f"its channels are {pitch_um:.0f} µm apart, further than 25 % of the single units in training reach "
            f"({spread[25]:.0f} µm)"
        )


def _of_duration(manifest: Manifest, units: Units) -> Iterator[str]:
    """Whether a recording is too short for a unit to be present as rarely as many in training are."""
    times_s = units.spike_times_s.values
    feature = next((one for one in manifest.features if _plain(one) == "presence_ratio"), None)
    if feature is None or not feature.quantiles or not times_s.size:
        return
    extent_s = (float(times_s.min()), float(times_s.max()))
    duration_s = float(np.median(observed_time(units, sampling_rate_hz=1.0, extent_s=extent_s).total_samples))
    n_bins = duration_s // PRESENCE_BIN_S
    label, quantiles = min(feature.quantiles.items(), key=lambda item: item[1][_QUARTER])
    if not n_bins or 1 / n_bins <= quantiles[_QUARTER]:  # with no bin, there is no presence ratio, as is reported
        return
    here, there = (f"{100 * share:.2g} %" for share in (1 / n_bins, quantiles[_QUARTER]))
    yield (
        f"it was recorded for {duration_s / 60:.2g} min, in {here} or more of which a unit is present, and 25 % of the "
        f"units in training that are {label} were present in {there} or less"
    )


def _distance(values: NDArray[np.float64], quantiles: NDArray[np.float64]) -> float:
    """Largest difference between the shares of values and the levels of quantiles; equal quantiles are one step."""
    levels = np.array(QUANTILE_LEVELS) / 100
    first, last = (np.searchsorted(quantiles, quantiles, side=side) for side in ("left", "right"))
    ordered = np.sort(values)
    below = np.searchsorted(ordered, quantiles, side="left") / len(values)
    up_to = np.searchsorted(ordered, quantiles, side="right") / len(values)
    return float(np.maximum(below - levels[last - 1], levels[first] - up_to).max(initial=0.0))


def _share_synchronous(manifest: Manifest, inputs: NDArray[np.float64]) -> float:
    """Share of the units with a spike in common with others more often than 95 % of the single units in training."""
    for column, feature in enumerate(manifest.features):
        known = feature.quantiles.get(_SUA)
        values = _known(inputs[:, column])
        if _plain(feature) == "sync_spike_2" and known is not None and len(values) >= LEAST_UNITS:
            return float((values > known[QUANTILE_LEVELS.index(95)]).mean())
    return float("nan")


def _quantiles(manifest: Manifest, name: str) -> dict[int, float] | None:
    """Quantiles of a metric among the single units in training, by level in percent; None where they are not known."""
    for feature in manifest.features:
        if _plain(feature) == name and _SUA in feature.quantiles:
            return dict(zip(QUANTILE_LEVELS, feature.quantiles[_SUA], strict=True))
    return None


def _after_peak(waveforms: Waveforms) -> int:
    """Samples that follow the peak of the waveforms: the file's, or that of the median unit."""
    n_samples = int(waveforms.mean.shape[1])
    if waveforms.samples_before_peak is not None:
        return n_samples - waveforms.samples_before_peak
    sizes = np.abs(np.nan_to_num(waveforms.mean)).max(axis=2)
    return int(n_samples - np.median(sizes.argmax(axis=1)))


def _pitch_um(units: Units) -> float:
    """Distance of a channel of the median unit from the next one; 0 where it is not known."""
    if units.electrodes is None or units.electrodes.positions_um is None or units.waveforms is None:
        return 0.0
    found = []
    for channels in units.waveforms.channels:
        places = units.electrodes.positions_um[channels[channels >= 0]][:, :2]
        places = places[np.isfinite(places).all(axis=1)]
        apart = np.linalg.norm(places[:, None] - places[None], axis=2)
        if (apart > 0).any():
            found.append(np.median(np.where(apart > 0, apart, np.inf).min(axis=1)))
    return float(np.median(found)) if found else 0.0


def _plain(feature: Feature) -> str:
    """Name of a metric without its definition."""
    return feature.name.partition("@")[0]


def _known(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values[np.isfinite(values)]
