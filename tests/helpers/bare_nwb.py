"""Small NWB sessions whose values do not matter, written by pynwb or, the least of them, by h5py alone.

`helpers.simulated_nwb` has sessions whose units are simulated, `helpers.made_units` units in memory for metrics.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from helpers.simulated_nwb import write_nwbfile
from nwb_unitrefine.records import Ragged

if TYPE_CHECKING:
    from pathlib import Path


def make_trains(n_units: int = 6, seed: int = 0) -> Ragged:
    """Spike times of units, ten spikes more for each."""
    rng = np.random.default_rng(seed)
    trains = [np.sort(rng.uniform(0, 100, 10 * (unit + 1))) for unit in range(n_units)]
    return Ragged.concatenated(trains)


def make_small_session(path: Path, *, n_units: int = 6, columns: dict[str, Any] | None = None) -> Path:
    """Write a session with pynwb; Zarr where the path ends in ``.zarr``."""
    from pynwb import NWBFile
    from pynwb.file import Subject

    subject = Subject(subject_id="m1", species="Mus musculus", sex="F", age="P90D", description="A mouse.")
    nwbfile = NWBFile(
        "A session for tests.",
        f"session of {path.name}",
        datetime(2026, 1, 1, tzinfo=UTC),
        session_id="one",
        subject=subject,
        experimenter=["Cajal, Santiago"],
        institution="Institute",
        lab="Lab",
        keywords=["test"],
        experiment_description="Testing.",
    )
    device = nwbfile.create_device("probe", description="A probe with four sites.")
    group = nwbfile.create_electrode_group("shank", description="The shank.", location="CA1", device=device)
    for row in range(4):
        nwbfile.add_electrode(group=group, location="CA1", rel_x=0.0, rel_y=20.0 * row)
    for name in columns or {}:
        nwbfile.add_unit_column(name, f"Column {name}.")
    for unit, train in enumerate(make_trains(n_units)):
        values = {name: column[unit] for name, column in (columns or {}).items()}
        shape = -np.exp(-(((np.arange(40) - 15) / 3) ** 2))[:, None] * np.linspace(1, 0.2, 4) * 1e-4
        nwbfile.add_unit(spike_times=train, electrodes=[0, 1, 2, 3], waveform_mean=shape, **values)
    nwbfile.units.resolution = 1 / 30_000
    nwbfile.units.waveform_rate = 30_000.0
    return write_nwbfile(path, nwbfile, backend="zarr" if path.suffix == ".zarr" else "hdf5")


def make_bare(path: Path, *, n_units: int = 6, **options: Any) -> Path:
    """Write the least that is a units table with h5py alone; `options` are those of ``h5py.File``."""
    trains = make_trains(n_units)
    with h5py.File(path, "w", **options) as file:
        file.attrs.update({"nwb_version": "2.4.0", "namespace": "core", "neurodata_type": "NWBFile", "object_id": "f"})
        file.create_group("general")
        units = file.create_group("units")
        units.attrs.update({"namespace": "core", "neurodata_type": "Units", "object_id": "u", "description": "units"})
        units.attrs["colnames"] = np.array([b"spike_times"])
        datasets = {
            "id": (np.arange(n_units), "ElementIdentifiers"),
            "spike_times": (trains.values, "VectorData"),
            "spike_times_index": (trains.offsets[1:], "VectorIndex"),
        }
        for name, (values, kind) in datasets.items():
            dataset = units.create_dataset(name, data=values, chunks=(len(values),), maxshape=(None,))
            dataset.attrs.update({"namespace": "hdmf-common", "neurodata_type": kind, "object_id": name})
        units["spike_times_index"].attrs["target"] = units["spike_times"].ref
    return path
