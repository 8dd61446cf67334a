"""Units that were read, as the units table of a new session, and the comparison of the written file with them.

The table is made of our own reading, for every sorter: neuroconv's interfaces list the units in another order where a
folder's tables do, and lose the spikes of clusters that the tables lack.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import SourceError, WriteError
from nwb_unitrefine.history.layout import PREDEFINED
from nwb_unitrefine.integrations.mean_waveforms import in_volts
from nwb_unitrefine.read import read_units
from nwb_unitrefine.records import Column, Ragged
from nwb_unitrefine.write.exports.units_table import build_units_table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from nwb_unitrefine.records import Units, Waveforms

__all__ = ["add_units", "require_as_read"]

_CLUSTER_COLUMNS = {
    "KSLabel": "Kilosort's own label: good where refractory periods are kept, else mua.",
    "ContamPct": "Contamination that Kilosort estimated from violations of the refractory period, in percent.",
    "Amplitude": "Amplitude of the template that Kilosort fitted.",
    "amp": "Amplitude of the template, as Phy computed it.",
    "ch": "Channel of the largest amplitude, as Phy found it.",
    "sh": "Shank of the best channel, as Phy found it.",
    "depth": "Depth on the probe in µm, as Phy computed it.",
    "fr": "Firing rate, as Phy computed it.",
    "n_spikes": "Number of spikes, as Phy counted them.",
}
"""What the columns of Kilosort's and Phy's tables mean; see Kilosort's `save_to_phy` and Phy's documentation."""


def add_units(nwbfile: Any, units: Units, *, described: Mapping[str, str] | None = None) -> None:
    """Add units with everything that was read of them.

    Unit ids are the sorter's where they are whole numbers, else rows are numbered; the sorter's stand in ``unit_name``.

    Parameters
    ----------
    nwbfile : pynwb.NWBFile
        Without units, and with the electrodes that `units` has.
    units : Units
    described : mapping of str to str, optional
        Descriptions of columns, where given.

    Raises
    ------
    SourceError
        If there are no spikes.
    """
    if not len(units.spike_times_s.values):
        raise SourceError(f"{units.source.uri} has no spike times to convert.")
    mean, unit, rows = None, None, None
    if units.waveforms is not None:
        mean, unit = in_volts(units.waveforms)
        rows = _electrode_rows(units.waveforms, _n_electrodes(units))
    recorded = units.recording_intervals_s
    nwbfile.units = build_units_table(
        units,
        ids=_row_ids(units.unit_ids),
        description="Units as the sorter, or who curated them, left them.",
        obs_intervals=None if recorded is None else Ragged.concatenated([recorded] * len(units)),
        electrodes=rows,
        electrodes_table=nwbfile.electrodes,
        waveform_mean=mean,
        waveform_unit=unit,
        columns=[Column(name, *one) for name, one in _columns(units, described or {}).items()],
        about={
            "electrodes": "Electrodes of the channels of each mean waveform.",
            "waveform_mean": "Mean waveform of each unit, made of the sorter's templates.",
        },
    )


def _row_ids(unit_ids: NDArray[Any]) -> NDArray[np.int64]:
    """The sorter's ids where NWB can have them, else numbers."""
    usable = unit_ids.dtype.kind in "iu" and len(np.unique(unit_ids)) == len(unit_ids) and unit_ids.min() >= 0
    return unit_ids.astype(np.int64) if usable else np.arange(len(unit_ids))


def _n_electrodes(units: Units) -> int:
    """How many electrodes there are."""
    return 0 if units.electrodes is None else len(units.electrodes.ids)


def _electrode_rows(waveforms: Waveforms, n_electrodes: int) -> Ragged | None:
    """Electrodes of each unit's channels: its own, or all where the channels that it lacks are NaN; None if unknown."""
    n_units, n_channels = waveforms.channels.shape
    offsets = np.arange(n_units + 1, dtype=np.int64) * n_channels
    if n_electrodes and (waveforms.channels >= 0).all():
        return Ragged(waveforms.channels.reshape(-1), offsets)
    return Ragged(np.tile(np.arange(n_electrodes), n_units), offsets) if n_channels == n_electrodes else None


def _columns(units: Units, described: Mapping[str, str]) -> dict[str, tuple[str, NDArray[Any]]]:
    """Description and values of the columns that hold one value a unit; those that NWB would misunderstand renamed."""
    names = units.unit_ids.astype(str).astype(object)
    found: dict[str, tuple[str, NDArray[Any]]] = {"unit_name": ("The unit's id in the sorter's output.", names)}
    if units.source.dialect in {"Phy", "Kilosort"}:
        found["original_cluster_id"] = ("The cluster's id in Kilosort's or Phy's output.", units.unit_ids)
    for name, column in units.columns.items():
        if isinstance(column.values, np.ndarray) and column.values.ndim == 1:
            usable = name.replace("/", "_").replace(":", "_")
            usable = f"sorter_{usable}" if usable in PREDEFINED or usable in found else usable
            about = described.get(name) or _CLUSTER_COLUMNS.get(name) or column.description
            found.setdefault(usable, (about or f"{name}, as the sorter's output has it.", column.values))
    return found


def require_as_read(path: Path, units: Units) -> None:
    """Compare a written file with what was read, unit by unit, by the sorter's id.

    Parameters
    ----------
    path : Path
        NWB file that `add_units` filled.
    units : Units
        What it was filled with.

    Raises
    ------
    WriteError
        If a unit is missing, or has other spike times or another mean waveform than were read.
    """
    written = read_units(path)
    names = written.columns["unit_name"].values
    assert isinstance(names, np.ndarray)
    rows = {name: row for row, name in enumerate(names.tolist())}
    expected = None if units.waveforms is None else in_volts(units.waveforms)[0]
    found = None if written.waveforms is None else written.waveforms.mean
    wrong = []
    for place, name in enumerate(units.unit_ids.astype(str).tolist()):
        row = rows.get(name)
        if (
            row is None
            or not np.array_equal(written.spike_times_s[row], units.spike_times_s[place])
            or not _is_same_waveform(
                None if expected is None else expected[place], None if found is None else found[row]
            )
        ):
            wrong.append(name)
    if wrong or len(written) != len(units):
        raise WriteError(
            f"The new file has other units than were read: {', '.join(wrong[:5]) or len(written)}"
            f"{' and others' * (len(wrong) > 5)}.",
            tip="Nothing was kept of it. Please report this, with the sorter's name.",
        )


def _is_same_waveform(expected: NDArray[Any] | None, found: NDArray[Any] | None) -> bool:
    """Whether two mean waveforms are one; the reader may leave out channels that a unit does not have."""
    if expected is None or found is None:
        return expected is found
    return np.array_equal(expected, found.astype(np.float32), equal_nan=True)
