"""A review evaluates and trains on the answers that are written, and shows both before it writes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from helpers.labelled import make_dataset
from helpers.simulated_nwb import make_session, write_nwb
from nwb_unitrefine import load_model
from nwb_unitrefine.errors import ModelError, TrainingError
from nwb_unitrefine.learn import BoostedTrees, train_model
from nwb_unitrefine.review import Learning
from nwb_unitrefine.write import relabel

IDS = make_session().unit_ids.tolist()
LABELS = dict(zip(IDS, ("sua", "mua", "noise") * len(IDS), strict=False))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model folder that can be trained further."""
    place = tmp_path_factory.mktemp("models") / "lab"
    learner = BoostedTrees(members=2, rounds=8, learning_rate=0.3, leaves=4, smallest_leaf=5)
    train_model(make_dataset(n_units=120), output=place, learner=learner, validate=False)
    return place


@pytest.fixture
def path(tmp_path):
    return write_nwb(tmp_path / "session.nwb", make_session(), waveforms="all")


def _outcome(learning, what):
    learning.begin(what)
    return learning.wait()


def test_nothing_is_learned_before_answers_are_written(path):
    """Without a person's label in the files there is nothing to score, and the page is told."""
    learning = Learning([path], model=load_model("default"))
    assert not learning.trains
    assert "Write your answers first" in _outcome(learning, "evaluate")["error"]
    assert "--train-to" in _outcome(learning, "train")["error"]


def test_the_model_is_scored_against_the_answers(path):
    """Scores and the confusion matrix are of the units that people labelled, and of no others."""
    relabel(path, LABELS, by="me")
    done = _outcome(Learning([path], model=load_model("default")), "evaluate")["done"]
    assert done["n_units"] == sum(map(sum, done["confusion"])) <= len(IDS)
    assert [sum(row) for row in done["confusion"]] == [list(LABELS.values()).count(one) for one in done["classes"]]
    right = sum(done["confusion"][i][i] for i in range(3))
    assert done["scores"]["accuracy"] == pytest.approx(right / done["n_units"], abs=1e-4)
    assert done["accuracy_interval"][0] <= done["scores"]["accuracy"] <= done["accuracy_interval"][1]


@pytest.mark.slow
def test_training_is_scored_first_and_written_when_asked(path, folder, tmp_path):
    """Scores before and after are of the same units; the folder appears only with the third step, with its lineage."""
    relabel(path, LABELS, by="me")
    output = tmp_path / "continued"
    learning = Learning([path], model=load_model(folder), parent=folder, output=output)
    assert "scored first" in _outcome(learning, "write")["error"]
    outcome = _outcome(learning, "train")
    assert "error" not in outcome, outcome
    done = outcome["done"]
    assert (done["added"], done["corrected"]) == (len(IDS), 0)
    assert done["scored_units"] == 120 + len(IDS)
    assert set(done["before"]) == set(done["after"])
    assert not output.exists()
    assert _outcome(learning, "write")["done"]["path"] == str(output)
    (newest,) = load_model(output).manifest.lineage
    assert (newest.added, newest.before, newest.after) == (len(IDS), done["before"], done["after"])


def test_what_cannot_be_trained_is_refused_before_anybody_works(path, folder, tmp_path):
    """A model without its training table, and a place that is taken, are found out when the review starts."""
    with pytest.raises(TrainingError, match="cannot be continued"):
        Learning([path], model=load_model("default"), parent="default", output=tmp_path / "new")
    with pytest.raises(ModelError, match="already exists"):
        Learning([path], model=load_model(folder), parent=folder, output=tmp_path)


def test_one_job_runs_at_a_time(path, monkeypatch):
    """A second job is refused while the first runs, and what fails unexpectedly is its outcome."""
    import threading

    learning = Learning([path], model=load_model("default"))
    wait = threading.Event()

    def fails():
        wait.wait(30)
        raise RuntimeError("out of luck")

    monkeypatch.setattr(learning, "evaluate", fails)
    learning.begin("evaluate")
    with pytest.raises(TrainingError, match="busy scoring"):
        learning.begin("evaluate")
    wait.set()
    assert "RuntimeError: out of luck" in learning.wait()["error"]


def test_an_adapted_model_is_scored_as_it_was_trained(path):
    """Answers that a boundary was moved to would flatter it: the scores are of the model as it was trained."""
    from nwb_unitrefine.models.adaptation import Adaptation

    relabel(path, LABELS, by="me")
    model = load_model("default")
    moved = Adaptation(offsets=(9.0, 0.0, 0.0), shares=(0.4, 0.3, 0.3), n_labels=(5, 5, 5))
    plain = _outcome(Learning([path], model=model), "evaluate")["done"]
    assert _outcome(Learning([path], model=replace(model, adaptation=moved)), "evaluate")["done"] == plain
