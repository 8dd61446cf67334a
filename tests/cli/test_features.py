"""``nwb-unitrefine features``: what was computed, from what, and what is missing and why."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import pytest

from helpers.simulated_nwb import make_session, write_nwb
from nwb_unitrefine.cli import main

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def session(tmp_path: Path) -> Path:
    """A file of six units with mean waveforms on all channels."""
    return write_nwb(tmp_path / "session.nwb", make_session(n_units=6), waveforms="all")


@pytest.mark.slow
def test_table_states_what_each_feature_is_from(session: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every feature stands in one line with its unit, its range and its origin, under the decisions for all units."""
    assert main(["features", str(session)]) == 0
    shown = capsys.readouterr().out
    assert "observed time: " in shown
    assert "waveform scale: " in shown
    assert "computed: from spike times, definition 0.105" in " ".join(shown.split())


def test_json_gives_each_value_an_origin(session: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Values and origins are tables of the same shape, and a missing value is null with a reason."""
    assert main(["features", str(session), "--names", "firing_rate,half_width@0.101,d_prime", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["names"] == ["firing_rate", "half_width@0.101", "d_prime"]
    assert len(document["values"]) == len(document["origin_index"]) == len(document["unit_ids"]) == 6
    assert document["values"][0][2] is None
    assert document["origins"][document["origin_index"][0][2]] == "missing: needs principal components of each spike"


@pytest.mark.slow
def test_csv_has_a_row_a_unit(session: Path, tmp_path: Path) -> None:
    """The table that is written can be read by anything."""
    assert main(["features", str(session), "--output", str(tmp_path / "out.csv")]) == 0
    with (tmp_path / "out.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 6
    assert float(rows[0]["num_spikes"]) > 0


@pytest.mark.parametrize("command", ["features", "predict"])
def test_nothing_that_is_there_is_overwritten(session: Path, tmp_path: Path, command: str, capsys) -> None:
    """The source itself, or any file, is refused as output, before anything is computed; so is a folder to be made."""
    before = session.read_bytes()
    table = tmp_path / "table.csv"
    assert main(["features", str(session), "--output", str(table)]) == 0
    source = ["predict", str(table)] if command == "predict" else ["features", str(session)]
    capsys.readouterr()
    for output, why in ((session, "exists already"), (tmp_path / "none" / "out.csv", "there is no folder")):
        assert main([*source, "--output", str(output)]) == 1
        assert why in capsys.readouterr().err
    assert session.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["session.nwb", "table.csv"]


@pytest.mark.slow
def test_predict_states_which_features_are_missing(session: Path, tmp_path: Path, capsys) -> None:
    """Metrics in another definition than the model's are not taken for its features, and their names are given."""
    table = tmp_path / "table.csv"
    assert main(["features", str(session), "--output", str(table)]) == 0
    capsys.readouterr()
    assert main(["predict", str(table)]) == 0
    printed = capsys.readouterr().err
    assert "features of the model are missing: " in printed
    assert "half_width@0.101" in printed
    assert main(["predict", str(table), "--definition", "0.101", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert "exp_decay@0.101" in printed
    assert "exp_decay@0.101" not in document["missing"]


@pytest.mark.slow
def test_predict_on_what_a_model_needs_is_what_label_states(session: Path, tmp_path: Path, capsys) -> None:
    """`features --model` exports all that the model takes: the table gives the probabilities that the file gives."""
    table = tmp_path / "table.csv"
    assert main(["features", str(session), "--model", "default", "--output", str(table)]) == 0
    capsys.readouterr()
    assert main(["predict", str(table), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert "half_width@0.101" not in said["missing"]
    assert main(["label", str(session), "--dry-run", "--json"]) == 0
    (labelled,) = json.loads(capsys.readouterr().out)
    for name in ("unit_id", "label", "p_sua", "p_mua", "p_noise"):
        assert [unit[name] for unit in said["units"]] == pytest.approx([unit[name] for unit in labelled["units"]]), name


@pytest.mark.parametrize("options", [["--folder", "x"], ["--no-preprocess"], ["--electrical-series", "x"]])
def test_options_of_raw_traces_alone_are_wrong_usage(session: Path, options: list[str]) -> None:
    """What says how to read raw traces is of no use without them."""
    assert main(["features", str(session), *options]) == 2
    assert main(["features", str(session), "--jobs", "0"]) == 2


def test_unknown_feature_is_refused_in_one_line(session: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt name is an error with the name that was meant."""
    assert main(["features", str(session), "--names", "fireing_rate"]) == 1
    assert "Did you mean firing_rate?" in capsys.readouterr().err


def test_raw_traces_that_are_not_there_are_refused(session: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file without an ElectricalSeries cannot give metrics from raw traces, and says so."""
    pytest.importorskip("spikeinterface", reason="SpikeInterface is not installed")
    assert main(["features", str(session), "--from-raw"]) == 1
    assert "no ElectricalSeries" in capsys.readouterr().err


def test_a_recording_that_is_not_there_is_refused(session: Path, tmp_path: Path, capsys) -> None:
    """A path that is not a recording is one line, whether nothing is there or something else."""
    pytest.importorskip("spikeinterface", reason="SpikeInterface is not installed")
    (tmp_path / "folder").mkdir()
    for name, why in (("nosuch", "There is no recording"), ("folder", "cannot be read as a recording")):
        assert main(["features", str(session), "--recording", str(tmp_path / name)]) == 1
        assert why in capsys.readouterr().err
