"""Two models in a row, trained together, in one folder."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from nwb_unitrefine.errors import ModelError, TrainingError
from nwb_unitrefine.learn import TwoSteps, evaluate, train_model
from nwb_unitrefine.models import load_model
from nwb_unitrefine.models.manifest import Uncertainty
from nwb_unitrefine.records import CLASSES

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(make, small_learner, tmp_path: Path) -> Path:
    """Both steps, written."""
    learner = TwoSteps(step=small_learner)
    path = train_model(make(), output=tmp_path / "both", learner=learner, validate=False).path
    assert path is not None
    return path


def test_both_steps_are_one_model(make, folder: Path) -> None:
    """Calibrated probabilities multiply; the identity is that of the folder."""
    model, dataset = load_model(folder), make(seed=1)
    features = dataset.to_features()
    found = model.predict(features)
    assert model.classes == found.classes == CLASSES
    first, second = (load_model(folder / step).predict(features).probabilities for step in ("first", "second"))
    noise, neural = first.T
    np.testing.assert_allclose(found.probabilities, np.column_stack([neural[:, None] * second, noise]))
    assert (found.labels == dataset.labels).mean() > 0.7
    assert model.identity.name == "both"
    assert model.identity.source == str(folder)
    assert model.training_recordings == ("rec0", "rec1", "rec2", "rec3")
    assert model.class_priors == pytest.approx(dict.fromkeys(CLASSES, 1 / 3))
    assert load_model(model.identity).identity == model.identity
    with pytest.raises(TrainingError, match="was trained on rec0"):
        evaluate(model, make())


@pytest.mark.slow
def test_scores_are_of_both_steps_together(make, small_learner, tmp_path: Path) -> None:
    """They are in the manifest and on the card of the folder."""
    path = train_model(make(), output=tmp_path / "both", learner=TwoSteps(step=small_learner)).path
    scores = load_model(path).manifest.evaluations[0].pooled
    assert scores["balanced_accuracy"] > 0.6
    assert "recall_sua" in scores
    card = (path / "README.md").read_text()
    assert "balanced accuracy" in card
    assert "first and second" in card


def test_each_step_weighs_its_classes_unless_the_user_decides_otherwise(make, small_learner, tmp_path: Path) -> None:
    """Rare noise is found with the shares of each step, and missed by the most probable class."""
    dataset = make(n_units=240)
    noise = np.flatnonzero(dataset.labels == "noise")
    rare = dataset.take(np.delete(np.arange(len(dataset)), noise[16:]))
    path = train_model(rare, output=tmp_path / "both", learner=TwoSteps(step=small_learner), validate=False).path
    features = make(seed=1).to_features()
    counts = {
        rule: int((load_model(path, decide=rule).predict(features).labels == "noise").sum())
        for rule in ("balanced", "probable", None)
    }
    assert counts["balanced"] == counts[None] > counts["probable"]
    assert load_model(path, decide="probable").options == {"decide": "probable"}


def test_a_step_that_is_not_sure_marks_the_label(make, folder: Path) -> None:
    """The second counts where the first lets a unit pass."""
    model = load_model(folder)
    unsure = model.second.manifest.model_copy(update={"uncertainty": Uncertainty(min_probability=1.0)})
    sure = model.first.manifest.model_copy(update={"uncertainty": Uncertainty()})
    mixed = replace(model, first=replace(model.first, manifest=sure), second=replace(model.second, manifest=unsure))
    found = mixed.predict(make(seed=1).to_features())
    np.testing.assert_array_equal(found.uncertain, found.labels != "noise")


@pytest.mark.parametrize("change", ["exchange", "remove", "forget", "break"])
def test_a_folder_that_was_changed_is_refused(folder: Path, change: str) -> None:
    """A step that was exchanged or removed, a digest that is not recorded, and no manifest."""
    manifest = folder / "cascade.json"
    if change == "exchange":
        for file in (folder / "first").iterdir():
            (folder / "second" / file.name).write_bytes(file.read_bytes())
    elif change == "remove":
        (folder / "second" / "best_model.skops").unlink()
    elif change == "forget":
        manifest.write_text(manifest.read_text().replace("second/manifest.json", "second/other.json"))
    else:
        manifest.write_text("{}")
    with pytest.raises(ModelError, match="both"):
        load_model(folder)


@pytest.mark.slow
def test_a_folder_is_replaced_whole_or_not_at_all(make, small_learner, folder: Path) -> None:
    """With overwrite, by one model or two; never where somebody put a file into it."""
    learner = TwoSteps(step=small_learner)
    with pytest.raises(ModelError, match="already exists"):
        train_model(make(), output=folder, learner=learner, validate=False)
    (folder / "first" / "notes.txt").write_text("mine")
    with pytest.raises(ModelError, match=r"notes\.txt"):
        train_model(make(), output=folder, learner=learner, validate=False, overwrite=True)
    (folder / "first" / "notes.txt").unlink()
    train_model(make(seed=2), output=folder, learner=learner, validate=False, overwrite=True)
    train_model(make(), output=folder, learner=small_learner, validate=False, overwrite=True)
    assert not (folder / "second").exists()


def test_what_two_steps_do_not_take(make, folder: Path) -> None:
    """Other classes, labels for classes, a third model."""
    with pytest.raises(TrainingError, match="Two steps distinguish"):
        TwoSteps().fit(make().merged({"sua": "sua", "mua": "mua"}, classes=("sua", "mua")))
    with pytest.raises(ModelError, match="take no labels"):
        load_model(folder, labels={"0": "noise"})
    with pytest.raises(ModelError, match="two models in a row already"):
        load_model([folder, folder / "first"])
