"""Copies: whole, and small ones with units alone."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import h5py
import numpy as np
import pytest
from pynwb import NWBHDF5IO, validate

from helpers.bare_nwb import make_small_session
from helpers.curations import curation
from helpers.servers.range_server import serve_ranges
from nwb_unitrefine.errors import WriteError
from nwb_unitrefine.journal.appearing import appearing
from nwb_unitrefine.read import read_units
from nwb_unitrefine.verification import verify
from nwb_unitrefine.write import read_history, relabel, write_curation

if TYPE_CHECKING:
    from pathlib import Path

    from nwb_unitrefine.records import Curation

pytestmark = pytest.mark.filterwarnings("ignore")  # pynwb's and hdmf-zarr's own, of the files' age


def curate(path: Path) -> Curation:
    """A curation of a source as it is read."""
    units = read_units(path)
    return replace(curation(units.source, units.unit_ids, units.spike_times_s), units=units)


def test_a_whole_copy_is_the_file_with_labels(tmp_path: Path) -> None:
    """The source stays as it is; the copy has an object id of its own and says where it comes from."""
    path = make_small_session(tmp_path / "source.nwb")
    content = path.read_bytes()
    report = write_curation(curate(path), output=tmp_path / "copy.nwb", source_digest="dandi-etag:1-1")
    assert path.read_bytes() == content
    assert verify(report.path).passed
    with h5py.File(path) as old, h5py.File(report.path) as new:
        assert new.attrs["object_id"] != old.attrs["object_id"]
        about = dict(new["general/unit_curation"].attrs)
        assert about["source"] == "source.nwb"  # its folder is nobody's business
        assert about["source_object_id"] == old.attrs["object_id"]
        assert about["source_digest"] == "dandi-etag:1-1"
        np.testing.assert_array_equal(old["units/spike_times"][:], new["units/spike_times"][:])
    assert validate(path=str(report.path)) == []


@pytest.mark.parametrize(("name", "units_only"), [("a.nwb", False), ("a.nwb.zarr", False), ("a.nwb", True)])
def test_labels_of_a_copy_are_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, *, units_only: bool
) -> None:
    """Nothing of it is written after it was waited for: a power cut leaves the labelled copy or none."""
    curation, output, real = curate(make_small_session(tmp_path / name)), tmp_path / "copies" / name, os.fsync
    output.parent.mkdir()
    synced: dict[int, int] = {}

    def syncing(descriptor: int) -> None:
        real(descriptor)
        if not output.exists():
            status = os.fstat(descriptor)
            synced[status.st_ino] = status.st_mtime_ns

    monkeypatch.setattr(os, "fsync", syncing)
    write_curation(curation, output=output, units_only=units_only)
    files = [place.stat() for place in (output, *output.rglob("*")) if place.is_file()]
    assert files
    assert all(synced[file.st_ino] == file.st_mtime_ns for file in files)
    assert [place.name for place in output.parent.iterdir()] == [name]


@pytest.mark.parametrize("source", ["source.nwb", "source.nwb.zarr"])
@pytest.mark.parametrize("output", ["small.nwb", "small.nwb.zarr"])
def test_a_small_file_holds_the_units_and_what_describes_them(tmp_path: Path, source: str, output: str) -> None:
    """From HDF5 or Zarr to HDF5 or Zarr: subject, electrodes, spike times, waveforms and history are there."""
    path = make_small_session(tmp_path / source, columns={"depth": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]})
    relabel(path, {1: "noise"}, by="S. Cajal")
    report = write_curation(curate(path), output=tmp_path / output, units_only=True)
    assert [run.agent for run in read_history(report.path)] == ["S. Cajal", "test-model"]
    assert verify(report.path).passed
    old, new = read_units(path), read_units(report.path)
    np.testing.assert_array_equal(old.spike_times_s.values, new.spike_times_s.values)
    np.testing.assert_array_equal(old.waveforms.mean, new.waveforms.mean)
    np.testing.assert_array_equal(old.electrodes.positions_um, new.electrodes.positions_um)
    assert new.waveforms.sampling_rate_hz == 30_000
    assert new.columns["depth"].values.tolist() == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    assert new.columns["unitrefine_label"].values.tolist()[1] == "noise"
    assert (new.source.subject_id, new.source.session_id) == ("m1", "s1")
    assert new.source.identifier != old.source.identifier


@pytest.mark.parametrize("output", ["small.nwb", "small.nwb.zarr"])
def test_a_small_file_has_every_kind_of_column_that_was_read(tmp_path: Path, output: str) -> None:
    """Rows of any length, of two axes, of texts and of an enumeration are as in the source; the rest is named."""
    path = make_small_session(tmp_path / "source.nwb")
    ends = [1, 3, 3, 4, 5, 6]
    with NWBHDF5IO(path, "a") as io:
        units = io.read().units
        units.add_column("place", "Position.", data=np.arange(12.0).reshape(6, 2))
        units.add_column("names", "Two names each.", data=[[f"a{unit}", f"b{unit}"] for unit in range(6)])
        units.add_column("depths", "Some depths.", data=np.arange(6.0), index=ends)
        units.add_column("regions", "Some regions.", data=list("abcdef"), index=ends)
        units.add_column("kind", "An enumeration of NWB.", data=[0, 1, 0, 1, 2, 0], enum=["fs", "rs", "tan"])
        units.add_column("nested", "Rows of rows.", data=[[[1.0], [2.0]]] * 6, index=2)
        units.add_column("waveform_sd", "Deviation.", data=np.ones((6, 60, 4)))
        io.write(units.parent)
    with h5py.File(path, "r+") as file:
        codes = h5py.enum_dtype({"good": 1, "bad": 2}, basetype="i1")
        native = file["units"].create_dataset("native", data=np.array([1, 2, 1, 2, 1, 1]), dtype=codes)
        native.attrs.update({"namespace": "hdmf-common", "neurodata_type": "VectorData", "object_id": "n"})
        native.attrs["description"] = "An enumeration of HDF5."
        file["units"].attrs["colnames"] = [*file["units"].attrs["colnames"], "native"]
    report = write_curation(curate(path), output=tmp_path / output, units_only=True)
    assert set(report.left_out) == {"nested", "waveform_sd"}
    new = read_units(report.path).columns
    assert new["place"].values.tolist() == np.arange(12.0).reshape(6, 2).tolist()
    assert new["names"].values.tolist() == [[f"a{unit}", f"b{unit}"] for unit in range(6)]
    assert [row.tolist() for row in new["depths"].values] == [[0.0], [1.0, 2.0], [], [3.0], [4.0], [5.0]]
    assert [row.tolist() for row in new["regions"].values] == [["a"], ["b", "c"], [], ["d"], ["e"], ["f"]]
    assert new["kind"].values.tolist() == ["fs", "rs", "fs", "rs", "tan", "fs"]
    assert new["native"].values.tolist() == ["good", "bad", "good", "bad", "good", "good"]


@pytest.mark.slow
def test_a_small_file_passes_the_inspector(tmp_path: Path) -> None:
    """nwbinspector has nothing to say of a small file whose source is well described; nor has pynwb."""
    from nwbinspector import inspect_nwbfile

    path = make_small_session(tmp_path / "source.nwb")
    report = write_curation(curate(path), output=tmp_path, units_only=True)
    assert report.path.name == "sub-m1_ses-s1_desc-curated_ecephys.nwb"
    assert validate(path=str(report.path)) == []
    assert [m for m in inspect_nwbfile(nwbfile_path=report.path) if m.importance.value >= 1] == []


@pytest.mark.slow
def test_the_inspector_reports_nothing_new(tmp_path: Path, shared_data: Path) -> None:
    """Labels and history in a real file draw no remark that the file did not draw before."""
    from nwbinspector import inspect_nwbfile

    for name in ("brody_T209_2019_05_22_600s.nwb", "sub-anm369963_ses-20170228.nwb", "example_converter_spec_3.nwb"):
        source = shared_data / "nwb" / name
        report = write_curation(curate(source), output=tmp_path / name)
        before, after = (
            {(m.check_function_name, m.object_name) for m in inspect_nwbfile(nwbfile_path=path)}
            for path in (source, report.path)
        )
        assert after == before


@pytest.mark.slow
def test_every_real_file_has_a_small_one(tmp_path: Path, shared_data: Path) -> None:
    """Whatever its age and dialect, a file's units can be taken to a file of their own, which validates."""
    for source in sorted((shared_data / "nwb").glob("*.nwb")):
        report = write_curation(curate(source), output=tmp_path, units_only=True)
        assert verify(report.path).passed
        assert validate(path=str(report.path)) == []


