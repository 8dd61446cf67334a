"""A ``.skops`` file as data: a zip archive with one schema and the arrays it refers to.

Nothing here imports or builds anything that the file names. The archive is read as a stranger's: every member is
named as skops names them, sizes are bounded before anything is decompressed, arrays hold numbers or text only.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
import zlib
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["MAX_DEPTH", "MAX_FILE_BYTES", "Archive", "broken", "open_archive", "read_content"]

SCHEMA = "schema.json"
NEWEST_PROTOCOL = 2
MAX_MEMBERS = 200_000
MAX_FILE_BYTES = 2**30
MAX_UNPACKED_BYTES = 2**31
MAX_SCHEMA_BYTES = 2**26
MAX_RATIO = 200
"""Deflate reaches 1,000 on zeros; a fitted model stays far below this."""
SMALL_BYTES = 2**26
"""Below this, the ratio is nobody's concern."""
MAX_DEPTH = 200

_MEMBER = re.compile(r"[A-Za-z0-9-]{1,64}\.(npy|npz|bin)")
_READABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1


@dataclass(frozen=True, slots=True, eq=False)
class Archive:
    """An opened ``.skops`` file.

    Parameters
    ----------
    path : Path
        For messages.
    schema : dict
        The parsed ``schema.json``.
    """

    path: Path
    schema: dict[str, Any]
    _zip: zipfile.ZipFile = field(repr=False)

    def read_bytes(self, name: Any) -> bytes:
        """Return one member, its length and checksum verified.

        Raises
        ------
        ModelError
            If it is not there or damaged.
        """
        if not isinstance(name, str) or not _MEMBER.fullmatch(name):
            raise broken(self.path, f"its schema refers to a member named {name!r}")
        return _read_member(self._zip, name, path=self.path)

    def read_array(self, name: Any) -> NDArray[Any]:
        """Return one member as an array of numbers, booleans, text or records of these.

        Raises
        ------
        ModelError
            If it is no such array: one of Python objects (which only unpickling could read), or not as long as its
            header states.
        """
        data = self.read_bytes(name)
        try:
            start = _header_length(data)
            shape, fortran, dtype = _read_header(data[:start])
        except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
            raise broken(self.path, f"member {name} is not an array") from error
        if dtype.hasobject:
            raise broken(self.path, f"member {name} holds pickled Python objects")
        values = data[start:]
        if min(shape, default=0) < 0 or len(values) != int(dtype.itemsize) * _product(shape):
            raise broken(self.path, f"member {name} is not as long as its header states")
        array = np.frombuffer(values, dtype=dtype) if values else np.empty(0, dtype=dtype)
        # A copy, because estimators write into their arrays and the buffer is read-only.
        return array.reshape(shape, order="F" if fortran else "C").copy(order="F" if fortran else "C")


def _header_length(data: bytes) -> int:
    """Bytes before an array's values: a magic word with the format's version, a length, and so much text."""
    width = 4 if data[6:7] > b"\x01" else 2
    return 8 + width + int.from_bytes(data[8 : 8 + width], "little")


@lru_cache(maxsize=256)
def _read_header(header: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Read shape, order and type; a model's many trees have the same few, and reading one compiles its text."""
    stream = io.BytesIO(header)
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_2_0 if version[0] > 1 else np.lib.format.read_array_header_1_0
    return read(stream)


def _product(shape: tuple[int, ...]) -> int:
    """Multiply as Python integers, which do not wrap around."""
    total = 1
    for length in shape:
        total *= int(length)
    return total


def broken(path: Path, why: str) -> ModelError:
    """Make the error of a file that no honest program wrote, or that lost something on the way."""
    return ModelError(f"{path} is damaged or not a model: {why}.", tip="Nothing of it was loaded; get the file again.")


def read_content(path: Path) -> bytes:
    """Read a ``.skops`` file.

    Raises
    ------
    ModelError
        If it cannot be read, or is larger than any model.
    """
    try:
        content = path.read_bytes() if path.stat().st_size <= MAX_FILE_BYTES else None
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}.") from error
    if content is None:
        raise broken(path, "it is larger than 1 GiB")
    return content


def open_archive(path: Path, content: bytes | None = None) -> Archive:
    """Open a ``.skops`` file without believing it.

    Parameters
    ----------
    path : Path
    content : bytes, optional
        Of the file, where it was read.

    Raises
    ------
    ModelError
        If it is not a zip archive, is cut short, would unpack to far more than it is, names members outside itself,
        or has no schema that can be read.
    """
    content = read_content(path) if content is None else content
    try:
        opened = zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OverflowError) as error:
        raise broken(path, "it is not a complete zip archive") from error
    _check_members(opened, path=path, size=len(content))
    try:
        schema = json.loads(_read_member(opened, SCHEMA, path=path))
    except (ValueError, RecursionError) as error:
        raise broken(path, "its schema is not JSON, or nested too deeply") from error
    if not isinstance(schema, dict):
        raise broken(path, "its schema is not an object")
    protocol = schema.get("protocol")
    if isinstance(protocol, bool) or not isinstance(protocol, int) or protocol < 0:
        raise broken(path, "its schema has no protocol number")
    if protocol > NEWEST_PROTOCOL:
        raise ModelError(
            f"{path} was written with skops protocol {protocol}, which this version does not know.",
            tip="Update nwb-unitrefine.",
        )
    return Archive(path, schema, opened)


def _check_members(opened: zipfile.ZipFile, *, path: Path, size: int) -> None:
    """Judge the archive by its directory, before any member is decompressed."""
    members = opened.infolist()
    if len(members) > MAX_MEMBERS:
        raise broken(path, f"it has {len(members):,} members")
    names = [member.filename for member in members]
    if len(set(names)) != len(names):
        raise broken(path, "two of its members have the same name")
    if SCHEMA not in names:
        raise broken(path, f"it has no {SCHEMA}")
    for member in members:
        if member.filename != SCHEMA and not _MEMBER.fullmatch(member.filename):
            raise broken(path, f"it has a member named {member.filename!r}")
        if member.flag_bits & _ENCRYPTED or member.compress_type not in _READABLE:
            raise broken(path, f"member {member.filename} is encrypted or compressed in an unusual way")
    if opened.getinfo(SCHEMA).file_size > MAX_SCHEMA_BYTES:
        raise broken(path, "its schema is larger than 64 MiB")
    unpacked = sum(member.file_size for member in members)
    if unpacked > MAX_UNPACKED_BYTES or (unpacked > SMALL_BYTES and unpacked > MAX_RATIO * size):
        raise broken(path, f"{size:,} bytes would unpack to {unpacked:,}")


def _read_member(opened: zipfile.ZipFile, name: str, *, path: Path) -> bytes:
    """Decompress one member; zipfile stops at the size that was judged and compares the checksum."""
    try:
        data = opened.read(name)
        declared = opened.getinfo(name).file_size
    except KeyError as error:
        raise broken(path, f"member {name} is missing") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise broken(path, f"member {name} is damaged") from error
    if len(data) != declared:
        raise broken(path, f"member {name} is not as long as the archive states")
    return data
