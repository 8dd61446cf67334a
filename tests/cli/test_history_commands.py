"""The commands history, verify, relabel, undo, export and recover."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from helpers.bare_nwb import make_small_session
from helpers.curations import curation_of
from nwb_unitrefine.cli import main
from nwb_unitrefine.journal import Edit, journal_path
from nwb_unitrefine.journal.record import Journal
from nwb_unitrefine.journal.secret import secret_for_writing
from nwb_unitrefine.read import read_units
from nwb_unitrefine.write import import_labels, write_curation

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """A session of six units with labels."""
    path = make_small_session(tmp_path / "session.nwb")
    write_curation(curation_of(path))
    return path


def document(capsys: pytest.CaptureFixture[str], *arguments: str) -> object:
    """What a command prints as JSON."""
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_relabelling_shows_in_the_history(labelled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Who set which label, when and why, and what the model had said."""
    old = curation_of(labelled).predictions.labels.tolist()
    new = "noise" if old[3] != "noise" else "sua"
    code = main(["relabel", str(labelled), "--unit", f"3={new}", "--by", "S. Cajal", "--note", "two shapes"])
    assert code == 0
    assert "1 of 6 units" in capsys.readouterr().out
    first, second = document(capsys, "history", str(labelled))
    assert (first["agent"], first["kind"]) == ("test-model", "model")
    assert (second["agent"], second["note"], second["in_effect"]) == ("S. Cajal", "two shapes", True)
    (change,) = document(capsys, "history", str(labelled), "--diff", "1", "run_0002")
    assert change == {"unit_id": 3, "old": old[3], "new": new}
    assert main(["history", str(labelled)]) == 0
    assert "S. Cajal" in capsys.readouterr().out


