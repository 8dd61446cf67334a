"""Attempts on journals, links, names, modes, sizes, temporary names and power cuts.

Each works on files that a stranger could have handed over, beside a folder of the user's own that nothing may touch.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parent))

import fault_campaign
import h5py
import power_cut
from adversary import Attempt

from nwb_unitrefine.errors import UnitRefineError
from nwb_unitrefine.journal import Edit, journal_path, recover, summarize_journal
from nwb_unitrefine.journal.header import encode_header
from nwb_unitrefine.journal.inside import FolderFiles
from nwb_unitrefine.journal.record import Journal
from nwb_unitrefine.journal.secret import secret_for_writing
from nwb_unitrefine.write import read_history, undo, write_curation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nwb_unitrefine.records import Ragged

_STRANGER = b"s" * 32
_KEYS = (
    "../../own/notes.txt",
    "../own/notes.txt",
    "{own}/notes.txt",
    "units/../../own/notes.txt",
    "out/notes.txt",
    "units/out/notes.txt",
    "..\\own\\notes.txt",
    "./../own/notes.txt",
    "units//../../own/notes.txt",
    "../own/new/deep/file",
    "C:/own/notes.txt",
    "units/\0",
    "",
    "a" * 300,
    "\ud800",
)
_NAMES = ("../../../own", "..", ".", "", "a/b", "/etc", "id/..", "../units", "x\\..\\y", "a" * 300, "C:", "a\0b")


class Ground:
    """A session of a stranger, and something of the user's own that must stay as it is."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.own, self.given = folder, folder / "own", folder / "given"
        self.pristine = {name: folder / "pristine" / name for name in ("session.nwb", "session.nwb.zarr")}
        (folder / "pristine").mkdir()
        self.trains: dict[str, Ragged] = {}
        for name, place in self.pristine.items():
            self.trains[name] = fault_campaign.make_session(place)

    def fresh(self, name: str) -> Path:
        """Put everything back, and return the stranger's session."""
        for place in (self.own, self.given):
            shutil.rmtree(place, ignore_errors=True)
        (self.own / "data").mkdir(parents=True)
        (self.own / "notes.txt").write_text("mine")
        (self.own / "data" / "0").write_text("mine too")
        self.given.mkdir()
        target = self.given / name
        pristine = self.pristine[name]
        (shutil.copytree if pristine.is_dir() else shutil.copyfile)(pristine, target)
        return target

    def is_untouched(self) -> bool:
        """Whether what is the user's is as it was."""
        found = {str(entry.relative_to(self.own)) for entry in self.own.rglob("*")}
        return (
            found == {"notes.txt", "data", "data/0"}
            and (self.own / "notes.txt").read_text() == "mine"
            and (self.own / "data" / "0").read_text() == "mine too"
        )

    def label(self, target: Path, **options: Any) -> Any:
        """Write labels."""
        return write_curation(fault_campaign.make_curation(target, self.trains[target.name], seed=0), **options)


def attempts(folder: Path) -> Iterator[Attempt]:
    """Yield every attempt of this area."""
    ground = Ground(folder)
    yield from _keys(ground)
    yield from _foreign_journals(ground)
    yield from _sizes(ground)
    yield from _odd_files(ground)
    yield from _columns(ground)
    yield from _links_in_stores(ground)
    yield from _links_in_hdf5(ground)
    yield from _modes(ground)
    for backend in ("hdf5", "zarr"):
        found = power_cut.simulate(backend, 40, seed=1)
        bad = found["neither"] + found["refused"]
        for number in range(40):
            yield Attempt("power cuts", f"{backend} {number}", number >= bad, str(dict(found)))


def _try(ground: Ground, act: Callable[[], Any], *, must_fail: bool = True) -> str:
    """Do something that may only end in an error of ours; return what is wrong, empty if nothing."""
    try:
        act()
    except UnitRefineError as error:
        if "\n" in str(error):
            return f"an error of several lines: {error}"
    except BaseException as error:  # noqa: BLE001 - whatever else it is, it got through
        return f"{type(error).__name__}: {error}"
    else:
        if must_fail:
            return "no error"
    return "" if ground.is_untouched() else "what is outside was touched"


def _commands(target: Path) -> dict[str, Callable[[], Any]]:
    """What a user may do with a file that was handed over."""
    return {
        "read": lambda: read_history(target),
        "recover": lambda: recover(target),
        "undo": lambda: recover(target, undo=True),
        "trust": lambda: recover(target, trusted=True),
        "show": lambda: summarize_journal(target),
    }


