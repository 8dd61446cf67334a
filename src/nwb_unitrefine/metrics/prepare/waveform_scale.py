"""In which unit the mean waveforms are, judged by what the file calls it and by how large they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["WaveformScale", "infer_scale"]

_TO_MICROVOLTS = {
    "volts": 1e6,
    "volt": 1e6,
    "v": 1e6,
    "millivolts": 1e3,
    "millivolt": 1e3,
    "mv": 1e3,
    "microvolts": 1.0,
    "microvolt": 1.0,
    "uv": 1.0,
    "µv": 1.0,
    "μv": 1.0,
}

_PLAUSIBLE_UV = (3.0, 1e4)
"""Extracellular spikes have some 10 µV to a few mV from peak to peak; medians of whole sessions lie well inside."""

_UNLABELLED_UV = (20.0, 1e4)
"""Numbers taken for µV although nobody declares it: templates of unit norm are smaller, and so are volts and mV."""


@dataclass(frozen=True, slots=True)
class WaveformScale:
    """What turns the waveforms of a file into microvolts.

    Parameters
    ----------
    to_microvolts : float or None
        Factor; None where the waveforms are in counts or an unknown unit.
    note : str
        How it was decided.
    """

    to_microvolts: float | None
    note: str


def infer_scale(declared_unit: str, peak_to_peak: NDArray[np.float64], *, are_whole: bool = False) -> WaveformScale:
    """Decide in which unit mean waveforms are.

    The declared unit is believed where it makes the median unit between 3 µV and 10 mV from peak to peak. Until NWB
    2.11 every file had to declare "volts", and some conversions write microvolts under that name: numbers that would be
    kilovolts, and can be microvolts, are taken for these. Anything else is of unknown unit: templates of unit norm,
    and whole numbers that are not declared to be microvolts, since these are the counts of a recorder.

    Parameters
    ----------
    declared_unit : str
        As the file has it; empty where it has none.
    peak_to_peak : array of float64
        Of each unit's largest channel, in the unit of the file.
    are_whole : bool, optional
        Whether all values of the waveforms are whole numbers.

    Examples
    --------
    >>> infer_scale("volts", np.array([120.0, 85.0])).note
    'microvolts: the file declares volts, and the median spike would be 1.02e+08 µV'
    >>> infer_scale("volts", np.array([0.8, 0.9])).to_microvolts is None
    True
    """
    sizes = peak_to_peak[np.isfinite(peak_to_peak) & (peak_to_peak > 0)]
    if not len(sizes):
        return WaveformScale(None, "unknown: there is no waveform")
    typical = float(np.median(sizes))
    declared = _TO_MICROVOLTS.get(declared_unit.strip().lower())
    stated = f"the file declares {declared_unit}" if declared_unit else "the file declares no unit"
    unknown = ""
    if declared_unit and declared is None:
        unknown = "which is not a voltage"
    elif are_whole and declared != 1.0:
        unknown = "and all values are whole numbers, as counts are"
    if unknown:
        return WaveformScale(None, f"unknown: {stated}, {unknown}")
    if declared is not None and _PLAUSIBLE_UV[0] <= typical * declared <= _PLAUSIBLE_UV[1]:
        return WaveformScale(declared, f"{declared_unit}, as the file declares")
    if declared is not None:
        stated += f", and the median spike would be {typical * declared:.3g} µV"
    elif _PLAUSIBLE_UV[0] <= typical * 1e6 <= _PLAUSIBLE_UV[1]:
        return WaveformScale(1e6, f"volts: {stated}")
    if declared != 1.0 and _UNLABELLED_UV[0] <= typical <= _UNLABELLED_UV[1]:
        return WaveformScale(1.0, f"microvolts: {stated}")
    return WaveformScale(None, f"unknown: {stated}")
