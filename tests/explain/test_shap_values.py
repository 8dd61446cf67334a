"""SHAP values of models of every kind."""

from __future__ import annotations

import json
import re
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest

from helpers.labelled import make_dataset
from helpers.simulated_nwb import make_session, write_nwb
from nwb_unitrefine import compute_features, load_model, read_units
from nwb_unitrefine.cli import main
from nwb_unitrefine.explain import draw_explanations, shap_values
from nwb_unitrefine.learn import BoostedTrees, TwoSteps, train_model
from nwb_unitrefine.models.skops.estimator import load_fitted

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("shap") is None, reason="needs the extra explain"),
]


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    return write_nwb(tmp_path_factory.mktemp("session") / "session.nwb", make_session(n_units=12), waveforms="all")


@pytest.fixture(scope="module")
def explained(session):
    model = load_model("default")
    inputs = model.input_values(compute_features(read_units(session), names=model.feature_names))
    return model, shap_values(model, inputs)


def test_values_of_trees_add_up_to_the_margins(explained):
    """For each member, baseline and SHAP values of a unit sum to its margins, as scikit-learn computes them."""
    import shap

    model, values = explained
    vote = load_fitted(model.estimator.path).steps[-1][1]
    assert values.method == "tree"
    for member, found in zip(vote.estimators_, values.values, strict=True):
        table = values.inputs.astype(np.float32).astype(np.float64)
        named = pd.DataFrame(table, columns=model.estimator.columns)
        margins = member._raw_predict(named if hasattr(member, "feature_names_in_") else table)
        base = np.asarray(shap.TreeExplainer(member).expected_value)
        assert np.allclose(found.sum(axis=1) + base, margins, atol=1e-6)


def test_figures_have_the_model_s_metrics(explained, tmp_path):
    """One picture of the importance, and one of the effects for each class."""
    _, values = explained
    files = draw_explanations(values, folder=tmp_path / "figures", title="the default")
    assert [file.name for file in files] == [
        "importance.png",
        "beeswarm_sua.png",
        "beeswarm_mua.png",
        "beeswarm_noise.png",
    ]
    assert all(file.stat().st_size > 10_000 for file in files)


def test_published_models_are_explained_from_their_training_table(shared_data, capsys):
    """Forests, and linear models behind imputers and scalers, from the table that comes with them."""
    folders = sorted((shared_data / "published_models").iterdir())
    methods = set()
    for folder in (one for one in folders if one.is_dir()):
        assert main(["model", "explain", str(folder), "--labels", "0=noise,1=neural", "--json"]) == 0
        (document,) = json.loads(capsys.readouterr().out)["models"]
        methods.add(document["method"])
        assert document["importance"][0]["members"][0] > 0
    assert methods == {"tree", "linear"}


def test_units_to_explain_are_named_where_a_model_has_no_table(session, capsys):
    """The default comes without its table: units are named, and the table of importance is printed."""
    assert main(["model", "explain", "default"]) == 1
    assert "--data" in capsys.readouterr().err
    assert main(["model", "explain", "default", "--data", str(session)]) == 0
    shown = capsys.readouterr()
    assert "isi_violations_ratio" in shown.out
    assert "not scored: the units have no labels" in shown.err


