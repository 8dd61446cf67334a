"""Label broken files, and count those that were labelled, refused in one line, or anything else.

    python tests/benchmarks/broken_files.py                          # 400 generated files
    python tests/benchmarks/broken_files.py --count 60               # the small form, as the tests run it
    python tests/benchmarks/broken_files.py --base FOLDER            # break the NWB files of a folder as well

Each file is made from a whole one by one of the ways in `WAYS` (cut off, bits flipped, wrong types, …), and for each
ten of them a Zarr store by one of `ZARR_WAYS`; it is labelled in a process of its own. It must be labelled, with a
history that verifies but for what was damaged before and `verify` named before, or refused with an error of ours and
not a byte changed. Each file is shown on standard error as it is done; at the end, one JSON document is printed. The
exit code is 1 if a file was neither.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ |= {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}  # threads do not survive a fork

import h5py
import numpy as np

from nwb_unitrefine.batch import label
from nwb_unitrefine.errors import UnitRefineError
from nwb_unitrefine.models import load_model
from nwb_unitrefine.verification import verify

if TYPE_CHECKING:
    from collections.abc import Callable

    Way = Callable[[Path, random.Random], None]

TIMEOUT_S = 60


def main(arguments: list[str] | None = None) -> int:
    """Break files, label them, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--base", type=Path, help="folder of NWB files to break as well")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    model = load_model()
    found: Counter[str] = Counter()
    faults = []
    with tempfile.TemporaryDirectory(prefix="broken-") as folder:
        whole = Path(folder) / "whole.nwb"
        make_session(whole)
        target = Path(folder) / "broken.nwb"
        labelled = Path(folder) / "labelled.nwb"
        shutil.copyfile(whole, labelled)
        label(labelled, model=model)  # what is compiled on first use is compiled here, and not in every process
        bases = [whole, labelled, *(sorted(options.base.glob("*.nwb")) if options.base else [])]
        for number in range(options.count):
            rng = random.Random(f"{options.seed} {number}")
            name = list(WAYS)[number % len(WAYS)]
            base = bases[number // len(WAYS) % len(bases)]
            shutil.copyfile(base, target)
            try:
                WAYS[name](target, rng)
            except (KeyError, ValueError, TypeError, OSError):  # this file has not what is to be broken
                found["not applicable"] += 1
                continue
            outcome, message = outcome_of(target, model)
            found[outcome] += 1
            print(f"{number} {name}: {outcome} {message[-300:]}", file=sys.stderr, flush=True)
            if outcome == "fault":
                faults.append({"way": name, "base": base.name, "number": number, "message": message})
            _remove(target)
        store = Path(folder) / "broken.nwb.zarr"
        make_store(whole, Path(folder) / "whole.nwb.zarr")
        for number in range(options.count // 10):
            rng = random.Random(f"{options.seed} zarr {number}")
            name = list(ZARR_WAYS)[number % len(ZARR_WAYS)]
            shutil.copytree(Path(folder) / "whole.nwb.zarr", store)
            ZARR_WAYS[name](store, rng)
            outcome, message = outcome_of(store, model)
            found[outcome] += 1
            print(f"{number} {name}: {outcome} {message[-300:]}", file=sys.stderr, flush=True)
            if outcome == "fault":
                faults.append({"way": name, "base": "whole.nwb.zarr", "number": number, "message": message})
            _remove(store)
    count = sum(found.values())
    print(json.dumps({"files": count, "fault": found["fault"], **found, "faults": faults}, indent=2))
    return int(bool(faults))


def outcome_of(path: Path, model: Any) -> tuple[str, str]:
    """Label one file in a process of its own; say what became of it, and of the file."""
    before = digest(path)
    reading, writing = os.pipe()
    process = os.fork()
    if not process:
        signal.alarm(TIMEOUT_S)
        os.write(writing, _try_to_label(path, model).encode()[-4000:])
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        message = pipe.read().decode(errors="replace")
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    changed = digest(path) != before
    if code != 0:
        return "fault", f"the process ended with {code}"
    if message == "labelled":
        return message, ""
    if message.startswith("refused: ") and "\n" not in message and not changed:
        return "refused", message
    return "fault", f"changed={changed} {message}"


def _try_to_label(path: Path, model: Any) -> str:
    """Label a file and verify it; say how that went, but for what `verify` named before it."""
    try:
        before = {check for check in _failed(path) if check[0] != "history"}
    except UnitRefineError:
        before = set()
    except BaseException:  # noqa: BLE001 - that is what is looked for
        return traceback.format_exc()
    try:
        label(path, model=model)
    except UnitRefineError as error:
        return f"refused: {error}"
    except BaseException:  # noqa: BLE001 - that is what is looked for
        return traceback.format_exc()
    try:
        more = _failed(path) - before
    except BaseException:  # noqa: BLE001 - as above
        return traceback.format_exc()
    return f"labelled, but not verified: {more}" if more else "labelled"


def _failed(path: Path) -> set[tuple[str, str]]:
    """What of a file `verify` does not find as the history records it, and how."""
    return {(check.what, check.detail) for check in verify(path).checks if not check.passed}


def digest(path: Path) -> str:
    """Digest a file, or every file of a folder with its name."""
    hasher = hashlib.sha256()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            hasher.update(str(file).encode() + file.read_bytes())
    return hasher.hexdigest()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def make_session(path: Path) -> None:
    """Write a whole NWB file with twelve units, waveforms and electrodes."""
    from pynwb import NWBHDF5IO, NWBFile

    rng = np.random.default_rng(0)
    nwbfile = NWBFile("broken", "broken", datetime(2026, 1, 1, tzinfo=UTC), session_id="broken")
    device = nwbfile.create_device("probe")
    group = nwbfile.create_electrode_group("shank", description="one", location="CA1", device=device)
    for row in range(8):
        nwbfile.add_electrode(group=group, location="CA1", rel_x=0.0, rel_y=20.0 * row)
    nwbfile.add_unit_column("quality", "By a sorter.")
    nwbfile.add_unit_column("snr", "Signal to noise.")
    for unit in range(12):
        shape = -np.exp(-(((np.arange(60) - 20) / 4) ** 2))[:, None] * rng.uniform(0.2, 1, 4) * 1e-4
        nwbfile.add_unit(
            spike_times=np.sort(rng.uniform(0, 300, 50 * (unit + 1))),
            obs_intervals=[[0, 300.0]],
            electrodes=[0, 1, 2, 3],
            waveform_mean=shape,
            quality="good",
            snr=float(unit),
        )
    with NWBHDF5IO(path, "w") as io:
        io.write(nwbfile)


def make_store(source: Path, path: Path) -> None:
    """Write the same session as a Zarr store."""
    from hdmf_zarr import NWBZarrIO
    from pynwb import NWBHDF5IO

    with NWBHDF5IO(source, "r") as io, NWBZarrIO(str(path), "w") as output:
        output.export(src_io=io, write_args={"link_data": False})


def _replace(name: str, make: Callable[[np.ndarray, random.Random], Any]) -> Way:
    """Replace a dataset of the units table by another; its attributes stay."""

    def way(path: Path, rng: random.Random) -> None:
        with h5py.File(path, "r+") as file:
            units = file["units"]
            old = units[name]
            attributes = dict(old.attrs)
            values = make(old[()], rng)
            del units[name]
            if values is not None:
                new = units.create_dataset(name, data=values)
                new.attrs.update({key: value for key, value in attributes.items() if not isinstance(value, h5py.Empty)})

    return way


def _attribute(name: str, value: Any) -> Way:
    """Set, or with None remove, an attribute of the units table."""

    def way(path: Path, rng: random.Random) -> None:  # noqa: ARG001 - as every way
        with h5py.File(path, "r+") as file:
            if value is None:
                del file["units"].attrs[name]
            else:
                file["units"].attrs[name] = value

    return way


def _cut(path: Path, rng: random.Random) -> None:
    os.truncate(path, rng.randrange(path.stat().st_size))


def _cut_tail(path: Path, rng: random.Random) -> None:
    os.truncate(path, path.stat().st_size - rng.randrange(1, 5000))


def _flip(count: int, *, first: float = 0.0, last: float = 1.0) -> Way:
    """Flip bits between two fractions of a file."""

    def way(path: Path, rng: random.Random) -> None:
        content = bytearray(path.read_bytes())
        for _ in range(count):
            content[rng.randrange(int(first * len(content)), int(last * len(content)))] ^= 1 << rng.randrange(8)
        path.write_bytes(content)

    return way


def _zero_page(path: Path, rng: random.Random) -> None:
    content = bytearray(path.read_bytes())
    start = rng.randrange(len(content) // 512) * 512
    content[start : start + 512] = bytes(len(content[start : start + 512]))
    path.write_bytes(content)


def _content(content: bytes) -> Way:
    return lambda path, _: path.write_bytes(content) and None


def _folder(path: Path, rng: random.Random) -> None:  # noqa: ARG001 - as every way
    path.unlink()
    path.mkdir()


def _in_file(change: Callable[[h5py.File], Any]) -> Way:
    def way(path: Path, rng: random.Random) -> None:  # noqa: ARG001 - as every way
        with h5py.File(path, "r+") as file:
            change(file)

    return way


def _text_column(file: h5py.File, value: bytes) -> None:
    """Make every value of the first text column the given bytes."""
    column = file["units/quality"]
    attributes = dict(column.attrs)
    count = len(column)
    del file["units/quality"]
    new = file["units"].create_dataset("quality", data=np.array([value] * count, dtype=f"S{max(1, len(value))}"))
    new.attrs.update(attributes)


def _huge_attributes(file: h5py.File) -> None:
    """Give the table as many attributes as push HDF5 to store them elsewhere."""
    for number in range(40):
        file["units"].attrs[f"note_{number}"] = "x" * 1500


def _retype(table: str, name: str) -> Way:
    """Turn a table into a dataset."""

    def change(file: h5py.File) -> None:
        del file[table]
        file[table] = name

    return _in_file(change)


WAYS: dict[str, Way] = {
    "cut off": _cut,
    "cut off at the end": _cut_tail,
    "one bit flipped": _flip(1),
    "ten bits flipped": _flip(10),
    "hundred bits flipped": _flip(100),
    "bits flipped at the beginning": _flip(4, last=0.05),
    "bits flipped in the second half": _flip(20, first=0.5),
    "a sector of zeros": _zero_page,
    "empty": _content(b""),
    "text": _content(b"spike times, in seconds\n" * 99),
    "zeros": _content(bytes(10_000)),
    "a folder": _folder,
    "no units": _in_file(lambda file: file.__delitem__("units")),
    "units is a dataset": _retype("units", "none"),
    "units is a dangling link": _in_file(
        lambda file: (file.__delitem__("units"), file.__setitem__("units", h5py.SoftLink("/nowhere")))
    ),
    "units is in another file": _in_file(
        lambda file: (file.__delitem__("units"), file.__setitem__("units", h5py.ExternalLink("gone.nwb", "/units")))
    ),
    "general is a dataset": _retype("general", "none"),
    "no ids": _replace("id", lambda *_: None),
    "too few ids": _replace("id", lambda values, _: values[:-1]),
    "too many ids": _replace("id", lambda values, _: np.append(values, 99)),
    "ids not unique": _replace("id", lambda values, _: np.zeros_like(values)),
    "ids as text": _replace("id", lambda values, _: np.array([b"u%d" % value for value in values])),
    "ids as fractions": _replace("id", lambda values, _: values + 0.5),
    "no spike times": _replace("spike_times", lambda *_: None),
    "no spike index": _replace("spike_times_index", lambda *_: None),
    "no spike times nor index": lambda path, rng: (
        [_replace(name, lambda *_: None)(path, rng) for name in ("spike_times", "spike_times_index")] and None
    ),
    "spike times as samples": _replace("spike_times", lambda values, _: np.round(values * 30_000).astype(np.int64)),
    "spike times as text": _replace("spike_times", lambda values, _: np.array([b"%f" % value for value in values])),
    "spike times NaN": _replace("spike_times", lambda values, _: np.full_like(values, np.nan)),
    "some spike times infinite": _replace("spike_times", lambda values, _: np.where(values > 200, np.inf, values)),
    "spike times out of order": _replace(
        "spike_times", lambda values, rng: np.array(rng.sample(list(values), len(values)))
    ),
    "spike times negative": _replace("spike_times", lambda values, _: values - 1000),
    "spike times in two columns": _replace("spike_times", lambda values, _: np.stack([values, values], axis=1)),
    "fewer spike times than indexed": _replace("spike_times", lambda values, _: values[: len(values) // 2]),
    "more spike times than indexed": _replace("spike_times", lambda values, _: np.append(values, [1.0, 2.0])),
    "index descending": _replace("spike_times_index", lambda values, _: values[::-1].copy()),
    "index negative": _replace("spike_times_index", lambda values, _: values.astype(np.int64) - 1000),
    "index as fractions": _replace("spike_times_index", lambda values, _: values + 0.5),
    "index too short": _replace("spike_times_index", lambda values, _: values[:-2]),
    "index enormous": _replace("spike_times_index", lambda values, _: values.astype(np.uint64) + 2**63),
    "no colnames": _attribute("colnames", None),
    "colnames a number": _attribute("colnames", 3),
    "colnames one text": _attribute("colnames", "spike_times"),
    "colnames empty": _attribute("colnames", h5py.Empty("S1")),
    "colnames names what is not there": _attribute("colnames", ["spike_times", "ghost"]),
    "colnames twice the same": _attribute("colnames", ["spike_times", "spike_times", "quality"]),
    "waveforms NaN": _replace("waveform_mean", lambda values, _: np.full_like(values, np.nan)),
    "waveforms of one number": _replace("waveform_mean", lambda values, _: values[..., 0, 0]),
    "waveforms as text": _replace("waveform_mean", lambda values, _: np.full(len(values), b"-")),
    "waveforms of fewer units": _replace("waveform_mean", lambda values, _: values[:-3]),
    "waveforms enormous": _replace("waveform_mean", lambda values, _: values * 1e30),
    "intervals not pairs": _replace("obs_intervals", lambda values, _: values.ravel()),
    "intervals backwards": _replace("obs_intervals", lambda values, _: values[:, ::-1].copy()),
    "electrodes beyond the table": _replace("electrodes", lambda values, _: values + 1000),
    "no electrodes table": _in_file(lambda file: file.__delitem__("general/extracellular_ephys/electrodes")),
    "text with NUL": _in_file(lambda file: _text_column(file, b"go\x00od")),
    "text not UTF-8": _in_file(lambda file: _text_column(file, b"\xff\xfegood")),
    "text empty": _in_file(lambda file: _text_column(file, b"")),
    "huge attributes": _in_file(_huge_attributes),
    "quality as a group": _in_file(
        lambda file: (file.__delitem__("units/quality"), file.create_group("units/quality"))
    ),
    "a history that is none": _in_file(lambda file: file.create_group("general/unit_curation/run_0001")),
    "a history that is a dataset": _in_file(lambda file: file.__setitem__("general/unit_curation", 3)),
    "specifications a dataset": _retype("specifications", "none"),
    "no version": _in_file(lambda file: file.attrs.__delitem__("nwb_version")),
}
"""How a whole file is broken, by name."""


def _in_store(change: Callable[[bytes, random.Random], bytes | None], pattern: str) -> Way:
    """Change a file of a Zarr store, one of those that matter for its units, or with None remove it."""

    def way(path: Path, rng: random.Random) -> None:
        files = [path / ".zmetadata", *sorted((path / "units").rglob(pattern))]
        file = rng.choice([file for file in files if file.is_file() and file.match(pattern)])
        content = change(file.read_bytes(), rng)
        if content is None:
            file.unlink()
        else:
            file.write_bytes(content)

    return way


def _flipped(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(3):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


ZARR_WAYS: dict[str, Way] = {
    f"{what} of a store {how}": _in_store(change, pattern)
    for what, pattern in {
        "a chunk": "[0-9]*",
        "metadata of an array": ".zarray",
        "attributes": ".zattrs",
        "all metadata": ".zmetadata",
    }.items()
    for how, change in {
        "cut off": lambda content, rng: content[: rng.randrange(len(content))],
        "flipped": _flipped,
        "empty": lambda *_: b"",
        "gone": lambda *_: None,
    }.items()
}
"""How a whole Zarr store is broken, by name."""


if __name__ == "__main__":
    sys.exit(main())
