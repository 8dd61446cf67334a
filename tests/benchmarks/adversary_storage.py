"""Attempts on what opens files: Zarr metadata and chunks, ZIP files, servers, HDF5's ways to other files.

    python tests/benchmarks/adversary_storage.py

Each opens what a stranger could have handed over, with every command that reads. An attempt is held if it ends in the
units as they are or in an error of one line, soon, in little memory, with nothing run and nothing read that
is not the source's.
"""

from __future__ import annotations

import base64
import json
import os
import pickle
import resource
import shutil
import struct
import sys
import tempfile
import time
import warnings
import zipfile
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import h5py
import numpy as np

from helpers.bare_nwb import make_bare
from helpers.curations import zarr_curation_of
from helpers.hostile_files import (
    CODECS,
    DAMAGED_ARRAYS,
    NO_DOCUMENTS,
    WAYS_OUT,
    change_document,
    encode_alone,
    zipped,
)
from helpers.servers.hostile_server import WRONG, drip, endless, moved, part, serve_answers
from helpers.simulated_nwb import make_session, write_nwb
from nwb_unitrefine.errors import UnitRefineError
from nwb_unitrefine.read import Patience, read_units
from nwb_unitrefine.storage.remote.http_ranges import HttpRanges
from nwb_unitrefine.verification import verify
from nwb_unitrefine.write import read_history, undo, write_curation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from helpers.servers.hostile_server import Asked

__all__ = ["Attempt", "attempts", "rows"]

LONGEST_S = 30.0
MOST_BYTES = 2 << 30
SECRET = 424_242
HURRY = Patience(attempts=2, wait_s=0, timeout_s=0.3, slowest_bytes_per_s=10_000, longest_s=3)
ARRAYS = ("units/spike_times", "units/id", "units/spike_times_index", "general/unit_curation/run_0001/label")
PICKLE = {"id": "pickle", "protocol": 5}
CODEC_NAMES = (
    "wavpack",
    "msgpack2",
    "pickle2",
    "n5_wrapper",
    "zfpy",
    "os.system",
    "",
    "a" * 1000,
    "../pickle",
    "PICKLE",
)


@dataclass(frozen=True)
class Attempt:
    """One attempt; see ``adversary.py``."""

    area: str
    name: str
    held: bool
    why: str = ""


class _Marker:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (str(self.path),))


