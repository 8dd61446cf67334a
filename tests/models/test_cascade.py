"""Two models of two classes have the face of one of three; what a model cannot say, it does not say."""

from __future__ import annotations

import json

import numpy as np
import pytest

from helpers.model_factory import make_features, training_table
from nwb_unitrefine.errors import FeatureError, ModelError
from nwb_unitrefine.models import load_model
from nwb_unitrefine.records import CLASSES
from nwb_unitrefine.vocabulary.labels import class_name, meaning


@pytest.fixture
def published(tmp_path):
    """A function that writes a folder as UnitRefine does, without a manifest."""
    import skops.io
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    def write(name, labels, conversion, *, version="0.102.0"):
        table, _ = training_table()
        model = make_pipeline(SimpleImputer(strategy="median"), LogisticRegression(max_iter=1000)).fit(table, labels)
        folder = tmp_path / name
        folder.mkdir()
        skops.io.dump(model, folder / "best_model.skops")
        if conversion is not None:
            requirements = {"spikeinterface": version} if version else {}
            info = {"label_conversion": conversion, "requirements": requirements, "metric_params": {}}
            (folder / "model_info.json").write_text(json.dumps(info))
        return folder, model

    return write


@pytest.fixture
def pair(published):
    """Noise or neural, and sua or mua, trained on the same table."""
    _, labels = training_table()
    noise = published("noise_neural", (labels == 2).astype(int), {"0": "neural", "1": "noise"})
    units = published("sua_mua", (labels == 0).astype(int), {"0": "mua", "1": "sua"})
    return noise, units


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_cascade_multiplies_in_either_order(pair, order):
    """p(sua) = p(neural) p(sua | neural), and so on; rows sum to 1."""
    table, _ = training_table(seed=1)
    cascade = load_model([pair[index][0] for index in order])
    found = cascade.predict(make_features(table.to_numpy(), _old(table))).probabilities
    neural, noise = pair[0][1].predict_proba(table).T
    mua, sua = pair[1][1].predict_proba(table).T
    np.testing.assert_allclose(found, np.stack([neural * sua, neural * mua, noise], axis=1), atol=1e-12)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert cascade.identity.name == "noise_neural + sua_mua"


def test_rather_neural_than_noise_is_never_noise(pair):
    """Noise may be the most probable of three and the label still not noise."""
    table, _ = training_table(seed=1, n_units=3000)
    found = load_model([folder for folder, _ in pair]).predict(make_features(table.to_numpy(), _old(table)))
    split = (found.probabilities.argmax(axis=1) == 2) & (found.probabilities[:, 2] < 0.5)
    assert split.any()
    assert not (found.labels[split] == "noise").any()


def test_a_cascade_decides_in_two_steps(pair):
    """As UnitRefine: a unit that is rather neural than noise is never noise."""
    table, _ = training_table(seed=1)
    labels = load_model([folder for folder, _ in pair]).predict(make_features(table.to_numpy(), _old(table))).labels
    neural = pair[0][1].predict(table) == 0
    sua = pair[1][1].predict(table) == 1
    assert labels.tolist() == np.where(neural, np.where(sua, "sua", "mua"), "noise").tolist()


def _old(table):
    return [f"{name}@0.101" for name in table]


def test_a_model_of_old_metrics_asks_for_their_old_definitions(pair):
    """Trained with SpikeInterface 0.102: every metric as it was then."""
    model = load_model(pair[0][0])
    assert model.feature_names == ("num_spikes@0.101", "firing_rate@0.101", "half_width@0.101")


def test_a_model_of_todays_metrics_asks_for_todays_definitions(published):
    """Trained with SpikeInterface 0.104; a metric that the vocabulary does not know keeps its name."""
    folder, _ = published("new", training_table()[1], {"0": "good", "1": "mua", "2": "noise"}, version="0.104.1")
    assert load_model(folder).feature_names[:2] == ("num_spikes", "firing_rate")


def test_a_three_class_model_of_others_is_a_model(published):
    """`good` is sua; the label is the most probable class."""
    table, labels = training_table()
    folder, model = published("three", labels, {"0": "good", "1": "mua", "2": "noise"})
    found = load_model(folder).predict(make_features(table.to_numpy(), _old(table)))
    np.testing.assert_allclose(found.probabilities, model.predict_proba(table), atol=1e-12)
    assert found.labels.tolist() == [CLASSES[index] for index in model.predict(table)]
    assert not found.uncertain.any()


