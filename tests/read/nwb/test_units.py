"""Units of NWB files: what pynwb wrote comes back as it was simulated, and every real file is read."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import h5py
import numpy as np
import pytest

from helpers.simulated_nwb import Bare, make_session, write_bare_nwb, write_nwb
from nwb_unitrefine.errors import NoUnitsError, SourceError
from nwb_unitrefine.read import read_units
from nwb_unitrefine.records import ProblemCode

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def session():
    return make_session(n_units=6)


@pytest.mark.parametrize("backend", ["hdf5", "zarr"])
def test_everything_that_was_written_is_read_back(tmp_path, session, backend):
    """Ids, spike times, intervals, waveforms, channels, positions and columns are those of the simulation."""
    path = write_nwb(
        tmp_path / "a.nwb",
        session,
        backend=backend,
        kinds=True,
        columns={"depth_um": list(range(6)), "flag": [True, False] * 3},
        ragged_columns={"amplitudes": [[float(i)] * i for i in range(1, 7)]},
    )
    units = read_units(path)
    assert units.problems == ()
    assert units.source.kind == f"nwb-{backend}"
    assert (units.source.session_id, units.source.subject_id) == ("s1", "m1")
    assert units.source.session_start_time.startswith("2026-01-01T12:00:00")
    np.testing.assert_array_equal(units.unit_ids, session.unit_ids)
    for read, simulated in zip(units.spike_times_s, session.spike_times_s, strict=True):
        np.testing.assert_array_equal(read, simulated)
    assert [rows.tolist() for rows in units.obs_intervals_s] == [[[0.0, 60.0]]] * 6
    assert units.sampling_rate_hz == 30_000.0
    assert units.waveforms.mean.shape == (6, 60, 6)
    np.testing.assert_array_equal(units.waveforms.channels, session.nearest)
    simulated = np.take_along_axis(session.waveforms_uv, session.nearest[:, None, :], axis=2) * 1e-6
    np.testing.assert_array_equal(units.waveforms.mean, simulated.astype(np.float32))
    assert (units.waveforms.declared_unit, units.waveforms.sampling_rate_hz) == ("volts", 30_000.0)
    np.testing.assert_array_equal(units.electrodes.positions_um[:, :2], session.positions_um)
    assert set(units.electrodes.groups.tolist()) == {"shank0"}
    assert units.columns["kind"].values.tolist() == session.kinds.tolist()
    assert units.columns["depth_um"].values.tolist() == list(range(6))
    assert units.columns["flag"].values.tolist() == [True, False] * 3
    assert units.columns["amplitudes"].values[2].tolist() == [3.0, 3.0, 3.0]
    assert units.columns["electrode_group"].values.tolist() == ["shank0"] * 6


@pytest.mark.parametrize("opened", ["path", "text", "file", "bytes"])
def test_a_source_may_be_a_path_or_open(tmp_path, session, opened):
    """A path, its text, an open HDF5 file and a file object in memory give the same units; an open file stays open."""
    path = write_nwb(tmp_path / "a.nwb", session)
    with h5py.File(path) as file:
        source = {"path": path, "text": str(path), "file": file, "bytes": io.BytesIO(path.read_bytes())}[opened]
        units = read_units(source)
        assert file.id.valid
    np.testing.assert_array_equal(units.unit_ids, session.unit_ids)


def test_all_channels_are_all_electrodes(tmp_path, session):
    """Waveforms on all channels belong to the electrodes in their order."""
    units = read_units(write_nwb(tmp_path / "a.nwb", session, waveforms="all"))
    np.testing.assert_array_equal(units.waveforms.channels, np.tile(np.arange(16), (6, 1)))


def test_one_channel_belongs_to_the_only_electrode(tmp_path, session):
    """A waveform of two dimensions belongs to its unit's only electrode."""
    units = read_units(write_nwb(tmp_path / "a.nwb", session, waveforms="single"))
    main = np.abs(session.waveforms_uv).max(axis=1).argmax(axis=1)
    assert units.waveforms.mean.shape == (6, 60, 1)
    np.testing.assert_array_equal(units.waveforms.channels[:, 0], main)