def _write_foreign(target: Path, edits: tuple[Edit, ...], secret: bytes, key: str | None = None) -> None:
    """Leave a journal whose first edit names a place that the program itself would never name."""
    size = -1 if target.is_dir() else target.stat().st_size
    journal = Journal(target.name, size, size, edits)
    line = encode_header(journal.header)
    document = json.loads(line)
    if key is not None:
        document["edits"][0][0] = key
    _leave(target, document, b"".join((edit.before or b"") + (edit.after or b"") for edit in edits), secret)


def _leave(target: Path, document: dict[str, Any], body: bytes, secret: bytes) -> None:
    """Write a journal with any head, coded and sealed under a secret."""
    from nwb_unitrefine.journal import record

    head = json.dumps(document).encode() + b"\n"
    code = record._code(secret, b"head", head)
    seal = record._code(secret, b"seal", head + code + body)
    journal_path(target).write_bytes(record._first_sector(len(head), seal) + head + code + body)


def _keys(ground: Ground) -> Iterator[Attempt]:
    """Journals of a store that name files outside, by a stranger and by somebody who knew the secret."""
    for key in _KEYS:
        for secret in (_STRANGER, secret_for_writing()):
            for before, after in ((b"mine", b"theirs"), (None, b"theirs"), (b"mine", None)):
                target = ground.fresh("session.nwb.zarr")
                (target / "out").symlink_to(ground.own)
                (target / "units" / "out").symlink_to(ground.own)
                edits = (Edit("x", 0, before, after), Edit(".zattrs", 0, (target / ".zattrs").read_bytes(), b"{}"))
                why = ""
                for act in _commands(target).values():
                    _write_foreign(target, edits, secret, key.format(own=ground.own))
                    why = why or _try(ground, act, must_fail=False)
                yield Attempt("keys of a journal", f"{key!r} {before!r} {after!r}", not why, why)


def _foreign_journals(ground: Ground) -> Iterator[Attempt]:
    """A store or file beside a journal that is right in everything but who wrote it."""
    for name in ground.pristine:
        for command in ("read", "recover", "undo", "label"):
            for damage in ("whole", "cut", "flipped"):
                target = ground.fresh(name)
                old = fault_campaign.digest(target)
                _write_foreign(target, _plain_edits(target), _STRANGER)
                place = journal_path(target)
                content = bytearray(place.read_bytes())
                if damage == "cut":
                    content = content[:-3]
                elif damage == "flipped":
                    content[-1] ^= 1
                place.write_bytes(content)
                act = (lambda at=target: ground.label(at)) if command == "label" else _commands(target)[command]
                why = _try(ground, act)
                if not why and fault_campaign.digest(target) != old:
                    why = "it was applied"
                if not why and not place.exists():
                    why = "it is gone"
                yield Attempt("journals by a stranger", f"{name} {command} {damage}", not why, why)


def _plain_edits(target: Path) -> tuple[Edit, ...]:
    if target.is_dir():
        return (Edit(".zattrs", 0, (target / ".zattrs").read_bytes(), b"{}"),)
    return (Edit("", 0, target.read_bytes()[:64], b"x" * 64),)


def _sizes(ground: Ground) -> Iterator[Attempt]:
    """Heads whose sizes and values do not hold together, even under the user's own secret."""
    changes: list[dict[str, Any]] = [
        {"size_after": 0},
        {"size_after": 1 << 42},
        {"size_before": 0},
        {"size_before": 0, "size_after": 1 << 42},
        {"size_after": 1 << 80},
        {"size_before": -1, "size_after": -1},
        {"size_after": 1.5},
        {"size_after": None},
        {"edits": [["", 0, 1 << 60, 1 << 60]]},
        {"edits": [["", 1 << 60, 1, 1]]},
        {"edits": [["", 0, -1, -1]]},
        {"edits": [["", 0, 64, 64]] * 1000},
        {"edits": "units"},
        {"edits": [[]]},
        {"target": "../own/notes.txt"},
        {"target": 7},
        {"token": "../../own/x"},
        {"token": ""},
        {"digest_before": "x"},
        {"written": {"a": []}},
    ]
    for change in changes:
        for secret in (_STRANGER, secret_for_writing()):
            target = ground.fresh("session.nwb")
            old = fault_campaign.digest(target)
            edits = _plain_edits(target)
            document = json.loads(encode_header(Journal(target.name, 1 << 14, 1 << 14, edits).header))
            size = target.stat().st_size
            document |= {"size_before": size, "size_after": size, **change}
            why = ""
            for act in _commands(target).values():
                _leave(target, document, (edits[0].before or b"") + (edits[0].after or b""), secret)
                if change == {"written": {"a": []}}:
                    journal_path(target).unlink()
                why = why or _try(ground, act, must_fail=False)
            if not why and fault_campaign.digest(target) != old:
                why = "the file was changed"
            yield Attempt("sizes and heads of a journal", f"{change} {secret == _STRANGER}"[:80], not why, why)


