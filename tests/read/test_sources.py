"""Every way to name a source leads to the same units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pytest

import nwb_unitrefine
from helpers.servers.range_server import serve_ranges
from helpers.simulated_nwb import make_session, write_nwb
from nwb_unitrefine.errors import SourceError, SourceNotFoundError
from nwb_unitrefine.read import Patience, read_units
from nwb_unitrefine.storage.open import open_nwb

if TYPE_CHECKING:
    from pathlib import Path

    from nwb_unitrefine.records import Units

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
"""pynwb's, hdmf-zarr's and SpikeInterface's own."""


@pytest.fixture(scope="module")
def hdf5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A session as HDF5."""
    path = tmp_path_factory.mktemp("hdf5") / "a.nwb"
    write_nwb(path, make_session(n_units=6))
    return path


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as Zarr."""
    path = tmp_path_factory.mktemp("zarr") / "a.nwb.zarr"
    write_nwb(path, make_session(n_units=6), backend="zarr")
    return path


def assert_same(units: Units, expected: Units) -> None:
    """The same units, whatever they were read through."""
    np.testing.assert_array_equal(units.unit_ids, expected.unit_ids)
    np.testing.assert_array_equal(units.spike_times_s.values, expected.spike_times_s.values)


def test_what_is_open_already_is_read_and_stays_open(hdf5: Path) -> None:
    """A path-like object, an ``h5py.File``, a file object, pynwb's reader, its NWBFile and its units table."""
    from pynwb import NWBHDF5IO

    expected = read_units(hdf5)
    with h5py.File(hdf5) as file, hdf5.open("rb") as stream, NWBHDF5IO(hdf5, "r") as io:
        nwbfile = io.read()
        for source in (str(hdf5), file, stream, io, nwbfile, nwbfile.units):
            assert_same(read_units(source), expected)
        assert read_units(io).source.uri == str(hdf5)
        assert file.id.valid
        assert nwbfile.units["spike_times"][0].size


def test_a_zarr_reader_of_pynwb_is_read(store: Path) -> None:
    """As the store that it has open."""
    from hdmf_zarr import NWBZarrIO

    with NWBZarrIO(str(store), "r") as io:
        assert_same(read_units(io), read_units(store))


def test_curate_takes_them_too(hdf5: Path) -> None:
    """The same call labels a path and a reader of pynwb."""
    from pynwb import NWBHDF5IO

    expected = nwb_unitrefine.curate(hdf5).predictions
    with NWBHDF5IO(hdf5, "r") as io:
        for source in (io, io.read().units):
            np.testing.assert_array_equal(nwb_unitrefine.curate(source).predictions.labels, expected.labels)


def test_a_sorting_that_was_read_from_nwb_leads_to_its_file(hdf5: Path) -> None:
    """SpikeInterface's object has the spikes only; the file has the rest."""
    extractors = pytest.importorskip("spikeinterface.extractors")
    sorting = extractors.read_nwb_sorting(hdf5, sampling_frequency=30_000.0, t_start=0.0)
    units = read_units(sorting)
    assert_same(units, read_units(hdf5))
    assert units.waveforms is not None
    part = sorting.select_units(sorting.unit_ids[:2])
    with pytest.raises(SourceError, match="without the file that they came from"):
        read_units(part)


def test_what_is_closed_or_no_source_is_named(hdf5: Path) -> None:
    """One line each."""
    from pynwb import NWBHDF5IO

    with h5py.File(hdf5) as file, NWBHDF5IO(hdf5, "r") as io:
        device = io.read().devices
    for source, what in ((file, "is closed"), (io, "is closed"), (3, "not a int"), (device, "not a ")):
        with pytest.raises(SourceError, match=what):
            read_units(source)


def test_a_units_table_on_its_own_is_refused() -> None:
    """Its electrodes are in the NWBFile."""
    from pynwb.misc import Units as UnitsTable

    with pytest.raises(SourceError, match="not part of an NWBFile"):
        read_units(UnitsTable(name="units", description="units"))


@pytest.mark.parametrize("name", ["a.nwb", "a.nwb.zarr", "a.csv", "folder/a.nwb"])
def test_what_does_not_exist_is_a_file_not_found_error(tmp_path: Path, name: str) -> None:
    """So that code that expects Python's own error finds it; every command raises the same."""
    for command in (read_units, nwb_unitrefine.curate, nwb_unitrefine.verify, nwb_unitrefine.read_history):
        with pytest.raises(FileNotFoundError) as refusal:
            command(tmp_path / name)
        assert isinstance(refusal.value, SourceNotFoundError)
        assert str(refusal.value) == f"{tmp_path / name} does not exist."


POINTERS: dict[str, Any] = {
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 5\n", "Git LFS"),
    "annex": (b"/annex/objects/SHA256E-s5--" + b"0" * 64 + b".nwb\n", "git-annex"),
}


@pytest.mark.parametrize("kind", POINTERS)
def test_pointers_instead_of_files_are_named(tmp_path: Path, kind: str) -> None:
    """Whoever cloned a repository without its contents is told how to fetch them."""
    content, name = POINTERS[kind]
    (tmp_path / "a.nwb").write_bytes(content)
    for command in (read_units, nwb_unitrefine.verify):
        with pytest.raises(SourceError, match=name) as refusal:
            command(tmp_path / "a.nwb")
        assert "Fetch the content" in refusal.value.tip


def test_a_link_of_git_annex_without_its_content_is_named(tmp_path: Path) -> None:
    """A broken link is otherwise a file that does not exist."""
    (tmp_path / "a.nwb").symlink_to(".git/annex/objects/Xx/Yy/SHA256E-s5--0.nwb/SHA256E-s5--0.nwb")
    with pytest.raises(SourceError, match="git-annex"):
        read_units(tmp_path / "a.nwb")


def test_one_opener_keeps_what_the_caller_asks_for(store: Path) -> None:
    """A patience reaches the network whatever opens the file, and damage of Zarr ends in one line."""
    with serve_ranges(store.parent) as server:
        server.fail = lambda _number, _path: 503
        for name in ("a.nwb", "a.nwb.zarr"):
            server.n_asked = 0
            with (
                pytest.raises(SourceError, match="does not answer"),
                open_nwb(f"{server.url}/{name}", patience=Patience(attempts=2, wait_s=0)),
            ):
                pass
            assert server.n_asked == 2
    with pytest.raises(SourceError, match=r"cannot be read: .*chunk"), open_nwb(store) as nwb:
        raise ValueError("a chunk is damaged")
    assert nwb.kind == "nwb-zarr"
