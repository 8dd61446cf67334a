"""Whether a file is like what a model was trained on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from helpers.made_units import make_units
from nwb_unitrefine import curate, load_model
from nwb_unitrefine.explain.suitability import compare_with_training, unlike_training
from nwb_unitrefine.models import Cascade, predict
from nwb_unitrefine.models.cascade_folder import CascadeManifest
from nwb_unitrefine.models.manifest import QUANTILE_LEVELS
from nwb_unitrefine.records import CLASSES, Electrodes, Features, Origin, OriginKind, ProblemCode, Waveforms

if TYPE_CHECKING:
    from pathlib import Path

    from nwb_unitrefine.models import FittedModel
    from nwb_unitrefine.records import Predictions, Units

N_UNITS = 300


@pytest.fixture(scope="module")
def model() -> FittedModel:
    """The packaged model, whose manifest records the quantiles of its training."""
    return load_model("default")


def _units_like_training(
    model: FittedModel, n_units: int = N_UNITS, *, classes: tuple[str, ...] = CLASSES
) -> tuple[Features, Predictions]:
    """Units whose metrics are drawn from the training's quantiles of one class each, with that class as label."""
    rng = np.random.default_rng(0)
    labels = rng.choice(classes, n_units)
    values = np.empty((n_units, len(model.manifest.features)))
    for column, feature in enumerate(model.manifest.features):
        for label, quantiles in feature.quantiles.items():
            is_it = labels == label
            values[is_it, column] = np.interp(rng.uniform(0, 100, is_it.sum()), QUANTILE_LEVELS, quantiles)
    features = Features(
        unit_ids=np.arange(n_units),
        names=model.inputs,
        values=values,
        origins=(Origin(OriginKind.COMPUTED, "drawn"),),
        origin_index=np.zeros(values.shape, dtype=np.intp),
    )
    return features, replace(predict(model, features), labels=labels)


def _changed(features: Features, name: str, values: object) -> Features:
    """The same with other values of one metric."""
    table = features.values.copy()
    table[:, [one.partition("@")[0] for one in features.names].index(name)] = values
    return replace(features, values=table)


def _sentence(model: FittedModel | Cascade, features: Features, predictions: Predictions, units: Units) -> str:
    found = unlike_training(model, units, features, predictions)
    return next((problem.what for problem in found if problem.code is ProblemCode.MODEL_OTHER_DATA), "")


@pytest.fixture(scope="module")
def units() -> Units:
    """Units without waveforms."""
    return replace(make_units([[0.0, 7200.0]]), waveforms=None)


def test_a_file_like_the_training_gets_no_sentence(model: FittedModel, units: Units) -> None:
    """Metrics with the distributions of the training lie close to it, and few of its units are uncommon."""
    features, predictions = _units_like_training(model)
    found = compare_with_training(model.manifest, model.input_values(features), predictions)
    assert max(found.distances.values()) < 0.2
    assert found.differing == ()
    assert found.share_outside < 0.01
    assert unlike_training(model, units, features, predictions) == []


def test_each_difference_is_named(model: FittedModel, units: Units) -> None:
    """Units out of range, artefact-like synchrony and metrics that are distributed otherwise are told apart."""
    features, predictions = _units_like_training(model)
    synchronous = _changed(features, "sync_spike_2", 0.6)
    assert "100 % of the units are more synchronous" in _sentence(model, synchronous, predictions, units)
    far = _changed(_changed(features, "firing_rate", 500.0), "spread", 9000.0)
    assert "100 % of the units lie outside the range" in _sentence(model, far, predictions, units)
    other = features
    for name in (
        "half_width",
        "peak_to_valley",
        "firing_rate",
        "presence_ratio",
        "exp_decay",
        "spread",
        "sync_spike_2",
    ):
        column = [one.partition("@")[0] for one in features.names].index(name)
        other = _changed(other, name, model.manifest.features[column].quantiles["sua"][1])
    assert "7 of 20 metrics are distributed otherwise" in _sentence(model, other, predictions, units)


