"""Models, rules and people side by side."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from helpers.labelled import make_dataset
from helpers.model_factory import training_table
from helpers.simulated_nwb import make_session, write_nwb
from nwb_unitrefine import curate, load_model, read_units, write_curation
from nwb_unitrefine.cli import main
from nwb_unitrefine.comparison import Comparison, Labelling, compare
from nwb_unitrefine.errors import FeatureError, ModelError, SourceError, TrainingError
from nwb_unitrefine.learn import BoostedTrees, evaluate, read_labelled_units, train_model
from nwb_unitrefine.learn.labelled.training_data import read_base_dataset
from nwb_unitrefine.metrics import compute_features
from nwb_unitrefine.models import describe_classes
from nwb_unitrefine.write import relabel, undo

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def session(tmp_path: Path) -> Path:
    """A labelled file of six units: 10, 13, 16, 19, 22, 25."""
    path = write_nwb(tmp_path / "session.nwb", make_session(n_units=6), waveforms="all")
    write_curation(curate(path))
    return path


def _labelling(name: str, labels: list[str], *, kind: str = "person", trained_on: tuple[int, ...] = ()) -> Labelling:
    """A labelling without margins."""
    seen = np.isin(np.arange(len(labels)), trained_on)
    return Labelling(
        name=name, kind=kind, labels=np.array(labels), margins=np.full(len(labels), np.nan), trained_on=seen
    )


def _comparison(*labellings: Labelling) -> Comparison:
    """A comparison of units 0, 1, …"""
    n_units = len(labellings[0].labels)
    empty = np.full(n_units, "")
    return Comparison(sources=empty, recordings=empty, unit_ids=np.arange(n_units).astype(str), labellings=labellings)


def test_agreement_of_a_pair_is_as_worked_by_hand() -> None:
    """Of four units that both label, three alike: kappa (0.75 - 0.3125) / (1 - 0.3125)."""
    pair = _comparison(
        _labelling("a", ["sua", "mua", "noise", "sua", ""]), _labelling("b", ["sua", "mua", "noise", "noise", "sua"])
    ).pairs()[0]
    assert pair.agreement.n_units == 4
    assert pair.agreement.accuracy == 0.75
    expected = (2 * 1 + 1 * 1 + 1 * 2) / 16
    assert pair.agreement.kappa == pytest.approx((0.75 - expected) / (1 - expected))
    assert pair.balanced_accuracy == pytest.approx((1 + 1 + 0.5) / 3)


def test_the_majority_needs_more_votes_than_any_other_label() -> None:
    """Words that mean the same count together; a tie decides nothing; nor does silence."""
    comparison = _comparison(
        _labelling("a", ["good", "mua", "sua", "", "axon"]),
        _labelling("b", ["sua", "noise", "mua", "", "axon"]),
        _labelling("c", ["noise", "noise", "", "", "sua"]),
    )
    assert comparison.majority.labels.tolist() == ["sua", "noise", "", "", "axon"]
    assert comparison.differences()["unit_id"].tolist() == ["0", "1", "2"]


def test_units_that_a_model_was_trained_on_do_not_count_against_people() -> None:
    """They count between two models."""
    model = _labelling("model", ["sua", "sua", "mua"], kind="model", trained_on=(0,))
    other = _labelling("other", ["sua", "sua", "sua"], kind="model")
    comparison = _comparison(model, other, _labelling("a", ["sua", "mua", "mua"]))
    pairs = {(pair.first, pair.second): pair for pair in comparison.pairs()}
    assert (pairs["model", "a"].agreement.n_units, pairs["model", "a"].n_left_out) == (2, 1)
    assert pairs["model", "other"].agreement.n_units == 3
    assert pairs["other", "a"].agreement.n_units == 3
    assert [score.agreement.accuracy for score in comparison.scores()] == [0.5, pytest.approx(1 / 3)]


def test_vocabularies_are_compared_on_what_both_distinguish() -> None:
    """Good and bad against three classes: single units and the rest."""
    rule = _labelling("rule", ["good", "bad", "bad", "good"], kind="rule")
    pair = _comparison(rule, _labelling("a", ["sua", "mua", "noise", "noise"])).pairs()[0]
    assert pair.agreement.classes == ("sua", "mua or noise")
    assert pair.agreement.confusion.tolist() == [[1, 1], [0, 2]]
    assert _comparison(rule, _labelling("b", ["good", "good", "bad", "good"])).differences()["unit_id"].tolist() == [
        "1"
    ]


def test_a_word_of_ones_own_is_a_class_where_both_use_it() -> None:
    """An axon of one is a single unit of the other, who knows axons; where only one does, the unit is not compared."""
    both = _comparison(_labelling("a", ["axon", "sua", "Axon"]), _labelling("b", ["axon", "sua", "sua"])).pairs()[0]
    assert both.agreement.n_units == 3
    assert both.agreement.accuracy == pytest.approx(2 / 3)
    assert both.agreement.classes == ("sua", "mua", "noise", "axon")
    one = _comparison(_labelling("a", ["axon", "sua", "mua"]), _labelling("b", ["sua", "sua", "sua"])).pairs()[0]
    assert one.agreement.n_units == 2


@pytest.mark.slow
def test_two_models_in_a_row_are_one(session: Path, tmp_path: Path) -> None:
    """Named with a plus, as their identity is."""
    import skops.io

    table, labels = training_table()
    steps = {"first": (labels == 2, {"0": "neural", "1": "noise"}), "second": (labels == 1, {"0": "sua", "1": "mua"})}
    for name, (target, classes) in steps.items():
        model = make_pipeline(SimpleImputer(), LogisticRegression(max_iter=1000)).fit(table, target.astype(int))
        (tmp_path / name).mkdir()
        skops.io.dump(model, tmp_path / name / "best_model.skops")
        describe_classes(tmp_path / name, classes)
    cascade = f"{tmp_path / 'first'} + {tmp_path / 'second'}"
    labelling = compare([session], models=[cascade, "default"], missing=["impute"]).labellings[0]
    alone = load_model([tmp_path / "first", tmp_path / "second"], missing="impute")
    assert labelling.name == alone.identity.name == "first + second"
    features = compute_features(read_units(session), names=alone.feature_names)
    np.testing.assert_array_equal(labelling.labels, alone.predict(features).labels)


def test_people_of_a_file_count_by_what_they_said_themselves(session: Path) -> None:
    """The second overrules the first in the file, and both are compared; what was undone is gone."""
    relabel(session, {10: "sua", 13: "mua"}, by="Anna")
    relabel(session, {10: "noise", 16: "noise"}, by="Ben")
    relabel(session, {10: "mua"}, by="Cleo")
    undo(session)
    comparison = compare([session])
    said = {one.name: one.labels.tolist() for one in comparison.labellings}
    assert said == {"Anna": ["sua", "mua", "", "", "", ""], "Ben": ["noise", "", "noise", "", "", ""]}
    assert comparison.pairs()[0].agreement.n_units == 1
    assert comparison.majority.labels.tolist() == ["", "mua", "noise", "", "", ""]


@pytest.mark.slow
def test_models_label_as_they_do_alone_and_show_their_margin(session: Path) -> None:
    """The same labels and margins as `predict` gives."""
    models = [load_model("default"), load_model("rules/bombcell")]
    comparison = compare([session], models=["default", "rules/bombcell"])
    for model, labelling in zip(models, comparison.labellings, strict=True):
        alone = model.predict(compute_features(read_units(session), names=model.feature_names))
        np.testing.assert_array_equal(labelling.labels, alone.labels)
        if alone.margins is not None:
            np.testing.assert_array_equal(labelling.margins, alone.margins)
    assert [one.kind for one in comparison.labellings] == ["model", "rule"]
    frame = comparison.differences()
    assert frame["margin unitrefine-default"].is_monotonic_decreasing


@pytest.mark.slow
def test_tables_are_curators(tmp_path: Path, session: Path) -> None:
    """Alone, and beside the file that they belong to, joined by unit id in whatever order."""
    (tmp_path / "anna.csv").write_text("unit_id,label\n13,mua\n10,sua\n")
    (tmp_path / "ben.csv").write_text("unit_id,label\n10,sua\n13,fair\n16,unsorted\n")
    alone = compare([tmp_path / "anna.csv", tmp_path / "ben.csv"], mapping={"fair": "noise"})
    assert alone.unit_ids.tolist() == ["10", "13"]
    assert alone.pairs()[0].agreement.accuracy == 0.5
    with_file = compare([tmp_path / "anna.csv", session], models=["default"])
    assert [one.name for one in with_file.labellings] == ["unitrefine-default", "anna"]
    assert with_file.labellings[1].labels.tolist() == ["sua", "mua", "", "", "", ""]


def test_what_cannot_be_compared_is_refused(tmp_path: Path, session: Path) -> None:
    """One labelling, a model twice, tables of other units or without metrics, metrics that a source lacks."""
    (tmp_path / "anna.csv").write_text("unit_id,label\n99,mua\n")
    with pytest.raises(SourceError, match="nothing to compare"):
        compare([session])
    with pytest.raises(ModelError, match="twice"):
        compare([session], models=["default", "default"])
    with pytest.raises(SourceError, match="no unit id in common"):
        compare([session, tmp_path / "anna.csv"], models=["default"])
    with pytest.raises(SourceError, match="no metrics"):
        compare([tmp_path / "anna.csv"], models=["default"])
    with pytest.raises(FeatureError, match="amplitude_cutoff"):
        compare([session], models=["default", "rules/aind"])
    assert len(compare([session], models=["default", "rules/aind"], missing=["ignore"]).labellings) == 2


@pytest.mark.slow
def test_scores_leave_out_the_training_data_of_the_packaged_model(shared_data: Path) -> None:
    """The base dataset's recordings are its own: no unit is left to score it on; AIND's rule is scored on all."""
    comparison = compare([shared_data / "unitrefine_base"], models=["default", "rules/aind"])
    scores = {score.first: score for score in comparison.scores()}
    assert scores["unitrefine-default"].agreement.n_units == 0
    assert scores["unitrefine-default"].n_left_out == len(comparison) > 4000
    assert scores["rules/aind"].agreement.n_units == len(comparison)
    assert scores["rules/aind"].balanced_accuracy == pytest.approx(0.741, abs=0.01)
    assert "trained on" in comparison.notes[0]


def test_a_published_model_is_not_scored_on_rows_of_its_training_table(shared_data: Path) -> None:
    """It names no recordings; 785 units of the base dataset stand in the table beside it, value by value."""
    model = load_model(shared_data / "published_models" / "unitrefine_sklearn161", labels={"0": "neural", "1": "noise"})
    comparison = compare([shared_data / "unitrefine_base"], models=[model])
    (score,) = comparison.scores()
    assert score.n_left_out == 785
    assert comparison.notes == (
        "unitrefine_sklearn161 was trained on 785 of these units: not compared with people there.",
    )
    with pytest.raises(TrainingError, match="on 785 of these units, of mouse4_imec0"):
        evaluate(model, read_base_dataset(shared_data / "unitrefine_base"))


@pytest.mark.slow
def test_a_renamed_file_is_still_what_a_model_was_trained_on(session: Path, tmp_path: Path) -> None:
    """The object id of the file counts, and not the name of the session."""
    relabel(session, {10: "sua", 13: "noise"}, by="S. Cajal")
    dataset = read_labelled_units(session)
    made = make_dataset(n_units=60)
    of_file = replace(made, file_ids=np.full(60, dataset.file_ids[0]))
    step = BoostedTrees(members=1, rounds=4, smallest_leaf=5)
    model = train_model(of_file, learner=step, validate=False, keep_training_data=False, output=tmp_path / "m").path
    assert all(compare([session], models=[model]).labellings[0].trained_on)


def test_the_command_prints_tables_and_json(session: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The document has pairs, scores and differences."""
    relabel(session, {10: "noise"}, by="Anna")
    arguments = ["compare", str(session), "--model", "default", "--model", "rules/bombcell"]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "Against Anna" in out
    assert "rules/bombcell" in out
    assert main([*arguments, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert len(document["pairs"]) == 3
    assert [one["kind"] for one in document["labellings"]] == ["model", "rule", "person"]
    assert document["scores"][0]["n_units"] == 1
