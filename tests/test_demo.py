"""The simulated session."""

from __future__ import annotations

import numpy as np
import pytest
from pynwb import NWBHDF5IO

from nwb_unitrefine.demo import TRUTH_COLUMN, simulate_session
from nwb_unitrefine.errors import WriteError
from nwb_unitrefine.records import CLASSES


def test_same_seed_gives_the_same_units(tmp_path) -> None:
    """A seed decides every spike; another seed makes another session."""
    spikes = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        simulate_session(tmp_path / f"{name}.nwb", n_units=5, duration_s=60.0, seed=seed)
        with NWBHDF5IO(tmp_path / f"{name}.nwb", "r") as io:
            spikes.append(io.read().units["spike_times"].target.data[:])
    np.testing.assert_array_equal(spikes[0], spikes[1])
    assert not np.array_equal(spikes[0], spikes[2])


def test_truth_is_in_the_file_and_has_every_class(tmp_path) -> None:
    """The returned truth is the file's column, with units of each of the three kinds."""
    truth = simulate_session(tmp_path / "a.nwb", n_units=10, duration_s=60.0)
    with NWBHDF5IO(tmp_path / "a.nwb", "r") as io:
        assert list(io.read().units[TRUTH_COLUMN].data[:]) == truth.tolist()
    assert set(truth.tolist()) == set(CLASSES)


def test_single_units_are_refractory(tmp_path) -> None:
    """No single unit fires twice within its refractory period, although it picks up spikes of others."""
    truth = simulate_session(tmp_path / "a.nwb", n_units=10, duration_s=120.0)
    with NWBHDF5IO(tmp_path / "a.nwb", "r") as io:
        trains = io.read().units["spike_times"]
        shortest = [np.diff(trains[row]).min() for row in np.flatnonzero(truth == "sua").tolist()]
    assert min(shortest) > 2.4e-3


def test_file_that_is_there_is_not_replaced(tmp_path) -> None:
    """The simulation never overwrites a file."""
    (tmp_path / "a.nwb").write_text("precious")
    with pytest.raises(WriteError, match="exists already"):
        simulate_session(tmp_path / "a.nwb", n_units=5, duration_s=10.0)
    assert (tmp_path / "a.nwb").read_text() == "precious"
