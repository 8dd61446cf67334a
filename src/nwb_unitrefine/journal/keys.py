"""Names of files, and paths below a folder, checked before use: they come from journals and stores of strangers."""

from __future__ import annotations

import re
from functools import lru_cache

from nwb_unitrefine.errors import WriteError

__all__ = ["is_plain_name", "parts_of"]

_LONGEST_NAME, _LONGEST_KEY = 255, 4000
"""Bytes of a name, and of a path below the folder, that file systems take."""

_DRIVE = re.compile(r"[A-Za-z]:")


def is_plain_name(name: str) -> bool:
    r"""Whether a name is that of one file, column or group, and no path.

    Examples
    --------
    >>> [is_plain_name(name) for name in ("quality", "", "..", "a/b", "a\\b", "C:")]
    [True, False, False, False, False, False]
    """
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        return False
    return (
        0 < length <= _LONGEST_NAME
        and name not in {".", ".."}
        and not any(character in name for character in "/\\\0")
        and not _DRIVE.match(name)
    )


@lru_cache(maxsize=4096)
def parts_of(key: str) -> tuple[str, ...]:
    """Take the path of a file below a folder apart.

    Raises
    ------
    WriteError
        If it leads out of the folder, or is not a path: absolute, with ``..``, empty parts, backslashes or a drive.

    Examples
    --------
    >>> parts_of("units/id/0")
    ('units', 'id', '0')
    """
    parts = tuple(key.split("/"))
    if not all(map(is_plain_name, parts)) or len(key) > _LONGEST_KEY:
        raise WriteError(f"{key[:100]!r} does not name a file inside a folder.")
    return parts
