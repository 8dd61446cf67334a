"""Machine code on the disk: where it is kept, when it may be loaded, and how.

Whoever can write machine code that a process loads can do anything in its name. So a folder serves as a store only if
nobody but this user and the administrator can write to it: ``NUMBA_CACHE_DIR`` if it is set, else the folder of this
package's bytecode, else the user's folder for caches. Where none of them can be written, each process compiles anew.
"""

from __future__ import annotations

import os
import stat
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import llvmlite
import llvmlite.binding as llvm

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ENTRY", "address_of", "find_object", "keep_object", "one_at_a_time", "target_machine"]

ENTRY = "nwb_unitrefine_kernel"
"""Name of the function in each object file."""

_SOURCES = (Path(__file__).parent, Path(__file__).parent.parent / "kernels")
"""Folders of what decides on the machine code."""

_DIGEST_BYTES = 32
_LONGEST_WAIT_S = 60.0
_BETWEEN_LOOKS_S = 0.02
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def find_object(name: str) -> bytes | None:
    """Read what was kept of a function for this processor; None where there is nothing, or it is damaged."""
    for folder in _folders():
        with suppress(OSError):
            if not _is_ours(folder.stat()):
                continue
            with (folder / _file_name(name)).open("rb") as file:
                kept = file.read() if _is_ours(os.fstat(file.fileno())) else b""
            if sha256(kept[_DIGEST_BYTES:]).digest() == kept[:_DIGEST_BYTES]:
                return kept[_DIGEST_BYTES:]
    return None


def keep_object(name: str, made: bytes) -> None:
    """Keep it for other processes, where that is possible. It appears under its name when it is whole."""
    for folder in _folders():
        with suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not _is_ours(folder.stat()):
                continue
            handle, place = tempfile.mkstemp(dir=folder)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(sha256(made).digest() + made)
                Path(place).chmod(0o644)
                Path(place).replace(folder / _file_name(name))
            except BaseException:
                Path(place).unlink(missing_ok=True)
                raise
            return


@contextmanager
def one_at_a_time(name: str) -> Iterator[None]:
    """Wait while another process makes the same function, so that workers that start together do not all make it.

    A process that ends lets go of it, whatever its end is; after a minute this goes on all the same, and at once where
    no file can be locked.
    """
    with ExitStack() as until_made:
        for folder in _folders():
            with suppress(OSError):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                if not _is_ours(folder.stat()):
                    continue
                path = folder / f"{_file_name(name)}.lock"
                _wait_for(until_made.enter_context(path.open("ab")))
                until_made.callback(path.unlink, missing_ok=True)
                break
        yield


def _wait_for(file: IO[bytes]) -> None:
    """Lock a file, which closing it ends."""
    if sys.platform == "win32":
        return
    import fcntl

    latest = time.monotonic() + _LONGEST_WAIT_S
    while time.monotonic() < latest:
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(_BETWEEN_LOOKS_S)


def address_of(made: bytes, name: str) -> int:
    """Load an object file, and return the address of its function."""
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target_machine())
    engine.add_object_file(llvm.ObjectFileRef.from_data(made))
    engine.finalize_object()
    _engines[name] = engine
    return int(engine.get_function_address(ENTRY))


_engines: dict[str, Any] = {}
"""They own the memory that the machine code is in."""


def target_machine() -> Any:
    """Settings for this processor, all of its instructions included."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    cpu, features = _processor()
    return llvm.Target.from_default_triple().create_target_machine(cpu=cpu, features=features, opt=3, jit=True)


def _processor() -> tuple[str, str]:
    return llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()


def _folders() -> Iterator[Path]:
    """Give the places for machine code, the first one first."""
    if chosen := os.environ.get("NUMBA_CACHE_DIR"):
        yield Path(chosen)
        return
    from platformdirs import user_cache_path

    yield Path(__file__).parent / "__pycache__"
    yield user_cache_path("nwb-unitrefine", appauthor=False) / "machine-code"


@cache
def _file_name(name: str) -> str:
    """Name the file of a function, by all that decides what is in it: our sources, the back end, the processor."""
    digest = sha256(repr((llvmlite.__version__, llvm.get_process_triple(), _processor())).encode())
    for folder in _SOURCES:
        for source in sorted(folder.glob("*.py")):
            digest.update(source.read_bytes())
    return f"{name}-{digest.hexdigest()[:24]}.o"


def _is_ours(found: os.stat_result) -> bool:
    """Whether nobody but this user and the administrator can write to a file or folder."""
    return sys.platform == "win32" or (
        found.st_uid in {0, os.geteuid()} and not stat.S_IMODE(found.st_mode) & _WRITABLE_BY_OTHERS
    )
