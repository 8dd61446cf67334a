"""A model is continued with labelled units of its user."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from helpers.labelled import NAMES
from helpers.simulated_nwb import make_session, write_nwb
from nwb_unitrefine import curate, write_curation
from nwb_unitrefine.cli import main
from nwb_unitrefine.errors import TrainingError
from nwb_unitrefine.learn import (
    ContaminationAware,
    Search,
    SharedVote,
    TwoSteps,
    combine,
    evaluate,
    read_labelled_tables,
    read_labelled_units,
    train_model,
)
from nwb_unitrefine.learn.contamination.choose_learner import default_learner
from nwb_unitrefine.learn.continuing import compare_rounds, continue_dataset, read_parent
from nwb_unitrefine.learn.learner_settings import learner_from_settings, learner_settings
from nwb_unitrefine.models import load_model
from nwb_unitrefine.write import read_history, relabel

if TYPE_CHECKING:
    from pathlib import Path


def test_corrected_rows_are_replaced_and_new_ones_added(make) -> None:
    """By object id of the file and unit id, also where the recording has another name; else by recording and unit."""
    old = make(n_units=30)
    old = replace(old, file_ids=np.where(old.recordings == "rec0", "file-a", ""))
    again = old.take(np.flatnonzero(old.recordings == "rec0")[:2])
    corrected = replace(again, labels=np.array(["noise", again.labels[1]]), recordings=np.array(["renamed"] * 2))
    by_name = old.take(np.flatnonzero(old.recordings == "rec1")[:1])
    added = replace(make(n_units=3, seed=1), recordings=np.array(["new"] * 3))
    found = continue_dataset(old, combine([corrected, by_name, added]))
    assert (found.added, found.corrected, found.unchanged) == (3, 1, 2)
    assert len(found.dataset) == len(old) + 3
    assert "renamed" not in found.dataset.recordings.tolist()
    row = found.rows_before[old.unit_ids.tolist().index(corrected.unit_ids[0])]
    assert found.dataset.labels[row] == "noise"
    np.testing.assert_array_equal(found.dataset.unit_ids[found.rows_before], old.unit_ids)


def test_scores_before_and_after_are_of_the_same_units(make, small_learner) -> None:
    """Labels that were wrong and are corrected: a model of the corrected table does better on what is held out."""
    right = make()
    wrong = right.labels.copy()
    rows = np.flatnonzero(right.labels != "sua")
    wrong[rows] = np.where(right.labels[rows] == "mua", "noise", "mua")
    found = continue_dataset(replace(right, labels=wrong), right)
    newest = compare_rounds(small_learner, found, parent=f"sha256:{'0' * 64}")
    assert found.corrected == newest.corrected == len(rows)
    assert newest.scored_units == len(right)
    assert newest.after["balanced_accuracy"] > 0.7
    assert newest.before["balanced_accuracy"] < 0.5


def test_settings_make_the_same_learner_again(small_learner) -> None:
    """Each kind; what is not recorded cannot be continued."""
    for learner in (
        small_learner,
        ContaminationAware(rounds=5),
        SharedVote(rounds=5),
        Search(classifiers=("random_forest",), draws=2),
        TwoSteps(step=small_learner),
    ):
        assert learner_from_settings(learner_settings(learner)) == learner
    for settings in ({}, {"kind": "other"}, {"kind": "search", "depth": 3}):
        with pytest.raises(TrainingError):
            learner_from_settings(settings)


@pytest.mark.slow
@pytest.mark.parametrize("cascade", [False, True])
def test_a_folder_is_continued_with_its_own_settings(make, small_learner, tmp_path: Path, *, cascade: bool) -> None:
    """Two rounds: each records its parent, what was added, and the scores; the learner and the seed stay."""
    learner = TwoSteps(step=small_learner) if cascade else small_learner
    folder = tmp_path / "first"
    train_model(make(n_units=60), output=folder, learner=learner, seed=3, validate=False)
    added = replace(make(n_units=30, seed=1), recordings=np.array(["new"] * 30), subjects=np.array(["mouse0"] * 30))
    added.to_frame().to_csv(tmp_path / "added.csv")
    arguments = ["train", str(tmp_path / "added.csv"), "--no-validate", "--definition", "0.101"]
    for parent, child in (("first", "second"), ("second", "third")):
        wanted = ["--continue-from", str(tmp_path / parent), "--output", str(tmp_path / child)]
        assert main([*arguments, *wanted]) == 0
    manifest = load_model(tmp_path / "third").manifest
    assert [(one.added, one.corrected) for one in manifest.lineage] == [(30, 0), (0, 0)]
    assert manifest.lineage[0].parent == load_model(folder).identity.digest
    assert manifest.training.seed == 3
    assert read_parent(tmp_path / "third").learner == learner
    assert sum(manifest.training.n_units.values()) == 90
    assert "## Rounds" in (tmp_path / "third" / "README.md").read_text()
    assert main([*arguments, "--continue-from", str(folder), "--task", "sua-mua"]) == 2
    assert main([*arguments, "--continue-from", "default"]) == 1


@pytest.mark.slow
def test_a_training_table_states_where_its_rows_are_from(tmp_path: Path) -> None:
    """File, run and curator of each label that people set; curators are numbered, and a model is not scored on them."""
    path = write_nwb(tmp_path / "a.nwb", make_session(n_units=6), waveforms="all")
    write_curation(curate(path))
    ids = read_history(path)[0].predictions.unit_ids.tolist()
    relabel(path, dict.fromkeys(ids[:3], "sua"), by="S. Cajal")
    relabel(path, dict.fromkeys(ids[3:], "noise"), by="C. Golgi")
    found = read_labelled_units(path)
    frame = found.to_frame()
    assert frame["run"].tolist() == ["run_0002"] * 3 + ["run_0003"] * 3
    assert frame["curator"].tolist() == ["curator 2"] * 3 + ["curator 1"] * 3
    assert len({*frame["file_object_id"]}) == 1
    assert "Cajal" not in frame.to_csv()
    frame.to_csv(tmp_path / "table.csv")
    again = read_labelled_tables(tmp_path / "table.csv")
    pd.testing.assert_frame_equal(
        again.to_frame()[["file_object_id", "run", "curator"]], frame[["file_object_id", "run", "curator"]]
    )
    model = train_model(_of_file(found), learner=Search(classifiers=("random_forest",), draws=1), validate=False).model
    with pytest.raises(TrainingError, match="trained on the files of renamed"):
        evaluate(model, replace(found, recordings=np.full(len(found), "renamed")))


def _of_file(dataset):
    """Enough units to train on, all of one file."""
    rng = np.random.default_rng(0)
    return replace(
        dataset,
        unit_ids=np.arange(30).astype(str),
        recordings=np.repeat(["one", "two"], 15),
        subjects=np.repeat(["one", "two"], 15),
        names=NAMES,
        values=rng.normal(size=(30, len(NAMES))),
        labels=np.tile(["sua", "mua", "noise"], 10),
        file_ids=np.full(30, dataset.file_ids[0]),
        runs=np.full(30, ""),
        curators=np.full(30, ""),
    )


def test_the_packaged_default_is_continued_with_the_data_that_it_was_trained_on(shared_data: Path) -> None:
    """They are recognised by their digest; the learner and the seed are those of the default."""
    base = shared_data / "unitrefine_base"
    parent = read_parent("default", data=base)
    assert len(parent.dataset) == sum(load_model("default").manifest.training.n_units.values())
    assert parent.learner == default_learner()
    assert parent.digest == load_model("default").identity.digest
    with pytest.raises(TrainingError, match="digest differs"):
        read_parent("default", data=base / "mouse2a_imec0.csv")


def test_what_a_model_was_trained_on_is_asked_for_or_is_its_own(make, small_learner, tmp_path: Path) -> None:
    """A folder without its table needs the data, and one with it takes no other."""
    train_model(make(), output=tmp_path / "alone", learner=small_learner, validate=False, keep_training_data=False)
    make().to_frame().to_csv(tmp_path / "table.csv")
    with pytest.raises(TrainingError, match="no training data") as caught:
        read_parent(tmp_path / "alone")
    assert "--add-to" in str(caught.value.tip)
    with pytest.raises(TrainingError, match="does not record how it was made"):
        read_parent(tmp_path / "alone", data=tmp_path / "table.csv")
    train_model(make(), output=tmp_path / "whole", learner=small_learner, validate=False)
    with pytest.raises(TrainingError, match="holds its training data"):
        read_parent(tmp_path / "whole", data=tmp_path / "table.csv")
