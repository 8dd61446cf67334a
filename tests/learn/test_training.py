"""Training: what is refused, what decides the model, and what is written."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from nwb_unitrefine.errors import ModelError, TrainingError
from nwb_unitrefine.learn import (
    BoostedTrees,
    ContaminationAware,
    LabelRules,
    Search,
    combine,
    cross_validate,
    read_labelled_tables,
    train_model,
)
from nwb_unitrefine.learn.labelled.training_data import read_training_data
from nwb_unitrefine.learn.learner import describe
from nwb_unitrefine.learn.unitrefine.candidates import IMPUTERS, SCALERS, available_classifiers
from nwb_unitrefine.models import load_model
from nwb_unitrefine.models.manifest import ConditionalCalibration, NoCalibration, Uncertainty

from .contamination.test_shared_vote import make_units

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
def test_fewer_than_six_units_of_a_class_are_refused(make, small_learner) -> None:
    """Five noise units are too few, six are enough."""
    dataset = make()
    noise = np.flatnonzero(dataset.labels == "noise")
    few = np.delete(np.arange(len(dataset)), noise[5:])
    with pytest.raises(TrainingError, match="5 noise"):
        train_model(dataset.take(few), learner=small_learner, validate=False)
    enough = np.delete(np.arange(len(dataset)), noise[6:])
    assert train_model(dataset.take(enough), learner=small_learner, validate=False).model.manifest


@pytest.mark.parametrize("learner", [BoostedTrees(members=1), ContaminationAware(members=1)])
def test_few_units_are_told_apart(make, learner) -> None:
    """Leaves shrink with the number of units, so that trees of sixty units can split."""
    dataset = make(n_units=60)
    if isinstance(learner, ContaminationAware):
        dataset = make_units(n_units=60)
    model = learner.fit(dataset)
    labels = model.predict(dataset.to_features()).labels
    assert set(labels.tolist()) == {"sua", "mua", "noise"}
    assert (labels == dataset.labels).mean() > 0.8


def test_fewer_than_fifty_units_are_warned_of(make, small_learner, caplog) -> None:
    """A model of its own on 30 units is worse than the default, and the user is told."""
    with caplog.at_level(logging.WARNING, logger="nwb_unitrefine"):
        trained = train_model(make(n_units=30), learner=small_learner, validate=False)
    assert any("30 labelled units are few" in warning for warning in trained.warnings)
    assert "30 labelled units are few" in caplog.text


@pytest.mark.slow
def test_one_recording_is_warned_of(make, small_learner) -> None:
    """Scores within one recording overstate, and say so."""
    trained = train_model(make(recordings=1, subjects=1), learner=small_learner)
    assert any("random split" in warning for warning in trained.warnings)
    assert "overstates" in trained.model.manifest.evaluations[0].scheme


@pytest.mark.slow
def test_the_same_seed_makes_the_same_bytes(make, small_learner, tmp_path: Path) -> None:
    """Seed and data decide the model, whatever order the units come in."""
    dataset = make()
    shuffled = dataset.take(np.random.default_rng(1).permutation(len(dataset)))
    for name, data, seed in (("one", dataset, 3), ("two", shuffled, 3), ("other", dataset, 4)):
        train_model(data, output=tmp_path / name, learner=small_learner, seed=seed, name="model", validate=False)
    files = {name: (tmp_path / name / "best_model.skops").read_bytes() for name in ("one", "two", "other")}
    assert files["one"] == files["two"]
    assert files["one"] != files["other"]
    assert load_model(tmp_path / "one").identity.digest == load_model(tmp_path / "two").identity.digest


def test_what_is_written_predicts_as_what_was_trained(make, small_learner, tmp_path: Path) -> None:
    """A model loaded from its folder gives the same probabilities, labels and flags."""
    dataset = make()
    trained = train_model(dataset, output=tmp_path / "model", learner=small_learner, validate=False)
    before = trained.model.predict(dataset.to_features())
    after = load_model(tmp_path / "model").predict(dataset.to_features())
    np.testing.assert_array_equal(before.probabilities, after.probabilities)
    assert before.labels.tolist() == after.labels.tolist()
    assert before.reasons == after.reasons


@pytest.mark.slow
def test_the_manifest_states_what_was_done(make, small_learner, tmp_path: Path) -> None:
    """Data, labels, seed, command, licence and scores are in the folder."""
    dataset = make()
    trained = train_model(dataset, output=tmp_path / "model", learner=small_learner, seed=2, command="make it")
    manifest = trained.model.manifest
    assert manifest.training.data_digest == dataset.select(manifest.input_names).digest
    assert manifest.training.n_units == dataset.counts
    assert manifest.training.label_mapping["good"] == "sua"
    assert (manifest.training.seed, manifest.training.command, manifest.licence) == (2, "make it", "MIT")
    assert [one.scheme for one in manifest.evaluations] == ["leave one subject out"] * 3
    assert len(manifest.evaluations[0].recordings) == 4
    assert "made up" in (tmp_path / "model" / "README.md").read_text().lower()


def test_a_folder_is_not_overwritten_unasked(make, small_learner, tmp_path: Path) -> None:
    """A model that is there stays."""
    train_model(make(), output=tmp_path / "model", learner=small_learner, validate=False)
    with pytest.raises(ModelError, match="already exists"):
        train_model(make(), output=tmp_path / "model", learner=small_learner, validate=False)


def test_what_is_no_model_is_never_replaced(make, small_learner, tmp_path: Path) -> None:
    """A file, a folder with data, or a model with a file of somebody's added stays, and nothing is trained."""
    train_model(make(), output=tmp_path / "model", learner=small_learner, validate=False)
    (tmp_path / "model" / "notes.txt").write_text("mine")
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "labels.csv").write_text("id,label")
    (tmp_path / "table.csv").write_text("id,label")
    (tmp_path / "link").symlink_to(tmp_path / "model")
    before = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*"))
    for name in ("model", "precious", "table.csv", "link"):
        with pytest.raises(ModelError, match="not replaced"):
            train_model(make(n_units=0), output=tmp_path / name, validate=False, overwrite=True)
    assert sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*")) == before


