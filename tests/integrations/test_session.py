"""A session in memory is read as its file will be, and labelled as its file would be."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

import numpy as np
import pytest

from helpers.simulated_nwb import make_session, write_nwb
from nwb_unitrefine import curate, load_model, write_curation
from nwb_unitrefine.errors import ColumnExistsError, NoUnitsError, SourceError, WriteError
from nwb_unitrefine.integrations import label_session
from nwb_unitrefine.read import read_units
from nwb_unitrefine.read.nwb.in_memory import BuiltArray
from nwb_unitrefine.verification import verify
from nwb_unitrefine.write import read_history

pynwb = pytest.importorskip("pynwb")


@pytest.fixture
def path(tmp_path):
    """A file of six units with everything that a units table can have."""
    return write_nwb(
        tmp_path / "a.nwb", make_session(), kinds=True, raw=False, ragged_columns={"amplitudes": [[1.0, 2.0]] * 6}
    )


def test_memory_and_file_are_read_alike(path):
    """What pynwb holds of a file gives the units that the file gives."""
    units = read_units(path)
    with pynwb.NWBHDF5IO(path, "r") as io:
        shown = read_units(io.read())
    np.testing.assert_array_equal(shown.unit_ids, units.unit_ids)
    np.testing.assert_array_equal(shown.spike_times_s.values, units.spike_times_s.values)
    np.testing.assert_array_equal(shown.waveforms.mean, units.waveforms.mean)
    np.testing.assert_array_equal(shown.waveforms.channels, units.waveforms.channels)
    np.testing.assert_array_equal(shown.electrodes.positions_um, units.electrodes.positions_um)
    np.testing.assert_array_equal(shown.columns["amplitudes"].values[3], [1.0, 2.0])
    for name in ("kind", "electrode_group"):
        assert shown.columns[name].values.tolist() == units.columns[name].values.tolist()
    assert (shown.sampling_rate_hz, shown.source.subject_id) == (units.sampling_rate_hz, units.source.subject_id)
    assert shown.source.session_start_time == units.source.session_start_time
    assert shown.problems == units.problems == ()


@pytest.mark.slow
def test_a_session_labelled_in_memory_verifies_once_written(path, tmp_path):
    """Labels are those of the file, and the record's digests are those of what was written; twice is refused."""
    with pynwb.NWBHDF5IO(path, "r") as source:
        nwbfile = source.read()
        nwbfile.generate_new_id()
        curation = label_session(nwbfile)
        with pytest.raises(WriteError, match="labels and a history"):
            label_session(nwbfile)
        with pynwb.NWBHDF5IO(tmp_path / "b.nwb", "w") as target:
            target.export(source, nwbfile)
    assert curation.predictions.labels.tolist() == curate(path).predictions.labels.tolist()
    checked = verify(tmp_path / "b.nwb")
    assert checked.passed, checked


def test_a_session_without_units_is_refused():
    """There is nothing to label."""
    empty = pynwb.NWBFile("none", "none", datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(NoUnitsError):
        label_session(empty)


@pytest.fixture(scope="module")
def model():
    """The default model, loaded once."""
    return load_model("default")


def make_nwbfile(dtype="float64", *, lists=False, n_units=4):
    """A session in memory whose waveforms have a given type, in arrays or in lists."""
    rng = np.random.default_rng(0)
    nwbfile = pynwb.NWBFile("session", "identifier", datetime(2026, 1, 1, tzinfo=UTC))
    probe = nwbfile.create_device("probe")
    group = nwbfile.create_electrode_group("shank", description="a shank", location="CA1", device=probe)
    for row in range(4):
        nwbfile.add_electrode(group=group, location="CA1", rel_x=0.0, rel_y=20.0 * row)
    for _ in range(n_units):
        times, waveform = np.sort(rng.uniform(0, 60, 100)), (50 * rng.normal(size=(60, 4))).astype(dtype)
        nwbfile.add_unit(
            spike_times=times.tolist() if lists else times,
            waveform_mean=waveform.tolist() if lists else waveform,
            electrodes=[0, 1, 2, 3],
            obs_intervals=[[0.0, 60.0]],
        )
    return nwbfile


def backend_io(backend, path, mode):
    """pynwb's way into a file; hdmf-zarr's references are pickles, which numcodecs reads for trusted files alone."""
    if backend == "hdf5":
        return pynwb.NWBHDF5IO(path, mode)
    return pytest.importorskip("hdmf_zarr").NWBZarrIO(str(path), mode)


# hdmf says on writing that it converts: that it does is what is tested
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::hdmf.build.warnings.DtypeConversionWarning")
@pytest.mark.parametrize("backend", ["hdf5", "zarr"])
@pytest.mark.parametrize(("dtype", "lists"), [("float16", False), ("int16", False), ("float32", False), (float, True)])
def test_digests_are_of_what_is_written(tmp_path, model, backend, dtype, lists):
    """Where the schema asks for another type than the object has, the record is of the type in the file."""
    nwbfile, path = make_nwbfile(dtype, lists=lists), tmp_path / "a.nwb"
    curation = label_session(nwbfile, model=model)
    assert nwbfile.container_source is None
    with backend_io(backend, path, "w") as io:
        io.write(nwbfile)
    checked = verify(path, recompute=True, model=model)
    assert checked.passed, checked
    np.testing.assert_array_equal(read_units(path).waveforms.mean, curation.units.waveforms.mean)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["hdf5", "zarr"])
