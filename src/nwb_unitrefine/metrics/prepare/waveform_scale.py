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

# Extracellular spikes are some 10 µV to a few mV from peak to peak; the medians of whole sessions lie well inside.
_SMALLEST_UV, _LARGEST_UV = 3.0, 1e4


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


def infer_scale(declared_unit: str, peak_to_peak: NDArray[np.float64]) -> WaveformScale:
    """Decide in which unit mean waveforms are.

    The declared unit is believed where it makes the median unit between 3 µV and 10 mV from peak to peak. Where it does
    not (until NWB 2.11 every file had to say "volts", and neuroconv writes microvolts under that name), the largest of
    volts, millivolts and microvolts that does is taken; for values too large for microvolts, counts.

    Parameters
    ----------
    declared_unit : str
        As the file has it; empty where it does not say.
    peak_to_peak : array of float64
        Of each unit's largest channel, in the unit of the file.

    Examples
    --------
    >>> infer_scale("volts", np.array([120.0, 85.0])).note
    'microvolts: the file says volts, and the median spike would be 1.02e+08 µV'
    """
    sizes = peak_to_peak[np.isfinite(peak_to_peak) & (peak_to_peak > 0)]
    if not len(sizes):
        return WaveformScale(None, "unknown: there is no waveform")
    typical = float(np.median(sizes))
    declared = _TO_MICROVOLTS.get(declared_unit.strip().lower())
    if declared is not None and _SMALLEST_UV <= typical * declared <= _LARGEST_UV:
        return WaveformScale(declared, f"{declared_unit}, as the file says")
    said = f"the file says {declared_unit}" if declared_unit else "the file does not say"
    if declared_unit and declared is None:
        return WaveformScale(None, f"unknown: {said}, which is no voltage")
    if declared is not None:
        said += f", and the median spike would be {typical * declared:.3g} µV"
    for name, factor in (("volts", 1e6), ("millivolts", 1e3), ("microvolts", 1.0)):
        if _SMALLEST_UV <= typical * factor <= _LARGEST_UV:
            return WaveformScale(factor, f"{name}: {said}")
    return WaveformScale(None, f"counts or an unknown unit: {said}, and the median spike is {typical:.3g} of it")
