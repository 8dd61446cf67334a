"""Two models of two classes have the face of one of three; what a model cannot state, it does not."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from helpers.model_factory import make_features, training_table
from nwb_unitrefine.errors import FeatureError, ModelError
from nwb_unitrefine.models import describe_classes, load_model
from nwb_unitrefine.models.recorded import recorded_options
from nwb_unitrefine.records import CLASSES
from nwb_unitrefine.vocabulary.labels import meaning
from nwb_unitrefine.vocabulary.model_classes import class_name


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
    """A model that tells noise from neural alone labels with these words."""
    table, _ = training_table()
    model = load_model(pair[0][0])
    found = model.predict(make_features(table.to_numpy(), _old(table)))
    np.testing.assert_allclose(found.probabilities, pair[0][1].predict_proba(table), atol=1e-12)
    assert found.classes == model.classes == ("neural", "noise")
    assert set(found.labels) == {"neural", "noise"}
    assert list(found.to_frame().columns)[2:4] == ["p_neural", "p_noise"]
    assert class_name(meaning("neural")) != "sua"


def test_good_and_bad_need_no_explanation(published):
    """As UnitRefine's further models write them: the labels are their own words."""
    table, labels = training_table()
    folder, model = published("sua", (labels == 0).astype(int), {"0": "bad", "1": "good"})
    found = load_model(folder).predict(make_features(table.to_numpy(), _old(table)))
    assert found.labels.tolist() == np.array(["bad", "good"])[model.predict(table)].tolist()
    np.testing.assert_allclose(found.confidence, model.predict_proba(table).max(axis=1))


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_second_model_may_divide_any_class(published, order):
    """Good or bad first, then what the bad ones are: the same three classes as ever."""
    table, labels = training_table()
    good, first = published("good_bad", (labels == 0).astype(int), {"0": "bad", "1": "good"})
    bad, second = published("mua_noise", np.where(labels == 2, 1, 0), {"0": "mua", "1": "noise"})
    found = load_model([(good, bad)[place] for place in order]).predict(make_features(table.to_numpy(), _old(table)))
    p_bad, p_good = first.predict_proba(table).T
    mua, noise = second.predict_proba(table).T
    assert found.classes == CLASSES
    np.testing.assert_allclose(found.probabilities, np.stack([p_good, p_bad * mua, p_bad * noise], axis=1), atol=1e-12)


def test_models_whose_classes_do_not_contain_each_other_are_no_cascade(published):
    """Good or bad says nothing that noise or neural divides, and the other way round."""
    _, labels = training_table()
    one, _ = published("good_bad", (labels == 0).astype(int), {"0": "bad", "1": "good"})
    other, _ = published("noise_neural", (labels == 2).astype(int), {"0": "neural", "1": "noise"})
    with pytest.raises(ModelError, match="must divide one class of the first"):
        load_model([one, other])


def test_words_of_nobodys_table_are_classes_too(published):
    """Four words of a laboratory."""
    table, labels = training_table()
    words = {"0": "axon", "1": "soma", "2": "fast-spiking"}
    folder, model = published("shapes", labels, words)
    found = load_model(folder).predict(make_features(table.to_numpy(), _old(table)))
    assert found.classes == ("axon", "soma", "fast-spiking")
    assert found.labels.tolist() == [words[str(one)] for one in model.predict(table)]


def test_classes_that_nobody_explains_are_asked_for(published):
    """UnitRefine writes {"0": 0, "1": 1}: that is not a meaning; `labels` gives one."""
    table, labels = training_table()
    features = make_features(table.to_numpy(), _old(table))
    folder, _ = published("mute", (labels == 2).astype(int), {"0": 0, "1": 1})
    other, _ = published("sua_mua", (labels == 0).astype(int), {"0": "mua", "1": "good"})
    with pytest.raises(ModelError, match="does not state what its classes 0, 1 mean"):
        load_model(folder).predict(features)
    with pytest.raises(ModelError, match="must divide one class of the first"):
        load_model([folder, other])
    explained = load_model([folder, other], labels=[{"0": "neural", "1": "noise"}, {"0": "mua", "1": "sua"}])
    assert set(explained.predict(features).labels) <= set(CLASSES)


