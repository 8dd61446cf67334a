"""A file may have classes of its own: those of a binary model, and the words of people."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import h5py
import numpy as np
import pytest

from helpers.model_factory import training_table
from helpers.simulated_nwb import make_session, write_nwb
from nwb_unitrefine import curate, load_model, write_curation
from nwb_unitrefine.cli import main
from nwb_unitrefine.errors import WriteError
from nwb_unitrefine.models import describe_classes
from nwb_unitrefine.verification import verify
from nwb_unitrefine.write import read_history, relabel, undo

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def session(tmp_path: Path) -> Path:
    """A file of six units."""
    return write_nwb(tmp_path / "session.nwb", make_session(n_units=6), waveforms="all")


@pytest.fixture
def binary(tmp_path: Path) -> Path:
    """A model that tells noise from neural."""
    import skops.io
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    table, labels = training_table()
    (tmp_path / "binary").mkdir()
    model = make_pipeline(SimpleImputer(), LogisticRegression(max_iter=1000)).fit(table, labels == 2)
    model[-1].classes_ = np.array([0, 1])
    skops.io.dump(model, tmp_path / "binary" / "best_model.skops")
    describe_classes(tmp_path / "binary", {"0": "neural", "1": "noise"})
    return tmp_path / "binary"


def test_a_binary_model_labels_a_file_with_its_own_words(session: Path, binary: Path) -> None:
    """Columns, run, verification and undoing follow the classes of the model."""
    curation = curate(session, model=load_model(binary))
    write_curation(curation)
    run = read_history(session)[0]
    assert run.predictions.classes == ("neural", "noise")
    assert set(run.predictions.labels.tolist()) <= {"neural", "noise"}
    np.testing.assert_array_equal(run.predictions.probabilities, curation.predictions.probabilities)
    assert verify(session, recompute=True, model=binary).passed
    assert described(session) == "Label of each unit: 'neural' (sua or mua) or 'noise'; an empty text for a unit that "
    relabel(session, {run.predictions.unit_ids[0].item(): "axon"}, by="S. Cajal")
    assert described(session).startswith("Label of each unit: 'neural' (sua or mua), 'noise' or 'axon'; ")
    undo(session)
    undo(session)
    assert not verify(session).passed


def described(session: Path) -> str:
    """How the column of labels is described, as far as that depends on the classes."""
    with h5py.File(session, "r") as file:
        return file["units/unitrefine_label"].attrs["description"].partition("has no label")[0]


@pytest.mark.slow
def test_a_model_of_other_classes_may_follow(session: Path, binary: Path) -> None:
    """Three classes after two; undone, the two are back."""
    write_curation(curate(session, model=load_model(binary)))
    write_curation(curate(session))
    assert read_history(session)[-1].predictions.classes == ("sua", "mua", "noise")
    assert verify(session).passed
    undo(session)
    assert read_history(session)[-1].predictions.classes == ("neural", "noise")
    assert verify(session).passed


@pytest.mark.slow
def test_people_use_words_of_their_own(session: Path, binary: Path) -> None:
    """An axon among what a model called neural or noise: the run has the word, and no model gave it a probability."""
    write_curation(curate(session, model=load_model(binary)))
    unit, other = read_history(session)[0].predictions.unit_ids[:2].tolist()
    relabel(session, {unit: "axon"}, by="S. Cajal")
    found = read_history(session)[-1].predictions
    assert found.classes == ("neural", "noise", "axon")
    assert found.labels[0] == "axon"
    assert np.isnan(found.probabilities[0]).all()
    np.testing.assert_array_equal(found.probabilities[1:, 2], 0)
    assert verify(session).passed
    relabel(session, {other: "sua"}, by="S. Cajal")
    assert read_history(session)[-1].predictions.classes == ("neural", "noise", "axon", "sua")
    write_curation(curate(session, model=load_model(binary)), again=True)
    assert read_history(session)[-1].predictions.labels[:2].tolist() == ["axon", "sua"]
    assert verify(session, recompute=True, model=binary).passed
    for _ in range(4):
        if verify(session).run:
            undo(session)


def test_a_word_that_is_none_is_refused(session: Path) -> None:
    """A synonym, a slip, no decision, a number: one file has one word for one thing."""
    write_curation(curate(session))
    unit = read_history(session)[0].predictions.unit_ids[0].item()
    for word in ("good", "niose", "unsorted", "1", "a=b", " axon", ""):
        with pytest.raises(WriteError, match="is not a label"):
            relabel(session, {unit: word}, by="S. Cajal")


def test_the_shell_follows_the_classes_too(session: Path, binary: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Labelling, the history and the tables of several files."""
    assert main(["label", str(session), "--model", str(binary)]) == 0
    assert "p(neural)" in capsys.readouterr().out
    unit = read_history(session)[0].predictions.unit_ids[0].item()
    assert main(["relabel", str(session), "--unit", f"{unit}=axon", "--by", "S. Cajal"]) == 0
    capsys.readouterr()
    assert main(["history", str(session)]) == 0
    assert "1 axon" in capsys.readouterr().out
    other = write_nwb(session.with_name("other.nwb"), make_session(n_units=6), waveforms="all")
    assert main(["label", str(session), str(other), "--model", str(binary), "--dry-run"]) == 0
    assert "axon" in capsys.readouterr().out