def _odd_files(ground: Ground) -> Iterator[Attempt]:
    """What is not a regular file of the user in the place of a journal, and what is not a journal."""
    kinds: dict[str, Callable[[Path], Any]] = {
        "a pipe": os.mkfifo,
        "a link to a device": lambda place: place.symlink_to("/dev/zero"),
        "a link to a file": lambda place: place.symlink_to(ground.own / "notes.txt"),
        "a link to nothing": lambda place: place.symlink_to(ground.own / "new"),
        "a folder": lambda place: place.mkdir(),
        "text": lambda place: place.write_text("notes of someone"),
        "version 1": lambda place: place.write_text("nwb-unitrefine journal 1: a write\n{}\n"),
        "version 9": lambda place: place.write_text("nwb-unitrefine journal 9: a write\n{}\n"),
        "4 TB": lambda place: _sparse(place, 1 << 42),
    }
    for name in ground.pristine:
        for kind, make in kinds.items():
            for command in ("read", "recover", "label"):
                target = ground.fresh(name)
                old = fault_campaign.digest(target)
                make(journal_path(target))
                act = (lambda at=target: ground.label(at)) if command == "label" else _commands(target)[command]
                why = _try(ground, act, must_fail=kind != "4 TB")
                if not why and kind != "4 TB" and fault_campaign.digest(target) != old:
                    why = "the file was changed"
                yield Attempt("what is not a journal", f"{name} {kind} {command}", not why, why)


def _sparse(place: Path, size: int) -> None:
    with place.open("wb") as file:
        file.truncate(size)


def _columns(ground: Ground) -> Iterator[Attempt]:
    """Histories that name a column outside the units table, which taking back a run would remove."""
    for name in ground.pristine:
        for column in _NAMES:
            target = ground.fresh(name)
            ground.label(target)
            with suppress(ValueError):  # HDF5 keeps no NUL
                _rename_column(target, column)
            why = _try(ground, lambda at=target: undo(at), must_fail=False)
            there = (target / "units" / "id").exists() if target.is_dir() else "id" in h5py.File(target)["units"]
            why = why or ("" if there else "the table is gone")
            yield Attempt("names of columns", f"{name} {column!r}"[:80], not why, why)


def _rename_column(target: Path, column: str) -> None:
    """Let the newest run name another column."""
    run = next(iter(read_history(target))).name
    place = f"general/unit_curation/{run}"
    if target.is_dir():
        attributes = target / place / ".zattrs"
        document = json.loads(attributes.read_text())
        attributes.write_text(json.dumps({**document, "label_column": column}))
        consolidated = target / ".zmetadata"
        if consolidated.exists():
            whole = json.loads(consolidated.read_text())
            whole["metadata"][f"{place}/.zattrs"]["label_column"] = column
            consolidated.write_text(json.dumps(whole))
    else:
        with h5py.File(target, "r+") as file:
            file[place].attrs["label_column"] = column


def _links_in_stores(ground: Ground) -> Iterator[Attempt]:
    """Stores with links to what is outside, at every place that a write or a copy goes to."""
    places = ["units", "general", "specifications", "units/.zattrs", ".zattrs", ".zmetadata", "units/id", "units/id/0"]
    for place in places:
        for act in ("label", "copy"):
            target = ground.fresh("session.nwb.zarr")
            if not (target / place).exists():
                continue
            outside = ground.folder / "outside"
            shutil.rmtree(outside, ignore_errors=True)
            outside.mkdir()
            (target / place).rename(outside / "it")
            (target / place).symlink_to(outside / "it")
            before = fault_campaign.digest(outside)
            options = {} if act == "label" else {"output": ground.given / "copy.nwb.zarr"}
            why = _try(ground, lambda at=target, given=options: ground.label(at, **given))
            if not why and fault_campaign.digest(outside) != before:
                why = "what is outside was changed"
            yield Attempt("links in a store", f"{place} {act}", not why, why)
    for key in ("out/notes.txt", "link", "pipe", "data"):
        for call in ("read", "replace", "remove"):
            target = ground.fresh("session.nwb.zarr")
            (target / "out").symlink_to(ground.own)
            (target / "link").symlink_to(ground.own / "notes.txt")
            (target / "data").symlink_to(ground.own / "data")
            os.mkfifo(target / "pipe")
            files = FolderFiles(target)
            calls = {
                "read": lambda f=files, k=key: f.read(k),
                "replace": lambda f=files, k=key: f.change([(k, b"theirs")], token="0" * 32),
                "remove": lambda f=files, k=key: f.change([(k, None)], token="0" * 32),
            }
            why = _try(ground, calls[call], must_fail=call != "remove")
            yield Attempt("links in a store", f"{key} {call}", not why, why)