@pytest.mark.parametrize(
    ("positions", "source"),
    [
        ("rel", "rel_x, rel_y"),
        ("xyz", "x, y, z"),
        ("allen", "probe_horizontal_position, probe_vertical_position"),
        (None, ""),
    ],
)
def test_positions_come_from_the_first_columns_that_have_them(tmp_path, session, positions, source):
    """rel_x and rel_y, Allen's columns, or x, y, z that tell sites apart; the columns are named."""
    units = read_units(write_nwb(tmp_path / "a.nwb", session, positions=positions))
    assert units.electrodes.position_source == source
    if positions is None:
        assert units.electrodes.positions_um is None
    else:
        np.testing.assert_array_equal(units.electrodes.positions_um[:, :2], session.positions_um)


def test_nothing_optional_need_be_there(tmp_path, session):
    """Spike times alone are enough."""
    path = write_nwb(
        tmp_path / "a.nwb",
        session,
        waveforms=None,
        obs_intervals=False,
        electrodes=False,
        positions=None,
        resolution=False,
        subject=False,
    )
    units = read_units(path)
    assert (units.waveforms, units.obs_intervals_s, units.unit_electrodes) == (None,) * 3
    assert (units.sampling_rate_hz, units.sampling_rate_from) == (30_000.0, "inferred: the spike times lie on its grid")
    assert units.source.subject_id == ""
    assert units.problems == ()


def test_the_raw_series_gives_rate_and_duration(tmp_path):
    """A series in acquisition that is fast enough for spikes says how long, and how fast, was recorded."""
    session = make_session(n_units=2, n_channels=8, duration_s=2.0)
    units = read_units(write_nwb(tmp_path / "a.nwb", session, raw=True, resolution=False))
    assert units.recording_intervals_s.tolist() == [[0.0, 2.0]]
    assert units.sampling_rate_hz == 30_000.0


def test_a_short_piece_of_raw_data_is_not_the_recording(tmp_path):
    """A stub series that most spikes lie outside of does not state how long was recorded, and that is reported."""
    session = make_session(n_units=2, n_channels=8, duration_s=4.0)
    path = write_nwb(tmp_path / "a.nwb", session, raw=True)
    with h5py.File(path, "a") as file:
        file["acquisition/ElectricalSeries/starting_time"][()] = 100.0
    units = read_units(path)
    assert units.recording_intervals_s is None
    assert any("lie outside" in problem.what for problem in units.problems)


def test_large_columns_wait_to_be_asked_for(tmp_path, session):
    """A column beyond a megabyte is named and left out, unless it is asked for."""
    path = write_nwb(tmp_path / "a.nwb", session)
    with h5py.File(path, "a") as file:
        file["units/snippets"] = np.ones((6, 200_000), np.float32)
    units = read_units(path)
    assert "snippets" not in units.columns
    assert units.unread_columns == ("snippets",)
    assert read_units(path, columns=["snippets"]).columns["snippets"].values.shape == (6, 200_000)
    with pytest.raises(SourceError, match="no units column 'snipets'"):
        read_units(path, columns=["snipets"])


def _units_table(**changes):
    """A healthy bare units table of three units, with changes; None takes a dataset away."""
    table = {
        "id": np.array([5, 6, 7]),
        "spike_times": np.array([0.1, 0.2, 0.3, 1.1, 1.2, 2.1]),
        "spike_times_index": np.array([3, 5, 6]),
        "quality": ["good", "mua", "noise"],
        **changes,
    }
    return {name: values for name, values in table.items() if values is not None}


def _what(units):
    return " ".join(problem.what for problem in units.problems)