def test_two_models_in_a_row_are_compared_as_one_is(model: FittedModel, units: Units) -> None:
    """Noise and neural with the first's training, what concerns single units with the second's, the size with both."""
    features, predictions = _units_like_training(model, classes=("sua", "noise"))

    def step(classes: tuple[str, ...], meaning: dict[str, str]) -> FittedModel:
        listed = tuple(
            one.model_copy(update={"quantiles": {label: one.quantiles[as_in] for label, as_in in meaning.items()}})
            for one in model.manifest.features
        )
        manifest = model.manifest.model_copy(update={"features": listed, "classes": classes, "evaluations": ()})
        estimator = replace(model.estimator, classes=(0, 1))
        return replace(model, manifest=manifest, class_labels=classes, estimator=estimator)

    training = model.manifest.training
    both = CascadeManifest(
        name="pair", version="1", classes=CLASSES, training=training, evaluations=model.manifest.evaluations
    )
    pair = Cascade(
        first=step(("neural", "noise"), {"neural": "sua", "noise": "noise"}),
        second=step(("sua", "mua"), {"sua": "sua", "mua": "mua"}),
        divided=0,
        manifest=both,
    )
    assert unlike_training(pair, units, features, predictions) == []
    synchronous = _changed(features, "sync_spike_2", 0.6)
    assert "100 % of the units are more synchronous" in _sentence(pair, synchronous, predictions, units)
    few, predicted = _units_like_training(model, 5, classes=("sua", "noise"))
    (problem,) = unlike_training(pair, units, few, predicted)
    assert problem.code is ProblemCode.MODEL_FEW_UNITS


def test_waveforms_that_cannot_show_what_training_saw_are_named(model: FittedModel, units: Units) -> None:
    """A slow clock, a window that ends early and channels far apart are named; a Neuropixels file is none of these."""
    features, predictions = _units_like_training(model)

    def sentence(rate_hz: float, n_after: int, pitch_um: float) -> str:
        mean = np.zeros((1, 20 + n_after, 4))
        mean[:, 20] = -1e-4
        places = np.column_stack([np.zeros(4), pitch_um * np.arange(4), np.zeros(4)])
        electrodes = Electrodes(ids=np.arange(4), positions_um=places, groups=np.array(["probe"] * 4))
        waveforms = Waveforms(mean=mean, channels=np.arange(4)[None], sampling_rate_hz=rate_hz)
        return _sentence(model, features, predictions, replace(units, waveforms=waveforms, electrodes=electrodes))

    assert sentence(30_000.0, 40, 20.0) == ""
    assert "a sample of its waveforms is 0.2 ms" in sentence(5_000.0, 40, 20.0)
    assert "end 0.33 ms after the peak" in sentence(30_000.0, 10, 20.0)
    assert "400 µm apart" in sentence(30_000.0, 40, 400.0)


@pytest.mark.parametrize(("minutes", "words"), [(0.5, ""), (5.2, "in 20 % or more of which"), (8.0, ""), (120.0, "")])
def test_a_recording_too_short_for_rare_units_is_named(model: FittedModel, minutes: float, words: str) -> None:
    """A quarter of the noise in training is present in 14 % of its minutes or less, which seven minutes cannot show."""
    features, predictions = _units_like_training(model)
    short = replace(make_units([[0.0, 60.0 * minutes]]), waveforms=None)
    sentence = _sentence(model, features, predictions, short)
    assert words in sentence
    assert ("recorded for" in sentence) == bool(words)
    if words:
        assert "25 % of the units in training that are noise were present in 14 % or less" in sentence


def test_few_units_are_a_remark_of_their_own(model: FittedModel, units: Units) -> None:
    """Fewer than a tenth of the smallest recording in training are reported, and are not a problem of the data."""
    for n_units, codes in ((5, [ProblemCode.MODEL_FEW_UNITS]), (40, [])):
        features, predictions = _units_like_training(model, n_units)
        found = [problem.code for problem in unlike_training(model, units, features, predictions)]
        assert found == codes


def test_of_a_model_without_a_manifest_nothing_is_reported(model: FittedModel, units: Units) -> None:
    """Where nothing is known of the training, nothing is compared with it."""
    features, predictions = _units_like_training(model)
    far = _changed(features, "sync_spike_2", 0.9)
    assert unlike_training(replace(model, manifest=None), units, far, predictions) == []


@pytest.mark.slow
def test_the_recording_that_is_mostly_artefact_is_the_one_that_is_named(shared_data: Path, model: FittedModel) -> None:
    """Of the ten recordings of rats, synchrony as of artefacts is found in one; one is of three minutes alone."""
    named = {}
    for path in sorted(shared_data.glob("nwb*/brody_*.nwb")):
        for problem in curate(path, model=model).features.problems:
            if problem.code is ProblemCode.MODEL_OTHER_DATA:
                named[path.stem] = problem.what
    assert list(named) == ["brody_T196_2019_04_22", "brody_T182_2018_08_13_bank1_600s"]
    assert "it was recorded for 2.9 min" in named["brody_T196_2019_04_22"]
    assert "more synchronous" in named["brody_T182_2018_08_13_bank1_600s"]
