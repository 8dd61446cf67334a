"""After a power cut, a target is the old or the new one, and one that was not touched is read."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import power_cut


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("backend", ["hdf5", "zarr"])
def test_a_power_cut_leaves_the_old_or_the_new_one(backend: str) -> None:
    """Whatever of the unsynced writes is on the disk, in pieces and in any order."""
    found = power_cut.simulate(backend, 60)
    assert found["old"] > 0
    assert found["new"] > 0
    assert found["neither"] == found["refused"] == 0
    assert found["with something left beside it"] == 0