def test_a_bare_table_is_enough(tmp_path):
    """Three units written with h5py alone come back with no problem."""
    units = read_units(write_bare_nwb(tmp_path / "a.nwb", _units_table()))
    assert [train.tolist() for train in units.spike_times_s] == [[0.1, 0.2, 0.3], [1.1, 1.2], [2.1]]
    assert units.columns["quality"].values.tolist() == ["good", "mua", "noise"]
    assert units.problems == ()


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"id": np.array([5, 6, 6])}, "not unique: 6 occurs 2 times"),
        ({"id": None}, "no ids"),
        ({"id": np.array([0.5, 1.5, 2.5])}, "not whole numbers"),
        ({"spike_times_index": np.array([3, 6])}, r"shape \(2,\) where the table has 3 rows"),
        ({"spike_times_index": np.array([3.0, 5.5, 6.0])}, "not whole numbers"),
        ({"spike_times": ["a", "b", "c", "d", "e", "f"]}, "not of times"),
        ({"spike_times": np.zeros((6, 2))}, "not of times"),
        ({"spike_times": np.arange(6.0e4), "spike_times_index": np.array([3, 5, 60_000])}, "sample numbers"),
    ],
)
def test_what_cannot_be_understood_is_refused_in_one_line(tmp_path, changes, what):
    """A table that does not fit together raises one line that names file and fault."""
    path = write_bare_nwb(tmp_path / "a.nwb", _units_table(**changes))
    with pytest.raises(SourceError, match=what) as caught:
        read_units(path)
    assert "a.nwb" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_units_are_no_units(tmp_path):
    """No table, an empty table, a table elsewhere and a file that is not an NWB file are told apart."""
    with pytest.raises(NoUnitsError, match="no units table"):
        read_units(write_bare_nwb(tmp_path / "none.nwb", None))
    empty = {"id": np.empty(0, np.int64), "spike_times": np.empty(0), "spike_times_index": np.empty(0, np.int64)}
    with pytest.raises(NoUnitsError, match="without units"):
        read_units(write_bare_nwb(tmp_path / "empty.nwb", empty))
    with pytest.raises(SourceError, match="not an NWB file"):
        read_units(write_bare_nwb(tmp_path / "plain.nwb", None, nwb_version=None))
    elsewhere = write_bare_nwb(tmp_path / "elsewhere.nwb", None)
    with h5py.File(elsewhere, "a") as file:
        file.create_group("processing/ecephys/sorted").attrs["neurodata_type"] = "Units"
    with pytest.raises(NoUnitsError, match="processing/ecephys/sorted"):
        read_units(elsewhere)


def test_damaged_files_are_refused(tmp_path, session):
    """A missing file, an empty one, text, and a file whose end is missing raise a `SourceError` with a reason."""
    whole = write_nwb(tmp_path / "whole.nwb", session).read_bytes()
    contents = {"empty.nwb": b"", "text.nwb": b"hello, this is no HDF5", "cut.nwb": whole[: len(whole) // 2]}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    for name, what in {
        "missing.nwb": "does not exist",
        "empty.nwb": "is empty",
        "text.nwb": "not an HDF5 file",
        "cut.nwb": "cut off",
    }.items():
        with pytest.raises(SourceError, match=what):
            read_units(tmp_path / name)
    with pytest.raises(SourceError, match="not a int"):
        read_units(3)


def test_bytes_turned_over_anywhere_never_end_in_another_error(tmp_path, session):
    """Whatever byte of a file is damaged, it is read or refused with a `SourceError`; nothing else comes out."""
    whole = write_nwb(tmp_path / "whole.nwb", session, raw=False).read_bytes()
    rng = np.random.default_rng(0)
    outcomes = set()
    for place in rng.integers(0, len(whole), 60).tolist() + list(range(0, 96, 8)):
        damaged = bytearray(whole)
        damaged[place : place + 4] = bytes(b ^ 0xFF for b in damaged[place : place + 4])
        path = tmp_path / "damaged.nwb"
        path.write_bytes(damaged)
        try:
            read_units(path)
            outcomes.add("read")
        except SourceError:
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}


def test_units_with_bad_spike_times_lose_them_and_no_other(tmp_path):
    """NaN empties a train, disorder is sorted, both are reported with the unit's id; others stay as stored."""
    times = np.array([0.1, np.nan, 0.3, 1.2, 1.1, 2.1])
    units = read_units(write_bare_nwb(tmp_path / "a.nwb", _units_table(spike_times=times)))
    assert [train.tolist() for train in units.spike_times_s] == [[], [1.1, 1.2], [2.1]]
    assert {problem.code: problem.unit_ids for problem in units.problems} == {
        ProblemCode.SPIKE_TIMES_IMPOSSIBLE: (5,),
        ProblemCode.SPIKE_TIMES_UNSORTED: (6,),
    }


