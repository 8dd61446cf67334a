"""A journal: a change as it is written down beside its target, what is where, before and after.

Layout
------
The first sector of 512 bytes holds a line that names the format, the length of the head and the *seal*. Behind it come
the head (a line of JSON that lists the edits, with digests of all bytes before and of all after), its code, and the
bytes before and after each edit. Seal and code are HMAC-SHA256 under the user's secret
(`nwb_unitrefine.journal.secret`).

The seal is written last, once everything else is on the disk, and the target is touched only once the seal is there
too. A journal without a seal was therefore never begun to be applied, whatever a power cut left of it, and is dropped.

What a journal is trusted for
-----------------------------
Files are downloaded, unpacked and copied together with whatever lies beside them. Somebody who can only hand over files
can make a journal of any content, of the right name, owner (unpacking sets it) and digests; what they cannot know is a
secret that never leaves the home folder of the user. So a journal is applied by itself only if

- it is a regular file of the user, opened through no link, and of this version;
- its code and seal are right under the user's secret, which cover name, sizes, places and bytes;
- every place it names is inside the target, and its sizes follow from its bytes: it neither cuts nor extends a file by
  more than it lists;
- whatever it covers is, in the target, as it was before the change or as after it.

A journal of one's own that comes back, beside another file of that name, can only repeat what the user once wrote, and
only where the bytes around are those of that time. It is therefore not bound to a path or a disk: a folder may be moved
or copied, journal and all, and is still recovered by itself.

Where the secret is another (another user or machine, a home folder that is gone), the journal is not applied, and every
command reports it in one line. ``nwb-unitrefine recover --show FILE`` lists what it would change and in which state the
file is; ``--trust`` applies it after all, with the same limits to the target. One that came with a file can be deleted.
The journal of an earlier release (version 1) has no seal and is never applied: the release that wrote it finishes it.
"""

from __future__ import annotations

import errno
import hashlib
import hmac
import os
import secrets
import stat
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from nwb_unitrefine.errors import JournalError
from nwb_unitrefine.journal.header import SUFFIX, Header, State, encode_header, parse_header
from nwb_unitrefine.journal.secret import secret_for_reading
from nwb_unitrefine.journal.system_calls import is_of_another_user, open_for_reading, read_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "Edit",
    "Journal",
    "Outline",
    "damaged",
    "digest_of_parts",
    "has_journal",
    "journal_path",
    "read_journal",
]

_MAGIC = b"nwb-unitrefine journal 2: a write that may be unfinished; `nwb-unitrefine recover` finishes it\n"
_MAGIC_OF_ANY = b"nwb-unitrefine journal "
_SECTOR = 512
"""What a disk writes as a whole: the seal is in one."""

_CODE_BYTES = 64
_UNSEALED = b"-" * _CODE_BYTES
_SEAL_AT = len(_MAGIC) + len("head 000000000000\nseal ")
_LONGEST_HEAD = 1 << 26
_LARGEST_BODY = 1 << 32
"""What is read of a journal by somebody else."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of one stretch of bytes.

    Parameters
    ----------
    key : str
        Path of the file inside the target folder; empty when the target is a file.
    offset : int
        Where the stretch begins; 0 for a file of a folder, which is replaced as a whole.
    before, after : bytes or None
        The bytes. None where the file of a folder is not there; one is shorter where a file grows or is cut.
    """

    key: str
    offset: int
    before: bytes | None
    after: bytes | None


