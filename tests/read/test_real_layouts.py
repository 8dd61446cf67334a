"""The small inputs of `cases`: layouts that people really have, each with the value that is right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from nwb_unitrefine.errors import NoUnitsError, SourceError
from nwb_unitrefine.metrics import compute_features
from nwb_unitrefine.read import read_units
from nwb_unitrefine.records import ProblemCode

if TYPE_CHECKING:
    from pathlib import Path

    from nwb_unitrefine.records import Features, Units


@pytest.fixture
def cases(shared_data: Path) -> Path:
    """Folder of the cases."""
    return shared_data / "cases"


def features_of(units: Units, *names: str) -> np.ndarray:
    """Values of features, one row a unit."""
    return compute_features(units, names=names).values


def assert_same(first: Features, second: Features) -> None:
    """Features are the same to the last bit, with the same origins."""
    assert first.names == second.names
    np.testing.assert_array_equal(first.values, second.values)
    assert [str(first.origin(0, name)) for name in first.names] == [str(second.origin(0, name)) for name in first.names]


def codes(units: Units) -> set[ProblemCode]:
    """Codes of what was noticed on reading."""
    return {problem.code for problem in units.problems}


def test_attributes_in_arrays_are_read_as_scalars_are(cases: Path) -> None:
    """Features, origins, notes and problems are those of the file with scalar attributes: 20 kHz, 0.36 ms, slopes."""
    folder = cases / "attributes_as_arrays"
    array, scalar = (read_units(folder / f"{name}_attributes.nwb") for name in ("array", "scalar"))
    assert_same(compute_features(array), compute_features(scalar))
    assert compute_features(array).notes == compute_features(scalar).notes
    assert array.problems == scalar.problems == ()
    width, slope = features_of(array, "trough_half_width", "recovery_slope")[0]
    assert width == pytest.approx(0.36e-3, rel=1e-3)
    assert slope == pytest.approx(-60_844, rel=1e-3)


def test_milliseconds_are_refused_or_converted(cases: Path) -> None:
    """Spike times in ms are refused with the option named; with it, all features are those of the file in seconds."""
    folder = cases / "spike_times_in_ms"
    with pytest.raises(SourceError, match="not in seconds") as caught:
        read_units(folder / "ms_frac.nwb")
    assert "--spike-times-in" in caught.value.tip
    true = compute_features(read_units(folder / "seconds_true.nwb"))
    stated = compute_features(read_units(folder / "ms_frac.nwb", spike_times_in="ms"))
    np.testing.assert_allclose(stated.values, true.values, rtol=1e-12)
    assert_same(compute_features(read_units(folder / "column_vector.nwb")), true)


def test_a_gap_in_the_timestamps_is_not_recorded(cases: Path) -> None:
    """30 kHz, 0.6 s observed in 0.75 s, 100 Hz."""
    units = read_units(cases / "timestamps_with_gap" / "gap_0.15s.nwb")
    assert units.sampling_rate_hz == 30_000.0
    np.testing.assert_allclose(np.diff(units.recording_intervals_s).sum(), 0.6)
    assert codes(units) == {ProblemCode.RECORDING_GAPS}
    np.testing.assert_allclose(features_of(units, "firing_rate")[:, 0], 100.0)


def test_swapped_axes_of_tetrodes_are_swapped_back(cases: Path) -> None:
    """The unit's four electrodes decide, though 32 is the number of samples and of all electrodes."""
    swapped, ok = (read_units(cases / "tetrode_axes_swapped" / f"{name}.nwb") for name in ("swapped", "ok"))
    assert_same(compute_features(swapped), compute_features(ok))
    assert codes(swapped) - codes(ok) == {ProblemCode.WAVEFORMS_AXES_SWAPPED}


def test_a_spike_outside_costs_one_unit_its_intervals(cases: Path) -> None:
    """Units 1 and 2 fire at 0.665 and 0.633 Hz of their own intervals; unit 0 is named with one spike of 31."""
    units = read_units(cases / "one_spike_outside_intervals" / "a.nwb")
    features = compute_features(units, names=["firing_rate"])
    np.testing.assert_allclose(features.values[1:, 0], [0.665, 0.6325])
    (problem,) = features.problems
    assert (problem.code, problem.unit_ids) == (ProblemCode.OBS_INTERVALS_SPIKES_OUTSIDE, (0,))
    assert problem.what.startswith("1 of 31 spikes")