def test_a_cropped_file_loses_what_is_not_there(tmp_path):
    """A train that the end of the data cuts off is kept and critical; one behind the end is empty; both are named."""
    units = read_units(write_bare_nwb(tmp_path / "a.nwb", _units_table(spike_times_index=np.array([3, 7, 9]))))
    assert [train.tolist() for train in units.spike_times_s] == [[0.1, 0.2, 0.3], [1.1, 1.2, 2.1], []]
    assert [(problem.unit_ids, problem.code) for problem in units.problems] == [
        ((6,), ProblemCode.SPIKE_TIMES_TRUNCATED),
        ((7,), ProblemCode.COLUMN_INDEX_BEYOND_DATA),
    ]


@pytest.mark.parametrize(
    ("ends", "lost"),
    [([1, 3, 2, 4, 6], [6, 7, 8]), ([1, 3, -1, 4, 6], [6, 7, 8]), ([1, 9, 3, 4, 6], [6, 7, 8])],
)
def test_an_index_that_goes_back_empties_the_units_beside_the_step(tmp_path, ends, lost):
    """Which of two entries is wrong is not known: the rows that one of them bounds are empty and named, others read."""
    times = np.arange(6) + 0.5
    table = {"id": np.arange(5, 10), "spike_times": times, "spike_times_index": np.array(ends)}
    units = read_units(write_bare_nwb(tmp_path / "a.nwb", table))
    assert [train.tolist() for train in units.spike_times_s] == [[0.5], [], [], [], [4.5, 5.5]]
    (problem,) = units.problems
    assert problem.code is ProblemCode.COLUMN_INDEX_BEYOND_DATA
    assert list(problem.unit_ids) == lost


@pytest.mark.parametrize("ends", [[200, 144, 88], [200, 10, 190], [20, 10, 200], [10, 80, 144], [0, 0, 0]])
def test_an_index_that_overflowed_is_refused(tmp_path, ends):
    """An index that goes back and does not end with the data, is short by whole turns, or empty, assigns no spike."""
    table = _units_table(spike_times=np.arange(400) + 0.25, spike_times_index=np.array(ends, np.uint8))
    with pytest.raises(SourceError, match="does not fit the 400 spikes") as caught:
        read_units(write_bare_nwb(tmp_path / "a.nwb", table))
    assert "uint8" in caught.value.tip


def test_spikes_without_an_index_belong_to_the_only_unit(tmp_path):
    """Without an index, spikes are one unit's if there is one, and nobody's otherwise."""
    many = read_units(write_bare_nwb(tmp_path / "many.nwb", _units_table(spike_times_index=None)))
    assert not many.spike_times_s.counts.any()
    assert "no index" in _what(many)
    alone = {"id": np.array([1]), "spike_times": np.array([0.1, 0.2])}
    assert read_units(write_bare_nwb(tmp_path / "one.nwb", alone)).spike_times_s[0].tolist() == [0.1, 0.2]


def test_a_column_of_the_wrong_length_is_left_out(tmp_path):
    """A further column that does not fit is reported by name; the rest is read."""
    units = read_units(write_bare_nwb(tmp_path / "a.nwb", _units_table(depth=np.array([1.0, 2.0]))))
    assert "depth" not in units.columns
    assert "'depth' not read" in _what(units)


def test_a_column_may_end_in_index(tmp_path):
    """What is called an index and is none by its type is a column; what is one is not shown as a column."""
    table = _units_table(local=np.arange(3), local_index=Bare(np.array([9, 8, 7]), {"neurodata_type": "VectorData"}))
    table["spike_times_index"] = Bare(table["spike_times_index"], {"neurodata_type": "VectorIndex"})
    units = read_units(write_bare_nwb(tmp_path / "a.nwb", table))
    assert units.columns["local_index"].values.tolist() == [9, 8, 7]
    assert units.columns["local"].values.tolist() == [0, 1, 2]
    assert "spike_times_index" not in units.columns


def test_codes_become_their_texts(tmp_path):
    """An enumerated column has its texts beside it."""
    table = _units_table(region=np.array([1, 0, 1]), region_elements=["CA1", "CA3"])
    units = read_units(write_bare_nwb(tmp_path / "a.nwb", table))
    assert units.columns["region"].values.tolist() == ["CA3", "CA1", "CA3"]
    assert "region_elements" not in units.columns