class Ground:
    """A labelled session as Zarr and a bare one as HDF5, a fresh copy for each attempt, and a secret elsewhere."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.marker = folder / "ran"
        self._zarr, self._hdf5 = folder / "whole.nwb.zarr", folder / "whole.nwb"
        write_nwb(self._zarr, make_session(), backend="zarr", n_groups=2)
        write_curation(zarr_curation_of(self._zarr))
        make_bare(self._hdf5)
        self.served = folder / "served.nwb"
        write_nwb(self.served, make_session(n_units=6))
        self.secret = folder / "elsewhere" / "secret.nwb"
        self.secret.parent.mkdir()
        make_bare(self.secret)
        with h5py.File(self.secret, "r+") as file:
            file["secret"] = np.arange(6) + SECRET
        self._n = 0

    def _fresh(self) -> Path:
        self._n += 1
        place = self.folder / f"{self._n}"
        place.mkdir()
        return place

    def zarr(self) -> Path:
        """A store to damage."""
        return Path(shutil.copytree(self._zarr, self._fresh() / "a.nwb.zarr"))

    def hdf5(self) -> Path:
        """A file to damage."""
        return Path(shutil.copyfile(self._hdf5, self._fresh() / "a.nwb"))

    def evil(self) -> bytes:
        """A pickle that leaves a mark."""
        return pickle.dumps(np.array([_Marker(self.marker)] * 6, dtype=object))


def _wrong_outcome(ground: Ground, command: Callable[[], Any], *, may_read: bool) -> str:
    """Why a command did not withstand an attempt; nothing if it did."""
    begun, peak = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    why = ""
    try:
        found = command()
    except UnitRefineError as error:
        why = "more than one line" if "\n" in str(error) else ""
    except BaseException as error:  # noqa: BLE001 - an attempt that gets through raises anything
        why = f"{type(error).__name__}: {error}"[:200]
    else:
        if not may_read:
            why = "read as if nothing were wrong"
        columns = getattr(found, "columns", None)
        if isinstance(columns, dict) and any(str(SECRET) in str(column.values) for column in columns.values()):
            why = "it has the secret"
    if ground.marker.exists():
        ground.marker.rmdir()
        why = "it ran code"
    if time.monotonic() - begun > LONGEST_S:
        why = why or f"it took {time.monotonic() - begun:.0f} s"
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) * 1024
    return why or (f"it took {grown / 1e9:.1f} GB" if grown > MOST_BYTES else "")


def _try(ground: Ground, area: str, name: str, source: Any, *, may_read: bool = False) -> Attempt:
    """Read units; then everything else that opens a file, which need not notice what it does not look at."""
    why = _wrong_outcome(ground, lambda: read_units(source, patience=HURRY), may_read=may_read)
    if not isinstance(source, str):
        for command in (read_history, verify, undo):
            why = why or _wrong_outcome(ground, lambda command=command: command(source), may_read=True)
    return Attempt(area, name, not why, why)


def _pickles(ground: Ground) -> Iterator[Attempt]:
    for array in ARRAYS:
        for place in ("filter", "compressor", "fill value", "second filter"):
            for consolidated in (True, False):
                store = ground.zarr()
                if not consolidated:
                    (store / ".zmetadata").unlink()
                fields: dict[str, Any] = {
                    "filter": {"dtype": "|O", "filters": [PICKLE], "compressor": None, "fill_value": None},
                    "compressor": {"compressor": PICKLE, "filters": None},
                    "second filter": {"filters": [{"id": "shuffle", "elementsize": 8}, PICKLE], "compressor": None},
                    "fill value": {
                        "dtype": [["a", "|O"]],
                        "filters": [PICKLE],
                        "fill_value": base64.standard_b64encode(ground.evil()).decode(),
                    },
                }[place]
                change_document(store, f"{array}/.zarray", **fields)
                for chunk in (store / array).iterdir():
                    if not chunk.name.startswith("."):
                        chunk.write_bytes(ground.evil())
                name = f"{place} of {array}, {'consolidated' if consolidated else 'plain'}"
                yield _try(ground, "Zarr: pickled code", name, store, may_read=array.startswith("general"))


def _documents(ground: Ground) -> Iterator[Attempt]:
    for codec in CODEC_NAMES:
        store = ground.zarr()
        change_document(store, "units/spike_times/.zarray", compressor={"id": codec})
        yield _try(ground, "Zarr: unknown codecs", repr(codec[:20]), store)
    for name, fields in DAMAGED_ARRAYS.items():
        for array in ("units/spike_times", "units/id"):
            store = ground.zarr()
            change_document(store, f"{array}/.zarray", **fields)
            yield _try(ground, "Zarr: damaged arrays", f"{array}: {name}", store)
    for key in (".zmetadata", ".zgroup", "units/.zgroup", "units/.zattrs", "units/spike_times/.zarray"):
        for name, content in NO_DOCUMENTS.items():
            store = ground.zarr()
            if key != ".zmetadata":
                (store / ".zmetadata").unlink()
            (store / key).write_bytes(content)
            yield _try(ground, "Zarr: documents", f"{key}: {name}", store)


def _chunks(ground: Ground) -> Iterator[Attempt]:
    for name, codec in CODECS.items():
        store = ground.zarr()
        encode_alone(store, codec)
        chunk = store / "units/spike_times/0"
        content = bytes(codec.encode(np.arange(1000.0)))
        chunk.write_bytes(bytes(codec.encode(np.zeros(100_000_000, dtype="u1"))))
        yield _try(ground, "Zarr: chunks", f"{name}: 100 MB in a small array", store)
        for end in (0, 5, len(content) // 2, len(content) - 1):
            chunk.write_bytes(content[:end])
            yield _try(ground, "Zarr: chunks", f"{name}: cut off at {end}", store)
        chunk.write_bytes(os.urandom(500))
        yield _try(ground, "Zarr: chunks", f"{name}: noise", store)
    for codec_name, content in {
        "vlen-utf8": struct.pack("<I", 0xFFFFFFFF),
        "vlen-bytes": struct.pack("<II", 6, 0xFFFFFFFF),
        "json2": json.dumps(["a", "|O", [1 << 40]]).encode(),
    }.items():
        store = ground.zarr()
        array = "general/unit_curation/run_0001/label"
        change_document(
            store, f"{array}/.zarray", dtype="|O", filters=[{"id": codec_name}], compressor=None, fill_value=None
        )
        next(place for place in (store / array).iterdir() if not place.name.startswith(".")).write_bytes(content)
        yield _try(ground, "Zarr: chunks", f"{codec_name}: a false count", store, may_read=True)


def _places(ground: Ground) -> Iterator[Attempt]:
    for place in ("units/spike_times/0", "units/id/0", "units/spike_times", "units", "units/.zattrs"):
        for target in (ground.secret, ground.folder / "nowhere", Path("/dev/zero")):
            store = ground.zarr()
            if (store / place).is_dir():
                shutil.rmtree(store / place)
            else:
                (store / place).unlink()
            (store / place).symlink_to(target)
            yield _try(ground, "Zarr: symbolic links", f"{place} to {target.name}", store)
    for name, spoil in {
        "no ZIP file": lambda path: path.write_bytes(b"PK\x03\x04 nothing"),
        "cut off": lambda path: path.write_bytes(path.read_bytes()[:-400]),
        "empty": lambda path: path.write_bytes(b""),
        "names that lead out": lambda path: _add(path, "../../units/id/0"),
        "a name twice": lambda path: _add(path, "units/.zattrs"),
        "false size": _false_size,
    }.items():
        path = zipped(ground.zarr(), ground.folder / f"{name}.zarr.zip", compression=zipfile.ZIP_DEFLATED)
        spoil(path)
        why = _wrong_outcome(ground, lambda path=path: read_units(path), may_read=name == "names that lead out")
        yield Attempt("Zarr: ZIP files", name, not why, why)


def _add(path: Path, name: str) -> None:
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, "{}")


def _false_size(path: Path) -> None:
    content = bytearray(path.read_bytes())
    place = content.rindex(b"units/spike_times/0") - 46
    content[place + 24 : place + 28] = (1 << 30).to_bytes(4, "little")
    path.write_bytes(content)


@contextmanager
def _served(answer: Callable[[Asked], Any]) -> Iterator[str]:
    with serve_answers(answer) as server:
        yield f"{server.url}/a.nwb"


def _servers(ground: Ground) -> Iterator[Attempt]:  # one branch for each way to go wrong
    content = ground.served.read_bytes()
    for name, wrong in WRONG.items():
        with _served(lambda asked, wrong=wrong: [wrong(content, asked)]) as url:
            yield _try(ground, "Servers: wrong answers", name, url)
        with _served(
            lambda asked, wrong=wrong: [part(content, asked) if asked.number == 1 else wrong(content, asked)]
        ) as url:
            yield _try(ground, "Servers: wrong answers", f"{name}, later", url)
    for name in (".zmetadata", "chunk"):
        for kind, head in {
            "endless": b"",
            "encoded": b"Content-Encoding: gzip\r\n",
            "parts": b"Content-Type: multipart/x\r\n",
        }.items():

            def answer(asked: Asked, head: bytes = head, kind: str = kind) -> Iterator[bytes]:
                yield b"HTTP/1.1 200 OK\r\n" + head + b"\r\n"
                yield from endless(asked) if kind == "endless" else [b"{}"]

            with serve_answers(answer) as server:
                ranges = HttpRanges(f"{server.url}/{name}", patience=HURRY)
                why = _wrong_outcome(
                    ground, lambda ranges=ranges: ranges.read_all(most_bytes=10_000_000), may_read=False
                )
                yield Attempt("Servers: small files", f"{name}: {kind}", not why, why)
    for place in ("head", "body"):

        def slow(asked: Asked, place: str = place) -> Iterator[bytes]:
            whole = part(content, asked)
            head = whole.index(b"\r\n\r\n") + 4 if place == "body" else 0
            yield whole[:head]
            yield from drip(asked, whole[head:])

        with _served(slow) as url:
            yield _try(ground, "Servers: slow", place, url)
    for location in ("file:///etc/passwd", "ftp://127.0.0.1/a", "javascript:1", "data:,x", "gopher://127.0.0.1/"):
        with _served(lambda _, location=location: [moved(location)]) as url:
            yield _try(ground, "Servers: redirects", location, url)
    with _served(lambda asked: [moved(f"/{asked.number}")]) as url:
        yield _try(ground, "Servers: redirects", "on and on", url)
    with _served(lambda _: [moved("/a.nwb")]) as url:
        yield _try(ground, "Servers: redirects", "in a circle", url)
    with serve_answers(lambda asked: [part(content, asked)]) as other:
        for status in (301, 302, 303, 307, 308):
            with serve_answers(lambda _, status=status: [moved(f"{other.url}/a", status)]) as server:
                ranges = HttpRanges(f"{server.url}/a", headers={"Authorization": "token secret"}, patience=HURRY)
                ranges.read(0, 10)
            leaked = any("authorization" in asked.headers for asked in other.asked)
            yield Attempt("Servers: tokens", str(status), not leaked, "the token went elsewhere" if leaked else "")
    for total in (10**12, 10**18, 10**19):
        with serve_answers(lambda asked, total=total: [_of_size(content, asked, total)]) as server:
            ranges = HttpRanges(f"{server.url}/a.nwb", patience=HURRY)
            why = _wrong_outcome(ground, lambda ranges=ranges, n=total: ranges.read(0, n), may_read=False)
            yield Attempt("Servers: sizes", f"{total:.0e} bytes", not why, why)


def _of_size(content: bytes, asked: Asked, total: int) -> bytes:
    start, stop = asked.range
    body = content[start:stop].ljust(stop - start, b"\0")
    return part(content, asked, body=body, Content_Range=f"bytes {start}-{stop - 1}/{total}")


def _hdf5(ground: Ground) -> Iterator[Attempt]:
    for name, way in WAYS_OUT.items():
        for column in ("snr", "spike_times", "id"):
            path = ground.hdf5()
            with h5py.File(path, "r+") as file:
                way(file["units"], ground.secret)
                if column != "snr":
                    del file[f"units/{column}"]
                    file.move("units/snr", f"units/{column}")
            yield _try(ground, "HDF5: ways to other files", f"{name}: {column}", path, may_read=column == "snr")
    for name, make in {
        "pipe": lambda file, path: (os.mkfifo(path.with_name("pipe")), _link(file, "pipe"))[1],
        "folder": lambda file, _: _link(file, "."),
        "device": lambda file, _: _link(file, "/dev/zero"),
        "itself": lambda file, _: _link(file, "a.nwb", "/units/snr"),
        "texts": lambda file, _: file.create_dataset(
            "units/snr", (6, 1 << 32), h5py.string_dtype(), chunks=(1, 1 << 16)
        ),
        "numbers": lambda file, _: file.create_dataset("units/snr", (6, 1 << 40), "f8", chunks=(1, 1 << 16)),
        "history elsewhere": lambda file, _: _link(file, str(ground.secret), "/", at="general/unit_curation"),
        "general elsewhere": lambda file, _: (
            file.pop("general", None),
            _link(file, str(ground.secret), "/", at="general"),
        ),
    }.items():
        path = ground.hdf5()
        with h5py.File(path, "r+") as file:
            make(file, path)
        yield _try(ground, "HDF5: odd links and shapes", name, path, may_read=True)
    for name, content in {
        "Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n",
        "git-annex": b"/annex/objects/SHA256E-s5--0.nwb\n",
        "signature only": b"\x89HDF\r\n\x1a\n",
        "zeros": bytes(4096),
    }.items():
        path = ground.hdf5()
        path.write_bytes(content)
        yield _try(ground, "HDF5: no files", name, path)


def _link(file: h5py.File, name: str, target: str = "/x", *, at: str = "units/snr") -> None:
    file[at] = h5py.ExternalLink(name, target)


def attempts(folder: Path) -> Iterator[Attempt]:
    """Everything, in an empty folder."""
    os.environ["NUMCODECS_ALLOW_UNSAFE_PICKLE_DECODE"] = "1"  # as numcodecs before 0.15.2, which let pickle run
    ground = Ground(folder)
    for area in (_pickles, _documents, _chunks, _places, _servers, _hdf5):
        yield from area(ground)


def rows(found: list[Attempt]) -> list[tuple[str, int, int, int]]:
    """By area: attempts, held, failed."""
    total, held = Counter(one.area for one in found), Counter(one.area for one in found if one.held)
    return [(area, total[area], held[area], total[area] - held[area]) for area in total]


def main() -> int:
    """Print the table, and each attempt that got through."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        found = list(attempts(Path(folder)))
    for area, n_attempts, n_held, n_failed in rows(found):
        print(f"{area:36} {n_attempts:5} {n_held:5} {n_failed:5}")
    failed = [one for one in found if not one.held]
    for one in failed:
        print(f"FAILED {one.area}: {one.name}: {one.why}")
    print(f"{len(found)} attempts, {len(failed)} failed")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
