"""Damaged heaps of texts, and links to other files."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import h5py
import numpy as np
import pytest

from helpers.bare_nwb import make_bare
from helpers.curations import curation_of
from helpers.servers.range_server import serve_ranges
from nwb_unitrefine.errors import SourceError, WriteError
from nwb_unitrefine.read import read_units
from nwb_unitrefine.storage.hdf5_guard import GuardedFile
from nwb_unitrefine.storage.hdf5_links import find_linked
from nwb_unitrefine.verification import verify
from nwb_unitrefine.write import write_curation

if TYPE_CHECKING:
    from pathlib import Path

READ_ALL = """
import sys
from pathlib import Path
from nwb_unitrefine.errors import SourceError
from nwb_unitrefine.read import read_units
for path in sorted(Path(sys.argv[1]).iterdir()):
    try:
        print(path.name, *(problem.what for problem in read_units(path).problems))
    except SourceError as error:
        print(path.name, error)
"""


def with_texts(path: Path) -> Path:
    """Write units that a text and a long text describe."""
    make_bare(path)
    with h5py.File(path, "r+") as file:
        for name, length in {"location": 5, "notes": 9000}.items():
            texts = [f"{unit} " + "x" * length for unit in range(6)]
            file["units"].create_dataset(name, data=texts, dtype=h5py.string_dtype())
    return path


def test_a_text_heap_with_zeros_in_it_ends_in_an_error_and_not_in_a_circle(tmp_path: Path) -> None:
    """Wherever a piece of a heap is zeros: HDF5 itself would never come back from most of these files."""
    whole = with_texts(tmp_path / "whole.nwb").read_bytes()
    folder = tmp_path / "damaged"
    folder.mkdir()
    heaps = [place for place in range(len(whole)) if whole.startswith(b"GCOL\x01", place)]
    assert len(heaps) > 1
    for heap in heaps:
        for place in (*range(heap + 16, heap + 500, 64), heap + 4096 + 64):
            damaged = bytearray(whole)
            damaged[place : place + 64] = bytes(64)
            (folder / f"{place}.nwb").write_bytes(damaged[: len(whole)])
    command = [sys.executable, "-c", READ_ALL, folder]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    lines = done.stdout.splitlines()
    assert len(lines) == len(list(folder.iterdir()))
    assert sum("has no end" in line for line in lines) > 4


@pytest.mark.parametrize("content", [b"", b"GCOL", b"GCOL" + bytes(8), b"spikes" * 100], ids=len)
def test_what_is_no_heap_is_read_as_it_is(tmp_path: Path, content: bytes) -> None:
    """The first letters of a heap alone make none."""
    path = tmp_path / "file"
    path.write_bytes(content)
    with path.open("rb", buffering=0) as raw:
        assert GuardedFile(raw).read() == content


def test_columns_in_another_file_are_read_and_their_file_labelled(tmp_path: Path) -> None:
    """Data that NWB keeps in another file count as this file's, and nothing is written there."""
    path, other = make_bare(tmp_path / "file.nwb"), tmp_path / "spikes.nwb"
    expected = read_units(path)
    with h5py.File(path, "r+") as file, h5py.File(other, "w") as target:
        for name in ("spike_times", "spike_times_index"):
            file.copy(f"units/{name}", target, name)
            del file[f"units/{name}"]
            file[f"units/{name}"] = h5py.ExternalLink("spikes.nwb", f"/{name}")
    content = other.read_bytes()
    trains = read_units(path).spike_times_s
    np.testing.assert_array_equal(trains.values, expected.spike_times_s.values)
    np.testing.assert_array_equal(trains.offsets, expected.spike_times_s.offsets)
    write_curation(curation_of(path))
    assert verify(path).passed
    assert other.read_bytes() == content
    curation = curation_of(path)
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(WriteError, match=r"links to spikes\.nwb, which a copy in another folder would not find"):
        write_curation(curation, output=tmp_path / "elsewhere" / "copy.nwb")
    assert not list((tmp_path / "elsewhere").iterdir())
    write_curation(curation, output=tmp_path / "beside.nwb")
    assert verify(tmp_path / "beside.nwb").passed
    other.unlink()
    with pytest.raises(SourceError, match=r"in spikes\.nwb, which is not there"):
        verify(path)
    with pytest.raises(SourceError, match="spike_times cannot be opened"):
        read_units(path)


def test_a_link_to_another_file_does_not_lead_back_into_this_one(tmp_path: Path) -> None:
    """Even where this file has something of that name, and through whatever the file is read."""
    path, other = tmp_path / "file.h5", tmp_path / "other.h5"
    with h5py.File(path, "w") as file, h5py.File(other, "w") as target:
        file["here"], target["here"] = 1, 2
        file["link"] = h5py.ExternalLink("other.h5", "/here")
        file["lost"] = h5py.ExternalLink("gone.h5", "/here")
    with path.open("rb", buffering=0) as raw, h5py.File(GuardedFile(raw), "r") as file:
        found = find_linked(file, "link", folder=tmp_path)
        assert isinstance(found, h5py.Dataset)
        assert found[()] == 2
        assert find_linked(file, "lost", folder=tmp_path) is None
        assert find_linked(file, "link", folder=None) is None


def test_links_are_looked_up_beside_the_file_and_nowhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of that name in the working folder, where HDF5 looks too, has nothing to do with it."""
    served = tmp_path / "served"
    served.mkdir()
    make_bare(tmp_path / "spikes.nwb")
    shutil.copyfile(tmp_path / "spikes.nwb", served / "file.nwb")
    with h5py.File(served / "file.nwb", "r+") as file:
        file["units/snr"] = h5py.ExternalLink("spikes.nwb", "/units/id")
    monkeypatch.chdir(tmp_path)
    assert "snr" not in read_units(served / "file.nwb").columns
    shutil.copyfile(tmp_path / "spikes.nwb", served / "spikes.nwb")
    assert "snr" in read_units(served / "file.nwb").columns
    with serve_ranges(served) as server:
        assert "snr" not in read_units(server.url + "/file.nwb").columns


def test_rows_of_any_length_are_left_out(tmp_path: Path) -> None:
    """NWB keeps them as one array and an index; where the type is damage, HDF5 may crash on them."""
    path = make_bare(tmp_path / "file.nwb")
    with h5py.File(path, "r+") as file:
        rows = file["units"].create_dataset("amplitudes", (6,), dtype=h5py.vlen_dtype(np.float64))
        rows[0] = np.arange(3.0)
    units = read_units(path)
    assert "amplitudes" not in units.columns
    assert any("amplitudes holds rows of any length" in problem.what for problem in units.problems)
