"""The files of a folder are reached through no link, with the system's help and without."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from nwb_unitrefine.errors import WriteError
from nwb_unitrefine.journal import inside
from nwb_unitrefine.journal.inside import FolderFiles, is_plain_name, parts_of

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "0" * 32


@pytest.fixture(params=[True, False], ids=["by descriptor", "by looking"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a file, beside one that is not to be touched; with folders' descriptors and without."""
    monkeypatch.setattr(inside, "HAS_FOLDER_DESCRIPTORS", request.param)
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
    files.replace("a/0", b"new", token=TOKEN)
    files.replace("b/c/0", b"more", token=TOKEN)
    assert (files.read("a/0"), files.read("b/c/0"), files.has("b/c/0"), files.has("b/c")) == (
        b"new",
        b"more",
        True,
        False,
    )
    files.sync(["a/0", "b/c/0", "gone/0"])
    files.remove("b/c/0")
    files.remove("b/c/0")
    assert not (folder / "b").exists()
    assert sorted(entry.name for entry in (folder / "a").iterdir()) == ["0", "link"]


@pytest.mark.parametrize("key", ["out/0", "out/new", "a/link", "out/deep/0", "a/link/x"])
def test_no_link_is_followed(folder: Path, key: str) -> None:
    """Neither one on the way nor the file itself: it is said, and what it leads to is neither read nor changed."""
    files = FolderFiles(folder)
    with pytest.raises(WriteError, match=r"store\.zarr: .* is not a"):
        files.replace(key, b"theirs", token=TOKEN)
    if key != "a/link/x":
        with pytest.raises(WriteError, match=r"store\.zarr: .* is not a"):
            files.read(key)
    own = folder.parent / "own"
    assert [(entry.name, entry.read_bytes()) for entry in own.iterdir()] == [("0", b"mine")]


def test_a_link_under_the_temporary_name_is_not_followed(folder: Path) -> None:
    """What has the name is removed, and the file is made anew."""
    own = folder.parent / "own" / "0"
    (folder / "a" / f".unitrefine-{TOKEN}").symlink_to(own)
    FolderFiles(folder).replace("a/0", b"new", token=TOKEN)
    assert (own.read_bytes(), (folder / "a" / "0").read_bytes()) == (b"mine", b"new")


def test_a_pipe_is_not_waited_for(folder: Path) -> None:
    """It is no file, and it is said."""
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
    files.replace("b/0", b"x", token=TOKEN)
    files.replace("a/0", b"x", token=TOKEN)
    modes = [stat.S_IMODE((folder / key).stat().st_mode) for key in ("b/0", "a/0", "b")]
    assert modes == [expected, 0o640, of_folder]


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/", "a\\b", "a\0", "C:", "C:x", "a" * 256, "\ud800"])
def test_a_path_is_no_plain_name(name: str) -> None:
    """A name is that of one file in one folder."""
    assert not is_plain_name(name)
    with pytest.raises(WriteError):
        parts_of(f"units/{name}" if name != "a/b" else "a//b")
