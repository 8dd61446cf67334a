"""Links, raw data and pieces in other files: read in the file's own folder, and nowhere else on this machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import h5py
import numpy as np
import pytest

from helpers.bare_nwb import make_bare
from helpers.curations import curation_of
from helpers.hostile_files import WAYS_OUT
from helpers.simulated_nwb import make_session, write_nwb
from nwb_unitrefine.errors import SourceError, UnitRefineError
from nwb_unitrefine.read import read_units
from nwb_unitrefine.write import read_history, write_curation
from nwb_unitrefine.write.exports.units_file import write_units_file

if TYPE_CHECKING:
    from pathlib import Path

SECRET = np.arange(6) + 424_242


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file elsewhere on the machine: HDF5, and readable as raw bytes too."""
    path = tmp_path / "elsewhere" / "secret.nwb"
    path.parent.mkdir()
    make_bare(path)
    with h5py.File(path, "r+") as file:
        file["secret"] = SECRET
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A stranger's file."""
    folder = tmp_path / "downloaded"
    folder.mkdir()
    return make_bare(folder / "a.nwb")


@pytest.mark.filterwarnings("ignore")  # pynwb's own
@pytest.mark.parametrize("way", WAYS_OUT)
def test_nothing_from_elsewhere_gets_into_units_or_copies(path: Path, secret: Path, way: str) -> None:
    """Every way that HDF5 has to another file; the units are read without it, and it is named."""
    write_nwb(path, make_session(n_units=6))
    with h5py.File(path, "r+") as file:
        WAYS_OUT[way](file["units"], secret)
    with h5py.File(path) as file:
        assert np.size(file["units/snr"][()]) == 6, "HDF5 itself follows it"
    units = read_units(path)
    assert "snr" not in units.columns
    assert any("snr" in problem.what for problem in units.problems)
    write_units_file(units, path.with_name("copy.nwb"))
    with h5py.File(path.with_name("copy.nwb")) as file:
        assert "snr" not in file["units"]
        assert "spike_times" in file["units"]


@pytest.mark.parametrize("way", ["external storage", "virtual dataset", "absolute link"])
def test_spike_times_from_elsewhere_are_refused(path: Path, secret: Path, way: str) -> None:
    """Where labels would rest on it, there is no reading around."""
    with h5py.File(path, "r+") as file:
        WAYS_OUT[way](file["units"], secret)
        del file["units/spike_times"]
        file.move("units/snr", "units/spike_times")
    for command in (read_units, lambda place: write_curation(curation_of(place))):
        with pytest.raises((UnitRefineError, OSError)) as refusal:
            command(path)
        assert "\n" not in str(refusal.value)


def test_a_link_that_leads_elsewhere_is_named_with_its_file(path: Path, secret: Path) -> None:
    """Raw data are often kept so: what is missing is stated with a code that programs can filter by."""
    with h5py.File(path, "r+") as file:
        file["acquisition/raw"] = h5py.ExternalLink(str(secret), "/")
    found = [problem for problem in read_units(path).problems if problem.code == "links.outside"]
    assert len(found) == 1
    assert str(secret) in found[0].what


def test_a_link_to_a_pipe_is_not_waited_for(path: Path) -> None:
    """Nor one to a folder, nor links in a circle."""
    os.mkfifo(path.with_name("pipe.h5"))
    with h5py.File(path, "r+") as file:
        file["units/a"] = h5py.ExternalLink("pipe.h5", "/x")
        file["units/b"] = h5py.ExternalLink(".", "/x")
        file["units/c"] = h5py.SoftLink("/units/d")
        file["units/d"] = h5py.SoftLink("/units/c")
        file["units/e"] = h5py.ExternalLink("a.nwb", "/units/e")
    assert read_units(path).columns == {}


def test_virtual_datasets_of_the_file_itself_are_read(path: Path) -> None:
    """They are its own values."""
    with h5py.File(path, "r+") as file:
        file["general/values"] = SECRET
        layout = h5py.VirtualLayout((6,), "i8")
        layout[:] = h5py.VirtualSource(".", "general/values", (6,), dtype="i8")
        file["units"].create_virtual_dataset("snr", layout)
    np.testing.assert_array_equal(read_units(path).columns["snr"].values, SECRET)


def test_a_missing_filter_is_named(path: Path) -> None:
    """With its number, and what to install; LZO is one that no package for h5py brings."""
    with h5py.File(path, "r+") as file:
        settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        settings.set_chunk((6,))
        settings.set_filter(305, h5py.h5z.FLAG_OPTIONAL)
        space, kind = h5py.h5s.create_simple((6,)), h5py.h5t.NATIVE_DOUBLE
        h5py.h5d.create(file["units"].id, b"snr", kind, space, settings).write_direct_chunk((0,), b"x" * 20, 0)
    units = read_units(path)
    assert any("lzo (HDF5 filter 305), which is not installed" in problem.what for problem in units.problems)


def test_texts_that_nobody_stored_take_no_memory(path: Path) -> None:
    """A shape of billions of texts, of which none is there."""
    with h5py.File(path, "r+") as file:
        file["units"].create_dataset("notes", shape=(6, 1 << 32), dtype=h5py.string_dtype(), chunks=(1, 1 << 16))
    units = read_units(path, columns=["notes"])
    assert any("its shape is damaged" in problem.what for problem in units.problems)


def test_a_member_of_a_family_is_named(tmp_path: Path) -> None:
    """HDF5's way to keep one file in pieces; each piece alone is not a file."""
    with h5py.File(tmp_path / "a_%d.nwb", "w", driver="family", memb_size=4096) as file:
        file["data"] = np.arange(4000)
    for name in ("a_0.nwb", "a_1.nwb"):
        for command in (read_units, read_history):
            with pytest.raises(SourceError, match="one part of a family of HDF5 files") as refusal:
                command(tmp_path / name)
            assert "h5repart" in refusal.value.tip


@pytest.mark.parametrize("sources", [["snr"], ["snr", "snr_again"], ["linked"]], ids="-".join)
def test_a_virtual_dataset_that_is_one_of_its_own_sources_is_not_read(path: Path, sources: list[str]) -> None:
    """HDF5 crashes on it: itself, two of each other, or a link to it."""
    with h5py.File(path, "r+") as file:
        units = file["units"]
        names = ["snr", *sources[1:]]
        for name, source in zip(names, [*sources[1:], sources[0]], strict=True):
            if name in units:
                del units[name]
            layout = h5py.VirtualLayout((6,), "f8")
            layout[...] = h5py.VirtualSource(".", f"/units/{source}", shape=(6,))
            units.create_virtual_dataset(name, layout)
        units["linked"] = h5py.SoftLink("/units/snr")
        units.attrs["colnames"] = [*units.attrs["colnames"], "snr"]
    units = read_units(path)
    assert "snr" not in units.columns
    assert any("snr" in problem.what for problem in units.problems)
