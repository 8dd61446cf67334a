"""A SortingAnalyzer without a recording: units of any source for SpikeInterface and spikeinterface-gui.

The mean waveforms stand in as its templates, so that what SpikeInterface computes from spike times and templates works,
and curation with merges can be done in its viewer. `nwb_unitrefine.relabel` and ``relabel --labels`` take the curation
back.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import MissingExtraError, WriteError
from nwb_unitrefine.journal.appearing import appearing
from nwb_unitrefine.metrics.prepare.waveform_scale import infer_scale

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from nwb_unitrefine.records import Units, Waveforms

__all__ = ["export_analyzer"]

_APART_UM = 1.0
"""Contacts at one place are moved apart by this: a probe refuses two at one place."""

_UNKNOWN_PITCH_UM = 20.0
"""Distance of contacts whose places nobody knows."""


def export_analyzer(
    units: Units,
    output: str | Path,
    *,
    properties: Mapping[str, Sequence[Any]] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write units as a SortingAnalyzer folder.

    Parameters
    ----------
    units : Units
        With a sampling rate.
    output : str or Path
        Folder to make.
    properties : mapping of str to sequence, optional
        Values for each unit, such as labels, which the viewer shows as columns.
    overwrite : bool, optional
        Replace a folder of that name.

    Returns
    -------
    Path
        Of the folder. Where spike times are negative, all are later in it by the same number of samples.

    Raises
    ------
    MissingExtraError
        Without SpikeInterface.
    WriteError
        If the units have no sampling rate, no waveforms or no spikes, or the folder cannot be written.
    """
    place = Path(output)
    rate = units.sampling_rate_hz
    waveforms = units.waveforms
    if not rate or not len(units.spike_times_s.values):
        raise WriteError("An analyzer needs spikes and their sampling rate.", tip="State it: --sampling-rate-hz.")
    if waveforms is None or not waveforms.mean.size:
        raise WriteError("An analyzer needs mean waveforms, and the source has none.")
    sorting_type, analyzer_type, templates_type = _spikeinterface()
    samples = np.rint(units.spike_times_s.values * rate).astype(np.int64)
    samples -= min(int(samples.min()), 0)
    labels = np.repeat(np.arange(len(units)), units.spike_times_s.counts)
    order = np.argsort(samples, kind="stable")
    numbers = np.arange(len(units))
    sorting = sorting_type.from_samples_and_labels([samples[order]], [labels[order]], rate, unit_ids=numbers)
    sorting = sorting.rename_units(units.unit_ids)
    for name, values in (properties or {}).items():
        sorting.set_property(name, np.asarray(values))
    templates, rows, in_microvolts = _templates(waveforms)
    analyzer = analyzer_type.create_memory(
        sorting,
        None,
        sparsity=None,
        return_in_uV=in_microvolts,
        peak_sign="neg",
        peak_mode="extremum",
        rec_attributes=_recording(units, rows, n_samples=int(samples.max()) + 1, rate=rate),
    )
    before = waveforms.samples_before_peak
    if before is None:
        before = int(np.median(np.abs(templates).max(axis=2).argmax(axis=1)))
    extension = templates_type(analyzer)
    extension.params = {
        "operators": ["average"],
        "ms_before": before / (waveforms.sampling_rate_hz or rate) * 1e3,
        "ms_after": (templates.shape[1] - before) / (waveforms.sampling_rate_hz or rate) * 1e3,
    }
    extension.data["average"] = templates
    extension.run_info = {"run_completed": True, "runtime_s": 0.0}
    analyzer.extensions["templates"] = extension
    with appearing(place, overwrite=overwrite) as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SpikeInterface warns that there is no recording, which is meant so
        analyzer.save_as(format="binary_folder", folder=folder)
    return place


def _spikeinterface() -> tuple[Any, Any, Any]:
    """The one door to SpikeInterface here."""
    try:
        from spikeinterface.core import NumpySorting, SortingAnalyzer
        from spikeinterface.core.analyzer_extension_core import ComputeTemplates
    except ImportError as error:
        raise MissingExtraError("spikeinterface", extra="spikeinterface", purpose="to write an analyzer") from error
    return NumpySorting, SortingAnalyzer, ComputeTemplates


def _templates(waveforms: Waveforms) -> tuple[NDArray[np.float32], NDArray[np.int64], bool]:
    """Put every unit's waveforms on all channels that any unit has.

    Returns
    -------
    tuple
        Templates, shape (n_units, n_samples, n_channels), zero where a unit has no channel; the row of the electrodes
        table of each channel, or numbers counted from -1 downwards where rows are unknown; whether they are in µV.
    """
    n_units, n_samples, n_columns = waveforms.mean.shape
    channels = waveforms.channels
    if (channels < 0).all():
        channels = np.broadcast_to(-1 - np.arange(n_columns), channels.shape)
        rows = -1 - np.arange(n_columns)
    else:
        rows = np.unique(channels[channels >= 0])
    templates = np.zeros((n_units, n_samples, len(rows)), dtype=np.float32)
    place = {row: number for number, row in enumerate(rows.tolist())}
    for unit in range(n_units):
        for column, row in enumerate(channels[unit].tolist()):
            if row in place:
                templates[unit, :, place[row]] = np.nan_to_num(waveforms.mean[unit, :, column])
    sizes = np.ptp(templates, axis=1).max(axis=1)
    scale = infer_scale(waveforms.declared_unit, sizes).to_microvolts
    return (templates * np.float32(scale or 1.0)), rows, scale is not None


def _recording(units: Units, rows: NDArray[np.int64], *, n_samples: int, rate: float) -> dict[str, Any]:
    """Describe the recording that is not there: channels, probe, length."""
    from probeinterface import Probe, ProbeGroup

    electrodes = units.electrodes
    known = electrodes is not None and (rows >= 0).all()
    ids = electrodes.ids[rows] if known and electrodes is not None else np.arange(len(rows))
    positions = np.column_stack([np.zeros(len(rows)), _UNKNOWN_PITCH_UM * np.arange(len(rows))])
    if known and electrodes is not None and electrodes.positions_um is not None:
        given = electrodes.positions_um[rows, :2].astype(np.float64)
        missing = ~np.isfinite(given).all(axis=1)
        below = np.nanmax(given[:, 1], initial=0) if (~missing).any() else 0.0
        given[missing] = np.column_stack(
            [np.zeros(missing.sum()), below + _UNKNOWN_PITCH_UM * (1 + np.arange(missing.sum()))]
        )
        positions = _moved_apart(given)
    probe = Probe(ndim=2, si_units="um")
    probe.set_contacts(positions=positions, shapes="circle", shape_params={"radius": 5})
    probe.set_device_channel_indices(np.arange(len(rows)))
    probe.create_auto_shape(probe_type="rect")
    group = ProbeGroup()
    group.add_probe(probe)
    return {
        "channel_ids": np.asarray(ids),
        "sampling_frequency": float(rate),
        "num_channels": len(rows),
        "num_samples": [n_samples],
        "is_filtered": True,
        "properties": {},
        "dtype": "float32",
        "probegroup": group,
    }


def _moved_apart(positions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Move contacts that share a place apart, a little along the first axis."""
    moved = positions.copy()
    seen: dict[tuple[float, ...], int] = {}
    for number, place in enumerate(map(tuple, positions.tolist())):
        times = seen.get(place, 0)
        moved[number, 0] += _APART_UM * times
        seen[place] = times + 1
    return moved
