"""Machine code that is kept between processes."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from nwb_unitrefine.metrics.machine_code import object_files
from nwb_unitrefine.metrics.machine_code.object_files import find_object, keep_object, one_at_a_time

if TYPE_CHECKING:
    from pathlib import Path

COUNT = """
import sys
import numpy as np
from nwb_unitrefine.metrics.kernels.synchrony import count_synchrony
times = np.array([0.1, 0.2, 0.1, 0.3])
assert count_synchrony(times, np.array([0, 2, 4]), 3e4).tolist() == [[1, 0, 0], [1, 0, 0]]
print("numba" in sys.modules)
"""

needs_permissions = pytest.mark.skipif(sys.platform == "win32", reason="permissions are those of POSIX")


def _imports_numba(folder: Path) -> bool:
    """Run a compiled function in a process of its own, whose user keeps caches in a folder."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(folder)}
    done = subprocess.run([sys.executable, "-c", COUNT], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip() == "True"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this process keeps machine code."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def _kept(folder: Path) -> Path:
    (found,) = folder.iterdir()
    return found


@pytest.mark.slow
def test_the_next_process_does_without_numba(tmp_path: Path) -> None:
    """What one compiled, every other loads; damaged, it is made again."""
    assert _imports_numba(tmp_path / "cache")
    assert not _imports_numba(tmp_path / "cache")
    kept = _kept(tmp_path / "cache")
    kept.write_bytes(kept.read_bytes()[:-100])
    assert _imports_numba(tmp_path / "cache")
    assert not _imports_numba(tmp_path / "cache")


@needs_permissions
def test_workers_that_start_together_compile_once(tmp_path: Path) -> None:
    """The others wait for what the first one makes, and load it; they leave nothing else behind."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    workers = [
        subprocess.Popen([sys.executable, "-c", COUNT], env=environment, stdout=subprocess.PIPE) for _ in range(3)
    ]
    printed = sorted(worker.communicate()[0].strip() for worker in workers)
    assert printed == [b"False", b"False", b"True"]
    assert _kept(tmp_path / "cache").suffix == ".o"


HOLD = """
import sys
from nwb_unitrefine.metrics.machine_code.object_files import one_at_a_time
with one_at_a_time("a.kernel"):
    print("held", flush=True)
    sys.stdin.read()
"""


@needs_permissions
def test_a_worker_that_dies_holds_up_nobody(folder: Path) -> None:
    """Not even one that is killed while it compiles."""
    import fcntl

    environment = os.environ | {"NUMBA_CACHE_DIR": str(folder)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", HOLD], env=environment, **pipes) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"held\n"
        (lock,) = folder.iterdir()
        with lock.open("ab") as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        worker.kill()
    with one_at_a_time("a.kernel"):
        assert list(folder.iterdir()) == [lock]
    assert list(folder.iterdir()) == []


@needs_permissions
def test_a_worker_that_hangs_is_not_waited_for_without_end(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the longest wait a function is made once more."""
    monkeypatch.setattr(object_files, "_LONGEST_WAIT_S", 0.05)
    with one_at_a_time("a.kernel"), one_at_a_time("a.kernel"):
        assert len(list(folder.iterdir())) == 1
    assert list(folder.iterdir()) == []


def test_where_no_file_can_be_locked_nobody_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a read-only disk each process compiles for itself."""
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with one_at_a_time("a.kernel"):
        assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_place_that_cannot_be_written_costs_time_and_nothing_else(tmp_path: Path) -> None:
    """Each process compiles then, and the values are the same."""
    (tmp_path / "file").write_text("in the way")
    assert _imports_numba(tmp_path / "file" / "cache")


@pytest.mark.parametrize("damage", [b"", b"\0", b"machine code"])
def test_damaged_machine_code_is_not_loaded(folder: Path, damage: bytes) -> None:
    """Empty, cut off or changed in a byte."""
    keep_object("a.kernel", b"machine code")
    assert find_object("a.kernel") == b"machine code"
    whole = _kept(folder).read_bytes()
    _kept(folder).write_bytes(damage or whole[:-1])
    assert find_object("a.kernel") is None
    _kept(folder).write_bytes(whole[:-1] + b"f")
    assert find_object("a.kernel") is None


@needs_permissions
@pytest.mark.parametrize("mode", [0o777, 0o775, 0o707])
def test_a_folder_that_others_may_write_to_is_not_used(folder: Path, mode: int) -> None:
    """Their machine code would run in this user's name; nothing is put there either."""
    keep_object("a.kernel", b"machine code")
    folder.chmod(mode)
    assert find_object("a.kernel") is None
    _kept(folder).unlink()
    keep_object("a.kernel", b"machine code")
    assert not list(folder.iterdir())


@needs_permissions
def test_a_file_that_others_may_write_to_is_not_used(folder: Path) -> None:
    """It is replaced by one that they may only read."""
    keep_object("a.kernel", b"machine code")
    _kept(folder).chmod(0o666)
    assert find_object("a.kernel") is None
    keep_object("a.kernel", b"machine code")
    assert _kept(folder).stat().st_mode & 0o777 == 0o644


def test_a_read_only_installation_uses_the_users_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder of the package's bytecode comes first, which serves all users of an installation."""
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(object_files, "__file__", str(tmp_path / "read-only" / "object_files.py"))
    own, of_user = object_files._folders()
    assert own == tmp_path / "read-only" / "__pycache__"
    (tmp_path / "read-only").write_text("nothing can be made in here")
    keep_object("a.kernel", b"machine code")
    assert find_object("a.kernel") == b"machine code"
    assert _kept(of_user).name.startswith("a.kernel-")


def test_other_sources_have_other_machine_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change of a compiled function is seen, whatever the clock shows; two versions share a folder."""
    monkeypatch.setattr(object_files, "_SOURCES", (tmp_path,))
    names = set()
    for text in ("a = 1", "a = 2"):
        (tmp_path / "kernel.py").write_text(text)
        os.utime(tmp_path / "kernel.py", (0, 0))
        object_files._file_name.cache_clear()
        names.add(object_files._file_name("kernel.a"))
    object_files._file_name.cache_clear()
    assert len(names) == 2
