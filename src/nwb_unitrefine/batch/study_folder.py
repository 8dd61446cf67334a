"""What may be in a study's folder, which can be a stranger's: plain files of its own, and no way out of it."""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING

from nwb_unitrefine.errors import SourceError, WriteError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

__all__ = [
    "CLAIMS",
    "DANDISET",
    "DESCRIPTION",
    "IN_WORK",
    "LEDGER",
    "MOST_LINE_BYTES",
    "OPTIONS",
    "PLAN",
    "RECORDS",
    "is_output",
    "made_file",
    "require_own_files",
    "whole_lines",
]

PLAN, LEDGER, CLAIMS, OPTIONS = "plan.jsonl", "ledger.jsonl", "claims.lock", "options.json"
DANDISET, RECORDS, IN_WORK = "dandiset", "records", ".in-work"
"""Folders: the files that the study made, laid out as a dandiset; their units for tables; what is being made."""

DESCRIPTION = "dandiset-description"
"""Folder with what describes the study's dandiset, uploaded on its own: beside a ``dataset_description.json``, dandi
reads the metadata of an NWB file over and over until Python's recursion limit, for minutes (dandi-cli #1656)."""

MOST_LINE_BYTES = 1 << 20
_OUTPUT = re.compile(r"sub-[A-Za-z0-9-]{1,200}/sub-[A-Za-z0-9_-]{1,240}_ecephys\.nwb")


def is_output(path: object) -> bool:
    """Whether a text is a path of a derived file below the study's dandiset, as `plan.output_path` makes them.

    Examples
    --------
    >>> [is_output(path) for path in ("sub-1/sub-1_desc-curated_ecephys.nwb", "../../a.nwb", "/etc/sub-1.nwb", None)]
    [True, False, False, False]
    """
    return isinstance(path, str) and _OUTPUT.fullmatch(path) is not None


def made_file(study: Path, output: str) -> Path:
    """Where a derived file of a study is, or is to be.

    Parameters
    ----------
    study : Path
    output : str
        Its path below the study's dandiset.

    Raises
    ------
    WriteError
        If that leads out of the study: by its name, or through a symbolic link.
    """
    place = study / DANDISET / output
    if not is_output(output) or any(at.is_symlink() for at in (place, place.parent, place.parent.parent)):
        raise WriteError(
            f"{output[:200]!r} does not name a file inside {study / DANDISET}.",
            tip="Plan the study again in a new folder.",
        )
    return place


def require_own_files(study: Path) -> None:
    """Refuse a file in the place of a study, and a study in which a link, a pipe or a device stands for a part of it.

    Raises
    ------
    SourceError
        Naming it.
    """
    if study.exists() and not study.is_dir():
        raise SourceError(
            f"{study} is a file, and no study.", tip="Make one with: nwb-unitrefine dandiset plan SOURCE STUDY"
        )
    for names, is_kind, kind in (
        ((PLAN, LEDGER, CLAIMS, OPTIONS), stat.S_ISREG, "file"),
        ((DANDISET, RECORDS, IN_WORK, DESCRIPTION), stat.S_ISDIR, "folder"),
    ):
        for name in names:
            place = study / name
            if os.path.lexists(place) and not is_kind(place.lstat().st_mode):
                raise SourceError(f"{place} is not a plain {kind}.", tip="Make the study itself where there is room.")


def whole_lines(file: BinaryIO, *, start: int = 0) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of a file from a place on, each with the place of its end; one that is cut off does not count.

    Another process may write the rest of such a line in the meantime: what is beyond it is left for the next time. A
    line that is too long is yielded as an empty one: no line of a study is so long, and memory is not endless.
    """
    file.seek(start)
    place = start
    while line := file.readline(MOST_LINE_BYTES):
        place += len(line)
        is_long = False
        while len(line) == MOST_LINE_BYTES and not line.endswith(b"\n"):
            is_long, line = True, file.readline(MOST_LINE_BYTES)
            place += len(line)
        if not line.endswith(b"\n"):
            return
        yield place, b"" if is_long else line
