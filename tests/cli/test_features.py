"""``nwb-unitrefine features``: what was computed, from what, and what is missing and why."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import pytest

from factories import make_session, write_nwb
from nwb_unitrefine.cli import main

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def session(tmp_path: Path) -> Path:
    """A file of six units with mean waveforms on all channels."""
    return write_nwb(tmp_path / "session.nwb", make_session(n_units=6), waveforms="all")


def test_table_says_what_each_feature_is_from(session: Path, capsys: pytest.CaptureFixture[str]) -> None:
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


def test_csv_has_a_row_a_unit(session: Path, tmp_path: Path) -> None:
    """The table that is written can be read by anything."""
    assert main(["features", str(session), "--output", str(tmp_path / "out.csv")]) == 0
    with (tmp_path / "out.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 6
    assert float(rows[0]["num_spikes"]) > 0


def test_unknown_feature_is_refused_in_one_line(session: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt name is an error with the name that was meant."""
    assert main(["features", str(session), "--names", "fireing_rate"]) == 1
    assert "Did you mean firing_rate?" in capsys.readouterr().err


def test_raw_traces_that_are_not_there_are_refused(session: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file without an ElectricalSeries cannot give metrics from raw traces, and says so."""
    pytest.importorskip("spikeinterface", reason="SpikeInterface is not installed")
    assert main(["features", str(session), "--from-raw"]) == 1
    assert "no ElectricalSeries" in capsys.readouterr().err