def test_a_model_without_model_info_is_loaded_by_what_its_estimator_states(published):
    """Names of features and classes are in the estimator, where its classes are words."""
    table, labels = training_table()
    folder, _ = published("bare", np.array(["good", "mua", "noise"])[labels], None)
    model = load_model(folder)
    assert model.feature_names == ("num_spikes@0.101", "firing_rate@0.101", "half_width@0.101")
    assert set(model.predict(make_features(table.to_numpy(), _old(table))).labels) <= set(CLASSES)


def test_two_models_that_do_not_fit_are_refused(pair):
    """Twice the same question is not a cascade."""
    with pytest.raises(ModelError, match="neural from noise; noise_neural distinguishes neural from noise"):
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


def test_a_model_that_cannot_take_missing_values_is_reported(published):
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


def test_an_answer_about_classes_is_remembered_beside_the_model(published):
    """Once said, it need not be said again; the files of the model stay as they are, and a run records it."""
    table, labels = training_table()
    features = make_features(table.to_numpy(), _old(table))
    folder, _ = published("mute", (labels == 2).astype(int), {"0": 0, "1": 1})
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    describe_classes(folder, {"0": "neural", "1": "noise"})
    model = load_model(folder)
    assert set(model.predict(features).labels) == {"neural", "noise"}
    assert model.identity.digest == load_model(folder, labels={"0": "neural", "1": "noise"}).identity.digest
    assert recorded_options(model.options) == {"labels": {"0": "neural", "1": "noise"}}
    assert {file.name: file.read_bytes() for file in folder.iterdir() if file.name != "classes.json"} == before


@pytest.mark.parametrize(
    ("classes", "match"),
    [
        ({"0": "neural"}, "no label for class '1'"),
        ({"0": "noise", "1": "noise"}, "same label for two"),
        ({"0": "noise", "1": "neural", "2": "axon"}, "no class '2'"),
        ({"0": "niose", "1": "neural"}, "cannot mean 'niose'"),
        ({"0": "unsorted", "1": "neural"}, "cannot mean 'unsorted'"),
    ],
)
def test_an_answer_that_is_none_is_refused(published, classes, match):
    """Nothing is written then."""
    folder, _ = published("mute", (training_table()[1] == 2).astype(int), {"0": 0, "1": 1})
    with pytest.raises(ModelError, match=match):
        describe_classes(folder, classes)
    assert not (folder / "classes.json").exists()


@pytest.mark.parametrize("name", ["spikeinterface_sklearn132", "unitrefine_sklearn152", "unitrefine_sklearn161"])
def test_a_published_model_runs_after_one_answer(shared_data, tmp_path, name):
    """Its probabilities are those of the scikit-learn that wrote it, under the words of the answer."""
    source = shared_data / "published_models" / name
    for file in ("best_model.skops", "model_info.json"):
        (tmp_path / file).write_bytes((source / file).read_bytes())
    describe_classes(tmp_path, {"0": "noise", "1": "neural"})
    model = load_model(tmp_path)
    table = pd.read_csv(source / "training_data.csv")
    expected = pd.read_csv(source / "expected_probabilities.csv")[["p0", "p1"]].to_numpy()
    values = table[list(model.estimator.columns)].to_numpy(dtype=float)
    found = model.predict(make_features(values, model.inputs))
    known = found.labels != ""
    assert known.mean() > 0.99
    np.testing.assert_allclose(found.probabilities[known], expected[known], rtol=0, atol=1e-6)
    assert found.labels[known].tolist() == np.array(["noise", "neural"])[expected[known].argmax(axis=1)].tolist()