def _links_in_hdf5(ground: Ground) -> Iterator[Attempt]:
    """HDF5 files with links and storage outside, at every place that a write goes to."""
    for kind in ("external", "soft"):
        for place in ("general/unit_curation", "general", "units/unitrefine_label", "units", "specifications"):
            target = ground.fresh("session.nwb")
            other = ground.folder / "other.nwb"
            shutil.copyfile(ground.pristine["session.nwb"], other)
            with h5py.File(other, "r+") as file:
                file.require_group("general/unit_curation")
                file["units"]["unitrefine_label"] = [b"theirs"] * fault_campaign.N_UNITS
            with h5py.File(target, "r+") as file:
                if place in file:
                    file.move(place, "moved")
                inner = "/moved" if kind == "soft" and "moved" in file else "/general/nowhere"
                file[place] = h5py.SoftLink(inner) if kind == "soft" else h5py.ExternalLink(str(other), place)
            before = fault_campaign.digest(other)
            why = _try(ground, lambda at=target: _label_and_look(ground, at), must_fail=False)
            if not why and fault_campaign.digest(other) != before:
                why = "the other file was changed"
            yield Attempt("links in an HDF5 file", f"{kind} {place}", not why, why)
    for kind in ("external storage", "virtual"):
        target = ground.fresh("session.nwb")
        raw, source = ground.own / "notes.txt", ground.folder / "source.h5"
        n_units = fault_campaign.N_UNITS
        with h5py.File(source, "w") as file:
            file["x"] = [0.5] * n_units
        with h5py.File(target, "r+") as file:
            if kind == "external storage":
                file["units"].create_dataset(
                    "unitrefine_probability", (n_units,), "f8", external=[(str(raw), 0, 8 * n_units)]
                )
            else:
                layout = h5py.VirtualLayout((n_units,), "f8")
                layout[:] = h5py.VirtualSource(str(source), "x", (n_units,))
                file["units"].create_virtual_dataset("unitrefine_probability", layout)
        before = fault_campaign.digest(source)
        options = {"overwrite_columns": ["unitrefine_probability"]}
        why = _try(ground, lambda at=target, given=options: ground.label(at, **given), must_fail=False)
        why = why or _try(ground, lambda at=target: ground.label(at), must_fail=False)
        if not why and fault_campaign.digest(source) != before:
            why = "the source was changed"
        yield Attempt("links in an HDF5 file", kind, not why, why)


def _label_and_look(ground: Ground, target: Path) -> None:
    """Write labels; if that is said to be done, their history is in the file."""
    ground.label(target)
    assert read_history(target), "labels without history"


def _modes(ground: Ground) -> Iterator[Attempt]:
    """Copies and new files that others could read though they may not read the original."""
    for name in ground.pristine:
        for mode in (0o600, 0o640, 0o400, 0o666):
            for act in ("label", "copy", "units only"):
                target = ground.fresh(name)
                for place in (target, *target.rglob("*")):
                    place.chmod(mode | (mode & 0o444) >> 2 | 0o300 if place.is_dir() else mode | 0o200)
                output = ground.given / "copy.nwb"
                if act == "copy" and target.is_dir():
                    output = ground.given / "copy.nwb.zarr"
                options: dict[str, Any] = (
                    {} if act == "label" else {"output": output, "units_only": act == "units only"}
                )
                why = _try(ground, lambda at=target, given=options: ground.label(at, **given), must_fail=False)
                written = target if act == "label" else output
                wide = [
                    place.name
                    for place in (written, *written.rglob("*"))
                    if place.is_file() and stat.S_IMODE(place.stat().st_mode) & ~(mode | 0o200)
                ]
                why = why or ("" if written.exists() and not wide else f"wider: {wide[:3]}")
                yield Attempt("modes", f"{name} {mode:o} {act}", not why, why)
