"""What is at a path on this machine, and a plain line where it is not what was meant."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from nwb_unitrefine.errors import SourceError, SourceNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["denial_explained", "is_family_member", "require_content", "size_of_folder"]

_FAMILY = b"NCSAfami"
"""What the driver of families writes into the superblock; see "File Driver Information" in the HDF5 specification."""

_SUPERBLOCK_BYTES = 512
_POINTER_BYTES = 1024
_LFS = re.compile(rb"version https://(?:git-lfs\.github\.com|hawser\.github\.com)/spec/")
_ANNEX = re.compile(rb"/annex/objects/\S+\s*")
_ANNEX_LINK = re.compile(r"(?:^|/)annex/objects/")


def require_content(path: Path, *, name: str) -> None:
    """Refuse a path with nothing behind it: no file or folder, or only a pointer that git-annex or Git LFS left there.

    Parameters
    ----------
    path : Path
    name : str
        What to call it in errors.

    Raises
    ------
    SourceNotFoundError
        If there is nothing.
    SourceError
        If it is a pointer to a content that was not fetched.
    """
    if not path.exists():
        if path.is_symlink() and _ANNEX_LINK.search(path.readlink().as_posix()):
            raise _annexed(name)
        raise SourceNotFoundError(f"{name} does not exist.")
    if not path.is_file() or path.stat().st_size > _POINTER_BYTES:
        return
    content = path.read_bytes()
    if _LFS.match(content):
        raise SourceError(
            f"{name} is a pointer of Git LFS, and not the file itself.", tip="Fetch the content: git lfs pull"
        )
    if _ANNEX.fullmatch(content):
        raise _annexed(name)


def is_family_member(path: Path, start: bytes) -> bool:
    """Whether a file is a part of a family, HDF5's way to keep one file in several pieces.

    Only the first piece states it; of the others, it is known by the first piece beside them.

    Parameters
    ----------
    path : Path
    start : bytes
        How the file begins.
    """
    if _FAMILY in start[:_SUPERBLOCK_BYTES]:
        return True
    named = re.fullmatch(r"(.*?)(\d+)(\D*)", path.name)
    if named is None:
        return False
    for digits in {"0" * len(named[2]), "0"} - {named[2]}:
        place = path.with_name(f"{named[1]}{digits}{named[3]}")
        if place.is_file():
            with place.open("rb") as file:
                if _FAMILY in file.read(_SUPERBLOCK_BYTES):
                    return True
    return False


def _annexed(name: str) -> SourceError:
    return SourceError(
        f"{name} is a pointer of git-annex whose content is not here.",
        tip="Fetch the content: datalad get, or git annex get",
    )


@contextmanager
def denial_explained(name: str) -> Iterator[None]:
    """Turn a `PermissionError` into a `SourceError`."""
    try:
        yield
    except PermissionError as error:
        raise SourceError(
            f"{name} cannot be read: {error.strerror}{f' ({error.filename})' if error.filename else ''}.",
            tip="Ask for the permission to read it, and all that is in it.",
        ) from error


def size_of_folder(folder: Path) -> int:
    """Size of all files of a folder, in bytes.

    Raises
    ------
    PermissionError
        If there is a folder in it that cannot be looked into.
    """

    def fail(error: OSError) -> NoReturn:
        raise error

    places = (Path(at, name) for at, _, names in os.walk(folder, onerror=fail) for name in names)
    return sum(place.stat().st_size for place in places if place.is_file())
