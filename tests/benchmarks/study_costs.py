"""Measure what a study of a dandiset costs: bytes, requests, CPU and disk, for an asset and for a million units.

    python tests/benchmarks/study_costs.py FOLDER [--raw-gb 2]

An archive on loopback, which the real client of DANDI talks to, serves every NWB file of a folder, and, with
``--raw-gb``, a session of 400 units with so much raw data beside them. Each is labelled twice: alone, as `label` does
with an asset, and in a study. Time is CPU of this process, which other programs on the machine do not change; what the
server needs is counted apart.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
import warnings
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
import h5py

from helpers.servers.dandi_stub import known_instances, serve_dandi
from helpers.servers.range_server import RangeServer, serve_ranges
from helpers.simulated_nwb import make_session, write_nwb
from nwb_unitrefine import load_model
from nwb_unitrefine.batch import label
from nwb_unitrefine.batch.dandisets import plan_dandiset
from nwb_unitrefine.batch.plan import write_plan
from nwb_unitrefine.batch.study import label_study, study_options
from nwb_unitrefine.batch.tasks import TaskOptions
from nwb_unitrefine.write import WriteOptions

N_RAW_UNITS = 400
_INSTANCE = "dandi-stub"


@dataclass
class Cost:
    """What was needed for some assets."""

    n_assets: int = 0
    n_units: int = 0
    n_spikes: int = 0
    stored: int = 0
    fetched: int = 0
    n_ranges: int = 0
    n_calls: int = 0
    cpu_s: float = 0.0
    made: int = 0


def main() -> None:
    """Print the costs of each group of files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--raw-gb", type=float, default=0.0)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{datetime.now(UTC):%Y-%m-%d}, {machine}")
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        groups = {"files of the folder": sorted(given.folder.glob("**/*.nwb"))}
        if given.raw_gb:
            groups[f"{N_RAW_UNITS} units beside {given.raw_gb:g} GB"] = [
                _with_raw(Path(place) / "raw.nwb", given.raw_gb)
            ]
        served = Path(place) / "served"
        served.mkdir()
        stub = stack.enter_context(serve_dandi())
        stack.enter_context(known_instances(Path(place) / "known", dandi_stub=stub))
        for name, files in groups.items():
            for number, file in enumerate(files):
                (served / f"{number}_{file.name}").symlink_to(file.resolve())
            blobs = stack.enter_context(serve_ranges(served))
            stub.assets.clear()
            for number, file in enumerate(files):
                asset = f"00000000-0000-4000-8000-{number:012d}"
                path = f"sub-{number}/sub-{number}_ecephys.nwb"
                stub.add(path, asset, f"{blobs.url}/{number}_{file.name}", measured=("Units",))
            _alone(Path(place) / f"first {name}", stub, blobs)  # imports and compiles
            single = _alone(Path(place) / f"alone {name}", stub, blobs)
            study = _in_study(Path(place) / f"study {name}", stub, blobs, files)
            _print(name, single, study)


def _alone(folder: Path, stub: object, blobs: RangeServer) -> Cost:
    """Label each asset on its own into a small file."""
    folder.mkdir()
    model, cost = load_model("default"), Cost()
    for path in stub.assets:
        before = (blobs.n_asked, blobs.n_bytes, len(stub.asked), time.process_time())
        options = WriteOptions(units_only=True)
        source = f"dandi://{_INSTANCE}/assets/{stub.assets[path][0]}"
        label(source, model=model, output=folder / f"{path.rpartition('/')[2]}", write_options=options)
        _add(cost, before, stub, blobs)
        cost.n_assets += 1
    return cost


def _in_study(study: Path, stub: object, blobs: RangeServer, files: list[Path]) -> Cost:
    """Label the same assets in a study."""
    options, cost = study_options(TaskOptions()), Cost()
    before = (blobs.n_asked, blobs.n_bytes, len(stub.asked), time.process_time())
    write_plan(study, plan_dandiset("DANDI:000123", instance=_INSTANCE))
    for line in label_study(study, options):
        if line["outcome"] == "labelled":
            cost.n_units += line["n_units"]
            cost.n_assets += 1
        else:
            print(f"    {line['id']}: {line['error']}")
    _add(cost, before, stub, blobs)
    cost.stored = sum(file.stat().st_size for file in files)
    cost.made = sum(file.stat().st_size for file in study.rglob("*") if file.is_file())
    for file in files:
        with h5py.File(file) as opened:
            cost.n_spikes += opened["units/spike_times"].shape[0]
    return cost


def _add(cost: Cost, before: tuple[int, int, int, float], stub: object, blobs: RangeServer) -> None:
    cost.n_ranges += blobs.n_asked - before[0]
    cost.fetched += blobs.n_bytes - before[1]
    cost.n_calls += len(stub.asked) - before[2]
    cost.cpu_s += time.process_time() - before[3]


def _print(name: str, single: Cost, study: Cost) -> None:
    """Print what was measured, and the same for a million units."""
    n_units = study.n_units
    print(f"\n{name}: {study.n_assets} assets, {n_units} units, {study.n_spikes} spikes, {study.stored / 1e6:.1f} MB")
    print(f"{'':<26}{'each alone':>12}{'in a study':>12}{'for a million units':>22}")
    for what, one, other, scale, unit in (
        ("bytes of blobs", single.fetched, study.fetched, 1e9, "GB"),
        ("requests to the store", single.n_ranges, study.n_ranges, 1.0, ""),
        ("requests to the archive", single.n_calls, study.n_calls, 1.0, ""),
        ("CPU, s", single.cpu_s, study.cpu_s, 3600.0, "hours"),
        ("disk of the study", 0, study.made, 1e9, "GB"),
    ):
        million = other / n_units * 1e6 / scale
        print(f"{what:<26}{one:>12.4g}{other:>12.4g}{million:>16.4g} {unit}")


def _with_raw(path: Path, gigabytes: float) -> Path:
    """Write 400 units, a million spikes, and raw data beside them that take no room on disk."""
    write_nwb(path, make_session(n_units=N_RAW_UNITS, n_channels=32, duration_s=60.0, rate_hz=40.0), raw=False)
    with h5py.File(path, "a") as file:
        series = file.create_group("acquisition/ElectricalSeries")
        series.attrs.update({"neurodata_type": "ElectricalSeries", "namespace": "core", "object_id": "x"})
        series.create_dataset("data", shape=(int(gigabytes * 1e9 / 768), 384), dtype="int16")[-1] = 1
        series["starting_time"] = 0.0
        series["starting_time"].attrs["rate"] = 30_000.0
    return path


if __name__ == "__main__":
    main()
