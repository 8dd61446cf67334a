"""The small form of the fault campaign: real processes, killed, starved and crowded while they write labels."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_whatever_happens_to_the_writer_the_file_is_the_old_or_the_new_one() -> None:
    """After kills, failing calls, readers and a second writer, over HDF5 and Zarr, nothing else is ever found."""
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT / "extensions/ndx-unit-curation/src/pynwb")])
    command = [sys.executable, ROOT / "tests" / "benchmarks" / "fault_campaign.py", "--kills", "16", "--calls", "9"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": path})
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["neither_old_nor_new"] == 0
    assert found["kills"] >= 40
    for backend in ("hdf5", "zarr"):
        assert found[backend]["killed_at_each_call"].keys() == {"old", "new"}
        assert found[backend]["EIO_at_each_call"]["old"] > 0
