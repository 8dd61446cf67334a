"""The secret of the user, which distinguishes journals that this user wrote from those that came with a file."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

from nwb_unitrefine.journal.state_folder import state_folder
from nwb_unitrefine.journal.system_calls import (
    create_file,
    is_of_another_user,
    is_private,
    open_for_reading,
    read_at,
    set_mode,
    sync_folder,
    write_at,
)

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["secret_for_reading", "secret_for_writing", "secret_place"]

_LENGTH = 32


def secret_place() -> Path:
    """Return where the secret is."""
    return state_folder() / "journal-secret"


def secret_for_reading() -> bytes | None:
    """Return the user's secret; None where there is none, or one that others may know.

    Returns
    -------
    bytes or None
    """
    place = secret_place()
    try:
        descriptor = open_for_reading(place)
    except OSError:
        return None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or not is_private(status):
            return None
        content = read_at(descriptor, _LENGTH + 1, 0)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return content if len(content) == _LENGTH else None


def secret_for_writing() -> bytes:
    """Return the user's secret, and make one where there is none.

    Where it cannot be kept (no home folder, a full disk), one is used that only this process knows: a write is as safe,
    but if it is interrupted, somebody has to say that its journal is to be trusted.

    Returns
    -------
    bytes
    """
    found = secret_for_reading()
    if found is not None:
        return found
    with suppress(OSError):
        _make(secret_place())
    return secret_for_reading() or _of_this_process()


@cache
def _of_this_process() -> bytes:
    """Make a secret that is not kept."""
    return secrets.token_bytes(_LENGTH)


def _make(place: Path) -> None:
    """Make a secret, on the disk before it has its name; one that another process makes at the same time stands."""
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if os.path.lexists(place):
        if is_of_another_user(place.lstat()):
            return
        place.unlink()  # a link, cut off, or open to others
    new = place.with_name(f".{place.name}-{secrets.token_hex(16)}")
    descriptor = create_file(new, 0o600)
    try:
        try:
            set_mode(descriptor, 0o600)
            write_at(descriptor, secrets.token_bytes(_LENGTH), 0)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        try:
            place.hardlink_to(new)  # unlike renaming, only if there is none
        except FileExistsError:
            pass
        except OSError:  # a file system without links
            new.replace(place)
    finally:
        new.unlink(missing_ok=True)
    sync_folder(place.parent)
