"""A session in memory is read as its file will be, and labelled as its file would be."""

from __future__ import annotations

import numpy as np
import pytest

from factories import make_session, write_nwb
from nwb_unitrefine import curate
from nwb_unitrefine.errors import NoUnitsError, WriteError
from nwb_unitrefine.integrations import label_session
from nwb_unitrefine.integrations.memory import show_as_storage
from nwb_unitrefine.read import read_units
from nwb_unitrefine.read.nwb import read_nwb
from nwb_unitrefine.write import verify

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
        shown = read_nwb(show_as_storage(io.read()), uri="memory", kind="nwb-memory", size_bytes=0)
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
    from datetime import UTC, datetime

    empty = pynwb.NWBFile("none", "none", datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(NoUnitsError):
        label_session(empty)
