"""A person's answers, kept on the disk from the moment they are given.

Answers are appended, one line of JSON each, to a journal beside the file (or, where that folder cannot be written, in
the user's state folder), and synced before they are confirmed. The state is what the lines amount to: an answer
replaces the one before, ``clear`` takes it away, and ``undo`` takes back the last line that is not undone. A line that
was cut off by a crash is dropped. Once the answers are in the file, the journal is removed.

A stranger's journal beside a downloaded file can do no more than propose labels: it is shown before it is written, and
one that belongs to another user is not read.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from nwb_unitrefine.errors import SourceError, WriteError
from nwb_unitrefine.journal.state_folder import state_folder
from nwb_unitrefine.journal.system_calls import is_of_another_user, try_lock

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Answer", "Answers", "answers_path"]

_SUFFIX = ".answers.jsonl"
_FORMAT = 1
_MOST_BYTES = 64 * 2**20
_LONGEST_WORD = 200
_LONGEST_NOTE = 2000


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person decided about one unit.

    Parameters
    ----------
    unit : int
    label : str
    note : str
    at : str
        When, in UTC.
    """

    unit: int
    label: str
    note: str
    at: str


def answers_path(path: Path) -> Path:
    """Return where the answers about a file are kept: beside it, or in the user's state folder.

    Parameters
    ----------
    path : Path
        NWB file or Zarr store.
    """
    path = path.resolve()
    if os.access(path.parent, os.W_OK):
        return path.with_name(f".{path.name}{_SUFFIX}")
    state = state_folder() / "answers"
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    return state / f"{hashlib.sha256(str(path).encode()).hexdigest()[:16]}-{path.name}{_SUFFIX}"


