"""Metrics from raw traces, on a generated recording whose units are known."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pytest
from pynwb import NWBHDF5IO, NWBFile
from pynwb.ecephys import ElectricalSeries

from helpers.made_units import RATE_HZ, make_units
from nwb_unitrefine.errors import FeatureError
from nwb_unitrefine.learn import LabelRules, read_labelled_units
from nwb_unitrefine.metrics import compute_features, compute_from_raw
from nwb_unitrefine.pipeline import curate
from nwb_unitrefine.records import Electrodes, OriginKind, ProblemCode, Ragged, RawOptions, Source, Units

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("spikeinterface", reason="SpikeInterface is not installed")

START_S = 12.0
COUNT_UV = 0.2
N_UNITS, N_CHANNELS, DURATION_S = 5, 12, 20.0


@pytest.fixture(scope="module")
def truth() -> tuple[Any, Any]:
    """A recording of 20 s and its true sorting."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from spikeinterface.core import generate_ground_truth_recording

        return generate_ground_truth_recording(
            durations=[DURATION_S],
            num_channels=N_CHANNELS,
            num_units=N_UNITS,
            sampling_frequency=RATE_HZ,
            noise_kwargs={"noise_levels": 5.0},
            generate_sorting_kwargs={"firing_rates": 12.0, "refractory_period_ms": 4.0},
            seed=3,
        )


