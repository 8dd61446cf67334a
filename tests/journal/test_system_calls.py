"""What is not the same on every system works with and without what POSIX has."""

from __future__ import annotations

import ast
import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import nwb_unitrefine
from nwb_unitrefine.journal.system_calls import do_together, open_for_reading, read_at, write_at

SOURCE = Path(nwb_unitrefine.__file__).parent
POSIX_ONLY = {
    "chown",
    "fchmod",
    "fchown",
    "geteuid",
    "getuid",
    "mkfifo",
    "posix_fallocate",
    "pread",
    "preadv",
    "pwrite",
    "pwritev",
    "sync",
    "sysconf",
    "O_CLOEXEC",
    "O_DIRECTORY",
    "O_NOFOLLOW",
    "O_NONBLOCK",
}


@pytest.mark.slow
def test_the_write_path_works_where_fcntl_cannot_be_imported() -> None:
    """Labels are written, taken back and recovered, and no link is followed, without any call that Windows lacks."""
    script = Path(__file__).with_name("without_posix.py")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False, env=dict(os.environ))
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


@pytest.mark.parametrize("folder", ["history", "journal", "read", "records", "storage", "vocabulary", "write"])
def test_calls_that_only_posix_has_stand_in_one_module(folder: str) -> None:
    """Nothing else on the way of a write imports `fcntl`, or uses a call or flag of `os` that Windows lacks."""
    for place in (SOURCE / folder).rglob("*.py"):
        if place.name == "system_calls.py":
            continue
        for node in ast.walk(ast.parse(place.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os":
                assert node.attr not in POSIX_ONLY, f"{place.name}: os.{node.attr}"
            if isinstance(node, ast.Import):
                assert not {name.name for name in node.names} & {"fcntl", "pwd", "grp", "resource", "termios"}, (
                    place.name
                )


def test_reading_and_writing_take_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the system does a few bytes at a time is gone on with; reading ends where the file does."""
    place = tmp_path / "file"
    place.write_bytes(bytes(100))
    real = os.pwrite, os.pread
    monkeypatch.setattr(os, "pwrite", lambda descriptor, view, offset: real[0](descriptor, view[:7], offset))
    monkeypatch.setattr(os, "pread", lambda descriptor, length, offset: real[1](descriptor, min(length, 7), offset))
    with place.open("r+b") as file:
        write_at(file.fileno(), b"x" * 50, 25)
        assert read_at(file.fileno(), 1000, 20) == bytes(5) + b"x" * 50 + bytes(25)


def test_a_link_is_not_opened(tmp_path: Path) -> None:
    """Not even one to a file that may be read."""
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    with pytest.raises(OSError, match="symbolic links"):
        open_for_reading(tmp_path / "link")


def test_what_can_be_done_together_is_done_where_no_thread_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where a program is about to end, or has as many threads as it may; what fails is not hidden."""
    items, done = list(range(30)), []
    do_together(done.append, items)
    assert sorted(done) == items

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    done.clear()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        do_together(done.append, items)
    assert sorted(set(done)) == items

    def fail(item: int) -> None:
        if item == 17:
            raise OSError(errno.EIO, "error of the disk")

    with pytest.raises(OSError, match="error of the disk"):
        do_together(fail, items)