def test_a_place_where_no_folder_can_be_made_is_said(make, small_learner, tmp_path: Path) -> None:
    """A file is not a folder to put a model into."""
    (tmp_path / "table.csv").write_text("id,label")
    with pytest.raises(ModelError, match="cannot be written"):
        train_model(make(), output=tmp_path / "table.csv" / "model", learner=small_learner, validate=False)


def test_a_model_is_replaced_by_another_when_asked(make, small_learner, tmp_path: Path) -> None:
    """A folder that holds a model and nothing else gives way."""
    for seed in (0, 1):
        train_model(
            make(), output=tmp_path / "model", learner=small_learner, validate=False, seed=seed, overwrite=bool(seed)
        )
    assert load_model(tmp_path / "model").manifest.training.seed == 1


@pytest.mark.slow
def test_labels_are_added_to_what_a_model_knew(make, small_learner, tmp_path: Path) -> None:
    """The labelled units of a model's folder come back, and one's own are added."""
    dataset = make()
    train_model(dataset, output=tmp_path / "model", learner=small_learner, validate=False)
    known = read_training_data(tmp_path / "model")
    assert known.digest == dataset.digest
    assert known.subjects.tolist() == dataset.in_order().subjects.tolist()
    mine = replace(make(n_units=30, recordings=1), recordings=np.full(30, "mine"), subjects=np.full(30, "me"))
    assert len(combine([known, mine])) == 150


def test_the_default_model_has_no_data_to_add_to() -> None:
    """The packaged model records where to get its training data."""
    with pytest.raises(TrainingError, match="without the data"):
        read_training_data("default")


def test_data_may_be_left_out_of_the_folder(make, small_learner, tmp_path: Path) -> None:
    """Labelled units that may not be passed on are not written."""
    train_model(make(), output=tmp_path / "model", learner=small_learner, validate=False, keep_training_data=False)
    assert sorted(file.name for file in (tmp_path / "model").iterdir()) == [
        "README.md",
        "best_model.skops",
        "manifest.json",
        "model_info.json",
    ]


def test_any_subset_of_metrics_gets_three_probabilities(make, small_learner) -> None:
    """A model labels units from spike times alone, and from a single metric."""
    dataset = make()
    model = train_model(dataset, learner=small_learner, validate=False).model
    for shown in (dataset.names, dataset.names[:4], dataset.names[1:2]):
        found = model.predict(dataset.hide([name for name in dataset.names if name not in shown]).to_features())
        labelled = found.labels != ""
        assert labelled.mean() > 0.9
        np.testing.assert_allclose(found.probabilities[labelled].sum(axis=1), 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    "classifier",
    ["random_forest", "gradient_boosting", "adaboost", "svc", "logistic_regression", "mlp", "hist_gradient_boosting"],
)
def test_every_classifier_is_searched_written_and_loaded(make, tmp_path: Path, classifier: str) -> None:
    """What a search finds is a model like any other."""
    _search_and_load(make(n_units=90), tmp_path, classifier)


@pytest.mark.slow
@pytest.mark.parametrize("classifier", ["lightgbm", "xgboost", "catboost"])
def test_boosting_packages(make, tmp_path: Path, classifier: str) -> None:
    """LightGBM, XGBoost and CatBoost work where they are installed."""
    pytest.importorskip(classifier)
    _search_and_load(make(n_units=90), tmp_path, classifier)


def _search_and_load(dataset, folder: Path, classifier: str) -> None:
    search = Search(classifiers=(classifier,), draws=1)
    trained = train_model(dataset, output=folder / "model", learner=search, validate=False)
    found = trained.model.predict(dataset.to_features())
    loaded = load_model(folder / "model").predict(dataset.to_features())
    np.testing.assert_allclose(loaded.probabilities, found.probabilities, atol=1e-12)
    assert (found.labels == dataset.labels).mean() > 0.6