class Answers:
    """The answers about one file; one process has them at a time.

    Parameters
    ----------
    place : Path
        As of `answers_path`.
    units_digest : str, optional
        What identifies the units that the answers are about; by default they may be about any.
    unit_ids : frozenset of int, optional
        Units of the file; by default any.
    words : tuple of str, optional
        Labels that can be given.

    Raises
    ------
    SourceError
        If answers are kept that are about other units, damaged, another user's, or open in another process.
    """

    def __init__(
        self,
        place: Path,
        *,
        units_digest: str = "",
        unit_ids: frozenset[int] | None = None,
        words: tuple[str, ...] = (),
    ) -> None:
        self.place = place
        self._unit_ids = unit_ids
        self._words = words
        self._head = {"format": _FORMAT, "units": units_digest}
        self._lines: list[dict[str, Any]] = []
        self._descriptor: int | None = None
        if os.path.lexists(place):
            self._open(new=False)
            self._lines = self._read()

    def close(self) -> None:
        """Let another process have the answers."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def pending(self) -> dict[int, Answer]:
        """Answers that are not in the file yet, by unit, in the order in which they were given."""
        state: dict[int, Answer] = {}
        for line in self._in_effect():
            if line["do"] == "answer":
                state.pop(line["unit"], None)
                state[line["unit"]] = Answer(line["unit"], line["label"], line["note"], line["at"])
            else:
                state.pop(line["unit"], None)
        return state

    def give(self, unit: int, label: str, note: str = "") -> None:
        """Record an answer.

        Raises
        ------
        WriteError
            If the unit or the label is not known, or the answer cannot be kept: it does not count then.
        """
        if self._unit_ids is not None and unit not in self._unit_ids:
            raise WriteError(f"There is no unit {unit}.")
        if label not in self._words:
            raise WriteError(f"{label!r} is not a label.", tip=f"Labels are {', '.join(self._words)}.")
        self._append({"do": "answer", "unit": unit, "label": label, "note": _storable(note)})

    def clear(self, unit: int) -> None:
        """Take the answer about a unit away."""
        if unit in self.pending():
            self._append({"do": "clear", "unit": unit})

    def undo(self) -> int | None:
        """Take back the last answer or clearing, and return its unit; None where there is none left to undo."""
        undone = {line["line"] for line in self._lines if line["do"] == "undo"}
        for number in range(len(self._lines) - 1, -1, -1):
            line = self._lines[number]
            if line["do"] in {"answer", "clear"} and number not in undone:
                self._append({"do": "undo", "line": number})
                return int(line["unit"])
        return None

    def written(self) -> None:
        """Forget the answers: they are in the file."""
        self.close()
        self.place.unlink(missing_ok=True)
        self._lines.clear()

    def _in_effect(self) -> list[dict[str, Any]]:
        undone = {line["line"] for line in self._lines if line["do"] == "undo"}
        return [line for number, line in enumerate(self._lines) if number not in undone and line["do"] != "undo"]

    def _append(self, line: Mapping[str, Any]) -> None:
        """Add a line, and return only when it is on the disk."""
        entry = {**line, "at": datetime.now(UTC).isoformat(timespec="seconds")}
        try:
            descriptor = self._open(new=True) if self._descriptor is None else self._descriptor
            before = os.lseek(descriptor, 0, os.SEEK_END)
            text = b"" if before else _as_line(self._head)
            _write_all(descriptor, text + _as_line(entry), before)
            os.fsync(descriptor)
        except OSError as error:
            raise WriteError(
                f"The answer was not kept: {error.strerror or error}.", tip="Make room, then answer again."
            ) from error
        self._lines.append(entry)

    def _open(self, *, new: bool) -> int:
        """Open the journal for this process alone; a link is not followed, and a pipe not waited for."""
        flags = os.O_RDWR | (os.O_CREAT | os.O_EXCL if new else 0)
        for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"):
            flags |= getattr(os, name, 0)
        try:
            descriptor = os.open(self.place, flags, 0o600)
        except OSError as error:
            if new:
                raise
            raise SourceError(f"The answers in {self.place.name} cannot be read: {error.strerror or error}.") from error
        try:
            self._require_mine(descriptor)
        except SourceError:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        return descriptor

    def _require_mine(self, descriptor: int) -> None:
        """Refuse what is not a journal of this user, and one that another process has."""
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _MOST_BYTES:
            raise SourceError(f"{self.place.name} is not a journal of answers.", tip="Move it away.")
        if is_of_another_user(status):
            raise SourceError(
                f"The answers in {self.place.name} belong to another user.", tip="Move them away, or work on a copy."
            )
        if not try_lock(descriptor, shared=False):
            raise SourceError(
                f"The answers in {self.place.name} are open in another review.", tip="End that one, then begin again."
            )

    def _read(self) -> list[dict[str, Any]]:
        """Read the lines that are whole, and cut off what is not."""
        assert self._descriptor is not None
        with os.fdopen(os.dup(self._descriptor), "rb") as file:
            content = file.read()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.ftruncate(self._descriptor, whole)
        try:
            return self._parse(content[:whole])
        except SourceError:
            self.close()
            raise

    def _parse(self, content: bytes) -> list[dict[str, Any]]:
        lines: list[dict[str, Any]] = []
        try:
            entries = [json.loads(line) for line in content.splitlines() if line.strip()]
            if self._head["units"] and entries and entries[0] != self._head:
                raise SourceError(
                    f"The answers in {self.place.name} are about other units than the file has now.",
                    tip=f"Export them with review --export-answers, then move {self.place.name} away.",
                )
            for entry in entries[1:]:
                lines.append(self._checked(entry, len(lines)))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise SourceError(
                f"The answers in {self.place.name} are damaged: {error}.", tip="Move the journal away to begin anew."
            ) from error
        return lines

    def _checked(self, entry: Any, n_before: int) -> dict[str, Any]:
        """Take a line only as this module writes it."""
        do, at = entry["do"], str(entry["at"])[:40]
        if do == "answer":
            unit, label = int(entry["unit"]), str(entry["label"])
            if (self._unit_ids is not None and unit not in self._unit_ids) or not 0 < len(label) <= _LONGEST_WORD:
                raise ValueError(f"unit {unit} cannot be {label[:40]!r}")
            return {"do": do, "unit": unit, "label": label, "note": _storable(str(entry["note"])), "at": at}
        if do == "clear":
            return {"do": do, "unit": int(entry["unit"]), "at": at}
        if do == "undo" and 0 <= int(entry["line"]) < n_before:
            return {"do": do, "line": int(entry["line"]), "at": at}
        raise ValueError(f"a line has the unknown action {do!r}")


def _storable(note: str) -> str:
    """Leave out of a note what no file can hold: null characters, halves of a character, and what is beyond its end."""
    return note.replace("\0", "").encode("utf-8", "replace").decode("utf-8")[:_LONGEST_NOTE]


def _as_line(entry: Mapping[str, Any]) -> bytes:
    return json.dumps(entry, separators=(",", ":")).encode() + b"\n"


def _write_all(descriptor: int, content: bytes, before: int) -> None:
    """Write all or take back what was written: half a line would spoil the next one."""
    done = 0
    try:
        while done < len(content):
            done += os.write(descriptor, content[done:])
    except OSError:
        os.ftruncate(descriptor, before)
        raise