def test_principal_components_are_not_taken_for_metrics(tmp_path):
    """As many components as metrics are explained by sampling, in which each metric has the effect that it has."""
    import skops.io
    from sklearn.decomposition import PCA
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(80, 2)) * [1, 3], columns=["num_spikes", "firing_rate"])
    fitted = make_pipeline(SimpleImputer(), PCA(), LogisticRegression()).fit(table, table.num_spikes > 0)
    fitted[-1].classes_ = np.array([0, 1])
    skops.io.dump(fitted, tmp_path / "best_model.skops")
    values = shap_values(load_model(tmp_path, labels={"0": "noise", "1": "neural"}), table.to_numpy())
    assert values.method == "kernel"
    few, many = values.importance()[0].sum(axis=1)[[1, 0]]
    assert few < 0.2 * many


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Two models of one table of units, and the table of other recordings."""
    folder = tmp_path_factory.mktemp("trained")
    data, other = make_dataset(n_units=90), make_dataset(n_units=60, seed=3)
    for name, seed in (("first", 0), ("second", 1)):
        learner = BoostedTrees(members=2, rounds=8, learning_rate=0.3, leaves=4, smallest_leaf=5)
        train_model(data, output=folder / name, learner=learner, seed=seed, validate=False)
    train_model(data, output=folder / "cascade", learner=TwoSteps(step=learner), validate=False)
    frame = other.to_frame().assign(recording=[f"new_{one}" for one in other.recordings])
    frame.to_csv(folder / "other.csv")
    return folder


def test_models_of_train_are_explained_and_scored_from_their_own_table(trained, tmp_path, capsys):
    """A folder that `train` wrote is enough: SHAP values of its units, scores of its learner on subjects left out."""
    figures = tmp_path / "figures"
    given = ["model", "explain", str(trained / "first"), "--cross-validate", "--figures", str(figures)]
    assert main(given) == 0
    shown = capsys.readouterr().out
    assert "first: mean absolute SHAP value (log odds) on 90 units" in shown
    assert "first: labels (rows) and predictions; 90 units" in shown
    assert {"importance.png", "beeswarm_mua.png", "confusion.png"} <= {file.name for file in figures.iterdir()}


def test_both_of_two_models_in_a_row_are_explained(trained, tmp_path, capsys):
    """From the cascade's folder and its table, or on other units; the second step on the units that reach it."""
    model = ["model", "explain", str(trained / "cascade")]
    figures = tmp_path / "figures"
    assert main([*model, "--figures", str(figures)]) == 0
    shown = capsys.readouterr().out
    assert "cascade, noise or neural: mean absolute SHAP value (log odds) on 90 units" in shown
    n_second = int(re.search(r"cascade, sua or mua: mean absolute SHAP value \(log odds\) on (\d+) units", shown)[1])
    assert 0 < n_second < 90
    assert {str(one.relative_to(figures)) for one in figures.rglob("*.png")} == {
        "first/importance.png", "first/beeswarm_noise.png", "first/beeswarm_neural.png",
        "second/importance.png", "second/beeswarm_sua.png", "second/beeswarm_mua.png",
    }  # fmt: skip
    assert main([*model, str(trained / "first"), "--data", str(trained / "other.csv"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    first, second, other = document["models"]
    assert (first["model"]["name"], other["model"]["name"]) == ("cascade, noise or neural", "first")
    assert second["n_units"] < first["n_units"] == other["n_units"] == 60
    assert [one["name"] for one in document["scores"]] == ["cascade", "first"]
    assert document["scores"][0]["pooled"].keys() >= {"recall_sua", "recall_mua", "recall_noise"}


def test_the_best_of_several_models_is_shown(trained, tmp_path, capsys):
    """Models are scored on the same units and ranked, each with its confusion matrix and pictures of its own."""
    given = ["model", "explain", str(trained / "first"), str(trained / "second"), "--data", str(trained / "other.csv")]
    assert main([*given, "--figures", str(tmp_path / "figures")]) == 0
    shown = capsys.readouterr().out
    assert shown.count("labels (rows) and predictions; 60 units") == 2
    assert "The best first" in shown
    names = {str(file.relative_to(tmp_path / "figures")) for file in (tmp_path / "figures").rglob("*.png")}
    assert {"comparison.png", "confusion_2.png", "model_1/importance.png", "model_2/beeswarm_sua.png"} <= names
    assert main([*given, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [one["model"]["name"] for one in document["models"]] == ["first", "second"]
    assert len(document["scores"]) == 2


def test_units_that_a_model_was_trained_on_do_not_score_it(trained, capsys):
    """Scores on the training recordings would flatter: a note states why there are none."""
    given = ["model", "explain", str(trained / "first"), "--data", str(trained / "first" / "training_data.csv")]
    assert main(given) == 0
    shown = capsys.readouterr()
    assert "not scored: first was trained on" in shown.err
    assert "predictions" not in shown.out
