"""Mean waveforms of sorter output in the form that NWB and neuroconv take them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import SourceError
from nwb_unitrefine.read import read_units

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from nwb_unitrefine.records import Waveforms

__all__ = ["in_volts", "mean_waveforms"]

_VOLTS = {"volts": 1.0, "microvolts": 1e-6}
"""Volts of one of each unit that waveforms are read in."""


def in_volts(waveforms: Waveforms) -> tuple[NDArray[np.float32], str]:
    """Return mean waveforms in volts, or as they are where their scale is unknown, and what to call their unit.

    Parameters
    ----------
    waveforms : Waveforms
    """
    mean = (waveforms.mean * np.float32(_VOLTS.get(waveforms.declared_unit, 1))).astype(np.float32)
    return mean, "volts" if waveforms.declared_unit in _VOLTS else "a.u."


def mean_waveforms(source: str | Path, *, unit_ids: Iterable[Any], gain_uv: float | None = None) -> dict[str, Any]:
    """Read the mean waveforms of sorter output as a sorting interface of neuroconv takes them.

    Parameters
    ----------
    source : str or Path
        The sorter's folder, or a SortingAnalyzer's.
    unit_ids : iterable
        Units in the order of the interface, its ``sorting_extractor.unit_ids``: it may order them otherwise than the
        folder does.
    gain_uv : float, optional
        As of `read_units`.

    Returns
    -------
    dict
        For the interface's conversion option ``waveform_data_dict``; NaN for units without spikes.

    Raises
    ------
    SourceError
        If the source has no mean waveforms, or none of these units.
    """
    units = read_units(source, gain_uv=gain_uv)
    if units.waveforms is None:
        raise SourceError(f"{source} has no mean waveforms.", tip="Labels then rest on spike times alone.")
    rows = {str(unit_id): row for row, unit_id in enumerate(units.unit_ids.tolist())}
    order = np.array([rows.get(str(unit_id), -1) for unit_id in unit_ids], dtype=np.int64)
    if not (order >= 0).any():
        raise SourceError(f"{source} has none of the units that were asked for.")
    mean, unit = in_volts(units.waveforms)
    ordered = np.where((order >= 0)[:, None, None], mean[order], np.float32(np.nan))
    found: dict[str, Any] = {"means": ordered, "unit": unit}
    return found | {"sampling_rate": units.waveforms.sampling_rate_hz} if units.waveforms.sampling_rate_hz else found