def test_templates_of_unit_norm_have_no_slopes(cases: Path) -> None:
    """Everything without scale is as in the file in volts; slopes are missing, and the file says why once."""
    norm, volts = (
        compute_features(read_units(cases / "waveform_unit_guessed" / f"{name}.nwb"))
        for name in ("unit_norm", "volts_true")
    )
    slopes = [name.endswith("_slope") for name in norm.names]
    assert np.isnan(norm.values[:, slopes]).all()
    assert np.isfinite(volts.values[:, slopes]).all()
    np.testing.assert_allclose(
        norm.values[:, np.logical_not(slopes)], volts.values[:, np.logical_not(slopes)], rtol=1e-8
    )
    assert [problem.code for problem in norm.problems] == [ProblemCode.WAVEFORMS_SCALE_UNKNOWN]


def test_means_are_made_of_single_waveforms(cases: Path) -> None:
    """Ten waveforms a unit on four channels: their mean is the unit's, and that is reported."""
    units = read_units(cases / "single_waveforms_only" / "a.nwb")
    assert ProblemCode.WAVEFORMS_FROM_SINGLE in codes(units)
    assert units.waveforms.mean.shape == (3, 60, 4)
    width, slope = features_of(units, "trough_half_width", "recovery_slope")[0]
    assert (width, slope) == (pytest.approx(0.24e-3, rel=1e-3), pytest.approx(-67_640, rel=1e-3))


@pytest.mark.parametrize(
    ("folder", "hints"), [("phy_windows_path", {}), ("phy_without_params", {"sampling_rate_hz": 30_000})]
)
def test_phy_folders_with_odd_params_are_read(cases: Path, folder: str, hints: dict[str, Any]) -> None:
    """A Windows path in params.py, or no params.py and the rate stated: 30 kHz, 787 spikes of cluster 0 in 120 s."""
    units = read_units(cases / folder, **hints)
    assert units.sampling_rate_hz == 30_000.0
    count, rate = features_of(units, "num_spikes", "firing_rate")[0]
    assert (count, rate) == (787, pytest.approx(6.56, rel=1e-3))


def test_a_phy_folder_without_params_names_the_option(cases: Path) -> None:
    """Without the sampling rate, the folder is refused."""
    with pytest.raises(SourceError, match=r"no params\.py") as caught:
        read_units(cases / "phy_without_params")
    assert "--sampling-rate-hz" in caught.value.tip


SPIKE_TRAINS = [
    "num_spikes",
    "firing_rate",
    "presence_ratio",
    "firing_range",
    "isi_violations_ratio",
    "isi_violations_count",
    "rp_contamination",
    "rp_violations",
    "sliding_rp_violation",
    "sync_spike_2",
    "sync_spike_4",
    "sync_spike_8",
]


@pytest.mark.parametrize(
    "layout", ["float_ids", "column_ids", "column_times", "column_index", "float_index", "row_times", "float32_index"]
)
def test_twelve_metrics_do_not_depend_on_the_layout(tmp_path: Path, layout: str) -> None:
    """Vectors stored as columns, rows or floats give the plain file's values to the last bit."""
    import h5py

    rng = np.random.default_rng(0)
    trains = [np.cumsum(rng.integers(60, 3000, n)) / 30_000 for n in (6000, 900, 50)]
    plain = {
        "id": np.arange(3),
        "spike_times": np.concatenate(trains),
        "spike_times_index": np.cumsum([len(train) for train in trains]),
    }
    changed = {
        "float_ids": {"id": plain["id"].astype(float)},
        "column_ids": {"id": plain["id"][:, None]},
        "column_times": {"spike_times": plain["spike_times"][:, None]},
        "row_times": {"spike_times": plain["spike_times"][None]},
        "column_index": {"spike_times_index": plain["spike_times_index"][:, None]},
        "float_index": {"spike_times_index": plain["spike_times_index"].astype(float)},
        "float32_index": {"spike_times_index": plain["spike_times_index"].astype(np.float32)},
    }
    values = []
    for name, datasets in {"plain": {}, layout: changed[layout]}.items():
        with h5py.File(tmp_path / f"{name}.nwb", "w") as file:
            file.attrs["nwb_version"] = "2.6.0"
            for dataset, array in (plain | datasets).items():
                file[f"units/{dataset}"] = array
        values.append(features_of(read_units(tmp_path / f"{name}.nwb"), *SPIKE_TRAINS))
    assert np.array_equal(values[0], values[1], equal_nan=True)
    assert np.isfinite(values[0][0]).all()


def test_one_unit_may_have_a_scalar_id(tmp_path: Path) -> None:
    """A table of one unit whose id is a scalar is read."""
    import h5py

    with h5py.File(tmp_path / "a.nwb", "w") as file:
        file.attrs["nwb_version"] = "2.6.0"
        file["units/id"] = 4.0
        file["units/spike_times"] = np.array([[0.5], [1.25]])
        file["units/spike_times_index"] = 2
    units = read_units(tmp_path / "a.nwb")
    assert (units.unit_ids.tolist(), units.spike_times_s[0].tolist()) == ([4], [0.5, 1.25])


@pytest.mark.parametrize(
    "place", ["processing/ecephys/units", "acquisition/units", "analysis/good/sorted", "scratch/second_sorting"]
)
def test_units_elsewhere_are_named_and_read_when_asked_for(tmp_path: Path, place: str) -> None:
    """A file without /units is refused with the path of the table that it has; `units=` reads it."""
    import h5py

    with h5py.File(tmp_path / "a.nwb", "w") as file:
        file.attrs["nwb_version"] = "2.6.0"
        table = file.create_group(place)
        table.attrs["neurodata_type"] = "Units"
        table["id"] = [3, 5]
        table["spike_times"] = [0.1, 0.2, 0.7]
        table["spike_times_index"] = [2, 3]
    with pytest.raises(NoUnitsError, match=place) as caught:
        read_units(tmp_path / "a.nwb")
    assert f"--units {place}" in caught.value.tip
    units = read_units(tmp_path / "a.nwb", units=f"/{place}")
    assert (units.unit_ids.tolist(), units.source.units_path) == ([3, 5], place)
    with pytest.raises(NoUnitsError, match="no units table at /processing/nothing"):
        read_units(tmp_path / "a.nwb", units="processing/nothing")


def test_the_beta_of_nwb_2_is_read(tmp_path: Path) -> None:
    """Its version is a dataset, and its units are UnitTimes of a processing module with `unit_ids`."""
    import h5py

    with h5py.File(tmp_path / "a.nwb", "w") as file:
        file["nwb_version"] = "2.0b"
        table = file.create_group("processing/shank/UnitTimes")
        table.attrs["neurodata_type"] = "UnitTimes"
        table["unit_ids"] = [3, 5]
        table["spike_times"] = [0.1, 0.2, 0.7]
        table["spike_times_index"] = [2, 3]
    units = read_units(tmp_path / "a.nwb", units="processing/shank/UnitTimes")
    assert (units.unit_ids.tolist(), units.source.nwb_version) == ([3, 5], "2.0b")


def test_nwb_1_is_refused_by_its_name(tmp_path: Path) -> None:
    """A file of NWB 1 is told to be converted."""
    import h5py

    with h5py.File(tmp_path / "a.nwb", "w") as file:
        file["nwb_version"] = "NWB-1.0.6"
    with pytest.raises(SourceError, match="NWB version 1"):
        read_units(tmp_path / "a.nwb")


@pytest.mark.parametrize(
    ("gaps_s", "start_s"), [([0.02], 0.0), ([5.0], 100.0), ([0.4, 0.002, 30.0], 12.5), ([0.15] * 7, 0.0)]
)
def test_gaps_of_any_number_and_size_are_found(tmp_path: Path, gaps_s: list[float], start_s: float) -> None:
    """The rate is that of the pieces, and the observed time is theirs."""
    import h5py

    n = 20_000
    steps = np.full((len(gaps_s) + 1) * n, 1 / 25_000)
    steps[n::n] += gaps_s
    steps[0] = start_s
    times = np.cumsum(steps)
    with h5py.File(tmp_path / "a.nwb", "w") as file:
        file.attrs["nwb_version"] = "2.6.0"
        series = file.create_group("acquisition/AP")
        series.attrs["neurodata_type"] = "ElectricalSeries"
        series["data"] = np.zeros((len(times), 1), np.int8)
        series["timestamps"] = times
        file["units/id"] = [0]
        file["units/spike_times"] = times[::1000] + 1e-9
        file["units/spike_times_index"] = [len(times[::1000])]
    units = read_units(tmp_path / "a.nwb")
    assert units.sampling_rate_hz == 25_000.0
    assert len(units.recording_intervals_s) == len(gaps_s) + 1
    assert np.diff(units.recording_intervals_s).sum() == pytest.approx(len(times) / 25_000, rel=1e-6)
    assert features_of(units, "firing_rate")[0, 0] == pytest.approx(25.0, rel=2e-3)


def file_of_intervals(path: Path, *, spikes_per_s: float, intervals_per_s: float, duration_s: float) -> Path:
    """A file of six units whose spikes and observation intervals are in units of their own."""
    import h5py

    rng = np.random.default_rng(0)
    trains = [np.sort(rng.uniform(0, duration_s, int(rate_hz * duration_s))) for rate_hz in (2, 5, 8, 12, 20, 30)]
    with h5py.File(path, "w") as file:
        file.attrs["nwb_version"] = "2.6.0"
        file["units/id"] = np.arange(6)
        file["units/spike_times"] = np.concatenate(trains) * spikes_per_s
        file["units/spike_times_index"] = np.cumsum([len(train) for train in trains])
        file["units/obs_intervals"] = np.tile([0.0, duration_s * intervals_per_s], (6, 1))
        file["units/obs_intervals_index"] = np.arange(1, 7)
    return path


@pytest.mark.parametrize("duration_s", [2.0, 300.0])
def test_observation_intervals_in_another_unit_are_not_used(tmp_path: Path, duration_s: float) -> None:
    """Spikes in seconds under intervals in milliseconds: their rates are those of the spikes."""
    path = file_of_intervals(tmp_path / "a.nwb", spikes_per_s=1, intervals_per_s=1000, duration_s=duration_s)
    units = read_units(path)
    assert ProblemCode.OBS_INTERVALS_UNUSABLE in codes(units)
    assert features_of(units, "firing_rate")[-1, 0] == pytest.approx(30, rel=0.05)


def test_observation_intervals_show_that_spikes_are_not_seconds(tmp_path: Path) -> None:
    """A session of two seconds is too short for rates to show it: its intervals do."""
    path = file_of_intervals(tmp_path / "a.nwb", spikes_per_s=1000, intervals_per_s=1, duration_s=2.0)
    with pytest.raises(SourceError, match="the observation intervals last 2 s") as caught:
        read_units(path)
    assert "--spike-times-in" in caught.value.tip
    assert features_of(read_units(path, spike_times_in="ms"), "firing_rate")[-1, 0] == pytest.approx(30, rel=0.01)


def test_four_samples_are_no_waveform_where_every_unit_has_all_electrodes(tmp_path: Path) -> None:
    """(units, 4, 32) is four channels of 32 samples though every unit lists all 32 electrodes."""
    import h5py

    shape = -np.exp(-(((np.arange(32) - 10) / 3.0) ** 2)) * np.array([1.0, 0.1, 0.6, 0.2])[:, None] * 1e-4
    with h5py.File(tmp_path / "a.nwb", "w") as file:
        file.attrs["nwb_version"] = "2.6.0"
        file["general/extracellular_ephys/electrodes/id"] = np.arange(32)
        file["units/id"] = [0, 1]
        file["units/spike_times"] = [0.1, 0.2, 0.3, 0.4]
        file["units/spike_times_index"] = [2, 4]
        file["units/electrodes"] = np.tile(np.arange(32), 2)
        file["units/electrodes_index"] = [32, 64]
        file["units/waveform_mean"] = np.stack([shape, shape * 2])
    units = read_units(tmp_path / "a.nwb")
    assert units.waveforms.mean.shape == (2, 32, 4)
    assert ProblemCode.WAVEFORMS_AXES_SWAPPED in codes(units)


@pytest.mark.parametrize("line", ["sample_rate = np.float64(25000.0)", "sample_rate=25e3  # Hz", "sample_rate = 25000"])
def test_params_may_hold_numbers_of_numpy_and_lines_that_are_no_python(tmp_path: Path, line: str) -> None:
    """The line of the sampling rate is found beside a Windows path, and what numpy prints is a number."""
    path = "dat_path = 'D:" + chr(92) + "Users" + chr(92) + "x.dat'"
    (tmp_path / "params.py").write_text(f"{path}\nmy_sample_rate = 3\n{line}\n")
    np.save(tmp_path / "spike_times.npy", np.arange(100) * 25_000)
    np.save(tmp_path / "spike_clusters.npy", np.zeros(100, int))
    units = read_units(tmp_path)
    assert units.sampling_rate_hz == 25_000.0
    assert units.spike_times_s[0][:2].tolist() == [0.0, 1.0]


def test_fractions_in_spike_times_npy_are_seconds(tmp_path: Path) -> None:
    """Whole floats are samples, fractions are seconds, and which was taken is reported."""
    (tmp_path / "params.py").write_text("sample_rate = 30000.")
    samples = np.sort(np.random.default_rng(0).integers(0, 3_000_000, 500)).astype(float)
    np.save(tmp_path / "spike_clusters.npy", np.zeros(500, int))
    np.save(tmp_path / "spike_times.npy", samples)
    whole = read_units(tmp_path)
    np.save(tmp_path / "spike_times.npy", samples / 30_000)
    seconds = read_units(tmp_path)
    assert np.array_equal(whole.spike_times_s.values, seconds.spike_times_s.values)
    assert codes(seconds) - codes(whole) == {ProblemCode.SPIKE_TIMES_IN_SECONDS}


def test_a_sampling_rate_in_kilohertz_is_none(tmp_path: Path) -> None:
    """30 is not a rate of spikes in Hz: it is refused, or another source of the rate is taken and named."""
    import h5py

    np.save(tmp_path / "spike_times.npy", np.arange(100) * 30_000)
    np.save(tmp_path / "spike_clusters.npy", np.zeros(100, int))
    (tmp_path / "params.py").write_text("sample_rate = 30.0\n")
    for hints in ({}, {"sampling_rate_hz": 30.0}):
        with pytest.raises(SourceError, match="too slow for spikes"):
            read_units(tmp_path, **hints)
    with h5py.File(tmp_path / "a.nwb", "w") as file:
        file.attrs["nwb_version"] = "2.6.0"
        file["units/id"] = [0]
        file["units/spike_times"] = np.cumsum(np.random.default_rng(0).integers(75, 20_000, 199)) / 25_000
        file["units/spike_times_index"] = [199]
        file["units/waveform_mean"] = [-np.hanning(40) * 1e-4]
        file["units/waveform_mean"].attrs["sampling_rate"] = 25.0
    units = read_units(tmp_path / "a.nwb")
    assert units.sampling_rate_hz == 25_000
    assert ProblemCode.WAVEFORMS_RATE_ASSUMED in codes(units)
    note = compute_features(units, names=["trough_half_width"]).notes["waveform sampling rate"]
    assert note == f"25000 Hz, {units.sampling_rate_from}"


def test_single_waveforms_without_an_index_are_named(tmp_path: Path) -> None:
    """A block of (units, spikes, samples, channels) is not a layout of NWB: that it is not read is reported."""
    import h5py

    with h5py.File(tmp_path / "a.nwb", "w") as file:
        file.attrs["nwb_version"] = "2.6.0"
        file["units/id"] = [0, 1]
        file["units/spike_times"] = [0.1, 0.2, 0.3, 0.4]
        file["units/spike_times_index"] = [2, 4]
        file["units/waveforms"] = np.ones((2, 2, 30, 4))
    units = read_units(tmp_path / "a.nwb")
    assert units.waveforms is None
    assert "that no index assigns" in next(
        one.what for one in units.problems if one.code is ProblemCode.WAVEFORMS_UNUSABLE
    )
