"""Our findings as checks of nwbinspector."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import h5py
import pytest

from helpers.bare_nwb import make_small_session


@pytest.mark.slow
def test_nwbinspector_reports_our_problems(tmp_path: Path) -> None:
    """With the module named, nwbinspector reports what reading finds, with its code."""
    path = make_small_session(tmp_path / "a.nwb")
    with h5py.File(path, "r+") as file:
        file["units/spike_times"][3] = float("nan")
    program = Path(sys.executable).with_name("nwbinspector")
    if not program.exists():
        pytest.skip("nwbinspector is not installed beside Python")
    command = [str(program), str(path), "--modules", "nwb_unitrefine.integrations.nwbinspector_checks"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert "spike-times.impossible" in done.stdout, done.stderr