def test_nwb_1_is_called_so(tmp_path):
    """A file of the first version, whose version is a dataset, is named as that."""
    path = write_bare_nwb(tmp_path / "a.nwb", None, nwb_version=None)
    with h5py.File(path, "a") as file:
        file["nwb_version"] = "NWB-1.0.5"
    with pytest.raises(SourceError, match="NWB version 1"):
        read_units(path)


def _electrodes(**columns):
    return {"id": np.arange(4), "group_name": ["a"] * 4, **columns}


@pytest.mark.parametrize(
    ("x", "y", "why"),
    [
        (np.zeros(4), np.zeros(4), "share one place"),
        (np.array([1.10, 1.12, 1.14, 1.16]), np.array([3.0, 3.02, 3.04, 3.06]), "cannot be micrometres"),
        (["0", "20", "40", "60"], ["0", "0", "0", "0"], "they are not numbers"),
    ],
)
def test_places_that_are_none_are_not_used(tmp_path, x, y, why):
    """Placeholders and millimetres are recognised, reported and not taken for places on a probe."""
    path = write_bare_nwb(tmp_path / "a.nwb", _units_table(), electrodes=_electrodes(x=x, y=y, z=np.zeros(4)))
    units = read_units(path)
    assert units.electrodes.positions_um is None
    assert why in _what(units)


def test_electrodes_without_an_index_are_one_a_unit(tmp_path):
    """A plain region as long as the table names one electrode a unit; one that points outside is not used."""
    path = write_bare_nwb(tmp_path / "a.nwb", _units_table(electrodes=np.array([3, 0, 1])), electrodes=_electrodes())
    assert [rows.tolist() for rows in read_units(path).unit_electrodes] == [[3], [0], [1]]
    outside = write_bare_nwb(tmp_path / "b.nwb", _units_table(electrodes=np.array([4, 0, 1])), electrodes=_electrodes())
    units = read_units(outside)
    assert units.unit_electrodes is None
    assert "row 4 of a table of 4" in _what(units)


@pytest.mark.parametrize(("rate_hz", "is_taken"), [(30_000.0, True), (30.0, False), (3e6, False)])
def test_the_rate_of_upsampled_waveforms_is_not_that_of_the_recording(tmp_path, rate_hz, is_taken):
    """Waveforms give the sampling rate of the spike times only where it can be one of a recording."""
    waves = Bare(np.ones((3, 30)), {"sampling_rate": rate_hz})
    units = read_units(write_bare_nwb(tmp_path / "a.nwb", _units_table(waveform_mean=waves)))
    assert (units.sampling_rate_from == "of the recording") is is_taken


@pytest.mark.parametrize("n_channels", [1, 4])
def test_an_axis_too_short_for_samples_is_that_of_channels(tmp_path, n_channels):
    """Without electrodes of the units, or with more of them than channels, swapped axes are recognised."""
    waves = np.random.default_rng(0).normal(size=(3, n_channels, 30))
    ragged = {"electrodes": np.tile(np.arange(6), 3), "electrodes_index": np.array([6, 12, 18])}
    for table in (_units_table(waveform_mean=waves), _units_table(waveform_mean=waves, **ragged)):
        electrodes = {"id": np.arange(6), "group_name": ["a"] * 6}
        units = read_units(write_bare_nwb(tmp_path / "a.nwb", table, electrodes=electrodes))
        np.testing.assert_array_equal(units.waveforms.mean, waves.transpose(0, 2, 1))
        assert "axes were swapped" in _what(units)


@pytest.mark.parametrize("order", [(1, 2, 0), (2, 1, 0)])
def test_units_as_the_last_axis_of_waveforms_become_the_first(tmp_path, order):
    """(samples, channels, units) and (channels, samples, units) are recognised by the number of units, and reported."""
    waves = np.random.default_rng(0).normal(size=(3, 30, 4))
    table = _units_table(waveform_mean=np.ascontiguousarray(waves.transpose(order)))
    units = read_units(write_bare_nwb(tmp_path / "a.nwb", table, electrodes=_electrodes()))
    np.testing.assert_array_equal(units.waveforms.mean, waves)
    single = _units_table(waveform_mean=np.ascontiguousarray(waves[:, :, 0].T))
    units = read_units(write_bare_nwb(tmp_path / "b.nwb", single))
    np.testing.assert_array_equal(units.waveforms.mean[:, :, 0], waves[:, :, 0])
    assert "units are the last axis" in _what(units)