def test_units_that_no_class_means_are_named(session: Path, binary: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A model of sua and mua labels noise, too: `label` and `show` state it, also after a person has set a label."""
    describe_classes(binary, {"0": "mua", "1": "sua"})
    note = "binary distinguishes mua and sua alone: units that are noise get one of these labels, too."
    assert main(["label", str(session), "--model", str(binary)]) == 0
    assert f"note: {note}" in capsys.readouterr().err
    unit = read_history(session)[0].predictions.unit_ids[0].item()
    relabel(session, {unit: "noise"}, by="S. Cajal")
    assert main(["show", str(session)]) == 0
    assert f"note: {note}" in capsys.readouterr().err
    assert main(["show", str(session), "--json"]) == 0
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert problem["code"] == "model.classes-incomplete"
    assert main(["label", str(session)]) == 0
    assert main(["show", str(session)]) == 0
    assert "distinguishes" not in capsys.readouterr().err


def test_the_shell_remembers_what_classes_mean(binary: Path) -> None:
    """`model describe` and `model show`."""
    (binary / "classes.json").unlink()
    assert main(["model", "describe", str(binary), "--classes", "0=good,1=bad"]) == 0
    assert main(["model", "describe", str(binary), "--classes", "0=good"]) == 1
    assert main(["model", "describe", str(binary), "--classes", "good"]) == 2
    assert load_model(binary).classes == ("good", "bad")


def test_units_are_chosen_and_sorted_by_words_of_ones_own(
    session: Path, binary: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`show` knows the labels that the file has, and names them where it is given another."""
    write_curation(curate(session, model=load_model(binary)))
    unit = read_history(session)[0].predictions.unit_ids[0].item()
    relabel(session, {unit: "axon"}, by="S. Cajal")
    assert main(["show", str(session), "--sort", "label"]) == 0
    assert main(["show", str(session), "--label", "axon", "--json"]) == 0
    assert '"axon"' in capsys.readouterr().out
    assert main(["show", str(session), "--label", "dendrite"]) == 2
    assert "'dendrite' is not a label here" in capsys.readouterr().err


def test_a_table_may_have_words_of_ones_own(session: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A new word has to be named once; afterwards the file knows it. A slip is refused."""
    write_curation(curate(session))
    first, second, third = read_history(session)[0].predictions.unit_ids[:3].tolist()
    table = tmp_path / "labels.csv"
    table.write_text(f"unit_id,label\n{first},axon\n{second},good\n")
    given = ["relabel", str(session), "--labels", str(table), "--by", "S. Cajal"]
    assert main(given) == 1
    assert "--mapping axon=axon" in capsys.readouterr().err
    assert main([*given, "--mapping", "axon=axon"]) == 0
    assert read_history(session)[-1].predictions.labels[:2].tolist() == ["axon", "sua"]
    table.write_text(f"unit_id\tlabel\n{third}\tAxon\n")
    assert main(given) == 0
    assert read_history(session)[-1].predictions.labels[2] == "axon"
    table.write_text(f"unit_id,label\n{first},axom\n")
    assert main(given) == 1


def test_a_table_of_predictions_is_no_persons_until_it_is_edited(
    session: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exported, one label changed, and taken back in: that one is the person's, and the others stay the model's."""
    write_curation(curate(session))
    table = tmp_path / "labels.csv"
    assert main(["export", str(session), str(table)]) == 0
    given = ["relabel", str(session), "--labels", str(table), "--by", "S. Cajal"]
    assert main(given) == 1
    assert "There is no label to set" in capsys.readouterr().err
    old = read_history(session)[0].predictions
    unit, label = old.unit_ids[0].item(), str(old.labels[0])
    new = "noise" if label != "noise" else "sua"
    table.write_text(table.read_text().replace(f"\n{unit},{label},", f"\n{unit},{new},"))
    assert main(given) == 0
    assert "are a model's predictions still" in capsys.readouterr().err
    run = read_history(session)[-1]
    assert run.changed.tolist() == [True] + [False] * 5
    assert run.predictions.labels[0] == new


def test_labels_that_a_model_had_set_are_pointed_out(
    session: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Phy's table does not show who decided: all its labels count as the person's, which is said."""
    write_curation(curate(session))
    assert main(["export", str(session), str(tmp_path / "cluster_group.tsv")]) == 0
    capsys.readouterr()
    table = str(tmp_path / "cluster_group.tsv")
    assert main(["relabel", str(session), "--labels", table, "--by", "S. Cajal"]) == 0
    assert "6 of its 6 labels are those that a model or rule had set" in capsys.readouterr().err
    assert main(["relabel", str(session), "--labels", table, "--by", "S. Cajal", "--again"]) == 0
    assert "had set" not in capsys.readouterr().err
