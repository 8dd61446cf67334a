"""The head of a journal, which lists what a change concerns; nothing of it is used before all of it is found sound."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from typing import Any

from nwb_unitrefine.errors import WriteError
from nwb_unitrefine.journal.keys import is_plain_name, parts_of

__all__ = ["SUFFIX", "Header", "State", "encode_header", "parse_header"]

SUFFIX = ".unitrefine-journal"
"""What the name of a journal has behind the name of its target."""

_LARGEST = 1 << 62
_DIGEST = re.compile("[0-9a-f]{64}")
_TOKEN = re.compile("[0-9a-f]{32}")


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
        Of the bytes of all stretches, one after another.
    """

    size: int
    lengths: tuple[int, ...]
    digest: str


@dataclass(frozen=True, slots=True)
class Header:
    """The description of a journal, which it begins with.

    Parameters
    ----------
    name : str
        Of the target.
    written : str
        Date and time.
    token : str
        As of `Journal`.
    places : tuple of (str, int)
        Key and offset of each edit.
    before, after : State
    """

    name: str
    written: str
    token: str
    places: tuple[tuple[str, int], ...]
    before: State
    after: State

    @property
    def is_folder(self) -> bool:
        """Whether the target is a folder."""
        return self.before.size < 0

    @property
    def n_bytes(self) -> int:
        """Bytes before and after of all edits."""
        return sum(max(length, 0) for state in (self.before, self.after) for length in state.lengths)


def encode_header(header: Header) -> bytes:
    """Write the head of a journal as one line."""
    before, after = header.before, header.after
    document = {
        "target": header.name,
        "written": header.written,
        "process": os.getpid(),
        "token": header.token,
        "size_before": before.size,
        "size_after": after.size,
        "digest_before": before.digest,
        "digest_after": after.digest,
        "edits": [
            [key, offset, *lengths]
            for (key, offset), *lengths in zip(header.places, before.lengths, after.lengths, strict=True)
        ],
    }
    return json.dumps(document).encode() + b"\n"


def parse_header(line: bytes) -> Header | None:
    """Read the head of a journal.

    Returns
    -------
    Header or None
        None if it is malformed, names a place outside its target, or sizes that do not follow from its edits.
    """
    try:
        document = json.loads(line)
        header = _header(document)
    except (ValueError, KeyError, TypeError, RecursionError, WriteError):
        return None
    return header if header is not None and (header.is_folder or _sizes_follow(header)) else None


def _header(document: dict[str, Any]) -> Header | None:
    """Take a document apart; whatever is not of its kind is an error, or None."""
    edits = [
        (str(key), _count(offset), _count(before), _count(after)) for key, offset, before, after in document["edits"]
    ]
    sizes = _count(document["size_before"]), _count(document["size_after"])
    digests = str(document["digest_before"]), str(document["digest_after"])
    name, token = str(document["target"]), str(document["token"])
    if not all(map(_DIGEST.fullmatch, digests)) or not _TOKEN.fullmatch(token):
        return None
    if len({size < 0 for size in sizes}) > 1 or not is_plain_name(name):
        return None
    for key, offset, before, after in edits:
        if sizes[0] < 0:
            parts_of(key)
            sound = offset == 0
        else:
            sound = key == "" and offset >= 0 and before >= 0 and after >= 0
        if not sound:
            return None
    if sizes[0] < 0 and len({key for key, *_ in edits}) < len(edits):
        return None
    before_lengths, after_lengths = tuple(edit[2] for edit in edits), tuple(edit[3] for edit in edits)
    return Header(
        name=name,
        written=str(document["written"])[:40],
        token=token,
        places=tuple((key, offset) for key, offset, _, _ in edits),
        before=State(sizes[0], before_lengths, digests[0]),
        after=State(sizes[1], after_lengths, digests[1]),
    )


def _count(value: Any) -> int:
    """A length or an offset; -1 stands for none."""
    if type(value) is not int or not -1 <= value < _LARGEST:
        raise ValueError(value)
    return value


def _sizes_follow(header: Header) -> bool:
    """Whether the edits of a file are within it, and hold every byte by which it grows or shrinks."""
    before, after = header.before, header.after
    stretches = sorted(zip((offset for _, offset in header.places), before.lengths, after.lengths, strict=True))
    shorter, longer = sorted((before.size, after.size))
    grows = after.size > before.size
    end = shorter
    free = 0
    for offset, n_before, n_after in stretches:
        if offset < free or offset + n_before > before.size or offset + n_after > after.size:
            return False
        free = offset + max(n_before, n_after)
        if offset <= end:
            end = max(end, offset + (n_after if grows else n_before))
    return end >= longer