def test_transposed_observation_intervals_are_transposed_back(tmp_path):
    """A row of starts and a row of stops are recognised by their shape, and reported."""
    intervals = np.array([[0.0, 2.0], [0.5, 2.0], [0.5, 1.0], [1.5, 2.5]])
    table = _units_table(obs_intervals=intervals.T, obs_intervals_index=np.array([1, 2, 4]))
    units = read_units(write_bare_nwb(tmp_path / "a.nwb", table))
    assert [row.tolist() for row in units.obs_intervals_s] == [[[0, 2]], [[0.5, 2]], [[0.5, 1], [1.5, 2.5]]]
    assert ProblemCode.OBS_INTERVALS_TRANSPOSED in [problem.code for problem in units.problems]


def test_padding_of_waveforms_is_taken_off(tmp_path):
    """Samples that are NaN in all units are left out; a unit with fewer samples than others is named."""
    waves = np.full((3, 40, 2), np.nan)
    waves[:2, 3:33] = np.random.default_rng(0).normal(size=(2, 30, 2))
    stored = Bare(waves, {"sampling_rate": 30_000.0, "time_before_peak_in_ms": 0.5})
    units = read_units(write_bare_nwb(tmp_path / "a.nwb", _units_table(waveform_mean=stored)))
    np.testing.assert_array_equal(units.waveforms.mean, waves[:, 3:33])
    assert units.waveforms.samples_before_peak == 15 - 3
    assert "waveforms.unusable" not in [problem.code for problem in units.problems]
    waves[1, 20:] = np.nan
    units = read_units(write_bare_nwb(tmp_path / "b.nwb", _units_table(waveform_mean=waves)))
    (problem,) = [one for one in units.problems if one.code is ProblemCode.WAVEFORMS_UNUSABLE]
    assert problem.unit_ids == (6,)


def test_electrodes_may_be_floats_and_not_named_twice(tmp_path):
    """Whole numbers stored as floats are rows; a unit that names a row twice leaves open where its channels are."""
    table = _units_table(electrodes=np.array([0.0, 1.0, 1.0, 2.0, 3.0]), electrodes_index=np.array([2, 4, 5]))
    units = read_units(write_bare_nwb(tmp_path / "a.nwb", table, electrodes=_electrodes()))
    assert [rows.tolist() for rows in units.unit_electrodes] == [[0, 1], [1, 2], [3]]
    table = _units_table(electrodes=np.array([0, 0, 1, 2, 3]), electrodes_index=np.array([2, 4, 5]))
    units = read_units(write_bare_nwb(tmp_path / "b.nwb", table, electrodes=_electrodes()))
    assert units.unit_electrodes is None
    (problem,) = [one for one in units.problems if one.code is ProblemCode.UNIT_ELECTRODES_UNUSABLE]
    assert problem.unit_ids == (5,)


def test_swapped_axes_of_waveforms_are_swapped_back(tmp_path):
    """(units, channels, samples) is recognised by the number of electrodes, turned, and reported."""
    waves = np.arange(3 * 4 * 30, dtype=np.float64).reshape(3, 4, 30)
    units = read_units(write_bare_nwb(tmp_path / "a.nwb", _units_table(waveform_mean=waves), electrodes=_electrodes()))
    np.testing.assert_array_equal(units.waveforms.mean, waves.transpose(0, 2, 1))
    assert units.waveforms.channels.tolist() == [[0, 1, 2, 3]] * 3
    assert "axes were swapped" in _what(units)


def test_channels_that_no_table_names_are_unknown(tmp_path):
    """Waveforms on a number of channels that fits nothing keep their values and lose their electrodes."""
    waves = np.ones((3, 30, 7))
    units = read_units(write_bare_nwb(tmp_path / "a.nwb", _units_table(waveform_mean=waves), electrodes=_electrodes()))
    assert units.waveforms.mean.shape == (3, 30, 7)
    assert (units.waveforms.channels == -1).all()
    assert "not known" in _what(units)


