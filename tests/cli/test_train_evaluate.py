"""What `train` and `evaluate` print, for people and for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from helpers.labelled import make_dataset
from nwb_unitrefine.cli import main
from nwb_unitrefine.demo import simulate_session

if TYPE_CHECKING:
    from pathlib import Path

QUICK = ["--classifier", "logistic_regression", "--imputer", "median", "--scaler", "standard", "--draws", "1"]


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """A folder of CSV tables, one a recording, whose labels are a lab's own."""
    dataset = make_dataset(recordings=3, subjects=3)
    frame = dataset.to_frame()
    frame["label"] = frame["label"].map({"sua": "Good", "mua": "so-so", "noise": "noise"})
    for recording, part in frame.groupby("recording"):
        part.to_csv(tmp_path / f"{recording}.csv")
    return tmp_path


@pytest.mark.slow
def test_a_model_is_trained_and_scored(tables: Path, tmp_path_factory, capsys: pytest.CaptureFixture[str]) -> None:
    """Labels and what became of them, scores by recording, and where the model is."""
    output = tmp_path_factory.mktemp("models") / "mine"
    arguments = ["train", str(tables), "--mapping", "so-so=mua", "--output", str(output), *QUICK]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "so-so → mua" in printed
    assert "leave one subject out" in printed
    assert f"written to {output}" in printed
    assert main(["evaluate", str(tables), "--mapping", "so-so=mua", "--model", str(output)]) == 1
    assert "was trained on rec0" in capsys.readouterr().err