@dataclass(frozen=True, slots=True)
class Journal:
    """A change, and the target it is a change of.

    Parameters
    ----------
    name : str
        Name of the target, which the journal lies beside.
    size_before, size_after : int
        Of a file; -1 for a folder.
    edits : tuple of Edit
    token : str, optional
        Part of the names of temporary files, which nobody can guess.
    written : str, optional
        Date and time.
    """

    name: str
    size_before: int
    size_after: int
    edits: tuple[Edit, ...] = field(repr=False)
    token: str = field(default_factory=lambda: secrets.token_hex(16), compare=False)
    written: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"), compare=False)

    @property
    def is_folder(self) -> bool:
        """Whether the target is a folder, whose size means nothing."""
        return self.size_before < 0

    def encode(self, secret: bytes) -> tuple[bytes, bytes, int]:
        """Return the bytes of the journal's file without its seal, the seal, and where that belongs."""
        head = encode_header(self.header)
        code = _code(secret, b"head", head)
        body = b"".join((edit.before or b"") + (edit.after or b"") for edit in self.edits)
        return (
            _first_sector(len(head), _UNSEALED) + head + code + body,
            _code(secret, b"seal", head + code + body),
            _SEAL_AT,
        )

    def sealed(self, secret: bytes) -> bytes:
        """Return the bytes of the journal's file once it is complete."""
        content, seal, at = self.encode(secret)
        return content[:at] + seal + content[at + len(seal) :]

    @property
    def header(self) -> Header:
        """What the head of its file records."""
        edits = self.edits
        return Header(
            name=self.name,
            written=self.written,
            token=self.token,
            places=tuple((edit.key, edit.offset) for edit in edits),
            before=State(self.size_before, *_lengths_and_digest([edit.before for edit in edits])),
            after=State(self.size_after, *_lengths_and_digest([edit.after for edit in edits])),
        )


@dataclass(frozen=True, slots=True)
class Outline:
    """What is left of a journal whose bytes are not whole.

    Parameters
    ----------
    header : Header
    """

    header: Header

    @property
    def name(self) -> str:
        """As of `Journal`."""
        return self.header.name

    @property
    def is_folder(self) -> bool:
        """As of `Journal`."""
        return self.header.is_folder

    @property
    def before(self) -> State:
        """What the target is like before the change."""
        return self.header.before

    @property
    def after(self) -> State:
        """What the target is like after it."""
        return self.header.after


def journal_path(target: str | Path) -> Path:
    """Return where the journal of `target` is, when there is one: beside the file that a symbolic link points to."""
    return Path(f"{Path(target).resolve()}{SUFFIX}")


def has_journal(target: str | Path) -> bool:
    """Whether there is a journal of `target`; there is none where its name would be longer than names can be."""
    try:
        return os.path.lexists(journal_path(target))
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        return False


def read_journal(place: Path, *, trusted: bool = False) -> Journal | Outline | None:
    """Read a journal.

    Parameters
    ----------
    place : Path
    trusted : bool, optional
        Take it for the user's own whatever its seal.

    Returns
    -------
    Journal, Outline or None
        An outline where the bytes are not whole, None where it was never complete: its target was not touched.

    Raises
    ------
    JournalError
        If it is not a journal, or not one that this user wrote.
    """
    try:
        descriptor = open_for_reading(place)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.EMLINK, errno.ENXIO}:
            raise _not_regular(place) from error
        raise
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise _not_regular(place)
        first = read_at(descriptor, _SECTOR, 0)
        if not _is_sealed(first, place):
            return None
        if is_of_another_user(status) and not trusted:
            raise _of_another_user(place)
        return _read_sealed(descriptor, first, place, status.st_size, trusted=trusted)
    finally:
        os.close(descriptor)


def damaged(place: Path) -> JournalError:
    """Say of a journal that it is damaged, and what that means for its target."""
    return JournalError(
        f"{place.name} is damaged, and {place.name.removesuffix(SUFFIX)} may be half written.",
        tip="Restore the file from a copy. If it is known to be whole, delete the journal.",
    )


def digest_of_parts(parts: Iterable[bytes | None]) -> str:
    """Digest of the bytes of all edits on one side of a change, one after another."""
    return hashlib.sha256(b"".join(part or b"" for part in parts)).hexdigest()


def _first_sector(n_head: int, seal: bytes) -> bytes:
    """What stands before the head."""
    return (_MAGIC + b"head %012d\nseal %s\n" % (n_head, seal)).ljust(_SECTOR - 1) + b"\n"


