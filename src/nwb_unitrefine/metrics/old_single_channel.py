"""Shape of the mean waveform on the main channel, in the definition of SpikeInterface 0.100 to 0.102."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.metrics.kernels.old_single_channel import measure_old_shape
from nwb_unitrefine.metrics.metric_values import Missing, Outcome
from nwb_unitrefine.metrics.single_channel import in_microvolts
from nwb_unitrefine.vocabulary import OLD

if TYPE_CHECKING:
    from nwb_unitrefine.metrics.prepare.templates import Templates

__all__ = ["old_single_channel_metrics"]

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
    measure_old_shape(
        np.ascontiguousarray(waves),
        templates.present,
        rate,
        (_RECOVERY_MS / 1000) * rate,
        int(_WIDTH_MS / 1000 * rate),
        np.empty(waves.shape[1]),
        np.empty(waves.shape[1], dtype=np.int64),
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