def test_a_copy_does_not_replace_anything(tmp_path: Path) -> None:
    """An output that exists is refused, and nothing is left behind."""
    path = make_small_session(tmp_path / "source.nwb")
    other = tmp_path / "other.nwb"
    other.write_text("mine")
    for units_only in (False, True):
        with pytest.raises(WriteError, match="exists already"):
            write_curation(curate(path), output=other, units_only=units_only)
    assert other.read_text() == "mine"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["other.nwb", "source.nwb"]


@pytest.mark.parametrize("links", [True, False])
def test_what_appeared_meanwhile_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, links: bool
) -> None:
    """Of two processes that write one output, the second is refused, on file systems with links and without."""

    def unknown(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    if not links:
        monkeypatch.setattr(os, "link", unknown)
    output = tmp_path / "copy.nwb"
    with ExitStack() as stack, appearing(output) as first:
        stack.enter_context(pytest.raises(WriteError, match="exists already"))
        stack.enter_context(appearing(output)).write_text("second")
        first.write_text("first")
    assert output.read_text() == "first"
    assert list(tmp_path.iterdir()) == [output]


@pytest.mark.parametrize("there", ["folder", "file"])
def test_a_folder_does_not_replace_what_appeared_meanwhile(tmp_path: Path, there: str) -> None:
    """A Zarr store takes the place of no other store, and of no file."""
    output = tmp_path / "copy.zarr"
    with ExitStack() as stack:
        stack.enter_context(pytest.raises(WriteError, match="exists already"))
        place = stack.enter_context(appearing(output))
        place.mkdir()
        (place / ".zgroup").write_text("second")
        if there == "folder":
            output.mkdir()
            (output / ".zgroup").write_text("first")
        else:
            output.write_text("first")
    assert (output / ".zgroup" if there == "folder" else output).read_text() == "first"
    assert list(tmp_path.iterdir()) == [output]


def test_a_zarr_store_is_copied_whole_into_a_folder(tmp_path: Path) -> None:
    """The copy is named by subject and session, and as the folder that it is."""
    path = make_small_session(tmp_path / "source.nwb.zarr")
    report = write_curation(curate(path), output=tmp_path)
    assert report.path.name == "sub-m1_ses-s1_desc-curated_ecephys.nwb.zarr"
    assert verify(report.path).passed


def test_a_store_is_not_a_folder_for_copies(tmp_path: Path) -> None:
    """A Zarr store that is there, whatever its name, is refused as output and nothing is put into it."""
    path = make_small_session(tmp_path / "source.nwb")
    output = make_small_session(tmp_path / "other.nwb.zarr").rename(tmp_path / "other.nwb")
    before = sorted(output.rglob("*"))
    for units_only in (False, True):
        with pytest.raises(WriteError, match="exists already"):
            write_curation(curate(path), output=output, units_only=units_only)
    assert sorted(output.rglob("*")) == before


def test_a_read_only_store_is_copied_and_labelled(tmp_path: Path) -> None:
    """The copy has what the store holds, and not its modes, with which it could not be written."""
    path = make_small_session(tmp_path / "source.nwb.zarr")
    places = [path, *path.rglob("*")]
    for place in places:
        place.chmod(0o555 if place.is_dir() else 0o444)
    try:
        report = write_curation(curate(path), output=tmp_path / "copy.nwb.zarr")
    finally:
        for place in places:
            place.chmod(0o755 if place.is_dir() else 0o644)
    assert verify(report.path).passed
    assert all(place.stat().st_mode & 0o200 for place in (report.path, *report.path.rglob("*")))


def test_a_copy_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """A refusal on the way takes the unfinished copy away."""
    path = make_small_session(tmp_path / "source.nwb", columns={"unitrefine_label": list("abcdef")})
    for units_only in (False, True):
        with pytest.raises(WriteError, match="another program wrote"):
            write_curation(curate(path), output=tmp_path / "copy.nwb", units_only=units_only)
    assert [entry.name for entry in tmp_path.iterdir()] == ["source.nwb"]


@pytest.mark.slow
def test_labels_stand_beside_ndx_spikesorting(tmp_path: Path) -> None:
    """A file with the metric tables of ndx-spikesorting is labelled, validates, and pynwb reads both."""
    spikesorting = pytest.importorskip("ndx_spikesorting")
    path = make_small_session(tmp_path / "source.nwb")
    with NWBHDF5IO(path, "a") as io:
        nwbfile = io.read()
        options = {"name": "quality_metrics", "description": "Metrics.", "target_tables": {"unit": nwbfile.units}}
        metrics = spikesorting.UnitsMetrics(**options)
        metrics.add_column(name="snr", description="Signal to noise.")
        for unit in range(6):
            metrics.add_row(unit=unit, snr=float(unit))
        nwbfile.create_processing_module("ecephys", "Sorting.").add(metrics)
        io.write(nwbfile)
    before = validate(path=str(path))
    write_curation(curate(path))
    assert validate(path=str(path)) == before
    with NWBHDF5IO(path, "r") as io:
        nwbfile = io.read()
        assert nwbfile.processing["ecephys"]["quality_metrics"]["snr"][:].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
        assert nwbfile.units["unitrefine_label"][:].tolist() == curate(path).predictions.labels.tolist()


def test_a_source_on_another_machine_is_not_written(tmp_path: Path) -> None:
    """What cannot be written into is refused, with what can be done instead."""
    path = make_small_session(tmp_path / "source.nwb")
    found = curate(path)
    remote = replace(found.units.source, uri="https://example.org/session.nwb")
    found = replace(found, units=replace(found.units, source=remote))
    for output in (None, tmp_path / "copy.nwb"):
        with pytest.raises(WriteError, match="not on this machine") as refusal:
            write_curation(found, output=output)
        assert "--units-only" in refusal.value.tip


@pytest.mark.slow
@pytest.mark.parametrize("name", ["source.nwb", "source.nwb.zarr"])
def test_a_small_file_of_a_source_on_a_server_keeps_its_history(tmp_path: Path, name: str) -> None:
    """Runs of the source, and labels that people set in it, are in the small file, wherever the source is."""
    pytest.importorskip("urllib3")
    (tmp_path / "served").mkdir()
    path = make_small_session(tmp_path / "served" / name)
    write_curation(curate(path))
    relabel(path, {3: "noise"}, by="Ramon")
    with serve_ranges(tmp_path / "served") as server:
        report = write_curation(curate(f"{server.url}/{name}"), output=tmp_path / "small.nwb", units_only=True)
    assert [run.kind.value for run in read_history(report.path)] == ["model", "human", "model"]
    assert report.n_kept == 1
    with h5py.File(report.path) as file:
        assert file["units/unitrefine_label"].asstr()[3] == "noise"
    assert verify(report.path).passed


@pytest.mark.slow
@pytest.mark.parametrize("name", ["source.nwb", "source.nwb.zarr"])
@pytest.mark.parametrize("units_only", [False, True])
def test_a_copy_of_a_private_file_is_private(tmp_path: Path, name: str, *, units_only: bool) -> None:
    """Who may not read the original may not read its copy, nor a small file with its units."""
    path = make_small_session(tmp_path / name)
    for place in (path, *path.rglob("*")):
        place.chmod(0o700 if place.is_dir() else 0o600)
    report = write_curation(curate(path), output=tmp_path / f"copy{path.suffix}", units_only=units_only)
    written = (report.path, *report.path.rglob("*"))
    assert {stat.S_IMODE(place.stat().st_mode) for place in written if place.is_file()} == {0o600}
    assert report.path.is_file() or stat.S_IMODE(report.path.stat().st_mode) == 0o700


def test_a_copy_takes_in_nothing_from_outside_the_store(tmp_path: Path) -> None:
    """A link in a store is refused, with what to do about it, and nothing is left."""
    path = make_small_session(tmp_path / "source.nwb.zarr")
    (tmp_path / "secret").write_text("mine")
    (path / "general" / "notes").symlink_to(tmp_path / "secret")
    with pytest.raises(WriteError, match=r"source\.nwb\.zarr/general/notes is a link") as refusal:
        write_curation(curate(path), output=tmp_path / "copy.nwb.zarr")
    assert "--units-only" in refusal.value.tip
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["secret", "source.nwb.zarr"]


@pytest.mark.parametrize("kind", ["absolute link", "relative link", "through a file", "storage", "virtual"])
def test_a_small_file_takes_in_nothing_from_outside_the_folder(tmp_path: Path, kind: str) -> None:
    """Values that a stranger's file has from the reader's own files are not copied, by whatever way it leads there."""
    (tmp_path / "given").mkdir()
    path = make_small_session(tmp_path / "given" / "source.nwb")
    n_units, own = 6, tmp_path / "own.h5"
    with h5py.File(own, "w") as file:
        file["secret"] = np.arange(n_units) + 0.125
    with h5py.File(path.with_name("beside.h5"), "w") as file:
        file["secret"] = h5py.ExternalLink("../own.h5", "secret")
    with h5py.File(path, "r+") as file:
        units = file["units"]
        if kind == "storage":
            units.create_dataset("depth", (n_units,), "f8", external=[(str(own), 0, 8 * n_units)])
        elif kind == "virtual":
            layout = h5py.VirtualLayout((n_units,), "f8")
            layout[:] = h5py.VirtualSource(str(own), "secret", (n_units,))
            units.create_virtual_dataset("depth", layout)
        else:
            where = {"absolute link": str(own), "relative link": "../own.h5", "through a file": "beside.h5"}[kind]
            units["depth"] = h5py.ExternalLink(where, "secret")
        units.attrs["colnames"] = [*units.attrs["colnames"], "depth"]
    with pytest.raises(WriteError, match="outside the folder of the file"):
        write_curation(curate(path), output=tmp_path / "small.nwb", units_only=True)
    assert not (tmp_path / "small.nwb").exists()


def test_a_small_file_leaves_out_what_a_soft_link_leads_outside_to(tmp_path: Path) -> None:
    """A link within the file to a link out of it is not followed on reading: the column is left out, and named."""
    (tmp_path / "given").mkdir()
    path, own = make_small_session(tmp_path / "given" / "source.nwb"), tmp_path / "own.h5"
    with h5py.File(own, "w") as file:
        file["secret"] = np.arange(6) + 0.125
    with h5py.File(path, "r+") as file:
        file["acquisition"]["hidden"] = h5py.ExternalLink("../own.h5", "/")
        file["units"]["depth"] = h5py.SoftLink("/acquisition/hidden/secret")
        file["units"].attrs["colnames"] = [*file["units"].attrs["colnames"], "depth"]
    curation = curate(path)
    assert "links.outside" in {problem.code for problem in curation.units.problems}
    report = write_curation(curation, output=tmp_path / "small.nwb", units_only=True)
    with h5py.File(report.path) as file:
        assert "depth" not in file["units"]


def test_a_small_file_may_take_in_what_came_with_the_source(tmp_path: Path) -> None:
    """A link to a file in the same folder is followed, and raw data elsewhere do not matter: they are not copied."""
    (tmp_path / "given").mkdir()
    path = make_small_session(tmp_path / "given" / "source.nwb")
    with h5py.File(path.with_name("beside.h5"), "w") as file:
        file["depth"] = np.arange(6) + 0.125
    with h5py.File(path, "r+") as file:
        file["units"]["depth"] = h5py.ExternalLink("beside.h5", "depth")
        file["units"].attrs["colnames"] = [*file["units"].attrs["colnames"], "depth"]
        file["acquisition"]["raw"] = h5py.ExternalLink("../raw.nwb", "/acquisition/raw")
    report = write_curation(curate(path), output=tmp_path / "small.nwb", units_only=True)
    assert verify(report.path).passed