def test_an_opened_file_gets_labels_and_history(tmp_path, model, backend, monkeypatch):
    """Labels can be appended to a file with pynwb, too, and references to electrode groups are read by name."""
    monkeypatch.setattr("numcodecs.pickles.ALLOW_UNSAFE_PICKLE_DECODE", True, raising=False)
    path = tmp_path / "a.nwb"
    with backend_io(backend, path, "w") as io:
        io.write(make_nwbfile())
    before = read_units(path)
    with backend_io(backend, path, "r+") as io:
        nwbfile = io.read()
        assert read_units(nwbfile).electrodes.groups.tolist() == before.electrodes.groups.tolist()
        label_session(nwbfile, model=model, columns=("mine", "how_sure"))
        io.write(nwbfile)
    assert verify(path).passed
    assert read_history(path)[0].label_column == "mine"
    if backend == "hdf5":
        errors = pynwb.validate(path=str(path))
        assert not errors, errors


@pytest.mark.slow
def test_a_file_opened_before_the_extension_was_known_gets_it(tmp_path):
    """The order of imports does not matter."""
    path = tmp_path / "a.nwb"
    with pynwb.NWBHDF5IO(path, "w") as io:
        io.write(make_nwbfile())
    script = (
        "import sys, pynwb\n"
        "with pynwb.NWBHDF5IO(sys.argv[1], 'r+') as io:\n"
        "    nwbfile = io.read()\n"
        "    assert 'ndx_unit_curation' not in sys.modules\n"
        "    from nwb_unitrefine.integrations import label_session\n"
        "    label_session(nwbfile)\n"
        "    io.write(nwbfile)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], check=False, capture_output=True, text=True, env=_environment()
    )
    assert done.returncode == 0, done.stderr
    assert verify(path).passed


def _environment():
    """The environment, with this source first."""
    import os

    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def test_raw_data_that_are_made_on_writing_are_let_be(model):
    """A series of unknown length is not read: it can be read only once."""
    from hdmf.data_utils import DataChunkIterator

    nwbfile = make_nwbfile()
    data = DataChunkIterator(iter(np.zeros((10, 4), np.int16)), maxshape=(None, 4), dtype=np.dtype("int16"))
    region = nwbfile.create_electrode_table_region([0, 1, 2, 3], "all")
    nwbfile.add_acquisition(pynwb.ecephys.ElectricalSeries(name="raw", data=data, electrodes=region, rate=30_000.0))
    label_session(nwbfile, model=model)
    assert len(list(nwbfile.acquisition["raw"].data)) == 10


def test_values_that_are_made_on_writing_are_refused():
    """What can be read only once is the file's, and one line says so."""
    from hdmf.build import DatasetBuilder
    from hdmf.data_utils import DataChunkIterator

    array = BuiltArray(DatasetBuilder(name="spike_times", data=DataChunkIterator(np.arange(4.0), buffer_size=2)))
    with pytest.raises(SourceError, match="spike_times is made as the file is written") as caught:
        array.read()
    assert "array" in caught.value.tip


def test_what_is_in_the_way_is_named(model):
    """A column that is there is not replaced, nothing is added, and units of an object are not written to a file."""
    nwbfile = make_nwbfile()
    nwbfile.add_unit_column("quality_label", "by hand", data=["a", "b", "c", "d"])
    with pytest.raises(ColumnExistsError, match="already has 'quality_label'") as caught:
        label_session(nwbfile, model=model, columns="quality")
    assert caught.value.columns == ("quality_label",)
    assert "unit_curation" not in nwbfile.lab_meta_data
    with pytest.raises(WriteError, match="NWBFile object"):
        write_curation(curate(nwbfile, model=model))
