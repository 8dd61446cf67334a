"""Shape of the mean waveform on the main channel, in the definition of SpikeInterface 0.105."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.metrics.kernels.compiled import compiled
from nwb_unitrefine.metrics.kernels.extrema import half_height_width, local_maxima, peak_width, prominence, slope
from nwb_unitrefine.metrics.metric_values import Missing, Outcome
from nwb_unitrefine.vocabulary import NEW

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nwb_unitrefine.metrics.prepare.templates import Templates

__all__ = ["in_microvolts", "single_channel_metrics"]

_PROMINENCE = 0.3
_EDGE_MS = 0.09
_RECOVERY_MS = 0.7
_BASELINE_MS = 0.5
_NEAREST_SAMPLES = 3
_NEAREST_OF_WIDTH = 0.2

_COLUMNS = (
    "peak_to_trough_duration",
    "trough_half_width",
    "peak_half_width",
    "repolarization_slope",
    "recovery_slope",
    "num_positive_peaks",
    "num_negative_peaks",
    "main_to_next_extremum_duration",
    "peak_before_to_trough_ratio",
    "peak_after_to_trough_ratio",
    "peak_before_to_peak_after_ratio",
    "main_peak_to_trough_ratio",
    "trough_width",
    "peak_before_width",
    "peak_after_width",
    "waveform_baseline_flatness",
)
_WHY_NOT = {
    "trough_half_width": "the waveform does not cross half the trough's depth on both sides",
    "peak_half_width": "the waveform does not cross half the peak's height on both sides",
    "repolarization_slope": "the waveform does not return to zero after the trough",
    "trough_width": "no trough is prominent enough",
    "peak_before_width": "no peak before the trough is prominent enough",
    "peak_after_width": "no peak after the trough is prominent enough",
}
_TOO_LATE = "the trough is at the waveform's edge, with no room for a peak after it"


def single_channel_metrics(templates: Templates) -> dict[str, Outcome]:
    """Measure main trough and peaks of every unit, as SpikeInterface 0.105 does.

    The main trough, and the main peaks before and after it, are the most prominent ones (at least 0.3 of the largest
    absolute value, else half of that, else the extreme value), 0.09 ms away from the edges
    (``spikeinterface.metrics.template.metrics.get_trough_and_peak_idx``).
    """
    waves = templates.main[NEW]
    rate = templates.sampling_rate_hz
    to_microvolts = templates.scale.to_microvolts
    table = np.full((len(waves), len(_COLUMNS)), np.nan)
    _measure(
        np.ascontiguousarray(waves),
        templates.present,
        rate,
        int(_EDGE_MS / 1000 * rate),
        (_RECOVERY_MS / 1000) * rate,
        int(_BASELINE_MS / 1000 * rate),
        table,
    )
    absent: Missing = (~templates.present, "the unit has no mean waveform")
    outcomes = {
        name: Outcome(table[:, column], (absent,), _WHY_NOT.get(name, _TOO_LATE))
        for column, name in enumerate(_COLUMNS)
    }
    for name in ("repolarization_slope", "recovery_slope"):
        outcomes[name] = in_microvolts(outcomes[name], to_microvolts, absent)
    return outcomes


def in_microvolts(outcome: Outcome, to_microvolts: float | None, absent: Missing) -> Outcome:
    """Scale a voltage, or say that the scale is not known."""
    if to_microvolts is None:
        unknown = (np.ones(len(outcome.values), dtype=np.bool_), "the waveform's unit is not known")
        return Outcome(np.full(len(outcome.values), np.nan), (absent, unknown))
    return Outcome(outcome.values * to_microvolts, outcome.missing, outcome.otherwise)


@compiled
def _pick(
    wave: NDArray[np.float64], start: int, stop: int, threshold: float, places: NDArray[np.int64]
) -> tuple[int, float, int]:
    """Main peak of ``wave[start:stop]``, its width, and the number of peaks at the threshold; -1 in an empty window."""
    if not (stop > start > 0):
        return -1, np.nan, 0
    n_places = local_maxima(wave, start, stop, places)
    n_prominent = 0
    best, best_prominence, best_width = -1, -1.0, np.nan
    half_best, half_prominence, half_width = -1, -1.0, np.nan
    for i in range(n_places):
        peak = places[i]
        prominent, left, right = prominence(wave, start, stop, peak)
        if prominent >= threshold:
            n_prominent += 1
            if prominent > best_prominence:
                best, best_prominence = peak, prominent
                best_width = peak_width(wave, peak, prominent, left, right)
        elif prominent >= 0.5 * threshold and prominent > half_prominence:
            half_best, half_prominence = peak, prominent
            half_width = peak_width(wave, peak, prominent, left, right)
    if best >= 0:
        return best, best_width, n_prominent
    if half_best >= 0:
        return half_best, half_width, 0
    return start + int(np.argmax(wave[start:stop])), np.nan, 0


@compiled
def _ratio(over: float, under: float) -> float:
    return over / under if under != 0 else np.nan


@compiled
def _measure(
    waves: NDArray[np.float64],
    present: NDArray[np.bool_],
    rate: float,
    edge: int,
    recovery: float,
    baseline: int,
    table: NDArray[np.float64],
) -> None:
    n_units, n_samples = waves.shape
    places = np.empty(n_samples, np.int64)
    for unit in range(n_units):
        if not present[unit]:
            continue
        wave = waves[unit]
        flipped = -wave
        row = table[unit]
        threshold = _PROMINENCE * np.max(np.abs(wave))
        trough, trough_width, n_troughs = _pick(flipped, edge, n_samples - edge, threshold, places)
        if trough < 0:
            continue
        trough_half = half_height_width(flipped, trough)
        nearest = _NEAREST_SAMPLES
        if trough_half >= 0:
            nearest = max(nearest, int(_NEAREST_OF_WIDTH * trough_half))
        before, before_width, n_before = _pick(wave, edge, trough - nearest, threshold, places)
        after, after_width, n_after = _pick(wave, trough + nearest, n_samples - edge, threshold, places)

        # Where there is no room before the trough, SpikeInterface's index -1 reads the last sample; so does this.
        trough_size, before_size = abs(wave[trough]), abs(wave[before])
        row[1] = trough_half / rate if trough_half >= 0 else np.nan
        back = trough
        while back < n_samples and wave[back] < 0:
            back += 1
        if back < n_samples and back - trough >= 3:
            row[3] = slope(wave, trough, back, rate)
        row[5], row[6] = n_before + n_after, n_troughs
        row[8] = _ratio(before_size, trough_size)
        row[12], row[13] = trough_width / rate, before_width / rate
        quiet = np.mean(wave[:baseline])
        deviation = np.max(np.abs(wave - quiet))
        if baseline > 0 and deviation > 0:
            row[15] = np.max(np.abs(wave[:baseline] - quiet)) / deviation
        if after < 0:
            continue

        after_size = abs(wave[after])
        row[0] = (after - trough) / rate
        larger = after if wave[after] >= wave[before] else before
        peak_half = half_height_width(wave, larger) if larger >= 0 else -1
        row[2] = peak_half / rate if peak_half >= 0 else np.nan
        row[4] = slope(wave, after, min(int(after + recovery), n_samples), rate)
        if trough_size >= before_size and trough_size >= after_size:
            row[7] = (after - trough) / rate
        elif before_size >= after_size:
            row[7] = abs(trough - before) / rate
        else:
            row[7] = (after - trough) / rate
        row[9] = _ratio(after_size, trough_size)
        row[10] = _ratio(before_size, after_size)
        row[11] = _ratio(max(before_size, after_size), trough_size)
        row[14] = after_width / rate
