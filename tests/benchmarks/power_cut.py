"""Cut the power at every moment of a write, and see what the disk can then hold: the old file, the new one, or neither.

    python tests/benchmarks/power_cut.py                 # some thousand states of a file and of a Zarr store
    python tests/benchmarks/power_cut.py --states 300    # fewer

The calls that change the disk are recorded while labels are written. For every prefix of them a disk is put together
that may be found after a power cut: what was synced is there; of what was not, sectors of 512 bytes are there or not,
in any combination, and so are sizes of files and the names in a folder. Each disk is read and recovered. Counted are
targets that are neither the old nor the new one, and untouched targets that a reader is refused. Prints one JSON
document; the exit code is 1 if there is one of either.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import warnings
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parent))

import fault_campaign

from nwb_unitrefine.errors import UnitRefineError
from nwb_unitrefine.journal import held_for_reading, recover
from nwb_unitrefine.journal.secret import secret_for_writing
from nwb_unitrefine.write import write_curation

if TYPE_CHECKING:
    from collections.abc import Iterator

SECTOR = 512
_ON_A_NAME = ("unlink", "mkdir", "rmdir")


def main(arguments: list[str] | None = None) -> int:
    """Run the simulation and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--states", type=int, default=4000, help="disks to look at, for each backend")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="power-state-") as state:
        os.environ["XDG_STATE_HOME"] = state  # the secret of journals is not the user's
        results = {backend: dict(simulate(backend, options.states, options.seed)) for backend in ("hdf5", "zarr")}
    print(json.dumps(results, indent=2))
    return int(any(counts.get("neither", 0) or counts.get("refused", 0) for counts in results.values()))


def simulate(backend: str, n_states: int, seed: int = 0) -> Counter[str]:
    """Count what is found on the disks that power cuts leave.

    Returns
    -------
    Counter
        How many targets are "old" and "new" after recovery, or "neither"; and how many that are the old ones were
        "refused" to a reader.
    """
    warnings.simplefilter("ignore")
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="power-", dir=memory if os.access(memory, os.W_OK) else None) as folder:
        secret_for_writing()
        trial = Trial(Path(folder), backend)
        return trial.run(n_states, random.Random(seed))


class Trial:
    """A target, the calls by which it was changed, and the disks that are possible in between."""

    def __init__(self, folder: Path, backend: str) -> None:
        name = f"session.nwb{'.zarr' * (backend == 'zarr')}"
        self.folder, self.name = folder, name
        self.before = folder / "before"
        self.before.mkdir()
        trains = fault_campaign.make_session(self.before / name)
        self.old = fault_campaign.digest(self.before / name)
        self.pristine = Disk.of(self.before)
        work = folder / "work"
        shutil.copytree(self.before, work)
        recorder = Recorder(work)
        self.calls = recorder.calls
        recorder.install()
        try:
            write_curation(fault_campaign.make_curation(work / name, trains, seed=0))
        finally:
            recorder.remove()
        self.new = fault_campaign.digest(work / name)
        assert self.old != self.new

    def run(self, n_states: int, rng: random.Random) -> Counter[str]:
        """Look at disks of every prefix of the calls, or of some where fewer disks are asked for."""
        found: Counter[str] = Counter()
        ends = range(len(self.calls) + 1)
        for number in range(n_states):
            end = ends[number % len(ends)] if n_states >= len(ends) else rng.choice(ends)
            disk = Disk(dict(self.pristine.names), dict(self.pristine.contents))
            for call in self.calls[:end]:
                disk.do(call)
            disk.cut(rng.choice((0.0, 0.02, 0.5, 0.98, 1.0)), rng)
            found += self.look_at(disk)
        return found

    def look_at(self, disk: Disk) -> Counter[str]:
        """Put a disk together, read it, and recover it."""
        place = self.folder / "found"
        target_is_folder = self.name.endswith(".zarr")
        shutil.rmtree(place, ignore_errors=True)
        disk.write(place, self.before if target_is_folder else None)
        target = place / self.name
        untouched = disk.part(self.name) == self.pristine.part(self.name)
        refused = False
        try:
            with held_for_reading(target):
                pass
            recover(target)
        except UnitRefineError:
            refused = True
        digest = fault_campaign.digest(target)
        outcome = "old" if digest == self.old else "new" if digest == self.new else "neither"
        if refused:
            outcome = "refused" if untouched else "neither"
        left = [entry.name for entry in place.iterdir() if entry.name != self.name]
        return Counter({outcome: 1, "with something left beside it": int(bool(left) and not refused)})


