"""A change as it is written down beside its target: what is where, before and after.

A journal is a line that says what it is, a line of JSON that lists the edits, the digest of these two lines, the bytes
before and after each edit, and the digest of everything before it, which is what makes it complete.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nwb_unitrefine.errors import JournalError

__all__ = ["Edit", "Journal", "journal_path", "read_journal"]

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
            "edits": [[edit.key, edit.offset, _length(edit.before), _length(edit.after)] for edit in self.edits],
        }
        head = _MAGIC + json.dumps(header).encode() + b"\n"
        body = b"".join((edit.before or b"") + (edit.after or b"") for edit in self.edits)
        content = head + _digest(head) + body
        return content + _digest(content)


def journal_path(target: str | Path) -> Path:
    """Return where the journal of `target` is, when there is one: beside the file that a symbolic link points to."""
    resolved = Path(target).resolve()
    return resolved.with_name(resolved.name + SUFFIX)


def read_journal(place: Path) -> Journal | None:
    """Read a journal; None if it was never completed, and so its target never touched.

    Raises
    ------
    JournalError
        If it was complete and is damaged, or is not a journal.
    """
    content = place.read_bytes()
    magic, header, body = _split(content)
    blank = not content.strip(b"\0")  # a power failure leaves the length of a file without its content
    if not blank and magic != _MAGIC[: len(magic)]:
        raise JournalError(
            f"{place.name} is not a journal of this version of nwb-unitrefine.",
            tip="If the file beside it opens as it should, delete this one.",
        )
    if blank or header is None:
        return None
    lengths = [max(before, 0) + max(after, 0) for _, _, before, after in header["edits"]]
    if len(body) < sum(lengths) + _DIGEST_BYTES:
        return None
    if _digest(content[:-_DIGEST_BYTES]) != content[-_DIGEST_BYTES:]:
        raise JournalError(
            f"{place.name} is damaged, and {header['target']} may be half written.",
            tip="Restore the file from a copy. If it is known to be whole, delete the journal.",
        )
    return Journal(header["target"], header["size_before"], header["size_after"], _edits(header["edits"], body))


def _split(content: bytes) -> tuple[bytes, dict[str, Any] | None, bytes]:
    """Cut a journal into its first line, its header (None where cut off or blank) and the rest."""
    magic, rest = content[: len(_MAGIC)], content[len(_MAGIC) :]
    line, newline, rest = rest.partition(b"\n")
    digest, body = rest[:_DIGEST_BYTES], rest[_DIGEST_BYTES:]
    if not newline or digest != _digest(magic + line + b"\n"):
        return magic, None, b""
    header: dict[str, Any] = json.loads(line)
    return magic, header, body


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
