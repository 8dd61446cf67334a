"""The plan of a study: which files or assets it is about, one line each."""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import cache
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import TypeAdapter

from nwb_unitrefine.batch.found_sources import find_sources
from nwb_unitrefine.batch.study_folder import PLAN, is_output, require_own_files, whole_lines
from nwb_unitrefine.errors import SourceError, SourceNotFoundError, WriteError
from nwb_unitrefine.journal.appearing import appearing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = [
    "Entry",
    "PlanChange",
    "content_of_file",
    "output_path",
    "plan_files",
    "read_plan",
    "require_study",
    "told_apart",
    "write_plan",
]

_LONGEST_NAME = 200
_ARCHIVED = re.compile(r"[\w.-]+:\d{6}@")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file or asset of a study.

    Parameters
    ----------
    id : str
        Where it is, whatever its content: ``DANDI:000123@draft/sub-1/sub-1.nwb``, or a local file's absolute path.
    source : str
        What `read_units` takes for it. No presigned address: those expire before a task of a long study starts.
    content : str
        What changes when the content does: the blob or Zarr id with its checksum on DANDI, size and time of
        modification of a local file.
    digest : str
        Digest of the content as the archive states it, such as ``"dandi-etag:…"``; empty for local files.
    size_bytes : int
    output : str
        Path of the derived file, relative to the study's dandiset; empty where subject and session are needed for it,
        which only the file states.
    skip : str
        Why there is nothing to label in it; empty where there may be.
    """

    id: str
    source: str
    content: str
    digest: str = ""
    size_bytes: int = 0
    output: str = ""
    skip: str = ""


class PlanChange(NamedTuple):
    """How a plan differs from the one that it replaced."""

    n_new: int
    n_changed: int
    n_gone: int


def read_plan(study: Path) -> Iterator[Entry]:
    """Yield the entries of a study's plan, in its order.

    Raises
    ------
    SourceNotFoundError
        If the folder holds no study.
    SourceError
        If a line of the plan is damaged.
    """
    require_own_files(study)
    try:
        lines = (study / PLAN).open("rb")
    except OSError as error:
        raise SourceNotFoundError(
            f"{study} holds no study: {error.strerror}.", tip="Make one with: nwb-unitrefine dandiset plan SOURCE STUDY"
        ) from error
    with lines:
        for number, (_, line) in enumerate(whole_lines(lines), start=1):
            try:
                entry = _entries().validate_json(line, strict=True)
                _require_sound(entry)
            except ValueError as error:
                what = f"Line {number} of {study / PLAN} is damaged."
                raise SourceError(what, tip="Plan again: nothing that was labelled is lost.") from error
            yield entry


@cache
def _entries() -> TypeAdapter[Entry]:
    """What checks the lines of a plan."""
    return TypeAdapter(Entry)


def _require_sound(entry: Entry) -> None:
    """Refuse an entry that would be written elsewhere, or is of another source than it claims to be."""
    if entry.output and not is_output(entry.output):
        raise ValueError("its output is not a path of a derived file")
    if entry.source != entry.id and (not _ARCHIVED.match(entry.id) or not entry.source.startswith("dandi://")):
        raise ValueError("its source is not what its id names")


def require_study(study: Path) -> None:
    """Refuse a folder that holds no study, before anything is loaded for it.

    Raises
    ------
    SourceNotFoundError
        If there is no plan.
    SourceError
        If the first line of the plan is damaged.
    """
    next(read_plan(study), None)


def write_plan(study: Path, entries: Iterable[Entry]) -> PlanChange:
    """Write the plan of a study, whole or not at all; its ledger and outputs stay as they are.

    Parameters
    ----------
    study : Path
        Its folder, which is made where it does not exist.
    entries : iterable of Entry
        Each with another id.

    Raises
    ------
    WriteError
        If it cannot be written.
    """
    try:
        study.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(f"The folder {study} cannot be made: {error.strerror or error}.") from error
    before = dict(_known_before(study))
    n_new = n_changed = 0
    with appearing(study / PLAN, overwrite=True) as place, place.open("w", encoding="utf-8") as file:
        for entry in _with_outputs_apart(entries):
            known = before.pop(entry.id, None)
            n_new += known is None
            n_changed += known not in {None, entry.content}
            file.write(json.dumps(asdict(entry), ensure_ascii=False) + "\n")
    return PlanChange(n_new=n_new, n_changed=n_changed, n_gone=len(before))


def _known_before(study: Path) -> Iterator[tuple[str, str]]:
    """Id and content of each entry of the plan that is to be replaced; one that is damaged ends with its damage."""
    if os.path.lexists(study / PLAN):
        with suppress(SourceError):
            yield from ((entry.id, entry.content) for entry in read_plan(study))


def plan_files(places: Sequence[str | Path], *, study: Path) -> Iterator[Entry]:
    """Yield an entry for each NWB file or sorter's output in these places, which the study itself is not part of.

    Parameters
    ----------
    places : sequence of str or Path
        Files, and folders of files, on this machine.
    study : Path

    Raises
    ------
    SourceNotFoundError
        If a place does not exist.
    """
    own = study.resolve()
    for place in find_sources(places):
        path = Path(place)
        absolute = path.resolve()
        if absolute.is_relative_to(own):
            continue
        if not absolute.exists():
            raise SourceNotFoundError(f"{place} does not exist.")
        if not _is_text(str(absolute)):
            shown = str(absolute).encode(errors="backslashreplace").decode()
            yield Entry(id=shown, source=shown, content="", skip="Its path is not UTF-8.")
            continue
        content, size_bytes = content_of_file(absolute)
        name = path.name
        is_named = name.startswith("sub-") and name.endswith((".nwb", ".nwb.zarr"))
        yield Entry(
            id=str(absolute),
            source=str(absolute),
            content=content,
            size_bytes=size_bytes,
            output=output_path(f"{name.split('_')[0]}/{name}") if is_named else "",
        )


def _is_text(path: str) -> bool:
    """Whether a path can be written into the plan: the names of old disks may be in other encodings than UTF-8."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def output_path(path: str) -> str:
    """Path of the derived file for an asset: among the files of its subject, with ``desc-curated``.

    Parts of a name that is longer than file systems take are cut, and a digest of the path tells such names apart.

    Examples
    --------
    >>> output_path("sub-1/sub-1_ses-2_behavior+ecephys.nwb")
    'sub-1/sub-1_ses-2_desc-curated_ecephys.nwb'
    >>> output_path("sub-1/ses-2/ecephys/sub-1_ses-2_desc-sorted_ecephys.nwb")
    'sub-1/sub-1_ses-2_desc-curated-sorted_ecephys.nwb'
    """
    parts = PurePosixPath(path).name.partition(".")[0].split("_")
    entities = [part for part in parts if re.fullmatch(r"[a-z]+-[A-Za-z0-9-]+", part)]
    subject = entities[0] if entities and entities[0].startswith("sub-") else "sub-unknown"
    further = next((part.removeprefix("desc-") for part in entities if part.startswith("desc-")), "curated")
    description = "desc-curated" if further == "curated" else f"desc-curated-{further}"
    before = [part for part in entities if part.startswith(("ses-", "tis-", "slice-", "cell-"))]
    after = [part for part in entities if part.startswith(("probe-", "obj-"))]
    parts = [subject, *before, description, *after]
    if sum(map(len, parts)) > _LONGEST_NAME:
        parts = [part[:30] for part in parts[:5]]
        parts.append(f"obj-{sha256(path.encode(errors='replace')).hexdigest()[:8]}")
    return f"{parts[0]}/{'_'.join([*parts, 'ecephys'])}.nwb"


