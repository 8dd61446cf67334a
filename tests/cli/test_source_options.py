"""What a user states about a source reaches reading, is recorded, and is used again when the labels are verified."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import h5py
import numpy as np
import pytest

from nwb_unitrefine import verify
from nwb_unitrefine.cli import main
from nwb_unitrefine.write import read_history

if TYPE_CHECKING:
    from pathlib import Path


def _write(path: Path, *, factor: float = 1.0, place: str = "units") -> Path:
    """Three units at 1, 2 and 4 Hz over ten minutes, in another unit, or at another place."""
    rng = np.random.default_rng(0)
    trains = [np.cumsum(2e-3 + rng.exponential(1 / rate, int(600 * rate))) for rate in (1, 2, 4)]
    with h5py.File(path, "w") as file:
        file.attrs.update({"nwb_version": "2.6.0", "neurodata_type": "NWBFile", "object_id": "f"})
        table = file.create_group(place)
        table.attrs.update({"neurodata_type": "Units", "object_id": "u", "colnames": ["spike_times"]})
        table["id"] = np.arange(3)
        table["spike_times"] = np.concatenate(trains) * factor
        table["spike_times_index"] = np.cumsum([len(train) for train in trains])
    return path


def test_milliseconds_are_labelled_when_stated_and_verified_as_such(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the option the file is refused in one line; with it, it is labelled, and verify converts again."""
    path = _write(tmp_path / "ms.nwb", factor=1e3)
    assert main(["label", str(path)]) == 1
    refusal = capsys.readouterr().err
    assert "not in seconds" in refusal
    assert "--spike-times-in" in refusal
    assert "Traceback" not in refusal
    assert main(["label", str(path), "--spike-times-in", "ms"]) == 0
    assert "labels rest on spike times only" in capsys.readouterr().out
    assert read_history(path)[0].parameters["spike_times_in"] == "ms"
    assert verify(path, recompute=True).passed
    assert main(["show", str(path), "--spike-times-in", "ms"]) == 0


@pytest.mark.slow
def test_units_at_another_place_are_predicted_and_not_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Labels of a second sorting go into a table; the file is refused in one line and stays as it was."""
    path = _write(tmp_path / "a.nwb", place="processing/ecephys/sorting")
    before = path.read_bytes()
    assert main(["label", str(path)]) == 1
    assert "processing/ecephys/sorting" in capsys.readouterr().err
    option = ["--units", "processing/ecephys/sorting"]
    assert main(["label", str(path), *option]) == 1
    assert "written to the units table at /units" in capsys.readouterr().err
    assert path.read_bytes() == before
    assert main(["predict", str(path), *option, "--output", str(tmp_path / "labels.csv")]) == 0
    assert len((tmp_path / "labels.csv").read_text().splitlines()) == 4
    capsys.readouterr()
    assert main(["label", str(path), *option, "--dry-run", "--json"]) == 0
    (document,) = json.loads(capsys.readouterr().out)
    assert document["rests_on"] == "spike times only"


def test_a_doubtful_unit_makes_every_prediction_uncertain(tmp_path: Path) -> None:
    """`predict` marks what `label` marks: whole numbers that may be no seconds."""
    path = _write(tmp_path / "a.nwb")
    with h5py.File(path, "a") as file:
        times = file["units/spike_times"]
        times[...] = np.rint(times[...] * 10)
    assert main(["predict", str(path), "--output", str(tmp_path / "labels.csv")]) == 0
    rows = (tmp_path / "labels.csv").read_text().splitlines()[1:]
    assert all("may not be in seconds" in row for row in rows)
