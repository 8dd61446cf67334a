"""Shape of the mean waveform on the main channel, in the definition of SpikeInterface 0.100 to 0.102."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.metrics.kernels.compiled import compiled
from nwb_unitrefine.metrics.kernels.extrema import local_maxima, peak_width, prominence, slope
from nwb_unitrefine.metrics.metric_values import Missing, Outcome
from nwb_unitrefine.metrics.single_channel import in_microvolts
from nwb_unitrefine.vocabulary import OLD

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nwb_unitrefine.metrics.prepare.templates import Templates

__all__ = ["old_single_channel_metrics"]

_HEIGHT = 0.2
_WIDTH_MS = 0.1
_RECOVERY_MS = 0.7

_COLUMNS = (
    "peak_to_valley",
    "peak_trough_ratio",
    "half_width",
    "repolarization_slope",
    "recovery_slope",
    "num_positive_peaks",
    "num_negative_peaks",
)
_WHY_NOT = {
    "half_width": "the waveform does not cross half the trough's depth on both sides",
    "repolarization_slope": "the trough is the first sample, or the waveform does not return to zero after it",
    "recovery_slope": "the peak is the first or the last sample",
}


def old_single_channel_metrics(templates: Templates) -> dict[str, Outcome]:
    """Measure the lowest sample and the highest after it, as SpikeInterface 0.100 to 0.102 did.

    Parameters
    ----------
    templates : Templates

    Returns
    -------
    dict of str to Outcome
        By full name, ``"half_width@0.101"``.
    """
    waves = templates.main[OLD]
    rate = templates.sampling_rate_hz
    table = np.full((len(waves), len(_COLUMNS)), np.nan)
    _measure(
        np.ascontiguousarray(waves),
        templates.present,
        rate,
        (_RECOVERY_MS / 1000) * rate,
        int(_WIDTH_MS / 1000 * rate),
        table,
    )
    absent: Missing = (~templates.present, "the unit has no mean waveform")
    outcomes = {
        f"{name}@{OLD}": Outcome(table[:, column], (absent,), _WHY_NOT.get(name, "the waveform is zero"))
        for column, name in enumerate(_COLUMNS)
    }
    for name in (f"repolarization_slope@{OLD}", f"recovery_slope@{OLD}"):
        outcomes[name] = in_microvolts(outcomes[name], templates.scale.to_microvolts, absent)
    return outcomes


@compiled
def _count_peaks(wave: NDArray[np.float64], height: float, width: float, places: NDArray[np.int64]) -> int:
    """Peaks of at least that height and width."""
    n_peaks = 0
    for i in range(local_maxima(wave, 0, len(wave), places)):
        peak = places[i]
        if wave[peak] >= height:
            prominent, left, right = prominence(wave, 0, len(wave), peak)
            n_peaks += peak_width(wave, peak, prominent, left, right) >= width
    return n_peaks


@compiled
def _measure(
    waves: NDArray[np.float64],
    present: NDArray[np.bool_],
    rate: float,
    recovery: float,
    width: float,
    table: NDArray[np.float64],
) -> None:
    n_units, n_samples = waves.shape
    places = np.empty(n_samples, np.int64)
    for unit in range(n_units):
        if not present[unit]:
            continue
        wave = waves[unit]
        row = table[unit]
        trough = int(np.argmin(wave))
        peak = trough + int(np.argmax(wave[trough:]))
        row[0] = (peak - trough) / rate
        if wave[trough] != 0:
            row[1] = wave[peak] / wave[trough]
        half = 0.5 * wave[trough]
        first = 0
        while first < trough and not wave[first] < half:
            first += 1
        last = n_samples - 1
        while last >= trough and not wave[last] < half:
            last -= 1
        if peak != 0 and first < trough and last >= trough:
            row[2] = (last + 1 - (first - 1)) / rate
        back = trough
        while back < n_samples and wave[back] < 0:
            back += 1
        if trough != 0 and back < n_samples and back - trough >= 3:
            row[3] = slope(wave, trough, back, rate)
        if peak != 0:
            row[4] = slope(wave, peak, min(int(peak + recovery), n_samples), rate)
        height = _HEIGHT * np.max(np.abs(wave))
        row[5] = _count_peaks(wave, height, width, places)
        row[6] = _count_peaks(-wave, height, width, places)
