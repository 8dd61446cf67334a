"""Metrics of SpikeInterface that take the mean waveform, upsampled ten times."""

from __future__ import annotations

from math import inf

from nwb_unitrefine.vocabulary.metrics.metric import NEW, OLD, Metric, MetricGroup, Need

__all__ = ["WAVEFORM_METRICS"]

_OLD_PICKS = "trough = lowest sample, peak = highest sample after it, on the channel of the largest negative peak"


def _metric(
    name: str,
    unit: str,
    definition: str,
    *,
    valid: tuple[float, float] = (0.0, inf),
    definitions: tuple[str, ...] = (NEW, OLD),
    difference: str = "",
    scale_free: bool = True,
    many_channels: bool = False,
) -> Metric:
    """All metrics of this module are in one group and need a waveform."""
    return Metric(
        name=name,
        unit=unit,
        definition=definition,
        group=MetricGroup.WAVEFORM,
        needs=frozenset({Need.CHANNELS if many_channels else Need.WAVEFORM}),
        valid=valid,
        definitions=definitions,
        difference=difference,
        scale_free=scale_free,
    )


WAVEFORM_METRICS = (
    _metric("peak_to_trough_duration", "s", "Time from the main trough to the main peak after it.", definitions=(NEW,)),
    _metric("trough_half_width", "s", "Width of the main trough at half its depth.", definitions=(NEW,)),
    _metric("peak_half_width", "s", "Width of the larger main peak at half its height.", definitions=(NEW,)),
    _metric(
        "repolarization_slope",
        "µV/s",
        "Slope of a line through the samples from the main trough to the return to zero.",
        valid=(-inf, inf),
        difference=_OLD_PICKS,
        scale_free=False,
    ),
    _metric(
        "recovery_slope",
        "µV/s",
        "Slope of a line through the 0.7 ms after the main peak that follows the trough.",
        valid=(-inf, inf),
        difference=_OLD_PICKS,
        scale_free=False,
    ),
    _metric(
        "num_positive_peaks",
        "count",
        "Number of peaks before and after the main trough with a prominence of at least 0.3 of the largest value.",
        difference="height of at least 0.2 of the largest value and width of at least 0.1 ms, anywhere",
    ),
    _metric(
        "num_negative_peaks",
        "count",
        "Number of troughs with a prominence of at least 0.3 of the largest value.",
        difference="depth of at least 0.2 of the largest value and width of at least 0.1 ms",
    ),
    _metric(
        "main_to_next_extremum_duration",
        "s",
        "Time between the largest of main trough and main peaks and the extremum that follows it.",
        definitions=(NEW,),
    ),
    _metric(
        "peak_before_to_trough_ratio", "", "Size of the peak before the trough over the trough's.", definitions=(NEW,)
    ),
    _metric(
        "peak_after_to_trough_ratio", "", "Size of the peak after the trough over the trough's.", definitions=(NEW,)
    ),
    _metric(
        "peak_before_to_peak_after_ratio",
        "",
        "Size of the peak before the trough over that of the peak after it.",
        definitions=(NEW,),
    ),
    _metric("main_peak_to_trough_ratio", "", "Size of the larger main peak over the trough's.", definitions=(NEW,)),
    _metric("trough_width", "s", "Width of the main trough at half its prominence.", definitions=(NEW,)),
    _metric(
        "peak_before_width", "s", "Width of the peak before the trough at half its prominence.", definitions=(NEW,)
    ),
    _metric("peak_after_width", "s", "Width of the peak after the trough at half its prominence.", definitions=(NEW,)),
    _metric(
        "waveform_baseline_flatness",
        "",
        "Largest deviation in the first 0.5 ms over the largest of the whole waveform; lower is flatter.",
        valid=(0.0, 1.0),
        definitions=(NEW,),
    ),
    _metric(
        "velocity_above",
        "µm/ms",
        "Speed at which the trough travels along the channels above the largest one.",
        valid=(-inf, inf),
        difference="fit of distance on time instead of time on distance, at least 5 channels and r² of 0.5",
        many_channels=True,
    ),
    _metric(
        "velocity_below",
        "µm/ms",
        "Speed at which the trough travels along the channels below the largest one.",
        valid=(-inf, inf),
        difference="fit of distance on time instead of time on distance, at least 5 channels and r² of 0.5",
        many_channels=True,
    ),
    _metric(
        "exp_decay",
        "1/µm",
        "Decay constant of the peak-to-peak amplitude over the distance from the largest channel.",
        difference="missing where r² is below 0.5 instead of 0.2",
        many_channels=True,
    ),
    _metric(
        "spread",
        "µm",
        "Depth range of the channels whose smoothed amplitude exceeds a fifth of the largest.",
        many_channels=True,
    ),
    _metric(
        "peak_to_valley",
        "s",
        "Time from the lowest sample to the highest one after it.",
        definitions=(OLD,),
    ),
    _metric(
        "peak_trough_ratio",
        "",
        "Highest value after the lowest sample over the lowest value; negative for a usual spike.",
        valid=(-inf, inf),
        definitions=(OLD,),
    ),
    _metric(
        "half_width",
        "s",
        "Time from the first to the last crossing of half the lowest value.",
        definitions=(OLD,),
    ),
)
