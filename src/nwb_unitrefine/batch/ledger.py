"""What a study has done so far: a line for each finished task, appended whole, and claims on those in work."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import BaseModel, Field, model_validator

from nwb_unitrefine.batch.study_folder import CLAIMS, LEDGER, is_output, require_own_files, whole_lines
from nwb_unitrefine.errors import WriteError
from nwb_unitrefine.journal.locks import lock
from nwb_unitrefine.journal.system_calls import write_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

__all__ = ["LABELLED", "REFUSED", "REPLACED", "Ledger", "claimed", "open_ledger"]

LABELLED, REFUSED, REPLACED = "labelled", "refused", "replaced"

LEDGER_PATIENCE_S = 120.0
"""How long to wait for others that append: each holds the lock for one line."""


class Ledger:
    """The finished tasks of a study, the newest line of each key.

    Several processes on several machines may append at once. What is read is kept, and only what came since is read
    the next time, so that a study's work with its ledger grows as its number of tasks.

    Parameters
    ----------
    study : Path

    Attributes
    ----------
    outcomes : dict of str to str
        What became of each key: ``"labelled"`` or ``"refused"``. A key does not count any more once its derived file
        was replaced, by what the same file or asset gave with another model, version or options.
    labelled : dict of str to str
        Key of the newest line of each id that was labelled.
    ids : set of str
        Every id that any line is about.
    """

    def __init__(self, study: Path) -> None:
        self.path = study / LEDGER
        self.outcomes: dict[str, str] = {}
        self.labelled: dict[str, str] = {}
        self.ids: set[str] = set()
        self._places: dict[str, int] = {}
        self._read_to = 0
        self._guard = threading.RLock()

    def refresh(self) -> Ledger:
        """Read what was appended since; a last line that was cut off by a crash does not count."""
        with self._guard:
            try:
                file = self.path.open("rb")
            except FileNotFoundError:
                return self
            with file:
                for end, line in whole_lines(file, start=self._read_to):
                    self._take(line, at=self._read_to)
                    self._read_to = end
        return self

    def lines(self, keys: Iterable[str]) -> Iterator[dict[str, Any]]:
        """Yield the newest line of each of these keys that has one, read from the disk: there may be very many."""
        if not self._places:
            return
        with self.path.open("rb") as file:
            for key in keys:
                if key in self._places:
                    file.seek(self._places[key])
                    yield json.loads(file.readline())

    def append(self, line: Mapping[str, Any]) -> None:
        """Append a line, whole and on the disk; what a crash left of another is taken away first.

        Parameters
        ----------
        line : mapping
            With its ``key``.

        Raises
        ------
        FileBusyError
            If others hold the ledger for minutes.
        WriteError
            If it cannot be written.
        """
        content = (json.dumps(line, ensure_ascii=False) + "\n").encode(errors="replace")
        try:
            with self._guard:
                self.path.touch()
                with lock(self.path, LEDGER_PATIENCE_S) as descriptor:
                    self.refresh()
                    end = os.fstat(descriptor).st_size
                    if end > self._read_to:
                        os.ftruncate(descriptor, self._read_to)
                    write_at(descriptor, content, self._read_to)
                    os.fsync(descriptor)
                self.refresh()
        except OSError as error:
            raise WriteError(f"{self.path} could not be written: {error.strerror or error}.") from error

    def _take(self, line: bytes, *, at: int) -> None:
        """Keep where a line is; one that is damaged counts as a task that is not done."""
        try:
            found = _Line.model_validate_json(line, strict=True)
        except ValueError:
            return
        self.ids.add(found.id)
        if found.outcome != REFUSED:
            former = self.labelled.pop(found.id, found.key)
            self.outcomes.pop(former, None)
            self._places.pop(former, None)
        if found.outcome == LABELLED:
            self.labelled[found.id] = found.key
        if found.outcome != REPLACED:
            self.outcomes[found.key] = found.outcome
            self._places[found.key] = at


class _Line(BaseModel):
    """What a line of the ledger has to hold for others to rely on it."""

    key: str
    id: str
    outcome: Literal["labelled", "refused", "replaced"]
    output: str = ""
    labels: Mapping[str, int] = Field(default_factory=dict)
    reason: str = ""
    code: str = ""
    error: str = ""

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        """Refuse a line that names a file outside the study."""
        if self.outcome == LABELLED and not is_output(self.output):
            raise ValueError("it names no derived file")
        return self


@cache
def open_ledger(study: Path) -> Ledger:
    """The ledger of a study, one for each process: what it read stays read."""
    require_own_files(study)
    return Ledger(study)


_claims_of_process: set[tuple[str, int]] = set()
_guard = threading.Lock()


@contextmanager
def claimed(study: Path, identity: str) -> Iterator[bool]:
    """Claim an entry of a study while the block lasts; the system lets go of it if the process dies.

    A claim is a lock on one byte of a file, far behind its end, so that nothing is left of any number of them.

    Parameters
    ----------
    study : Path
    identity : str

    Yields
    ------
    bool
        False where another process, or another thread of this one, has it.
    """
    place = int.from_bytes(sha256(identity.encode()).digest()[:7], "big")
    mine = (str(study), place)
    with _guard:
        is_free = mine not in _claims_of_process
        if is_free:
            _claims_of_process.add(mine)
    if not is_free:
        yield False
        return
    try:
        descriptor = _claims_file(study, os.getpid())
        is_free = _lock_byte(descriptor, place)
        try:
            yield is_free
        finally:
            if is_free:
                _free_byte(descriptor, place)
    finally:
        with _guard:
            _claims_of_process.discard(mine)


@cache
def _claims_file(study: Path, process: int) -> int:  # noqa: ARG001 - a forked process needs its own
    """Open the file of claims, once a process: closing it anywhere in the process would free every claim."""
    try:
        return os.open(study / CLAIMS, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
    except OSError as error:
        raise WriteError(f"{study / CLAIMS} could not be opened: {error.strerror}.") from error


def _lock_byte(descriptor: int, place: int) -> bool:
    """Lock one byte without waiting; a system without such locks counts as free."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _free_byte(descriptor: int, place: int) -> None:
    try:
        import fcntl
    except ImportError:
        return
    fcntl.lockf(descriptor, fcntl.LOCK_UN, 1, place)