def told_apart(output: str, entry: Entry) -> str:
    """The path of a derived file with a part that no other entry's has, as `dandi organize` names such files.

    Examples
    --------
    >>> told_apart("sub-1/sub-1_desc-curated_ecephys.nwb", Entry(id="a", source="", content=""))
    'sub-1/sub-1_desc-curated_obj-ca978112_ecephys.nwb'
    """
    distinct = sha256(entry.id.encode()).hexdigest()[:8]
    return output.removesuffix("_ecephys.nwb").partition("_obj-")[0] + f"_obj-{distinct}_ecephys.nwb"


def _with_outputs_apart(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Give entries whose derived files would have one name another one."""
    listed = list(entries)
    counts: dict[str, int] = {}
    for entry in listed:
        counts[entry.output] = counts.get(entry.output, 0) + (not entry.skip)
    for entry in listed:
        is_shared = entry.output and counts[entry.output] > 1
        yield replace(entry, output=told_apart(entry.output, entry)) if is_shared else entry


def content_of_file(path: Path) -> tuple[str, int]:
    """Return what changes with a local file or folder (its size, and when its newest part was modified), and the size.

    A digest would be surer, and takes hours for terabytes.
    """
    status = path.stat()
    if not path.is_dir():
        return f"local:{status.st_size}:{status.st_mtime_ns}", status.st_size
    size, newest = 0, status.st_mtime_ns
    for at, _, names in os.walk(path):
        for name in names:
            inner: Any = os.stat(os.path.join(at, name), follow_symlinks=False)  # noqa: PTH116, PTH118 - many files
            size, newest = size + inner.st_size, max(newest, inner.st_mtime_ns)
    return f"local:{size}:{newest}", size
