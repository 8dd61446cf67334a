"""The files of a folder are reached through no link, with the system's help and without."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from nwb_unitrefine.errors import WriteError
from nwb_unitrefine.journal import folders, inside
from nwb_unitrefine.journal.inside import FolderFiles

TOKEN = "0" * 32


@pytest.fixture(params=[True, False], ids=["by descriptor", "by looking"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a file, beside one that is not to be touched; with folders' descriptors and without."""
    for module in (inside, folders):
        monkeypatch.setattr(module, "HAS_FOLDER_DESCRIPTORS", request.param)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "0").write_bytes(b"mine")
    place = tmp_path / "store.zarr"
    (place / "a").mkdir(parents=True)
    (place / "a" / "0").write_bytes(b"old")
    (place / "out").symlink_to(tmp_path / "own")
    (place / "a" / "link").symlink_to(tmp_path / "own" / "0")
    return place


def test_files_are_read_replaced_made_and_removed(folder: Path) -> None:
    """A file gets its content, with the folders that it needs, which go when they are empty."""
    files = FolderFiles(folder)
    assert (files.read("a/0"), files.read("a/1"), files.read("b/0"), files.read("a"), files.read("a/0/x")) == (
        b"old",
        None,
        None,
        None,
        None,
    )
    files.change([("a/0", b"new"), ("b/c/0", b"more")], token=TOKEN)
    assert (files.read("a/0"), files.read("b/c/0"), files.has("b/c/0"), files.has("b/c")) == (
        b"new",
        b"more",
        True,
        False,
    )
    files.sync(["a/0", "b/c/0", "gone/0"])
    assert (sorted(files.names("")), files.names("b"), files.names("gone")) == (["a", "b", "out"], ["c"], [])
    files.change([("b/c/0", None), ("b/c/0", None)], token=TOKEN)
    assert not (folder / "b").exists()
    assert files.are_folders_in_place()
    files.forget()
    assert sorted(entry.name for entry in (folder / "a").iterdir()) == ["0", "link"]


@pytest.mark.parametrize("key", ["out/0", "out/new", "a/link", "out/deep/0", "a/link/x"])
def test_no_link_is_followed(folder: Path, key: str) -> None:
    """Neither one on the way nor the file itself: it is said, and what it leads to is neither read nor changed."""
    files = FolderFiles(folder)
    with pytest.raises(WriteError, match=r"store\.zarr: .* is not a"):
        files.change([(key, b"theirs")], token=TOKEN)
    if key != "a/link/x":
        with pytest.raises(WriteError, match=r"store\.zarr: .* is not a"):
            files.read(key)
    own = folder.parent / "own"
    assert [(entry.name, entry.read_bytes()) for entry in own.iterdir()] == [("0", b"mine")]


def test_a_link_under_the_temporary_name_is_not_followed(folder: Path) -> None:
    """What has the name is removed, and the file is made anew."""
    own = folder.parent / "own" / "0"
    (folder / "a" / inside._temporary(TOKEN, "0")).symlink_to(own)
    with FolderFiles(folder) as files:
        files.change([("a/0", b"new")], token=TOKEN)
    assert (own.read_bytes(), (folder / "a" / "0").read_bytes()) == (b"mine", b"new")


def test_a_pipe_is_not_waited_for(folder: Path) -> None:
    """It is not a file, and it is said."""
    os.mkfifo(folder / "a" / "pipe")
    with pytest.raises(WriteError, match="not a regular file"):
        FolderFiles(folder).read("a/pipe")


@pytest.mark.parametrize(
    ("of_folder", "of_files", "expected"), [(0o700, 0o600, 0o600), (0o755, 0o600, 0o600), (0o755, 0o644, 0o644)]
)
def test_new_files_are_as_private_as_their_folder(folder: Path, of_folder: int, of_files: int, expected: int) -> None:
    """A new file of a private store is private; one that is replaced keeps its mode."""
    (folder / ".zgroup").write_bytes(b"{}")
    (folder / ".zgroup").chmod(of_files)
    (folder / "a" / "0").chmod(0o640)
    folder.chmod(of_folder)
    files = FolderFiles(folder)
    files.change([("b/0", b"x"), ("a/0", b"x")], token=TOKEN)
    modes = [stat.S_IMODE((folder / key).stat().st_mode) for key in ("b/0", "a/0", "b")]
    assert modes == [expected, 0o640, of_folder]


def test_many_folders_are_not_all_held_open(folder: Path) -> None:
    """A process may have only so many files open."""
    names = [f"many/{number}/{part}" for number in range(200) for part in "ab"]
    with FolderFiles(folder) as files:
        files.change([(name, name.encode()) for name in names], token=TOKEN)
        files.sync(names)
        assert [files.read(name) for name in names] == [name.encode() for name in names]
        if (held := Path("/proc/self/fd")).is_dir():
            assert len(list(held.iterdir())) < 300
    left = {place.name for place in folder.rglob("*") if place.name.startswith(".unitrefine")}
    assert not left


@pytest.mark.parametrize("fails", ["fsync", "replace"])
def test_what_fails_leaves_no_temporary_file(folder: Path, monkeypatch: pytest.MonkeyPatch, fails: str) -> None:
    """What was written beside the files goes with the next change under the same token, at the latest."""

    def failing(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "error of the disk")

    with FolderFiles(folder) as files:
        with monkeypatch.context() as patch:
            patch.setattr(os, fails, failing)
            with pytest.raises(OSError, match="error of the disk"):
                files.change([("a/0", b"new"), ("b/0", b"new")], token=TOKEN)
        assert files.read("a/0") == b"old"
        files.change([("b/0", None), ("a/0", b"old")], token=TOKEN)
    assert sorted(place.name for place in folder.rglob("*") if place.is_file()) == ["0", "link"]


@pytest.mark.skipif(not folders.HAS_FOLDER_DESCRIPTORS, reason="folders are not held open on this system")
def test_a_folder_that_is_replaced_while_it_is_held_is_noticed(tmp_path: Path) -> None:
    """What is written goes to the folder that was opened, and the one that has its name now is as it was."""
    for name in ("store/a", "other"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "0").write_bytes(b"old")
    with FolderFiles(tmp_path / "store") as files:
        assert files.read("a/0") == b"old"
        assert files.are_folders_in_place()
        (tmp_path / "store" / "a").rename(tmp_path / "moved")
        assert not files.are_folders_in_place()
        (tmp_path / "store" / "a").symlink_to(tmp_path / "other")
        assert not files.are_folders_in_place()
        (tmp_path / "store" / "a").unlink()
        (tmp_path / "other").rename(tmp_path / "store" / "a")
        assert not files.are_folders_in_place()
        files.change([("a/0", b"new")], token=TOKEN)
    assert ((tmp_path / "moved" / "0").read_bytes(), (tmp_path / "store/a/0").read_bytes()) == (b"new", b"old")
