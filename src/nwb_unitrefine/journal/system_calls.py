"""The calls to the operating system that Linux, macOS and Windows do not share, each with what stands in for it.

Every other module of this package calls these, and none imports `fcntl` or asks for a flag that only some systems have.
The lock is the one that HDF5 takes on a file itself (`flock`), so that its readers and writers and ours see each other;
a lock file beside the target, as lock libraries use, would be seen by ours alone.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

__all__ = [
    "HAS_FOLDER_DESCRIPTORS",
    "UNSUPPORTED",
    "create_file",
    "do_together",
    "is_of_another_user",
    "is_private",
    "open_for_reading",
    "open_target",
    "read_at",
    "set_mode",
    "sync_folder",
    "sync_together",
    "try_lock",
    "write_at",
]

T = TypeVar("T")

UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}
"""What a file system answers that does not know what it is asked for, such as to lock a file."""

_COMMON = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)
_FOLDER = getattr(os, "O_DIRECTORY", 0)

HAS_FOLDER_DESCRIPTORS = bool(
    _NO_LINK and _FOLDER and {os.open, os.stat, os.unlink, os.mkdir, os.rmdir, os.rename} <= os.supports_dir_fd
)
"""Whether a file can be named by an open folder and a name in it, so that nobody can put a link on the way to it."""

_AT_ONCE = 8

_LOCKED_BYTE = 1 << 62
"""Where the byte is that a Windows lock covers: behind any file, since locked bytes cannot be read there."""


def open_target(target: Path, *, writing: bool) -> int:
    """Open the file or folder that is to be changed; a folder where the system can, a file of it elsewhere.

    Raises
    ------
    OSError
        If it cannot be opened, or a link has taken its place since its path was resolved.
    """
    if not target.is_dir():
        return os.open(target, (os.O_RDWR if writing else os.O_RDONLY) | _NO_LINK | _COMMON)
    if _FOLDER:
        return os.open(target, os.O_RDONLY | _NO_LINK | _FOLDER | _COMMON)
    return os.open(os.devnull, os.O_RDONLY | _COMMON)  # Windows opens no folders: only the journal keeps others away


def open_for_reading(place: str | Path, *, folder: int | None = None, is_folder: bool = False) -> int:
    """Open a file for reading: never through a link, and without waiting where it is a pipe.

    Parameters
    ----------
    place : str or Path
        Relative to `folder`, where that is given.
    folder : int, optional
        Descriptor of a folder.
    is_folder : bool, optional
        Open a folder, and nothing else.

    Raises
    ------
    OSError
        If there is none, or a link is in its place.
    """
    if not _NO_LINK and os.path.islink(place):  # noqa: PTH114 - the calls to the system stand here in one style
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    kind = _FOLDER if is_folder else _NO_WAIT
    return os.open(place, os.O_RDONLY | kind | _NO_LINK | _COMMON, dir_fd=folder)


def create_file(place: str | Path, mode: int, *, folder: int | None = None) -> int:
    """Create a file for reading and writing that does not exist yet, nor as a link; the user's mask applies to `mode`.

    Raises
    ------
    FileExistsError
        If something has that name.
    """
    return os.open(place, os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_LINK | _COMMON, mode, dir_fd=folder)


def read_at(descriptor: int, length: int, offset: int) -> bytes:
    """Read up to `length` bytes from `offset` on; fewer only where the file ends."""
    parts: list[bytes] = []
    while length > 0:
        if hasattr(os, "pread"):
            part = os.pread(descriptor, length, offset)
        else:
            os.lseek(descriptor, offset, os.SEEK_SET)
            part = os.read(descriptor, length)
        if not part:
            break
        parts.append(part)
        length, offset = length - len(part), offset + len(part)
    return b"".join(parts)


def write_at(descriptor: int, content: bytes, offset: int) -> None:
    """Write all of `content` at `offset`: the system may take it in parts."""
    view = memoryview(content)
    while view:
        if hasattr(os, "pwrite"):
            written = os.pwrite(descriptor, view, offset)
        else:
            os.lseek(descriptor, offset, os.SEEK_SET)
            written = os.write(descriptor, view)
        view, offset = view[written:], offset + written


def try_lock(descriptor: int, *, shared: bool) -> bool:
    """Take the lock of an open file without waiting.

    A file system or a system without locks counts as free, as it does for HDF5. On Windows, where a lock keeps readers
    from each other too, readers take none.

    Returns
    -------
    bool
        False where another holds it.
    """
    if sys.platform == "win32":
        return shared or _try_windows_lock(descriptor)
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
    return True


def _try_windows_lock(descriptor: int) -> bool:
    """Lock one byte behind the end of the file; it is freed when the file is closed."""
    if sys.platform != "win32":
        return True
    import msvcrt

    os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
    try:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    except OSError as error:
        if error.errno in {errno.EACCES, errno.EDEADLK}:
            return False
        if error.errno not in UNSUPPORTED:
            raise
    return True


def set_mode(descriptor: int, mode: int) -> None:
    """Set who may do what with an open file, where the system and its file system have modes."""
    if hasattr(os, "fchmod"):
        with suppress(OSError):
            os.fchmod(descriptor, mode)


def is_of_another_user(status: os.stat_result) -> bool:
    """Whether a file belongs to somebody else; no where the system does not record it."""
    return hasattr(os, "geteuid") and status.st_uid != os.geteuid()


def is_private(status: os.stat_result) -> bool:
    """Whether only its owner, the user, may read and write a file; yes where the system does not record it."""
    return not hasattr(os, "geteuid") or (not is_of_another_user(status) and not stat.S_IMODE(status.st_mode) & 0o077)


def sync_folder(folder: Path) -> None:
    """Put what a folder lists on the disk, where the system and its file system can be asked to."""
    if not _FOLDER:
        return
    descriptor = os.open(folder, os.O_RDONLY | _FOLDER | _COMMON)
    try:
        _sync(descriptor)
    finally:
        os.close(descriptor)


def sync_together(descriptors: Sequence[int]) -> None:
    """Put open files and folders on the disk, several at a time: it writes many in hardly more time than one."""
    do_together(_sync, descriptors)


def do_together(do: Callable[[T], None], items: Sequence[T]) -> None:
    """Do what waits for the disk with several items at a time; one after another where no threads can be started.

    Parameters
    ----------
    do : callable
        May be called again with an item.
    items : sequence
    """
    if len(items) >= _AT_ONCE:
        with suppress(RuntimeError), ThreadPoolExecutor(_AT_ONCE) as pool:  # as where the interpreter is about to end
            for _ in pool.map(do, items):
                pass
            return
    for item in items:
        do(item)


def _sync(descriptor: int) -> None:
    """Put an open file or folder on the disk; not every file system can be asked to do so for a folder."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in UNSUPPORTED or not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise
