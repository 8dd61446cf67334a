"""Our findings as checks of nwbinspector."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np
import pytest

from helpers.bare_nwb import make_small_session

if TYPE_CHECKING:
    from collections.abc import Callable


def _impossible(units: h5py.Group) -> None:
    units["spike_times"][3] = float("nan")


def _in_samples(units: h5py.Group) -> None:
    units["spike_times"][:] = np.round(units["spike_times"][:] * 30_000)


def _twice(units: h5py.Group) -> None:
    """Give the second unit the spikes and the waveform of the last."""
    trains = np.split(units["spike_times"][:], units["spike_times_index"][:-1])
    trains[1] = trains[-1]
    units["waveform_mean"][1] = units["waveform_mean"][-1]
    for name, values in (
        ("spike_times", np.concatenate(trains)),
        ("spike_times_index", np.cumsum([*map(len, trains)])),
    ):
        attributes = dict(units[name].attrs)
        del units[name]
        units[name] = values.astype(np.uint32 if name.endswith("index") else np.float64)
        units[name].attrs.update(attributes)
    units["spike_times_index"].attrs["target"] = units["spike_times"].ref


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "code"),
    [
        (_impossible, "spike-times.impossible"),
        (_in_samples, "spike-times.wrong-unit"),
        (_twice, "units.likely-duplicates"),
        (_twice, "recording.too-short"),
    ],
)
def test_nwbinspector_reports_our_problems(tmp_path: Path, change: Callable[[h5py.Group], None], code: str) -> None:
    """With the module named, nwbinspector reports what `inspect` finds in the table, each problem once, by its code."""
    path = make_small_session(tmp_path / "a.nwb")
    with h5py.File(path, "r+") as file:
        change(file["units"])
    program = Path(sys.executable).with_name("nwbinspector")
    if not program.exists():
        pytest.skip("nwbinspector is not installed beside Python")
    command = [str(program), str(path), "--modules", "nwb_unitrefine.integrations.nwbinspector_checks"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.stdout.count(f"({code})") == 1, done.stdout + done.stderr