def _is_sealed(first: bytes, place: Path) -> bool:
    """Whether a first sector is complete; its parts that a power cut kept from the disk are zeros, or missing."""
    written = first.rstrip(b"\0")
    if written[: len(_MAGIC)] != _MAGIC[: len(written)]:
        if written.startswith(_MAGIC_OF_ANY):
            raise JournalError(
                f"{place.name} is a journal of another release of nwb-unitrefine; it was not applied.",
                tip="If a write of yours was interrupted, finish it with the release that wrote it. If the journal "
                "came with the file, delete it.",
            )
        raise JournalError(
            f"{place.name} is not a journal of this version of nwb-unitrefine.",
            tip="If the file beside it opens as it should, delete this one.",
        )
    seal = first[_SEAL_AT : _SEAL_AT + _CODE_BYTES]
    return len(first) == _SECTOR and b"-" not in seal and b"\0" not in seal


def _read_sealed(descriptor: int, first: bytes, place: Path, size: int, *, trusted: bool) -> Journal | Outline:
    """Read what is behind the first sector: nothing is made of it before its code is found to be right."""
    n_head = int(digits) if (digits := first[len(_MAGIC) + 5 : _SEAL_AT - 6]).isdigit() else 0
    seal = first[_SEAL_AT : _SEAL_AT + _CODE_BYTES]
    if not 0 < n_head <= min(_LONGEST_HEAD, size) or first != _first_sector(n_head, seal):
        raise _foreign(place)
    head = read_at(descriptor, n_head, _SECTOR)
    code = read_at(descriptor, _CODE_BYTES, _SECTOR + n_head)
    secret = secret_for_reading()
    if not trusted and (secret is None or not hmac.compare_digest(code, _code(secret, b"head", head))):
        raise _foreign(place)
    header = parse_header(head)
    if header is None:
        raise _foreign(place)
    if trusted and header.n_bytes > _LARGEST_BODY:
        raise _foreign(place)
    if header.n_bytes > size:
        return Outline(header)
    body = read_at(descriptor, header.n_bytes, _SECTOR + n_head + _CODE_BYTES)
    right = trusted or hmac.compare_digest(seal, _code(secret or b"", b"seal", head + code + body))
    edits = _edits(header, body) if right and len(body) == header.n_bytes else ()
    digests = digest_of_parts(edit.before for edit in edits), digest_of_parts(edit.after for edit in edits)
    if digests != (header.before.digest, header.after.digest):
        return Outline(header)
    return Journal(header.name, header.before.size, header.after.size, edits, header.token, header.written)


def _edits(header: Header, body: bytes) -> tuple[Edit, ...]:
    """Cut the journal's body into its edits."""
    edits, position = [], 0
    for (key, offset), *lengths in zip(header.places, header.before.lengths, header.after.lengths, strict=True):
        parts: list[bytes | None] = []
        for length in lengths:
            parts.append(None if length < 0 else body[position : position + length])
            position += max(length, 0)
        edits.append(Edit(key, offset, *parts))
    return tuple(edits)


def _lengths_and_digest(parts: Sequence[bytes | None]) -> tuple[tuple[int, ...], str]:
    """Lengths as the journal notes them, -1 for a file that is not there, and the digest of all."""
    return tuple(-1 if part is None else len(part) for part in parts), digest_of_parts(parts)


def _code(secret: bytes, purpose: bytes, content: bytes) -> bytes:
    """Code of a part of a journal that only the user can make."""
    return hmac.new(secret, _MAGIC + purpose + b"\0" + content, hashlib.sha256).hexdigest().encode()


def _foreign(place: Path) -> JournalError:
    name = place.name.removesuffix(SUFFIX)
    return JournalError(
        f"{place.name} was not written by you on this machine, or is damaged: it was not applied.",
        tip=f"`nwb-unitrefine recover --show {name}` lists what it would change. If it came with the file, delete it; "
        "if it is yours, from elsewhere, add --trust.",
    )


def _of_another_user(place: Path) -> JournalError:
    name = place.name.removesuffix(SUFFIX)
    return JournalError(
        f"{place.name} belongs to another user, whose write to {name} was interrupted: it was not applied.",
        tip=f"It is finished when that user opens the file. `nwb-unitrefine recover --show {name}` lists its changes.",
    )


def _not_regular(place: Path) -> JournalError:
    return JournalError(
        f"{place.name} is not a regular file (a link, a pipe or a folder), so it is not a journal.",
        tip="If the file beside it opens as it should, remove it.",
    )
