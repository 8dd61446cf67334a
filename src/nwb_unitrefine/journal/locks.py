"""The lock of a file or folder, as HDF5 takes it, waited for a while."""

from __future__ import annotations

import os
import stat
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nwb_unitrefine.errors import FileBusyError, SourceError
from nwb_unitrefine.journal.system_calls import open_target, try_lock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["PATIENCE_S", "lock"]

PATIENCE_S = 10.0
"""How long to wait for another writer, or for a reader that holds HDF5's lock."""

_WAIT_S = 0.02


@contextmanager
def lock(target: Path, patience_s: float, *, shared: bool = False) -> Iterator[int]:
    """Hold the lock of a file or folder.

    Parameters
    ----------
    target : Path
        Resolved: a link is not followed.
    patience_s : float
        How long to wait for others.
    shared : bool, optional
        Let other readers have it, too.

    Yields
    ------
    int
        Descriptor: of a file, for reading or, where it is held alone, for reading and writing.

    Raises
    ------
    FileBusyError
        If another holds it for longer than that.
    SourceError
        If it is neither a file nor a folder.
    OSError
        If it cannot be opened.
    """
    mode = target.stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # to open a pipe is to wait for its other end
        raise SourceError(f"{target.name} is neither a file nor a folder.")
    descriptor = open_target(target, writing=not shared)
    try:
        deadline = time.monotonic() + patience_s
        while not try_lock(descriptor, shared=shared):
            if time.monotonic() > deadline:
                raise FileBusyError(
                    f"{target.name} is open in another program.", tip="Close it there, then run the command again."
                )
            time.sleep(_WAIT_S)
        yield descriptor
    finally:
        os.close(descriptor)
