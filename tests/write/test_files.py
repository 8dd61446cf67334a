"""Files as other programs and other times write them, and files that may not be written."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from helpers.bare_nwb import make_bare, make_small_session
from helpers.curations import curation_of
from nwb_unitrefine.errors import FileBusyError, FileChangedError, NoUnitsError, SourceError, WriteError
from nwb_unitrefine.journal import journal_path, protocol
from nwb_unitrefine.verification import verify
from nwb_unitrefine.write import read_history, relabel, undo, write_curation


def label(path: Path) -> None:
    """Label a file, and look whether it took."""
    curation = curation_of(path)
    write_curation(curation)
    assert verify(path).passed
    with h5py.File(path) as file:
        labels = file["units/unitrefine_label"].asstr()[:].tolist()
    assert labels == curation.predictions.labels.tolist()


def test_a_file_with_a_user_block_keeps_it(tmp_path: Path) -> None:
    """The bytes that MATLAB and others put before the HDF5 file stay."""
    path = make_bare(tmp_path / "file.nwb", userblock_size=1024)
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file" + bytes(493))
    label(path)
    assert path.read_bytes()[:512] == b"MATLAB 7.3 MAT-file" + bytes(493)


@pytest.mark.parametrize("libver", ["earliest", "v108", "v110", "latest"])
def test_files_of_every_format_of_hdf5_are_written(tmp_path: Path, libver: str) -> None:
    """Old and new superblocks, groups and attributes, again and again."""
    path = make_bare(tmp_path / "file.nwb", libver=libver)
    label(path)
    write_curation(curation_of(path), again=True)
    assert len(read_history(path)) == 2


def test_a_table_with_many_attributes_is_written(tmp_path: Path) -> None:
    """HDF5 stores attributes elsewhere when there are many."""
    path = make_bare(tmp_path / "file.nwb", libver="latest")
    with h5py.File(path, "r+") as file:
        for number in range(60):
            file["units"].attrs[f"note_{number}"] = "x" * 500
    label(path)
    with h5py.File(path) as file:
        assert file["units"].attrs["note_59"] == "x" * 500


def test_column_names_of_fixed_length_stay_so(tmp_path: Path) -> None:
    """``colnames`` of fixed length, as pynwb of 2019 wrote it, is widened, not turned into another kind."""
    path = make_bare(tmp_path / "file.nwb")
    with h5py.File(path, "r+") as file:
        file["units"].attrs["colnames"] = np.array([b"spike_times"])
    label(path)
    with h5py.File(path) as file:
        names = file["units"].attrs["colnames"]
    assert names.dtype == "S22"
    assert names.tolist() == [
        b"spike_times",
        b"unitrefine_label",
        b"unitrefine_probability",
        b"unitrefine_uncertain",
    ]


def test_columns_that_another_program_left_out_of_the_names_are_named_again(tmp_path: Path) -> None:
    """Labels are in the table when they are among its ``colnames``, and not just in the file."""
    path = make_bare(tmp_path / "file.nwb")
    label(path)
    with h5py.File(path, "r+") as file:
        file["units"].attrs["colnames"] = np.array([b"spike_times"])
    label(path)


def test_a_file_without_specifications_gets_them(tmp_path: Path) -> None:
    """The extension's specification is cached even where the file caches none."""
    path = make_bare(tmp_path / "file.nwb")
    with h5py.File(path, "r+") as file:
        del file["specifications"]
    label(path)
    with h5py.File(path) as file:
        assert list(file[file.attrs[".specloc"]]) == ["ndx-unit-curation"]


def test_a_units_table_behind_a_soft_link_is_written(tmp_path: Path) -> None:
    """A link within the file is followed."""
    path = make_bare(tmp_path / "file.nwb")
    with h5py.File(path, "r+") as file:
        file.move("units", "general/table")
        file["units"] = h5py.SoftLink("/general/table")
    label(path)
    with h5py.File(path) as file:
        assert isinstance(file.get("units", getlink=True), h5py.SoftLink)
        assert "unitrefine_label" in file["general/table"]


def test_a_units_table_in_another_file_is_refused(tmp_path: Path) -> None:
    """Labels go to the file that holds the units."""
    make_bare(tmp_path / "units.nwb")
    path = tmp_path / "file.nwb"
    with h5py.File(path, "w") as file:
        file["units"] = h5py.ExternalLink("units.nwb", "/units")
    curation = curation_of(path)
    content = path.read_bytes(), (tmp_path / "units.nwb").read_bytes()
    with pytest.raises(SourceError, match=r"links to the units table of units\.nwb"):
        write_curation(curation)
    assert (path.read_bytes(), (tmp_path / "units.nwb").read_bytes()) == content


def test_a_file_without_units_is_refused(tmp_path: Path) -> None:
    """There is nothing to label."""
    path = make_bare(tmp_path / "file.nwb")
    curation = curation_of(path)
    with h5py.File(path, "r+") as file:
        del file["units"]
    with pytest.raises(NoUnitsError):
        write_curation(curation)


def test_a_symbolic_link_stays_one(tmp_path: Path) -> None:
    """The file that it leads to is written."""
    path = make_bare(tmp_path / "file.nwb")
    link = tmp_path / "link.nwb"
    link.symlink_to(path)
    label(link)
    assert link.is_symlink()


def test_the_copy_of_git_annex_is_refused(tmp_path: Path) -> None:
    """git-annex names a file by its content, which must not change."""
    folder = tmp_path / ".git" / "annex" / "objects" / "x"
    folder.mkdir(parents=True)
    path = make_bare(folder / "SHA256E-s1--1.nwb")
    link = tmp_path / "file.nwb"
    link.symlink_to(path)
    content = path.read_bytes()
    with pytest.raises(WriteError, match="git-annex") as refusal:
        write_curation(curation_of(link))
    assert "git annex unlock file.nwb" in refusal.value.tip
    assert path.read_bytes() == content


def test_a_read_only_file_is_refused(tmp_path: Path) -> None:
    """Even where the user could write it all the same; the way out is one that every command has."""
    path = make_bare(tmp_path / "file.nwb")
    made = curation_of(path)
    path.chmod(0o444)
    for write in (lambda: write_curation(made), lambda: relabel(path, {0: "sua"}, by="me"), lambda: undo(path)):
        with pytest.raises(WriteError, match="read-only") as refusal:
            write()
        assert "chmod u+w" in refusal.value.tip
        assert "--output" not in refusal.value.tip


def test_a_file_that_a_reader_has_open_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HDF5's own lock is respected: nothing is written under a reader's eyes."""
    path = make_small_session(tmp_path / "file.nwb")
    curation = curation_of(path)
    monkeypatch.setattr(protocol, "PATIENCE_S", 0.05)
    content = path.read_bytes()
    with h5py.File(path, "r"), pytest.raises(FileBusyError):
        write_curation(curation)
    assert path.read_bytes() == content
    assert not journal_path(path).exists()


def test_a_reader_cannot_open_what_is_being_written(tmp_path: Path) -> None:
    """Our lock is HDF5's: while it is held, other programs cannot open the file and see it half written."""
    path = make_small_session(tmp_path / "file.nwb")
    with path.open("r+b") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        with pytest.raises(BlockingIOError):
            h5py.File(path, "r")


def test_a_file_changed_by_someone_without_lock_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change that comes while labels are prepared is noticed before anything is written."""
    path = make_bare(tmp_path / "file.nwb")
    curation = curation_of(path)
    real = h5py.Group.create_dataset

    def meddling(*arguments: object, **options: object) -> h5py.Dataset:
        os.utime(path, (time.time() + 5, time.time() + 5))
        return real(*arguments, **options)

    monkeypatch.setattr(h5py.Group, "create_dataset", meddling)
    content = path.read_bytes()
    with pytest.raises(FileChangedError, match="changed by another program"):
        write_curation(curation)
    assert path.read_bytes() == content


def test_the_cost_is_that_of_the_change_and_not_of_the_file(tmp_path: Path) -> None:
    """As much is written into a sparse file of 20 GB as into one of 10 MB, within a few pages."""
    written = []
    for name, n_values in (("small", 1_250_000), ("large", 2_500_000_000)):
        path = make_bare(tmp_path / f"{name}.nwb")
        with h5py.File(path, "r+") as file:
            plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            plan.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
            plan.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
            space = h5py.h5s.create_simple((n_values,))
            h5py.h5d.create(file.id, b"raw", h5py.h5t.IEEE_F64LE, space, dcpl=plan)
        os.truncate(path, path.stat().st_size)
        before = path.stat().st_blocks
        written.append(write_curation(curation_of(path)).bytes_written)
        assert path.stat().st_size >= 8 * n_values
        assert (path.stat().st_blocks - before) * 512 < 400_000
    assert abs(written[0] - written[1]) <= 4 * 4096
    assert max(written) < 200_000


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    """Everything is checked, nothing is changed."""
    path = make_bare(tmp_path / "file.nwb")
    content = path.read_bytes()
    report = write_curation(curation_of(path), dry_run=True)
    assert (report.bytes_written, report.run) == (0, "run_0001")
    assert path.read_bytes() == content
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.nwb"]


def test_labels_for_other_units_are_refused(tmp_path: Path) -> None:
    """A curation of other ids does not fit, even where there are as many."""
    path = make_bare(tmp_path / "file.nwb")
    curation = curation_of(path)
    with h5py.File(path, "r+") as file:
        file["units/id"][:] = np.arange(6)[::-1]
    with pytest.raises(FileChangedError):
        write_curation(curation)


_COUNT_OPENINGS = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from helpers.curations import curation_of
from nwb_unitrefine.read import read_units
from nwb_unitrefine.write import write_curation
from nwb_unitrefine.write.preflight import require_writable

place, made, opened = sys.argv[1], curation_of(Path(sys.argv[1])), []
sys.addaudithook(lambda event, arguments: opened.append(arguments[0]) if event == "open" else None)
for step in (lambda: require_writable(place), lambda: read_units(place), lambda: write_curation(made)):
    opened.clear()
    step()
    print(sum(str(name) == place for name in opened))
"""


def test_each_step_opens_a_file_once(tmp_path: Path) -> None:
    """What is refused early, reading and writing: the lock and the values are of one file, whatever gets its name."""
    path = make_small_session(tmp_path / "session.nwb")
    command = [sys.executable, "-W", "ignore", "-c", _COUNT_OPENINGS, str(path), str(Path(__file__).parents[1])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "1", "1"]
