"""Every value that SpikeInterface computes on three real recordings, in both definitions."""

from __future__ import annotations

import csv
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest

from nwb_unitrefine.metrics import compute_features
from nwb_unitrefine.metrics.prepare.templates import prepare_templates
from nwb_unitrefine.read import read_units
from nwb_unitrefine.vocabulary import METRICS, NEW, OLD, Need

if TYPE_CHECKING:
    from pathlib import Path

    from nwb_unitrefine.records import Units

FILES = ("brody_T182_2018_08_29_bank1", "brody_T196_2019_04_22", "brody_T209_2019_05_22_600s")

EXCEPTIONS: dict[tuple[str, str, str, int], str] = {}
"""Cells that differ, by file, definition, metric and row, each with the reason. There is none."""


@cache
def _units(path: Path) -> Units:
    return read_units(path)


def _oracle(path: Path) -> dict[str, np.ndarray]:
    """Columns of an oracle that are metrics."""
    with path.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    return {
        name: np.array([float(row[name]) if row[name] else np.nan for row in rows])
        for name in rows[0]
        if name in METRICS
    }


def _agree(ours: np.ndarray, theirs: np.ndarray, *, relative: float) -> np.ndarray:
    """Cells that are equal, both missing included."""
    return (np.isnan(ours) & np.isnan(theirs)) | (np.abs(ours - theirs) <= relative * np.abs(theirs))


@pytest.mark.parametrize("definition", [NEW, OLD])
@pytest.mark.parametrize("name", FILES)
def test_values_are_those_of_spikeinterface(shared_data: Path, name: str, definition: str) -> None:
    """All metrics of all units equal the oracle within 1e-5 (exp_decay 1e-4), and are missing where it has none."""
    release = {NEW: "si0105", OLD: "si0101"}[definition]
    oracle = _oracle(shared_data / "oracles" / f"{name}.{release}.csv")
    units = _units(shared_data / "nwb" / f"{name}.nwb")
    features = compute_features(units, names=[f"{metric}@{definition}" for metric in oracle])
    different = {}
    for column, (metric, theirs) in enumerate(oracle.items()):
        agree = _agree(features.values[:, column], theirs, relative=1e-4 if metric == "exp_decay" else 1e-5)
        for row in np.flatnonzero(~agree).tolist():
            if (name, definition, metric, row) not in EXCEPTIONS:
                different[metric, row] = (features.values[row, column], theirs[row])
    assert not different
    assert len(oracle) > 20


@pytest.mark.parametrize("name", FILES)
def test_new_definition_on_the_old_main_channel_is_that_of_spikeinterface(
    shared_data: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The two rules for the main channel and the two definitions are independent of each other."""

    def on_old_channel(*args: object, **options: object) -> object:
        templates = prepare_templates(*args, **options)
        assert templates is not None
        templates.main[NEW] = templates.main[OLD]
        return templates

    monkeypatch.setattr("nwb_unitrefine.metrics.prepare.templates.prepare_templates", on_old_channel)
    oracle = _oracle(shared_data / "oracles" / f"{name}.si0105_negchan.csv")
    units = _units(shared_data / "nwb" / f"{name}.nwb")
    features = compute_features(units, names=list(oracle))
    for column, (metric, theirs) in enumerate(oracle.items()):
        agree = _agree(features.values[:, column], theirs, relative=1e-4 if metric == "exp_decay" else 1e-5)
        assert agree.all(), (metric, np.flatnonzero(~agree))
    assert any(Need.WAVEFORM in METRICS[metric].needs for metric in oracle)


@pytest.mark.parametrize("name", FILES)
def test_main_channels_are_those_of_spikeinterface(shared_data: Path, name: str) -> None:
    """Both rules pick the electrode that SpikeInterface picks."""
    units = _units(shared_data / "nwb" / f"{name}.nwb")
    assert units.waveforms is not None
    templates = prepare_templates(units, sampling_rate_hz=30000.0, rate_note="", many_channels=False)
    assert templates is not None
    for definition, release in ((NEW, "si0105"), (OLD, "si0101")):
        with (shared_data / "oracles" / f"{name}.{release}.csv").open(newline="") as lines:
            theirs = [int(row["main_channel"]) for row in csv.DictReader(lines)]
        ours = units.waveforms.channels[np.arange(len(units)), templates.main_channels[definition]]
        assert ours.tolist() == theirs