@pytest.fixture(scope="module")
def path(truth: tuple[Any, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An NWB file with these traces as int16 counts of 0.2 µV, from 12 s of the session's clock on."""
    recording, sorting = truth
    path = tmp_path_factory.mktemp("raw") / "raw.nwb"
    nwbfile = NWBFile(
        session_description="generated",
        identifier="generated",
        session_start_time=datetime(2026, 1, 1, tzinfo=UTC),
    )
    device = nwbfile.create_device(name="probe", description="generated")
    group = nwbfile.create_electrode_group(name="probe", description="generated", location="nowhere", device=device)
    for x, y in recording.get_channel_locations():
        nwbfile.add_electrode(group=group, location="nowhere", rel_x=x, rel_y=y)
    nwbfile.add_acquisition(
        ElectricalSeries(
            name="ElectricalSeries",
            data=np.rint(recording.get_traces() / COUNT_UV).astype(np.int16),
            electrodes=nwbfile.create_electrode_table_region(region=list(range(N_CHANNELS)), description="all"),
            starting_time=START_S,
            rate=RATE_HZ,
            conversion=COUNT_UV * 1e-6,
        )
    )
    for unit in sorting.unit_ids:
        nwbfile.add_unit(spike_times=sorting.get_unit_spike_train(unit) / RATE_HZ + START_S)
    with NWBHDF5IO(path, "w") as io:
        io.write(nwbfile)
    return path


def _units(truth: tuple[Any, Any], path: Path, *, extra: tuple[Any, ...] = ()) -> Units:
    """The true units as a file would have them, and further trains."""
    recording, sorting = truth
    trains = [sorting.get_unit_spike_train(unit) / RATE_HZ + START_S for unit in sorting.unit_ids] + list(extra)
    offsets = np.concatenate([[0], np.cumsum([len(train) for train in trains])]).astype(np.int64)
    places = recording.get_channel_locations()
    return Units(
        unit_ids=np.array([f"unit {i}" for i in range(len(trains))], dtype=object),
        spike_times_s=Ragged(np.concatenate(trains), offsets),
        source=Source(uri=str(path), kind="nwb-hdf5"),
        sampling_rate_hz=RATE_HZ,
        electrodes=Electrodes(ids=np.arange(N_CHANNELS), positions_um=places, groups=np.full(N_CHANNELS, "probe")),
    )


def _true_peaks(truth: tuple[Any, Any]) -> np.ndarray:
    """Mean of the traces at each unit's spikes: the largest absolute value over channels and samples, with its sign."""
    recording, sorting = truth
    traces = recording.get_traces()
    peaks = []
    for unit in sorting.unit_ids:
        train = sorting.get_unit_spike_train(unit)
        train = train[(train > 50) & (train < len(traces) - 80)]
        mean = np.mean([traces[sample - 30 : sample + 60] for sample in train], axis=0)
        peaks.append(mean.ravel()[np.argmax(np.abs(mean))])
    return np.array(peaks)


@pytest.mark.slow
def test_metrics_are_those_of_the_true_units(truth: tuple[Any, Any], path: Path, tmp_path: Path) -> None:
    """Amplitude and signal to noise are the truth's; the folder is kept, taken up again, and refused to other units."""
    units = _units(truth, path, extra=(np.array([START_S + 1.0, START_S + 500.0]),))
    folder = tmp_path / "kept"
    raw = compute_from_raw(units, RawOptions(preprocess=False, progress=False, folder=folder))
    assert {"snr", "amplitude_median", "sd_ratio", "drift_ptp", "d_prime", "silhouette", "snr@0.101"} <= set(raw.names)
    frame = raw.to_frame()
    true = _true_peaks(truth)
    np.testing.assert_allclose(frame["amplitude_median"].to_numpy()[:N_UNITS], true, rtol=0.1)
    np.testing.assert_allclose(frame["amplitude_median@0.101"].to_numpy()[:N_UNITS], np.abs(true), rtol=0.1)
    np.testing.assert_allclose(frame["snr"].to_numpy()[:N_UNITS], np.abs(true) / 5.0, rtol=0.15)
    assert raw.origin(0, "snr").kind == OriginKind.RAW
    assert np.isnan(frame.to_numpy()[N_UNITS]).all()
    assert "fewer than" in raw.origin(N_UNITS, "snr").detail
    assert raw.problems[0].unit_ids == (f"unit {N_UNITS}",)

    again = compute_from_raw(units, RawOptions(preprocess=False, progress=False, folder=folder))
    assert np.array_equal(again.values, raw.values, equal_nan=True)
    with pytest.raises(FeatureError, match="other units"):
        compute_from_raw(
            _units(truth, path, extra=(units.spike_times_s[0],)), RawOptions(progress=False, folder=folder)
        )

    features = compute_features(units, names=["snr", "amplitude_cutoff@0.101", "firing_rate"], raw=raw)
    assert str(features.origin(0, "snr")).startswith("raw: from raw traces, SpikeInterface")
    assert features.values[0, 0] == frame["snr"].iloc[0]
    assert features.notes["raw traces"] == f"{N_CHANNELS} channels, {DURATION_S:g} s, as they are"


@pytest.mark.slow
def test_labels_can_be_based_on_raw_traces(path: Path) -> None:
    """The whole way, from a file with units and traces: its features say what the traces gave."""
    curation = curate(path, raw=RawOptions(progress=False))
    assert curation.features.notes["raw traces"].startswith(f"{N_CHANNELS} channels")
    assert len(curation.predictions) == N_UNITS


@pytest.mark.slow
def test_a_recording_can_be_given(truth: tuple[Any, Any], path: Path) -> None:
    """The traces may come from elsewhere than the file of the units, and be filtered on the way."""
    recording, _ = truth
    shifted = recording.clone()
    shifted.shift_times(START_S)
    raw = compute_from_raw(_units(truth, path), RawOptions(recording=shifted, progress=False))
    assert np.isfinite(raw.values[:, raw.names.index("snr")]).all()
    assert "filtered" in raw.notes["raw traces"]


def test_a_recording_of_other_units_is_refused(truth: tuple[Any, Any]) -> None:
    """Spikes that lie outside the recording say that it is another one."""
    recording, _ = truth
    units = make_units([np.linspace(1000, 2000, 50)])
    with pytest.raises(FeatureError, match="lie outside"):
        compute_from_raw(units, RawOptions(recording=recording, progress=False))


def test_a_file_without_traces_is_refused(tmp_path: Path) -> None:
    """No ElectricalSeries: one line, and what to do."""
    path = tmp_path / "empty.nwb"
    with h5py.File(path, "w") as file:
        file.create_group("acquisition")
        file.create_group("processing")
    units = make_units([np.linspace(0, 10, 50)])
    with pytest.raises(FeatureError, match="ElectricalSeries") as raised:
        compute_from_raw(units, RawOptions(recording=path, progress=False))
    assert "option recording" in raised.value.tip


def test_a_source_that_is_no_nwb_file_has_no_traces() -> None:
    """Units from a sorter's folder need a recording."""
    units = make_units([np.linspace(0, 10, 50)])
    with pytest.raises(FeatureError, match="not an NWB file"):
        compute_from_raw(
            Units(
                unit_ids=units.unit_ids,
                spike_times_s=units.spike_times_s,
                source=Source(uri="sorted", kind="sorter"),
            ),
            RawOptions(progress=False),
        )


@pytest.mark.slow
def test_labelled_units_have_metrics_of_raw_traces(path: Path, tmp_path: Path) -> None:
    """To train on; five units have no ranks."""
    labels = tmp_path / "labels.csv"
    with h5py.File(path) as file:
        ids = file["units/id"][:].tolist()
    labels.write_text("\n".join(["unit_id,label", *(f"{one},good" for one in ids)]) + "\n")
    dataset = read_labelled_units(path, rules=LabelRules(labels=labels), ranks=True, raw=RawOptions(progress=False))
    columns = dict(zip(dataset.names, dataset.values.T, strict=True))
    assert np.isfinite(columns["snr@0.101"]).all()
    assert np.isnan(columns["rank_of_snr@0.101"]).all()
    assert any(problem.code is ProblemCode.FEATURES_TOO_FEW_TO_RANK for problem in dataset.problems)