def test_neural_never_becomes_sua(pair):
    """A model that tells noise from neural alone is refused, with what to do."""
    table, _ = training_table()
    with pytest.raises(ModelError, match="noise_neural tells only neural from noise") as caught:
        load_model(pair[0][0]).predict(make_features(table.to_numpy(), _old(table)))
    assert "tells sua from mua" in caught.value.tip
    assert class_name(meaning("neural")) != "sua"


def test_classes_that_nobody_explains_are_asked_for(published):
    """UnitRefine writes {"0": 0, "1": 1}: that is no meaning; `labels` gives one."""
    table, labels = training_table()
    features = make_features(table.to_numpy(), _old(table))
    folder, _ = published("mute", (labels == 2).astype(int), {"0": 0, "1": 1})
    other, _ = published("sua_mua", (labels == 0).astype(int), {"0": "mua", "1": "good"})
    with pytest.raises(ModelError, match="does not say what its classes 0, 1 mean"):
        load_model(folder).predict(features)
    with pytest.raises(ModelError, match="must tell noise from neural"):
        load_model([folder, other])
    explained = load_model([folder, other], labels=[{"0": "neural", "1": "noise"}, {"0": "mua", "1": "sua"}])
    assert set(explained.predict(features).labels) <= set(CLASSES)


def test_a_model_without_model_info_is_loaded_by_what_its_estimator_says(published):
    """Names of features and classes are in the estimator, where its classes are words."""
    table, labels = training_table()
    folder, _ = published("bare", np.array(["good", "mua", "noise"])[labels], None)
    model = load_model(folder)
    assert model.feature_names == ("num_spikes@0.101", "firing_rate@0.101", "half_width@0.101")
    assert set(model.predict(make_features(table.to_numpy(), _old(table))).labels) <= set(CLASSES)


def test_two_models_that_do_not_fit_are_refused(pair):
    """Twice the same question is no cascade."""
    with pytest.raises(ModelError, match="neural from noise; noise_neural tells neural from noise"):
        load_model([pair[0][0], pair[0][0]])


def test_a_feature_that_no_unit_has_is_named(published):
    """A published model was made to have its features; filling all of one in must be asked for."""
    table, labels = training_table()
    folder, model = published("three", labels, {"0": "good", "1": "mua", "2": "noise"})
    features = make_features(table.to_numpy()[:, :2], _old(table)[:2])
    with pytest.raises(FeatureError, match=r"half_width@0\.101") as caught:
        load_model(folder).predict(features)
    assert caught.value.missing == ("half_width@0.101",)
    assert "missing='impute'" in caught.value.tip
    imputed = load_model(folder, missing="impute").predict(features)
    table["half_width"] = np.float32(np.nan)
    labelled = imputed.labels != ""
    np.testing.assert_allclose(imputed.probabilities[labelled], model.predict_proba(table)[labelled], atol=1e-12)
    assert (table.isna().all(axis=1) == ~labelled).all()


def test_a_model_that_cannot_take_missing_values_says_so(published):
    """No imputer: the estimator's own error, in one line."""
    import skops.io
    from sklearn.linear_model import LogisticRegression

    table, labels = training_table()
    folder, _ = published("three", labels, {"0": "good", "1": "mua", "2": "noise"})
    skops.io.dump(LogisticRegression(max_iter=1000).fit(table.fillna(0), labels), folder / "best_model.skops")
    with pytest.raises(ModelError, match="cannot predict: ValueError: Input X contains NaN") as caught:
        load_model(folder).predict(make_features(table.to_numpy(), _old(table)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("label", "name"),
    [
        *((word, "sua") for word in ("good", "Good", "SUA", "single", "Single-unit", "single_unit")),
        *((word, "mua") for word in ("mua", "MUA", "multi-unit", "multi")),
        *((word, "noise") for word in ("noise", "Artifact", "reject")),
        *((word, "neural") for word in ("neural", "neuron", "not noise", "non-noise")),
        *((word, None) for word in (0, 1, "bad", "unsorted", "")),
    ],
)
def test_words_mean_what_curators_mean(label, name):
    """Spelling and case do not matter; what is ambiguous is not guessed."""
    assert class_name(meaning(label)) == name
