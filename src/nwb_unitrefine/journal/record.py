"""A change as it is written down beside its target: what is where, before and after.

A journal is a line that says what it is, a line of JSON that lists the edits, the digest of these two lines, the bytes
before and after each edit, and the digest of everything before it, which is what makes it complete. The line of JSON
has the digest of all bytes before, and of all after: where the rest is lost, they tell whether the target is still
the old one, or already the new one.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nwb_unitrefine.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "SUFFIX",
    "Edit",
    "Journal",
    "Outline",
    "State",
    "damaged",
    "digest_of_parts",
    "has_journal",
    "journal_path",
    "read_journal",
]

SUFFIX = ".unitrefine-journal"

_MAGIC = b"nwb-unitrefine journal 1: a write that may be unfinished; `nwb-unitrefine recover` finishes it\n"
_DIGEST_BYTES = 65


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
        The bytes. None where the file of a folder is not there; `before` is shorter than `after` where a file grows.
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
    """

    name: str
    size_before: int
    size_after: int
    edits: tuple[Edit, ...] = field(repr=False)

    @property
    def is_folder(self) -> bool:
        """Whether the target is a folder, whose size means nothing."""
        return self.size_before < 0

    def encode(self) -> bytes:
        """Return the bytes of the journal's file."""
        header = {
            "target": self.name,
            "written": datetime.now(UTC).isoformat(timespec="seconds"),
            "process": os.getpid(),
            "size_before": self.size_before,
            "size_after": self.size_after,
            "digest_before": digest_of_parts(edit.before for edit in self.edits),
            "digest_after": digest_of_parts(edit.after for edit in self.edits),
            "edits": [[edit.key, edit.offset, _length(edit.before), _length(edit.after)] for edit in self.edits],
        }
        head = _MAGIC + json.dumps(header).encode() + b"\n"
        body = b"".join((edit.before or b"") + (edit.after or b"") for edit in self.edits)
        content = head + _digest(head) + body
        return content + _digest(content)


@dataclass(frozen=True, slots=True)
class State:
    """What a target is like before a change, or after it.

    Parameters
    ----------
    size : int
        Of a file; -1 for a folder.
    lengths : tuple of int
        Of each stretch that the change concerns; -1 for a file of a folder that is not there.
    digest : str
        Of the bytes of all stretches: see `digest_of_parts`.
    """

    size: int
    lengths: tuple[int, ...]
    digest: str


@dataclass(frozen=True, slots=True)
class Outline:
    """What is left of a journal whose bytes are not whole.

    Parameters
    ----------
    name : str
        As of `Journal`.
    places : tuple of (str, int)
        Key and offset of each edit.
    before, after : State
    """

    name: str
    places: tuple[tuple[str, int], ...]
    before: State
    after: State

    @property
    def is_folder(self) -> bool:
        """As of `Journal`."""
        return self.before.size < 0


def journal_path(target: str | Path) -> Path:
    """Return where the journal of `target` is, when there is one: beside the file that a symbolic link points to."""
    return Path(f"{Path(target).resolve()}{SUFFIX}")


def has_journal(target: str | Path) -> bool:
    """Whether there is a journal of `target`; there is none where its name would be longer than names can be."""
    try:
        return journal_path(target).exists()
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        return False


def read_journal(place: Path) -> Journal | Outline | None:
    """Read a journal.

    Its target is touched only once all of it is on the disk. A process that is killed leaves its first part, and a
    power failure zeros in place of any part. What lacks the end of its head was therefore never complete. Of what has
    its head and not all bytes, that cannot be said: a complete journal that was damaged looks the same.

    Returns
    -------
    Journal, Outline or None
        An outline where the bytes are not whole, None where it was never complete.

    Raises
    ------
    JournalError
        If its head is damaged, or it is not a journal.
    """
    content = place.read_bytes().rstrip(b"\0")  # a journal ends in a digest, so that zeros are what was not written
    if content[: len(_MAGIC)] != _MAGIC[: len(content)]:
        raise JournalError(
            f"{place.name} is not a journal of this version of nwb-unitrefine.",
            tip="If the file beside it opens as it should, delete this one.",
        )
    line, _, rest = content[len(_MAGIC) :].partition(b"\n")
    digest, body = rest[:_DIGEST_BYTES], rest[_DIGEST_BYTES:]
    if len(digest) < _DIGEST_BYTES:
        return None
    if digest != _digest(_MAGIC + line + b"\n"):
        raise damaged(place)
    header = json.loads(line)
    n_bytes = sum(max(n_before, 0) + max(n_after, 0) for _, _, n_before, n_after in header["edits"])
    if body[n_bytes:] != _digest(content[:-_DIGEST_BYTES]):
        return _outline(header)
    return Journal(header["target"], header["size_before"], header["size_after"], _edits(header["edits"], body))


def damaged(place: Path) -> JournalError:
    """Say of a journal that it is damaged, and what that means for its target."""
    return JournalError(
        f"{place.name} is damaged, and {place.name.removesuffix(SUFFIX)} may be half written.",
        tip="Restore the file from a copy. If it is known to be whole, delete the journal.",
    )


def digest_of_parts(parts: Iterable[bytes | None]) -> str:
    """Digest of the bytes of all edits on one side of a change, one after another."""
    return hashlib.sha256(b"".join(part or b"" for part in parts)).hexdigest()


def _outline(header: dict[str, Any]) -> Outline:
    """Keep what a header says of a change; one without digests, as they once were, describes no state."""
    edits = header["edits"]
    before = State(header["size_before"], tuple(edit[2] for edit in edits), header.get("digest_before", ""))
    after = State(header["size_after"], tuple(edit[3] for edit in edits), header.get("digest_after", ""))
    return Outline(header["target"], tuple((edit[0], edit[1]) for edit in edits), before, after)


def _edits(described: list[list[Any]], body: bytes) -> tuple[Edit, ...]:
    """Cut the journal's body into its edits."""
    edits, position = [], 0
    for key, offset, n_before, n_after in described:
        parts: list[bytes | None] = []
        for length in (n_before, n_after):
            parts.append(None if length < 0 else body[position : position + length])
            position += max(length, 0)
        edits.append(Edit(key, offset, *parts))
    return tuple(edits)


def _length(part: bytes | None) -> int:
    """Length as the journal notes it: -1 for a file that is not there."""
    return -1 if part is None else len(part)


def _digest(content: bytes) -> bytes:
    """Digest as a line of text."""
    return hashlib.sha256(content).hexdigest().encode() + b"\n"