@dataclass(frozen=True)
class Call:
    """A call that changed the disk: on a file (by its number), or on a name in a folder."""

    kind: str
    file: int = 0
    offset: int = 0
    content: bytes = b""
    place: str = ""
    new_place: str = ""


@dataclass
class Disk:
    """What is on a disk for sure, and what was asked for since and may be there."""

    names: dict[str, int | None]
    contents: dict[int, bytes]
    pending_bytes: dict[int, list[Call]] = field(default_factory=dict)
    pending_names: dict[str, list[Call]] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path) -> Disk:
        """What is in a folder now."""
        names: dict[str, int | None] = {}
        contents: dict[int, bytes] = {}
        for number, entry in enumerate(sorted(folder.rglob("*")), start=1):
            names[str(entry.relative_to(folder))] = None if entry.is_dir() else -number
            if entry.is_file():
                contents[-number] = entry.read_bytes()
        return cls(names, contents)

    def part(self, top: str) -> dict[str, bytes | None]:
        """Content of each file at or below a name."""
        return {
            name: None if number is None else self.contents.get(number, b"")
            for name, number in self.names.items()
            if name == top or name.startswith(f"{top}/")
        }

    def do(self, call: Call) -> None:
        """Note a call; a sync settles what was noted before."""
        if call.kind == "known":  # the number of a file that was there before
            number = self.names.get(call.place)
            if number is not None and call.file not in self.contents:
                self.contents[call.file] = self.contents.pop(number)
                self.names[call.place] = call.file
        elif call.kind in {"write", "truncate"}:
            self.pending_bytes.setdefault(call.file, []).append(call)
        elif call.kind == "sync" and call.place and call.file == 0:
            for pending in self.pending_names.pop(call.place, []):
                self._rename(pending)
        elif call.kind == "sync":
            for pending in self.pending_bytes.pop(call.file, []):
                self._change(pending)
        else:
            self.pending_names.setdefault(str(Path(call.place).parent), []).append(call)

    def cut(self, chance: float, rng: random.Random) -> None:
        """Cut the power: each thing that was not synced is there with a chance, in pieces and in any order."""
        for calls in self.pending_names.values():
            for call in calls:
                if rng.random() < chance:
                    self._rename(call)
        for calls in self.pending_bytes.values():
            pieces = [piece for call in calls for piece in _sectors(call)]
            if chance < 1:
                rng.shuffle(pieces)
            for piece in pieces:
                if rng.random() < chance:
                    self._change(piece)

    def write(self, place: Path, before: Path | None) -> None:
        """Make the folders and files that can be reached; those that are as in `before` are links to these."""
        place.mkdir()
        for name in sorted(self.names):
            if (place / name).parent.is_dir():
                number = self.names[name]
                if number is None:
                    (place / name).mkdir()
                elif before is not None and number < 0:
                    (place / name).hardlink_to(before / name)
                else:
                    (place / name).write_bytes(self.contents.get(number, b""))

    def _change(self, call: Call) -> None:
        content = self.contents.get(call.file, b"")
        if call.kind == "truncate":
            self.contents[call.file] = content[: call.offset].ljust(call.offset, b"\0")
        else:
            content = content.ljust(call.offset, b"\0")
            end = call.offset + len(call.content)
            self.contents[call.file] = content[: call.offset] + call.content + content[end:]

    def _rename(self, call: Call) -> None:
        if call.kind == "create":
            self.names[call.place] = call.file
        elif call.kind == "mkdir":
            self.names.setdefault(call.place, None)
        elif call.kind == "rename":
            self.names.pop(call.place, None)
            self.names[call.new_place] = call.file
        else:
            self.names.pop(call.place, None)


