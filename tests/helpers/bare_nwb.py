"""The smallest sessions and files: six simulated units on four channels, with 10, 20, 30, ... spikes in 100 s."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from helpers.simulated_nwb import make_session, write_bare_nwb, write_nwb
from nwb_unitrefine.records import Ragged

if TYPE_CHECKING:
    from pathlib import Path

    from helpers.simulated_nwb import Session

__all__ = ["make_bare", "make_small_session", "make_trains"]


def _small(n_units: int) -> Session:
    """The units, numbered from 0."""
    counts = 10 * np.arange(1, n_units + 1)
    session = make_session(n_units=n_units, n_channels=4, duration_s=100.0, n_spikes=counts.tolist())
    return replace(session, unit_ids=np.arange(n_units))


def make_trains(n_units: int = 6) -> Ragged:
    """Their spike times, in seconds."""
    return Ragged.concatenated(_small(n_units).spike_times_s)


def make_small_session(path: Path, *, n_units: int = 6, columns: dict[str, Any] | None = None) -> Path:
    """Write them with pynwb, with a waveform on every channel; Zarr where the path ends in ``.zarr``."""
    return write_nwb(
        path,
        _small(n_units),
        backend="zarr" if path.suffix == ".zarr" else "hdf5",
        waveforms="all",
        obs_intervals=False,
        electrode_groups=False,
        columns=columns,
    )


def make_bare(path: Path, *, n_units: int = 6, **options: Any) -> Path:
    """Write their spike times alone, with h5py; `options` are those of ``h5py.File``."""
    trains = make_trains(n_units)
    units = {"id": np.arange(n_units), "spike_times": trains.values, "spike_times_index": trains.offsets[1:]}
    return write_bare_nwb(path, units, **options)
