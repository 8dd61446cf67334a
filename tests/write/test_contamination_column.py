"""The share of foreign spikes beside every label: in the run, in a column where one is asked for, and on screen."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import h5py
import numpy as np
import pytest
from pynwb import NWBHDF5IO

from helpers.simulated_nwb import make_session, write_nwb
from nwb_unitrefine import compute_features, curate, read_history, read_units, relabel, undo, verify, write_curation
from nwb_unitrefine.cli import main
from nwb_unitrefine.records import CONTAMINATION

if TYPE_CHECKING:
    from pathlib import Path

COLUMN = "unitrefine_contamination"


@pytest.fixture
def session(tmp_path: Path) -> Path:
    """A file with four units."""
    path = tmp_path / "a.nwb"
    write_nwb(path, make_session(n_units=4, seed=0))
    return path


def column(path: Path) -> np.ndarray | None:
    """The column's values, None where it is not there."""
    with h5py.File(path) as file:
        return file[f"units/{COLUMN}"][()] if COLUMN in file["units"] else None


@pytest.mark.slow
def test_a_run_records_the_interval_and_a_column_is_written_only_when_asked_for(session: Path) -> None:
    """Estimate and bounds are features of the run, as computed from the spikes; the column has the bound."""
    expected = compute_features(read_units(session), names=CONTAMINATION).values
    write_curation(curate(session))
    (run,) = read_history(session)
    assert run.contamination is not None
    found = np.stack([run.contamination.estimate, run.contamination.lower, run.contamination.upper], axis=1)
    np.testing.assert_array_equal(found, expected)
    assert column(session) is None
    write_curation(curate(session), contamination_column=True)
    np.testing.assert_array_equal(column(session), expected[:, 2])
    assert verify(session, recompute=True).passed
    with NWBHDF5IO(session, "r") as io:
        assert "Llobet" in io.read().units[COLUMN].description


@pytest.mark.slow
def test_a_column_that_a_file_has_is_kept_up_to_date(session: Path) -> None:
    """A person's labels leave it; a further run of a model writes it again, asked for or not; undoing removes it."""
    write_curation(curate(session), contamination_column=True)
    before = column(session)
    relabel(session, {int(read_units(session).unit_ids[0]): "noise"}, by="A. Curator")
    np.testing.assert_array_equal(column(session), before)
    assert not write_curation(curate(session), contamination_column=True).is_written
    assert COLUMN in write_curation(curate(session), again=True).columns
    assert verify(session).passed
    for _ in range(3):
        undo(session)
    assert column(session) is None


@pytest.mark.slow
def test_an_edited_column_is_not_verified_and_not_replaced_without_being_allowed(session: Path) -> None:
    """As for the other columns."""
    write_curation(curate(session), contamination_column=True)
    with h5py.File(session, "r+") as file:
        file[f"units/{COLUMN}"][0] = 0.123
    assert not verify(session).passed
    assert main(["label", str(session), "--again"]) == 1
    assert column(session)[0] == 0.123
    options = ["--again", "--contamination-column", "--overwrite-column", COLUMN]
    assert main(["label", str(session), *options]) == 0
    assert verify(session).passed


@pytest.mark.slow
def test_programs_and_people_see_it_beside_the_label(session: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`label --json`, `show --json` and `explain --json` have the values of the features."""
    expected = compute_features(read_units(session), names=CONTAMINATION).values
    assert main(["label", str(session), "--json"]) == 0
    (document,) = json.loads(capsys.readouterr().out)
    found = [[unit[f"contamination{end}"] for end in ("", "_lower", "_upper")] for unit in document["units"]]
    np.testing.assert_allclose(found, expected)
    assert main(["show", str(session), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)["units"]
    np.testing.assert_allclose(
        [[unit[f"contamination{end}"] for end in ("", "_lower", "_upper")] for unit in shown], expected
    )
    assert main(["explain", str(session), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["contamination_upper"] == expected[0, 2]
    assert main(["show", str(session)]) == 0
    assert " % (" in capsys.readouterr().out


def test_units_are_chosen_by_the_spikes_that_the_file_has_now(
    session: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bound that was recorded before spikes were doubled must not let the unit through."""
    write_curation(curate(session))
    with h5py.File(session, "r+") as file:
        spikes = file["units/spike_times"]
        spikes[1::2] = spikes[0:-1:2] + 0.0005  # half of them follow another within the refractory period
        spikes[...] = np.concatenate(
            [np.sort(one) for one in np.split(spikes[()], file["units/spike_times_index"][:-1])]
        )
    assert main(["show", str(session), "--contamination-below", "1", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)["units"]
    expected = compute_features(read_units(session), names=CONTAMINATION).values[:, 2]
    assert len(shown) == int((expected < 1).sum()) < 4


def test_a_source_without_spike_times_has_no_contamination(tmp_path: Path) -> None:
    """Nothing is made up: no features, no column, no error."""
    path = tmp_path / "a.nwb"
    write_nwb(path, make_session(n_units=3, seed=0))
    with h5py.File(path, "r+") as file:
        for name in ("spike_times", "spike_times_index", "obs_intervals", "obs_intervals_index"):
            if name in file["units"]:
                del file["units"][name]
        kept = [name for name in file["units"].attrs["colnames"] if name not in {"spike_times", "obs_intervals"}]
        file["units"].attrs["colnames"] = kept
    curation = curate(path)
    assert curation.contamination is None
    assert COLUMN not in write_curation(curation, contamination_column=True).columns
