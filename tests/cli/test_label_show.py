"""What `label` and `show` print, for people and for programs."""

from __future__ import annotations

import json

import pytest

from factories import make_session, write_nwb
from nwb_unitrefine.cli import main


@pytest.fixture
def files(tmp_path):
    """A folder with two sessions and one file that is none."""
    for seed, name in enumerate(("a.nwb", "b.nwb")):
        write_nwb(tmp_path / name, make_session(n_units=4, seed=seed))
    (tmp_path / "broken.nwb").write_bytes(b"not a file of units")
    return tmp_path


def test_one_bad_file_does_not_stop_the_rest(files, capsys: pytest.CaptureFixture[str]) -> None:
    """Of three files, two are labelled and one is refused; each is a row, and the exit code is 1."""
    assert main(["label", str(files)]) == 1
    printed = capsys.readouterr()
    assert "3 sources, 1 refused" in printed.out
    assert printed.out.count("written") == 2
    assert "broken.nwb" in printed.err
    assert main(["verify", str(files / "a.nwb")]) == main(["verify", str(files / "b.nwb")]) == 0


def test_dry_run_says_the_same_and_writes_nothing(files, capsys: pytest.CaptureFixture[str]) -> None:
    """A dry run prints every label and leaves the bytes of the file."""
    path = files / "a.nwb"
    before = path.read_bytes()
    assert main(["label", str(path), "--dry-run", "--json"]) == 0
    (dry,) = json.loads(capsys.readouterr().out)
    assert path.read_bytes() == before
    assert main(["label", str(path), "--json"]) == 0
    (wet,) = json.loads(capsys.readouterr().out)
    assert wet["units"] == dry["units"]
    assert (dry["written"], wet["written"]["run"]) == (None, "run_0001")


def test_output_makes_a_labelled_copy_and_leaves_the_source(files, capsys: pytest.CaptureFixture[str]) -> None:
    """With --output the source keeps its bytes and the copy verifies; an existing file is not replaced."""
    source, copy = files / "a.nwb", files / "copy.nwb"
    before = source.read_bytes()
    assert main(["label", str(source), "--output", str(copy)]) == 0
    assert source.read_bytes() == before
    assert main(["verify", str(copy)]) == 0
    assert main(["label", str(source), "--output", str(copy)]) == 1
    assert "exists" in capsys.readouterr().err


def test_show_tells_labels_remarks_and_history(files, capsys: pytest.CaptureFixture[str]) -> None:
    """Before a file is labelled `show` says what to do, afterwards it has a row for each unit and each run."""
    path = str(files / "a.nwb")
    assert main(["show", path]) == 0
    assert "No curation yet" in capsys.readouterr().out
    assert main(["label", path]) == 0
    capsys.readouterr()
    assert main(["show", path, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert len(document["units"]) == 4
    assert [run["name"] for run in document["runs"]] == ["run_0001"]
    assert main(["show", path]) == 0
    assert "unitrefine-default" in capsys.readouterr().out


def test_labels_of_the_file_are_compared_with_ours(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    """A column of labels that a curator set is shown beside ours, with how its values were read and kappa."""
    path = tmp_path / "demo.nwb"
    assert main(["demo", "--output", str(path)]) == 0
    capsys.readouterr()
    assert main(["show", str(path), "--json"]) == 0
    agreement = json.loads(capsys.readouterr().out)["agreement"]["ground_truth"]
    assert agreement["meaning"] == {"mua": "mua", "noise": "noise", "sua": "sua"}
    assert agreement["n_units"] == 48
    assert agreement["kappa"] > 0.8
