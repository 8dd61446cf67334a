"""Parts of a cluster are killed while a dandiset with all that an archive has is labelled: the campaign, in small."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_dandiset_survives_the_death_of_any_part() -> None:
    """Labelled by two Dask workers, killed twice, replanned: each asset is done once, checked and uploaded once."""
    for package in ("dandi", "distributed", "zarr"):
        pytest.importorskip(package)
    command = [sys.executable, ROOT / "tests" / "benchmarks" / "killed_studies.py", "--seeds", "1", "--assets", "4"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert "nothing lost, nothing twice, nothing half made" in done.stdout