def test_stacked_waveforms_are_taken_apart(tmp_path):
    """Rows of channels, one unit after another, become one block; units with fewer channels are filled with NaN."""
    rows = np.arange(6 * 20, dtype=np.float32).reshape(6, 20)
    table = _units_table(
        waveform_mean=rows,
        waveform_mean_index=np.array([2, 5, 6]),
        electrodes=np.array([0, 1, 1, 2, 3, 3]),
        electrodes_index=np.array([2, 5, 6]),
    )
    units = read_units(write_bare_nwb(tmp_path / "a.nwb", table, electrodes=_electrodes()))
    assert units.waveforms.mean.shape == (3, 20, 3)
    np.testing.assert_array_equal(units.waveforms.mean[1].T, rows[2:5])
    assert np.isnan(units.waveforms.mean[2, :, 1:]).all()
    assert units.waveforms.channels.tolist() == [[0, 1, -1], [1, 2, 3], [3, -1, -1]]


def test_allen_channels_are_found_by_probe_and_local_index(tmp_path):
    """Allen stacks all channels of a unit's probe by local_index; the electrodes table has another order and gaps."""
    electrodes = {
        "id": np.array([103, 201, 100, 102, 200]),
        "group_name": ["A", "B", "A", "A", "B"],
        "local_index": np.array([3, 1, 0, 2, 0]),
        "probe_id": np.array([1, 2, 1, 1, 2]),
        "probe_horizontal_position": np.array([0, 0, 32, 0, 32]),
        "probe_vertical_position": np.array([60, 20, 0, 40, 0]),
    }
    rows = np.arange(12 * 8, dtype=np.float64).reshape(12, 8)
    table = _units_table(
        peak_channel_id=np.array([102, 201, 103]),
        local_index=np.arange(3),
        cluster_id=np.arange(3),
        waveform_mean=Bare(rows, {"unit": "volts"}),
        waveform_mean_index=np.array([4, 8, 12]),
    )
    path = write_bare_nwb(tmp_path / "a.nwb", table, electrodes=electrodes)
    with h5py.File(path, "a") as file:
        for name, rate in {"A": 29_999.97, "B": 30_000.02}.items():
            file.create_group(f"general/devices/{name}").attrs["sampling_rate"] = rate
    units = read_units(path)
    assert units.source.dialect == "Allen"
    assert units.waveforms.channels.tolist() == [[2, -1, 3, 0], [4, 1, -1, -1], [2, -1, 3, 0]]
    np.testing.assert_array_equal(units.waveforms.mean[0].T, rows[:4])
    assert units.sampling_rate_hz == pytest.approx(29_999.995)


REAL = {
    "A8604-211122.nwb": (3, 21_354, "", None),
    "aibs_cropped.nwb": (10, 10, "Allen", None),
    "brody_T182_2018_08_29_bank1.nwb": (43, 22_120, "", (43, 61, 14)),
    "brody_T196_2019_04_22.nwb": (157, 137_090, "", (157, 61, 14)),
    "brody_T209_2019_05_22_600s.nwb": (22, 56_059, "", (22, 61, 14)),
    "example_converter_spec_3.nwb": (13, 788, "Phy", None),
    "human_mtl_sub-4_ses-4_ecephys+image.nwb": (35, 214_278, "", None),
    "sub-anm369963_ses-20170228.nwb": (1, 1_679, "", None),
    "sub_anm00239123_ses_20170627T093549_ecephys_and_ogen.nwb": (4, 34_057, "", (4, 29, 1)),
}


@pytest.mark.parametrize("name", REAL)
def test_real_files_are_read(shared_data, name):
    """Every real file gives its units, spikes, dialect and waveforms."""
    units = read_units(shared_data / "nwb" / name)
    shape = None if units.waveforms is None else units.waveforms.mean.shape
    assert (len(units), len(units.spike_times_s.values), units.source.dialect, shape) == REAL[name]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name in REAL if "aibs" not in name and "anm369963" not in name])
def test_spike_times_are_those_that_pynwb_reads(shared_data: Path, name):
    """Unit by unit, ids and spike times of real files equal what pynwb says they are."""
    pynwb = pytest.importorskip("pynwb")
    units = read_units(shared_data / "nwb" / name)
    with pynwb.NWBHDF5IO(shared_data / "nwb" / name, "r", load_namespaces=True) as nwb_io:
        table = nwb_io.read().units
        np.testing.assert_array_equal(units.unit_ids, table.id[:])
        for row, train in enumerate(units.spike_times_s):
            np.testing.assert_array_equal(train, table["spike_times"][row])
