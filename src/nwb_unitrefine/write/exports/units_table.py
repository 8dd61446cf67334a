"""The units table of a new NWB file, built of whole columns: one builder for derived and for converted files."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from nwb_unitrefine.records import Column, Ragged, Units

__all__ = ["as_written", "build_units_table"]

_ABOUT = {
    "spike_times": "Spike times of each unit, in seconds.",
    "obs_intervals": "When each unit was observed, in seconds.",
    "electrodes": "Electrodes of each unit.",
    "waveform_mean": "Mean waveform of each unit.",
}


def build_units_table(
    units: Units,
    *,
    ids: NDArray[np.integer[Any]],
    description: str,
    obs_intervals: Ragged | None,
    electrodes: Ragged | None,
    electrodes_table: Any,
    waveform_mean: NDArray[Any] | None,
    columns: Iterable[Column],
    waveform_unit: str | None = None,
    about: Mapping[str, str] | None = None,
) -> Any:
    """Build a ``pynwb.misc.Units`` table.

    Parameters
    ----------
    units : Units
        Their spike times, sampling rate and waveforms' rate are taken.
    ids : array of int, shape (n_units,)
    description : str
        Of the table.
    obs_intervals : Ragged of float64 or None
        Rows of shape (n_intervals, 2).
    electrodes : Ragged of int64 or None
        Rows of `electrodes_table` of each unit.
    electrodes_table : pynwb DynamicTable or None
    waveform_mean : array, shape (n_units, n_samples[, n_channels]), or None
    columns : iterable of Column
        Further columns, under the names that they get.
    waveform_unit : str, optional
        Unit of the mean waveforms; pynwb's own where it is not given.
    about : mapping of str to str, optional
        Descriptions of the predefined columns, other than the usual ones.
    """
    from pynwb.misc import Units as Table

    facts: dict[str, Any] = {} if waveform_unit is None else {"waveform_unit": waveform_unit}
    if units.sampling_rate_hz:
        facts["resolution"] = 1 / units.sampling_rate_hz
    if units.waveforms is not None and units.waveforms.sampling_rate_hz:
        facts["waveform_rate"] = units.waveforms.sampling_rate_hz
    table = Table(name="units", description=description, **facts)
    table.id.extend(ids.tolist())
    texts = {**_ABOUT, **(about or {})}
    with warnings.catch_warnings():
        # The index is known: hdmf would make it anew, in Python. A table that is filled column by column is uneven on
        # the way.
        warnings.simplefilter("ignore")
        _add_ragged(table, "spike_times", texts["spike_times"], units.spike_times_s)
        if obs_intervals is not None:
            _add_ragged(table, "obs_intervals", texts["obs_intervals"], obs_intervals)
        if electrodes is not None and electrodes_table is not None:
            _add_ragged(table, "electrodes", texts["electrodes"], electrodes, table=electrodes_table)
        if waveform_mean is not None:
            table.add_column("waveform_mean", texts["waveform_mean"], data=waveform_mean)
        for column in columns:
            if isinstance(column.values, np.ndarray):
                table.add_column(column.name, column.description, data=as_written(column.values))
            else:
                _add_ragged(table, column.name, column.description, column.values)
    return table


def _add_ragged(units: Any, name: str, description: str, rows: Ragged, **options: Any) -> None:
    """Add a column with rows of different lengths."""
    values = rows.values[rows.offsets[0] : rows.offsets[-1]]
    ends = rows.offsets[1:] - rows.offsets[0]
    units.add_column(name, description, data=as_written(values), index=ends.tolist(), **options)


def as_written(values: NDArray[Any]) -> Any:
    """Return values as pynwb writes them: text as lists."""
    return values.tolist() if values.dtype.kind in "OUS" else values
