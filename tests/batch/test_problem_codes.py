"""Each problem that curators asked for is found in a file that has it, and in no other."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import h5py
import numpy as np
import pytest

from helpers.bare_nwb import make_small_session, make_trains
from nwb_unitrefine import curate, load_model
from nwb_unitrefine.batch.findings import finding_of_refusal, findings_of
from nwb_unitrefine.cli import main
from nwb_unitrefine.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nwb_unitrefine.models import Model

N_UNITS = 6
LONGER = 10.0
"""What the trains of 100 s are stretched by: 1000 s are not a short recording."""

EVERYWHERE = {"model.few-units"}


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model("default")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A session of 1000 s with nothing wrong but its few units."""
    columns = {"quality": ["good"] * N_UNITS, "KSLabel": ["good"] * N_UNITS}
    path = make_small_session(tmp_path_factory.mktemp("codes") / "sound.nwb", columns=columns)
    with h5py.File(path, "r+") as file:
        file["units/spike_times"][:] *= LONGER
        file["units/waveform_mean"][:] = file["units/waveform_mean"][0]
    return path


def _codes(path: Path, model: Model) -> set[str]:
    try:
        found = findings_of(curate(path, model=model))
    except SourceError as error:
        return {finding_of_refusal(str(path), error).code}
    return {finding.code for finding in found} - EVERYWHERE


def _trains(units: h5py.Group, trains: list[np.ndarray]) -> None:
    """Give the units other spike times, as they are given."""
    for name, values in (
        ("spike_times", np.concatenate(trains)),
        ("spike_times_index", np.cumsum([len(train) for train in trains])),
    ):
        attributes = dict(units[name].attrs)
        del units[name]
        units.create_dataset(name, data=values).attrs.update(attributes)
    units["spike_times_index"].attrs["target"] = units["spike_times"].ref


def _sound_trains() -> list[np.ndarray]:
    return [LONGER * train for train in make_trains(N_UNITS)]


def _in_ms(units: h5py.Group) -> None:
    units["spike_times"][:] *= 1000


def _in_samples(units: h5py.Group) -> None:
    units["spike_times"][:] = np.round(units["spike_times"][:] * 30_000)


def _negative(units: h5py.Group) -> None:
    units["spike_times"][:] -= 500


def _unsorted(units: h5py.Group) -> None:
    trains = _sound_trains()
    trains[3] = trains[3][::-1]
    _trains(units, trains)


def _duplicated(units: h5py.Group) -> None:
    trains = _sound_trains()
    trains[3] = np.sort(np.r_[trains[3], trains[3][::20]])
    _trains(units, trains)


def _repeated(units: h5py.Group) -> None:
    trains = _sound_trains()
    trains[3] = np.repeat(trains[3], 2)
    _trains(units, trains)


def _rounded(units: h5py.Group) -> None:
    units["spike_times"][:] = np.round(units["spike_times"][:], 3)


def _paused(units: h5py.Group) -> None:
    times = units["spike_times"][:]
    units["spike_times"][:] = np.where(times > np.median(times), times + 10 * times.max(), times)


def _twice(units: h5py.Group) -> None:
    trains = _sound_trains()
    trains[3] = trains[5] + 1e-4
    _trains(units, trains)


def _split(units: h5py.Group) -> None:
    rng = np.random.default_rng(0)
    whole = np.cumsum(0.004 + rng.exponential(0.04, 20_000))
    is_first = rng.random(len(whole)) < 0.5
    _trains(units, [whole[is_first], whole[~is_first], *(np.sort(rng.uniform(0, whole[-1], 2_000)) for _ in range(4))])


def _without_unit(units: h5py.Group) -> None:
    mean = units["waveform_mean"][:]
    units["waveform_mean"][:] = mean / np.linalg.norm(mean, axis=(1, 2), keepdims=True)
    del units["waveform_mean"].attrs["unit"]


def _swapped(units: h5py.Group) -> None:
    mean, attributes = units["waveform_mean"][:], dict(units["waveform_mean"].attrs)
    del units["waveform_mean"]
    units.create_dataset("waveform_mean", data=mean.transpose(0, 2, 1)).attrs.update(attributes)