def _sectors(call: Call) -> Iterator[Call]:
    """Take a write apart as a disk may: sectors, which are there as a whole or not at all."""
    if call.kind == "truncate":
        yield call
        return
    start, end = call.offset, call.offset + len(call.content)
    while start < end:
        stop = min(end, (start // SECTOR + 1) * SECTOR)
        yield Call("write", call.file, start, call.content[start - call.offset : stop - call.offset])
        start = stop


class Recorder:
    """Stands in for the calls of `os` that change the disk, and keeps those that concern a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.calls: list[Call] = []
        self.real = {
            name: getattr(os, name) for name in ("open", "pwrite", "ftruncate", "fsync", "replace", *_ON_A_NAME)
        }

    def install(self) -> None:
        """Put the calls in place."""
        for name in self.real:
            setattr(os, name, partial(self.on_a_name, name) if name in _ON_A_NAME else getattr(self, name))

    def remove(self) -> None:
        """Put the system's own back."""
        for name, call in self.real.items():
            setattr(os, name, call)

    def open(self, place: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        """Open a file, which may make it."""
        descriptor = self.real["open"](place, flags, mode, dir_fd=dir_fd)
        kind = "create" if flags & os.O_CREAT else "known"
        self._keep(Call(kind, os.fstat(descriptor).st_ino, place=self._name(place, dir_fd)))
        return descriptor

    def pwrite(self, descriptor: int, content: Any, offset: int) -> int:
        """Write to a file."""
        number = os.fstat(descriptor).st_ino
        self._keep(Call("write", number, offset, bytes(content), self._name(_place_of(descriptor))))
        return self.real["pwrite"](descriptor, content, offset)

    def ftruncate(self, descriptor: int, size: int) -> None:
        """Cut or extend a file."""
        self._keep(Call("truncate", os.fstat(descriptor).st_ino, size, place=self._name(_place_of(descriptor))))
        self.real["ftruncate"](descriptor, size)

    def fsync(self, descriptor: int) -> None:
        """Put a file, or the names in a folder, on the disk."""
        place = _place_of(descriptor)
        self._keep(Call("sync", 0 if place.is_dir() else os.fstat(descriptor).st_ino, place=self._name(place)))
        self.real["fsync"](descriptor)

    def replace(self, old: Any, new: Any, *, src_dir_fd: int | None = None, dst_dir_fd: int | None = None) -> None:
        """Rename a file over another."""
        number = os.stat(old, dir_fd=src_dir_fd).st_ino
        self.real["replace"](old, new, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
        names = self._name(old, src_dir_fd), self._name(new, dst_dir_fd)
        self._keep(Call("rename", number, place=names[0], new_place=names[1]))

    def on_a_name(self, kind: str, place: Any, *arguments: Any, dir_fd: int | None = None) -> None:
        """Remove a file, make or remove a folder."""
        self.real[kind](place, *arguments, dir_fd=dir_fd)
        self._keep(Call(kind, place=self._name(place, dir_fd)))

    def _keep(self, call: Call) -> None:
        if call.place:
            self.calls.append(call)

    def _name(self, place: Any, folder: int | None = None) -> str:
        """Name below the folder; empty for what is elsewhere."""
        full = Path(place) if folder is None else _place_of(folder) / place
        return str(full.relative_to(self.root)) if full.is_relative_to(self.root) else ""


def _place_of(descriptor: int) -> Path:
    """Where an open file is."""
    return Path(f"/proc/self/fd/{descriptor}").readlink()


if __name__ == "__main__":
    sys.exit(main())