def test_labels_go_out_come_in_and_are_undone(labelled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Labels exported for Phy, changed there, come back with one command, and go with another."""
    table = labelled.with_name("cluster_group.tsv")
    assert main(["export", str(labelled), str(table)]) == 0
    old = import_labels(table)
    table.write_text(table.read_text().replace("\tmua", "\tnoise").replace("\tgood", "\tnoise"))
    assert main(["relabel", str(labelled), "--labels", str(table), "--by", "S. Cajal"]) == 0
    assert main(["undo", str(labelled), "--by", "R. Levi"]) == 0
    capsys.readouterr()
    after = document(capsys, "history", str(labelled))[-1]
    assert after["undoes"] == "run_0002"
    assert {unit["unit_id"]: unit["label"] for unit in after["units"] if unit["label"]} == old
    for command in ("history", "show"):
        assert main([command, str(labelled)]) == 0
        assert "takes run_0002 back" in " ".join(capsys.readouterr().out.split())


def test_verification_is_told_by_the_exit_code(labelled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """0 when everything is as the history says, 1 when a spike time is not."""
    import h5py

    assert main(["verify", str(labelled)]) == 0
    assert document(capsys_after(capsys), "verify", str(labelled))["passed"] is True
    with h5py.File(labelled, "r+") as file:
        file["units/spike_times"][5] += 1e-4
    assert main(["verify", str(labelled)]) == 1
    assert "spike_times unchanged" in capsys.readouterr().out


def capsys_after(capsys: pytest.CaptureFixture[str]) -> pytest.CaptureFixture[str]:
    """Drop what was printed so far."""
    capsys.readouterr()
    return capsys


def test_recovery_states_what_it_did(labelled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An interrupted write is finished; where there is none, that is said."""
    content = labelled.read_bytes()
    size = len(content)
    edits = (Edit("", size - 10, content[-10:], b"0123456789"),)
    journal_path(labelled).write_bytes(Journal(labelled.name, size, size, edits).sealed(secret_for_writing()))
    assert main(["recover", str(labelled)]) == 0
    assert "an interrupted write was finished" in capsys.readouterr().out
    assert labelled.read_bytes()[-10:] == b"0123456789"
    assert document(capsys, "recover", str(labelled))[0]["outcome"] == "nothing to recover"


@pytest.mark.parametrize(
    "arguments",
    [
        ["relabel", "{file}", "--unit", "3=niose", "--by", "S. Cajal"],
        ["relabel", "{file}", "--by", "S. Cajal"],
        ["history", "{file}", "--diff", "1", "9"],
        ["history", "nowhere.nwb"],
        ["verify", "nowhere.nwb"],
        ["undo", "nowhere.nwb"],
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    labelled: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    """Exit code 1, an error and perhaps a tip; the file is as it was."""
    content = labelled.read_bytes()
    assert main([argument.format(file=labelled) for argument in arguments]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert len(captured.err.splitlines()) <= 2
    assert labelled.read_bytes() == content


@pytest.mark.parametrize("units", [["²=noise"], ["--3=noise"], ["3=sua", "3=noise"], ["3"]])
def test_units_that_make_no_sense_are_refused(labelled: Path, units: list[str], capsys) -> None:
    """What is not a number, or one unit with two labels, is wrong usage, and nothing is written."""
    before = labelled.read_bytes()
    arguments = [part for unit in units for part in ("--unit", unit)]
    assert main(["relabel", str(labelled), *arguments, "--by", "S. Cajal"]) == 2
    assert "fault" not in capsys.readouterr().err
    assert labelled.read_bytes() == before


def test_a_run_that_is_no_number_is_not_there(labelled: Path, capsys) -> None:
    """A digit that is not a number names no run."""
    assert main(["history", str(labelled), "--diff", "²", "1"]) == 1
    assert "has no run ²" in capsys.readouterr().err


def test_labels_of_another_sorting_are_refused(labelled: Path, capsys) -> None:
    """A curation that lists units which the file does not have is not taken."""
    place = labelled.with_name("curation.json")
    place.write_text(json.dumps({"unit_ids": [0, 99], "removed": [0]}))
    assert main(["relabel", str(labelled), "--labels", str(place), "--by", "S. Cajal"]) == 1
    assert "lists unit 99" in capsys.readouterr().err


def test_a_word_that_is_not_known_is_given_its_meaning(labelled: Path, capsys) -> None:
    """It is refused with the option that explains it, and read with that option."""
    table = labelled.with_name("labels.csv")
    table.write_text("unit_id,label\n0,fair\n1,good\n")
    arguments = ["relabel", str(labelled), "--labels", str(table), "--by", "S. Cajal"]
    assert main(arguments) == 1
    assert "--mapping fair=mua" in capsys.readouterr().err
    assert main([*arguments, "--mapping", "fair=mau"]) == 2
    assert main([*arguments, "--mapping", "Fair=mua"]) == 0
    labels = read_units(labelled).columns["unitrefine_label"].values.tolist()
    assert labels[:2] == ["mua", "sua"]


def test_an_export_is_replaced_only_when_told_to(labelled: Path, capsys) -> None:
    """An existing file is kept and the exit code 1; with --overwrite it is replaced, and --json says by what."""
    place = labelled.with_name("labels.csv")
    place.write_text("precious")
    assert main(["export", str(labelled), str(place)]) == 1
    assert place.read_text() == "precious"
    found = document(capsys_after(capsys), "export", str(labelled), str(place), "--overwrite")
    assert found == {"path": str(place), "run": "run_0001", "n_units": 6}
    assert place.read_text().startswith("unit_id,label")
    assert sorted(path.name for path in labelled.parent.iterdir()) == ["labels.csv", "session.nwb"]


@pytest.mark.slow
def test_what_a_file_calls_things_cannot_steer_the_terminal(labelled: Path, capsys) -> None:
    """Escape sequences in the name of who decided, or in a note, are shown as text by every command, and in JSON."""
    hostile = "\x1b]0;owned\x07\x9b2J\u202e"
    assert main(["relabel", str(labelled), "--unit", "3=noise", "--by", f"A{hostile}", "--note", hostile]) == 0
    for command in (
        ["history"],
        ["show"],
        ["verify"],
        ["history", "--json"],
        ["show", "--json"],
        ["label", "--dry-run"],
    ):
        main([command[0], str(labelled), *command[1:]])
        captured = capsys.readouterr()
        printed = captured.out + captured.err
        assert not set(hostile) & set(printed) - set("]0;owned2J"), command
    assert main(["history", str(labelled), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[1]["note"] == hostile


def test_correcting_again_with_nothing_changed_adds_a_run_only_when_asked_for(
    labelled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same correction by the same person is in the history already; ``--again`` adds it once more."""
    correct = ["relabel", str(labelled), "--unit", "3=noise", "--by", "me"]
    assert main(correct) == main(correct) == 0
    assert "nothing changed" in capsys.readouterr().out.splitlines()[-1]
    assert len(document(capsys, "history", str(labelled))) == 2
    assert main([*correct, "--again"]) == 0
    assert capsys.readouterr().out.endswith("written as run_0003\n")
