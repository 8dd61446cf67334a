"""Reasons, evidence and percentiles."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from helpers.model_factory import NAMES, fitted_pipeline, make_manifest
from nwb_unitrefine import load_model
from nwb_unitrefine.explain import (
    ClassQuantiles,
    class_quantiles,
    evidence_of,
    explain,
    percentiles,
    telling_values,
)
from nwb_unitrefine.explain.evidence import OTHER, REFRACTORY
from nwb_unitrefine.learn.learner import in_memory
from nwb_unitrefine.models.cascade import make_cascade
from nwb_unitrefine.models.manifest import Feature
from nwb_unitrefine.records import Features, Origin, OriginKind
from nwb_unitrefine.vocabulary import METRICS


def _features(values: np.ndarray, names: tuple[str, ...]) -> Features:
    return Features(
        unit_ids=np.arange(len(values)),
        names=names,
        values=values,
        origins=(Origin(OriginKind.COMPUTED, "made"),),
        origin_index=np.zeros(values.shape, dtype=np.intp),
    )


def test_every_metric_of_the_vocabulary_is_evidence_of_a_kind():
    """No metric of the vocabulary is left under "other"; a name that it does not have is."""
    assert [name for name in METRICS if evidence_of(name) == OTHER] == []
    assert evidence_of("somebody_s_metric") == OTHER


@pytest.fixture(scope="module")
def explained():
    """A clean unit, and the same unit with a third of its spikes from elsewhere."""
    model = load_model("default")
    names = model.feature_names
    table = {
        "firing_rate": 5.0, "firing_range": 4.0, "presence_ratio": 0.99, "num_spikes": 20000.0,
        "isi_violations_ratio": 0.01, "rp_contamination": 0.01, "sliding_rp_violation": 0.01,
        "isi_violations_share": 0.0005, "contamination_lower": 0.005, "contamination_upper": 0.02,
        "sync_spike_2": 0.02, "sync_spike_4": 0.001, "sync_spike_8": 0.0,
        "exp_decay": 0.03, "spread": 60.0, "velocity_above": 3.0, "velocity_below": -3.0,
        "half_width": 0.00015, "num_negative_peaks": 1.0, "num_positive_peaks": 1.0, "peak_to_valley": 0.0004,
        "peak_trough_ratio": -0.4, "recovery_slope": -20000.0, "repolarization_slope": 300000.0,
    }  # fmt: skip
    row = np.array([table.get(name.partition("@")[0], np.nan) for name in names])
    dirty = row.copy()
    for place, name in enumerate(names):
        if evidence_of(name) == REFRACTORY:
            dirty[place] = 0.9
    features = _features(np.stack([row, dirty]), names)
    predictions = model.predict(features)
    return explain(model, features, predictions), predictions, features, model


def test_a_change_is_the_probability_with_minus_that_without(explained):
    """What is recorded for a kind of evidence is what the model predicts with it, less what it predicts without."""
    reasons, predictions, features, model = explained
    place = next(i for i, evidence in enumerate(reasons.evidence) if evidence == REFRACTORY)
    values = features.values.copy()
    values[:, [evidence_of(name) == REFRACTORY for name in features.names]] = np.nan
    without = model.predict(_features(values, features.names)).probabilities
    assert np.allclose(reasons.changes[:, place], predictions.probabilities - without)


def test_refractory_violations_speak_against_a_single_unit(explained):
    """A unit full of violations is less probably single because of them, and the sentence names what spoke."""
    reasons, _, _, _ = explained
    place = reasons.evidence.index(REFRACTORY)
    sua = reasons.classes.index("sua")
    assert reasons.changes[0, place, sua] > 0 > reasons.changes[1, place, sua]
    assert reasons.sentence(0).startswith(f"For {reasons.labels[0]}: ")


def test_percentiles_are_between_quantiles_and_in_the_middle_of_ties():
    """A percentile is interpolated; a value that half of the units have is at the middle of that half."""
    levels = np.array([0.0, 25, 50, 75, 100])
    quantiles = ClassQuantiles(levels=levels, values={"a": {"sua": np.array([0.0, 0, 0, 4, 8])}})
    found = percentiles(_features(np.array([[0.0], [2], [8], [9], [-1], [np.nan]]), ("a",)), quantiles, "sua")
    assert found[:, 0].tolist()[:5] == [25.0, 62.5, 100.0, 100.0, 0.0]
    assert np.isnan(found[5, 0])
    assert np.isnan(percentiles(_features(np.array([[1.0]]), ("b",)), quantiles, "sua")).all()
    assert quantiles.median("a", "sua") == 0
    assert np.isnan(quantiles.median("a", "mua"))


def test_two_models_in_a_row_have_the_quantiles_of_the_model_that_gives_each_class():
    """Noise has those of the first, sua and mua those of the second; neural is not a class of both together."""
    steps = []
    for wanted, classes, low in (
        (np.arange(240) % 3 == 2, ("neural", "noise"), 0),
        (np.arange(240) % 3 == 1, ("sua", "mua"), 7),
    ):
        quantiles = {label: tuple(float(low + place + one) for one in range(11)) for place, label in enumerate(classes)}
        features = tuple(Feature(name=name, column=name.partition("@")[0], quantiles=quantiles) for name in NAMES)
        shares = dict.fromkeys(classes, 0.5)
        manifest = make_manifest(classes=classes, class_priors=shares, features=features)
        steps.append(in_memory(fitted_pipeline(labels=wanted), manifest))
    found = class_quantiles(make_cascade(*steps))
    assert {label: known[0] for label, known in found.values[NAMES[0]].items()} == {"noise": 1, "sua": 7, "mua": 8}
    assert class_quantiles(in_memory(fitted_pipeline(), make_manifest())) is None


def test_the_telling_value_is_the_one_that_sets_a_unit_apart(explained):
    """Of the leading evidence, the value farthest out among another class is named; none without quantiles."""
    reasons, _, features, _ = explained
    levels = np.linspace(0, 100, 11)
    known = {
        name: {label: np.linspace(0.0, 0.5, 11) for label in reasons.classes}
        for name in features.names
        if evidence_of(name) == REFRACTORY
    }
    for row in range(2):
        leading = reasons.ranked(row)[0][0]
        text = telling_values(reasons, features, ClassQuantiles(levels=levels, values=known))[row]
        assert (leading == REFRACTORY) == bool(text)
        if text:
            assert re.search(r"(higher|lower) than \d+ % of (single units|multi-units|noise)$", text)
    assert telling_values(reasons, features, None) == ["", ""]


def test_published_models_are_explained_with_their_imputer(shared_data):
    """A model that refuses missing metrics is asked with an ordinary value, and that is stated."""
    folder = next(iter(sorted((shared_data / "published_models").glob("unitrefine_*"))))
    model = load_model(folder, labels={"0": "noise", "1": "neural"})
    table = pd.read_csv(folder / "training_data.csv")
    values = np.stack([table[column].to_numpy(np.float64)[:40] for column in model.estimator.columns], axis=1)
    features = _features(values, model.inputs)
    reasons = explain(model, features, model.predict(features))
    assert "imputer" in reasons.note
    assert np.isfinite(reasons.changes).all()
    assert np.abs(reasons.changes).max() > 0.1
