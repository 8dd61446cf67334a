"""Zarr: read without the codec that runs what a file says, with and without consolidated metadata."""

from __future__ import annotations

import os
import pickle
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from helpers.servers.range_server import serve_ranges
from helpers.simulated_nwb import make_session, write_nwb
from nwb_unitrefine.errors import SourceError
from nwb_unitrefine.read import read_units

zarr = pytest.importorskip("zarr")


@pytest.fixture
def store(tmp_path):
    """A session of six units on two shanks, as Zarr."""
    return write_nwb(tmp_path / "a.nwb.zarr", make_session(), backend="zarr", n_groups=2, waveforms="all")


class _Marker:
    """What a malicious file would run on being unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.mkdir, (str(self.path),))


def test_references_are_read_without_running_them(store):
    """The groups of units, stored as pickled references, are read by name."""
    units = read_units(store)
    assert set(units.columns["electrode_group"].values.tolist()) <= {"shank0", "shank1"}
    assert units.problems == ()


def test_a_pickle_that_would_run_is_refused_and_not_run(store, tmp_path):
    """A store whose references run a command when unpickled is read without them; the command is not run."""
    array = zarr.open_group(str(store))["units/electrode_group"]
    evil = pickle.dumps(np.array([_Marker(tmp_path / "ran")] * 6, dtype=object))
    array.store[array._chunk_key((0,))] = array.compressor.encode(evil)
    units = read_units(store)
    assert not (tmp_path / "ran").exists()
    assert "electrode_group" not in units.columns
    assert any("not read for safety" in problem.what for problem in units.problems)


@pytest.mark.slow
def test_metadata_need_not_be_consolidated(store):
    """Without its `.zmetadata` a store gives the same units, on disk as over HTTP, where it cannot be listed."""
    first = read_units(store)
    (store / ".zmetadata").unlink()
    second = read_units(store)
    with serve_ranges(store.parent) as server:
        third = read_units(f"{server.url}/{store.name}")
    for units in (second, third):
        assert np.array_equal(units.spike_times_s.values, first.spike_times_s.values)
        assert np.array_equal(units.waveforms.mean, first.waveforms.mean)
        assert set(units.columns) == set(first.columns)


def test_few_requests_over_http(store):
    """A consolidated store takes one request for all metadata and one for each chunk."""
    n_chunks = sum(1 for path in store.rglob("*") if path.is_file() and path.name[0].isdigit())
    with serve_ranges(store.parent) as server:
        read_units(f"{server.url}/{store.name}")
    asked = [path for path, _, _ in server.sent]
    assert sum(".z" in path.rsplit("/", 1)[-1] for path in asked) == 1
    assert len(asked) == len(set(asked)) <= n_chunks + 1


def test_metadata_that_are_out_of_date_are_refused(store):
    """A store that was changed without its `.zmetadata` is not read, until they are renewed as the tip says."""
    group = zarr.open_group(str(store))["units"]
    group.create_dataset("late", data=np.zeros(6))
    with pytest.raises(SourceError, match=r"\.zmetadata of .* is out of date: units/late/\.zarray") as refusal:
        read_units(store)
    assert f"zarr.consolidate_metadata('{store}')" in refusal.value.tip
    zarr.consolidate_metadata(str(store))
    assert len(read_units(store)) == 6
    group["late"].attrs["limit"] = float("nan")
    zarr.consolidate_metadata(str(store))
    assert len(read_units(store)) == 6
    del group["late"]
    with pytest.raises(SourceError, match=r"is out of date: units/late/\.zarray"):
        read_units(store)


@contextmanager
def without_privileges():
    """As a user whom modes hold: root, whom they do not, becomes nobody."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.mark.parametrize("denied", ["units/spike_times", "acquisition", "."])
def test_a_store_with_a_folder_that_may_not_be_read_is_refused(denied):
    """What cannot be seen is not taken for what is not there, which would be read as zeros."""
    with tempfile.TemporaryDirectory() as folder:  # unlike `tmp_path`, one that others can be let into
        Path(folder).chmod(0o755)
        store = write_nwb(Path(folder) / "a.nwb.zarr", make_session(), backend="zarr")
        (store / "acquisition").mkdir(exist_ok=True)
        assert len(read_units(store)) == 6
        (store / denied).chmod(0)
        with without_privileges(), pytest.raises(SourceError, match="cannot be read: Permission denied") as refusal:
            read_units(store)
        (store / denied).chmod(0o755)
    assert "permission" in refusal.value.tip


def test_damaged_stores_are_refused(store):
    """A chunk that is not a chunk, and an empty folder with the marks of a store, raise a `SourceError`."""
    array = zarr.open_group(str(store))["units/spike_times"]
    array.store[array._chunk_key((0,))] = b"rubbish"
    with pytest.raises(SourceError, match="cannot be read"):
        read_units(store)
    (store / ".zmetadata").write_text("{}")
    with pytest.raises(SourceError, match="not a Zarr store"):
        read_units(store)


@pytest.mark.parametrize("remote", [False, True], ids=["folder", "https"])
@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_a_store_that_was_not_copied_whole_is_refused(store, damage, remote):
    """A chunk of spike times that is missing is not read as spikes at 0 s, nor one that is cut off as anything."""
    chunk = store / "units" / "spike_times" / "0"
    content = chunk.read_bytes()
    if damage == "gone":
        chunk.unlink()
    else:
        chunk.write_bytes(content[: len(content) // 2])
    with serve_ranges(store.parent) as server, pytest.raises(SourceError, match=r"missing|cut off|decompression"):
        read_units(f"{server.url}/{store.name}" if remote else store)
