"""Shape of the mean waveform on the main channel, in the definition of SpikeInterface 0.105."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.metrics.kernels.single_channel import measure_shape
from nwb_unitrefine.metrics.metric_values import Missing, Outcome
from nwb_unitrefine.vocabulary import NEW

if TYPE_CHECKING:
    from nwb_unitrefine.metrics.prepare.templates import Templates

__all__ = ["in_microvolts", "single_channel_metrics"]

_EDGE_MS = 0.09
_RECOVERY_MS = 0.7
_BASELINE_MS = 0.5

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
    measure_shape(
        np.ascontiguousarray(waves),
        templates.present,
        rate,
        int(_EDGE_MS / 1000 * rate),
        (_RECOVERY_MS / 1000) * rate,
        int(_BASELINE_MS / 1000 * rate),
        np.empty(waves.shape[1]),
        np.empty(waves.shape[1], dtype=np.int64),
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