@pytest.mark.slow
@pytest.mark.parametrize("imputer", ["median", "most_frequent", "knn", "iterative"])
@pytest.mark.parametrize("scaler", ["standard", "minmax", "robust"])
def test_every_imputer_and_scaler(make, imputer: str, scaler: str) -> None:
    """Preprocessing is part of the pipeline, and fitted where the classifier is."""
    dataset = make(n_units=60)
    search = Search(classifiers=("logistic_regression",), imputers=(imputer,), scalers=(scaler,), draws=1)
    found = search.fit(dataset).predict(dataset.to_features())
    assert (found.labels == dataset.labels).mean() > 0.6


@pytest.mark.slow
def test_processes_do_not_change_a_search(make) -> None:
    """One process or two: the same candidates, the same winner, the same probabilities."""
    dataset = make(n_units=60)
    one, two = (
        Search(classifiers=("logistic_regression", "random_forest"), draws=2, jobs=jobs).fit(dataset, seed=5)
        for jobs in (1, 2)
    )
    assert one.manifest == two.manifest
    np.testing.assert_array_equal(
        one.predict(dataset.to_features()).probabilities, two.predict(dataset.to_features()).probabilities
    )


def test_the_seed_decides_what_is_tried() -> None:
    """The same seed draws the same configurations, none twice; another seed draws others."""
    search = Search(classifiers=available_classifiers(), imputers=IMPUTERS, scalers=SCALERS, draws=4)
    drawn = search.candidates(seed=1)
    assert drawn == search.candidates(seed=1)
    assert drawn != search.candidates(seed=2)
    assert len({str(one) for one in drawn}) == len(drawn) == 4 * len(search.classifiers)


def test_a_typing_error_in_a_search_is_refused_at_once() -> None:
    """lightgmb is nobody's classifier."""
    with pytest.raises(TrainingError, match="lightgmb"):
        Search(classifiers=("lightgmb",))


def test_the_search_is_repeated_without_each_subject(make, monkeypatch) -> None:
    """The winner's own score is never reported: validation fits a whole search per subject, without that subject."""
    dataset = make(n_units=60)
    seen = []
    original = Search.fit

    def watched(self, data, *, seed=0):
        seen.append(set(data.subjects.tolist()))
        return original(self, data, seed=seed)

    monkeypatch.setattr(Search, "fit", watched)
    cross_validate(Search(classifiers=("logistic_regression",), draws=2), dataset)
    assert seen == [{"mouse1"}, {"mouse0"}]


def test_a_search_keeps_what_its_pipeline_learned_where_mice_contradict_each_other(make) -> None:
    """Curators of one mouse call sua what those of the other call noise: no weight turns the probabilities round."""
    dataset = make(n_units=90)
    swapped = {"sua": "noise", "noise": "sua", "mua": "mua"}
    is_other = dataset.subjects == "mouse1"
    labels = np.where(is_other, [swapped[label] for label in dataset.labels.tolist()], dataset.labels)
    model = Search(classifiers=("logistic_regression",), draws=1).fit(replace(dataset, labels=labels))
    (entry,) = model.manifest.calibrations
    weights = np.eye(3) if isinstance(entry.calibration, NoCalibration) else np.array(entry.calibration.weights)
    assert (np.diagonal(weights) >= weights - 1e-6).all()


def test_a_model_folder_of_unitrefine_is_training_data(shared_data: Path, tmp_path: Path) -> None:
    """A published folder has ids twice, so its labels cannot be joined; one recording of it can be."""
    folder = shared_data / "published_models" / "unitrefine_sklearn161"
    with pytest.raises(TrainingError, match="unit '0' more than once"):
        read_labelled_tables(folder)
    for name in ("training_data.csv", "labels.csv"):
        table = pd.read_csv(folder / name).iloc[:796]
        table.to_csv(tmp_path / name, index=False)
    with pytest.raises(TrainingError, match="not known: '0'"):
        read_labelled_tables(tmp_path)
    found = read_labelled_tables(tmp_path, rules=LabelRules(mapping={"0": "sua", "1": "noise"}), definition="0.101")
    assert len(found) == 793  # three rows of labels have no metrics
    assert found.counts["mua"] == 0


@pytest.mark.parametrize(
    ("names", "release"),
    [
        (("num_spikes@0.101", "half_width@0.101"), "0.101.2"),
        (("num_spikes@0.101", "trough_half_width"), "0.105.3"),
        (("half_width@0.101", "trough_half_width"), None),
    ],
)
def test_the_manifest_states_the_spikeinterface_of_its_data(make, names, release) -> None:
    """SpikeInterface renames and converts metrics by this version; metrics of both definitions have none."""
    dataset = replace(make(), names=names, values=make().values[:, : len(names)])
    manifest = describe(
        dataset, calibrations=(ConditionalCalibration(calibration=NoCalibration()),), uncertainty=Uncertainty(), seed=0
    )
    assert manifest.requirements.get("spikeinterface") == release
