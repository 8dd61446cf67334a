"""Which units to ask about next."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from helpers.simulated_nwb import make_session, write_nwb
from nwb_unitrefine import curate, relabel, write_curation
from nwb_unitrefine.cli import main
from nwb_unitrefine.learn.suggest import MIN_SPIKES, Candidates, suggest_units

if TYPE_CHECKING:
    from pathlib import Path


def make_file(n_units: int, *, seed: int = 0) -> Candidates:
    """Units with enough spikes that nobody labelled."""
    rng = np.random.default_rng(seed)
    return Candidates(rng.random(n_units), np.full(n_units, MIN_SPIKES), np.zeros(n_units, dtype=bool))


def test_half_are_close_calls_and_no_unit_comes_twice() -> None:
    """Close calls have smaller margins than units drawn at random, on average, and every unit comes once."""
    files = [make_file(200), make_file(100, seed=1)]
    found = suggest_units(files, n=40)
    assert len({(one.file, one.row) for one in found}) == 40
    close = [files[one.file].margins[one.row] for one in found if one.is_close]
    other = [files[one.file].margins[one.row] for one in found if not one.is_close]
    assert len(close) == len(other) == 20
    assert np.mean(close) < 0.25 < np.mean(other)
    assert [one.file for one in found] == [0, 1] * 20


def test_units_without_evidence_or_with_a_label_are_never_asked() -> None:
    """Few spikes, no label of the model, a label of a person: each is a reason to leave a unit out."""
    file = make_file(10)
    file.n_spikes[0] = MIN_SPIKES - 1
    file.is_labelled[1] = True
    file.margins[2] = np.nan
    assert sorted(one.row for one in suggest_units([file], n=50)) == list(range(3, 10))


def test_the_same_seed_asks_the_same() -> None:
    """The draw is of the seed."""
    files = [make_file(50)]
    assert suggest_units(files, n=9, seed=4) == suggest_units(files, n=9, seed=4)
    assert suggest_units(files, n=9, seed=4) != suggest_units(files, n=9, seed=5)


@pytest.mark.slow
def test_the_command_leaves_out_what_a_person_labelled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Over two files, the units that a person labelled are not among the suggestions."""
    for seed, name in enumerate(("a.nwb", "b.nwb")):
        write_nwb(tmp_path / name, make_session(n_units=4, seed=seed), waveforms="all")
    curation = curate(tmp_path / "a.nwb")
    write_curation(curation)
    person = int(curation.units.unit_ids[0])
    relabel(tmp_path / "a.nwb", {person: "noise"}, by="S. Cajal")
    assert main(["suggest", str(tmp_path), "--n", "50", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert (f"{tmp_path / 'a.nwb'}", person) not in {(row["source"], row["unit"]) for row in rows}
    assert len(rows) == 7


def test_rules_have_no_close_calls(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They are refused, and not answered with an empty list."""
    file = write_nwb(tmp_path / "a.nwb", make_session(n_units=4), waveforms="all")
    assert main(["suggest", str(file), "--model", "rules/aind", "--missing", "ignore"]) == 1
    assert "no unit is a closer call than another" in capsys.readouterr().err
