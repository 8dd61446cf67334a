"""Units made on the spot, as values: no file, no reader."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from helpers.simulated_nwb import biphasic
from nwb_unitrefine.records import Column, Electrodes, Ragged, Source, Units, Waveforms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["RATE_HZ", "biphasic", "make_units", "ragged"]

RATE_HZ = 30_000.0


def ragged(rows: Sequence[Any]) -> Ragged:
    """Rows as one flat array."""
    return Ragged.concatenated(rows)


def make_units(
    trains: Sequence[Any],
    *,
    waveforms: np.ndarray | None = None,
    channels: np.ndarray | None = None,
    positions_um: np.ndarray | None = None,
    declared_unit: str = "microvolts",
    columns: Mapping[str, Any] | None = None,
    dialect: str = "",
    obs_intervals: Sequence[Any] | None = None,
    recorded_s: float | None = None,
    **options: Any,
) -> Units:
    """Units with these spike trains, in seconds, and these mean waveforms of shape (n_units, n_samples, n_channels)."""
    mean = None
    if waveforms is not None:
        if channels is None:
            channels = np.tile(np.arange(waveforms.shape[2]), (len(trains), 1))
        mean = Waveforms(mean=waveforms, channels=channels, sampling_rate_hz=RATE_HZ, declared_unit=declared_unit)
    electrodes = None
    if positions_um is not None:
        n_electrodes = len(positions_um)
        electrodes = Electrodes(
            ids=np.arange(n_electrodes), positions_um=positions_um, groups=np.full(n_electrodes, "probe")
        )
    intervals = None
    if obs_intervals is not None:
        intervals = Ragged.concatenated([np.reshape(row, (-1, 2)) for row in obs_intervals])
    recorded = None if recorded_s is None else np.array([[0.0, recorded_s]])
    return Units(
        unit_ids=np.arange(len(trains)),
        spike_times_s=ragged([np.asarray(train, dtype=np.float64) for train in trains]),
        source=Source(uri="made", kind="nwb-hdf5", dialect=dialect),
        obs_intervals_s=intervals,
        waveforms=mean,
        electrodes=electrodes,
        columns={
            name: Column(name=name, description="", values=np.asarray(values))
            for name, values in (columns or {}).items()
        },
        **({"recording_intervals_s": recorded, "sampling_rate_hz": RATE_HZ} | options),
    )