def test_programs_get_the_manifest(tables: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With --json there is one document, and nothing else on standard output."""
    assert main(["train", str(tables), "--mapping", "so-so=mua", "--no-validate", "--json", *QUICK]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["path"] is None
    assert document["manifest"]["training"]["n_units"] == {"sua": 40, "mua": 40, "noise": 40}
    assert document["manifest"]["evaluations"] == []


def test_an_unknown_label_is_one_line(tables: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The label that nobody explained is named, with the option that explains it."""
    assert main(["train", str(tables)]) == 1
    printed = capsys.readouterr().err
    assert "'so-so'" in printed
    assert "--mapping so-so=mua" in printed


@pytest.mark.slow
def test_the_recipe_is_scored_and_drawn(tables: Path, tmp_path_factory, capsys: pytest.CaptureFixture[str]) -> None:
    """UnitRefine's recipe and the default model side by side, with figures."""
    folder = tmp_path_factory.mktemp("figures")
    arguments = ["evaluate", str(tables), "--mapping", "so-so=mua", "--recipe", "--figures", str(folder)]
    assert main([*arguments, "--model", "default"]) == 0
    printed = capsys.readouterr().out
    assert "UnitRefine recipe" in printed
    assert "mean of recordings" in printed
    assert (folder / "reliability.png").is_file()


def test_nothing_to_train_on_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a source there is a line about usage."""
    assert main(["train"]) == 2
    assert "SOURCE" in capsys.readouterr().err


def test_labels_without_a_class_are_refused(tables: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where no unit is noise, nothing can be made to score, and the class is named."""
    for file in tables.glob("*.csv"):
        lines = file.read_text().splitlines(keepends=True)
        file.write_text("".join(line for line in lines if ",noise" not in line))
    assert main(["evaluate", str(tables), "--mapping", "so-so=mua", "--cross-validate"]) == 1
    assert "0 noise" in capsys.readouterr().err


def test_noise_in_one_recording_alone_is_refused(tables: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without that recording there is no noise to learn from."""
    for file in sorted(tables.glob("*.csv"))[1:]:
        lines = file.read_text().splitlines(keepends=True)
        file.write_text("".join(line for line in lines if ",noise" not in line))
    assert main(["evaluate", str(tables), "--mapping", "so-so=mua", "--recipe"]) == 1
    assert "Without rec0, no unit is labelled noise" in capsys.readouterr().err


def test_a_subject_pattern_that_is_none_is_refused(tables: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be a regular expression is one line."""
    assert main(["evaluate", str(tables), "--mapping", "so-so=mua", "--subject-pattern", "("]) == 2
    assert "is not a regular expression" in capsys.readouterr().err


def test_one_recording_has_no_interval(tables: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An interval over recordings takes several of them."""
    assert main(["evaluate", str(tables / "rec0.csv"), "--mapping", "so-so=mua", "--model", "default"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "interval" in line]
    assert line.split()[-1] == "–"


@pytest.mark.slow
def test_a_task_decides_the_classes(tables: Path, tmp_path_factory, capsys: pytest.CaptureFixture[str]) -> None:
    """Trained on two classes and two metrics, scored on labels of three as its own classes."""
    output = tmp_path_factory.mktemp("models") / "mine"
    arguments = [str(tables / "rec0.csv"), "--mapping", "so-so=mua"]
    wanted = ["--task", "noise-neural", "--metrics", "half_width,firing_rate", "--no-validate"]
    assert main(["train", *arguments, *wanted, "--output", str(output), "--json", *QUICK]) == 0
    manifest = json.loads(capsys.readouterr().out)["manifest"]
    assert manifest["classes"] == ["noise", "neural"]
    assert [one["column"] for one in manifest["features"]] == ["firing_rate", "half_width"]
    assert main(["evaluate", str(tables / "rec1.csv"), "--mapping", "so-so=mua", "--model", str(output)]) == 0
    assert "recall neural" in capsys.readouterr().out
    assert main(["train", *arguments, "--task", "neural"]) == 1
    assert "noise-neural" in capsys.readouterr().err


@pytest.fixture
def sessions(tmp_path: Path) -> list[str]:
    """NWB files with spikes and labels."""
    paths = [tmp_path / f"mouse{number}.nwb" for number in (1, 2)]
    for number, path in enumerate(paths):
        simulate_session(path, n_units=24, duration_s=60.0, seed=number)
    return list(map(str, paths))


@pytest.mark.slow
def test_the_scores_are_those_of_what_is_trained(sessions: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """From files with spikes both take the learner of the default, or another by the same options."""
    given = [*sessions, "--label-column", "ground_truth", "--json"]
    for options, learner in (
        ((), "half of the trees"),
        (("--foreign-spikes", "none", "--metrics", "waveform"), "mean"),
    ):
        assert main(["train", *given, *options]) == 0
        printed = capsys.readouterr()
        assert learner in printed.err
        trained = json.loads(printed.out)["manifest"]["evaluations"][0]
        assert main(["evaluate", *given, *options, "--cross-validate"]) == 0
        (scored,) = json.loads(capsys.readouterr().out)
        assert scored["pooled"] == trained["pooled"]
        assert scored["recordings"] == trained["recordings"]


def test_a_table_without_counts_is_stated(tables: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Why no trees are shown foreign spikes; asked for all the same, it is an error."""
    arguments = ["train", str(tables), "--mapping", "so-so=mua", "--no-validate"]
    assert main([*arguments, "--foreign-spikes", "half"]) == 1
    assert "the data has no rp_violations, isi_violations_count" in capsys.readouterr().err
    assert main([*arguments, "--metrics", "half_width,firing_rate"]) == 0
    assert "not shown foreign spikes: the data has no rp_violations" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [
        ("train", "--foreign-spikes", "half", "--search"),
        ("train", "--foreign-spikes", "all", "--cascade"),
        ("train", "--foreign-spikes", "all", "--metrics", "nwb"),
        ("train", "--continue-from", "default", "--foreign-spikes", "none"),
        ("train", "--continue-from", "default", "--add-to", "a", "--add-to", "b"),
        ("evaluate", "--metrics", "nwb"),
    ],
)
def test_options_that_exclude_each_other_are_wrong_usage(options: tuple[str, ...], tables: Path) -> None:
    """They are refused before anything is read."""
    assert main([options[0], str(tables), *options[1:]]) == 2
