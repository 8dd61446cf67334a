"""A dandiset of three simulated sessions and two other assets, served as the public archive while a block lasts."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import h5py

from helpers.servers.dandi_stub import known_instances, serve_dandi
from helpers.servers.range_server import serve_ranges
from nwb_unitrefine.demo import simulate_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["small_archive"]

UNITS = ("Units", "ElectrodeGroup")
ASSETS = {
    "sub-1/sub-1_ses-1_ecephys.nwb": ("1.nwb", UNITS),
    "sub-1/sub-1_ses-2_ecephys.nwb": ("2.nwb", UNITS),
    "sub-2/sub-2_ses-1_ecephys.nwb": ("3.nwb", UNITS),
    "sub-2/sub-2_ses-2_ecephys.nwb": ("broken.nwb", UNITS),
    "sub-3/sub-3_behavior.nwb": ("1.nwb", ("SpatialSeries",)),
}


@contextmanager
def small_archive(folder: Path) -> Iterator[Path]:
    """Make the sessions in `folder` and serve them as DANDI:000123, to this process and to those with these modules.

    Yields the folder of modules that other processes need to know the server as the archive.
    """
    folder.mkdir()
    for seed in (1, 2, 3):
        simulate_session(folder / f"{seed}.nwb", n_units=10, duration_s=300.0, seed=seed)
        with h5py.File(folder / f"{seed}.nwb", "r+") as file:
            file["general/subject/subject_id"][()] = f"mouse-{(seed + 1) // 2}"
            file["general/session_id"][()] = f"day-{seed}"
    (folder / "broken.nwb").write_text("no HDF5 at all")
    modules = folder / "modules"
    with serve_dandi() as stub, serve_ranges(folder) as blobs, known_instances(modules, dandi=stub):
        for number, (path, (file, measured)) in enumerate(ASSETS.items()):
            stub.add(path, f"00000000-0000-4000-8000-{number:012d}", f"{blobs.url}/{file}", measured=measured)
        yield modules