def _short(units: h5py.Group) -> None:
    units["spike_times"][:] /= 20


def _disagreeing(units: h5py.Group) -> None:
    units["KSLabel"][:3] = "mua"


def _outside(units: h5py.Group) -> None:
    intervals = units.create_dataset("obs_intervals", data=np.tile([0.0, 200.0], (N_UNITS, 1)))
    index = units.create_dataset("obs_intervals_index", data=np.arange(1, N_UNITS + 1))
    for dataset, kind in ((intervals, "VectorData"), (index, "VectorIndex")):
        about = {"namespace": "hdmf-common", "neurodata_type": kind, "object_id": kind, "description": "when"}
        dataset.attrs.update(about)
    index.attrs["target"] = intervals.ref
    units.attrs["colnames"] = [*units.attrs["colnames"], "obs_intervals"]


def _early_end(units: h5py.Group) -> None:
    mean, attributes = units["waveform_mean"][:, :20], dict(units["waveform_mean"].attrs)
    del units["waveform_mean"]
    units.create_dataset("waveform_mean", data=mean).attrs.update(attributes)


@pytest.mark.slow
@pytest.mark.filterwarnings("error")
def test_a_sound_file_has_no_problem(sound: Path, model: Model) -> None:
    """Of a file with nothing wrong, nothing is reported."""
    assert _codes(sound, model) == set()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (_in_ms, {"spike-times.wrong-unit"}),
        (_in_samples, {"spike-times.wrong-unit"}),
        (_negative, {"spike-times.negative"}),
        (_unsorted, {"spike-times.unsorted"}),
        (_duplicated, {"spike-times.duplicated"}),
        (_repeated, {"spike-times.repeated"}),
        (_rounded, {"spike-times.coarse"}),
        (_paused, {"recording.silent"}),
        (_twice, {"units.likely-duplicates"}),
        (_split, {"units.likely-split"}),
        (_without_unit, {"waveforms.scale-unknown"}),
        (_swapped, {"waveforms.axes-swapped"}),
        (_short, {"recording.too-short"}),
        (_disagreeing, {"labels.columns-differ"}),
        (_outside, {"obs-intervals.spikes-outside"}),
        (_early_end, {"model.other-data"}),
    ],
)
def test_each_problem_is_found_where_it_is_and_alone(
    sound: Path, tmp_path: Path, model: Model, change: Callable[[h5py.Group], None], expected: set[str]
) -> None:
    """One change to the sound file gives the code for it, and no other."""
    path = shutil.copy(sound, tmp_path / "changed.nwb")
    with h5py.File(path, "r+") as file:
        change(file["units"])
    assert _codes(path, model) == expected


@pytest.mark.slow
def test_a_critical_problem_is_the_exit_code(sound: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`inspect` ends with 1 for spike times in the wrong unit, and with 0 for a sound file; it names how to mend it."""
    path = shutil.copy(sound, tmp_path / "changed.nwb")
    with h5py.File(path, "r+") as file:
        _in_ms(file["units"])
    assert main(["inspect", str(sound)]) == 0
    capsys.readouterr()
    assert main(["inspect", str(path)]) == 1
    printed = capsys.readouterr().out
    assert "spike-times.wrong-unit" in printed
    assert "mend: Store spike times in seconds" in printed


@pytest.mark.slow
def test_real_recordings_get_few_findings_of_known_kinds(shared_data: Path, model: Model) -> None:
    """Ten sound Neuropixels recordings have units that were sorted twice or split, and no other problem but two.

    One is mostly artefact, of which the units are not duplicates, and one is of three minutes.
    """
    usual = {"units.likely-duplicates", "units.likely-split", "spike-times.duplicated"}
    for path in sorted(shared_data.glob("nwb*/brody_*.nwb")):
        found = findings_of(curate(path, model=model))
        is_artefact = path.stem == "brody_T182_2018_08_13_bank1_600s"
        is_other = is_artefact or path.stem == "brody_T196_2019_04_22"
        assert {finding.code for finding in found} - usual == ({"model.other-data"} if is_other else set()), path
        assert len(found) <= 15, path
