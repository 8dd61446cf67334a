"""Metrics of SpikeInterface that take more than spike times and a mean waveform.

They come from a column of the file, or from raw traces.
"""

from __future__ import annotations

from math import inf

from nwb_unitrefine.vocabulary.metrics.metric import Metric, MetricGroup, Need

__all__ = ["QUALITY_METRICS"]

_MAIN_CHANNEL = "main channel is that of the largest negative peak"


def _metric(
    name: str,
    unit: str,
    definition: str,
    *needs: Need,
    valid: tuple[float, float] = (0.0, inf),
    difference: str = "",
    scale_free: bool = True,
) -> Metric:
    """All metrics of this module are in one group."""
    return Metric(
        name=name,
        unit=unit,
        definition=definition,
        group=MetricGroup.QUALITY,
        needs=frozenset(needs),
        valid=valid,
        difference=difference,
        scale_free=scale_free,
    )


QUALITY_METRICS = (
    _metric(
        "snr",
        "",
        "Largest absolute value of the mean waveform over the noise of its channel.",
        Need.WAVEFORM,
        Need.TRACES,
        difference=_MAIN_CHANNEL,
    ),
    _metric(
        "amplitude_median",
        "µV",
        "Median of the amplitudes of the spikes, with their sign.",
        Need.AMPLITUDES,
        valid=(-inf, inf),
        difference="positive in the UnitRefine base dataset and before SpikeInterface 0.101",
        scale_free=False,
    ),
    _metric(
        "amplitude_cutoff",
        "",
        "Estimated fraction of spikes missed because their amplitude is below the threshold.",
        Need.AMPLITUDES,
        valid=(0.0, 0.5),
    ),
    _metric(
        "amplitude_cv_median",
        "",
        "Median over time bins of the amplitudes' coefficient of variation.",
        Need.AMPLITUDES,
        valid=(-inf, inf),
    ),
    _metric(
        "amplitude_cv_range",
        "",
        "Range from the 5th to the 95th percentile over time bins of the amplitudes' coefficient of variation.",
        Need.AMPLITUDES,
    ),
    _metric(
        "noise_cutoff",
        "",
        "How many standard deviations the lowest amplitudes' counts lie above those of the highest.",
        Need.AMPLITUDES,
        valid=(-inf, inf),
    ),
    _metric("noise_ratio", "", "Mean count of the lowest amplitudes over the largest bin's.", Need.AMPLITUDES),
    _metric("drift_ptp", "µm", "Largest minus smallest median depth of the spikes over time.", Need.LOCATIONS),
    _metric("drift_std", "µm", "Standard deviation of the median depth of the spikes over time.", Need.LOCATIONS),
    _metric("drift_mad", "µm", "Median absolute deviation of the median depth over time.", Need.LOCATIONS),
    _metric(
        "sd_ratio",
        "",
        "Standard deviation of the amplitudes over that of the noise.",
        Need.AMPLITUDES,
        Need.TRACES,
        difference=_MAIN_CHANNEL,
    ),
    _metric(
        "isolation_distance",
        "",
        "Mahalanobis distance within which as many foreign as own spikes lie.",
        Need.COMPONENTS,
    ),
    _metric(
        "l_ratio", "", "Probability that foreign spikes belong to the unit, summed, per own spike.", Need.COMPONENTS
    ),
    _metric(
        "d_prime",
        "",
        "Separation of own and foreign spikes by linear discriminant analysis.",
        Need.COMPONENTS,
        valid=(-inf, inf),
    ),
    _metric(
        "silhouette",
        "",
        "How much nearer the spikes are to their own unit than to the nearest other one.",
        Need.COMPONENTS,
        valid=(-1.0, 1.0),
    ),
    _metric("nn_hit_rate", "", "Fraction of neighbours of own spikes that are own.", Need.COMPONENTS, valid=(0.0, 1.0)),
    _metric(
        "nn_miss_rate", "", "Fraction of neighbours of foreign spikes that are own.", Need.COMPONENTS, valid=(0.0, 1.0)
    ),
    _metric(
        "nn_isolation",
        "",
        "Fraction of own neighbours, of the unit against the nearest other one.",
        Need.COMPONENTS,
        valid=(0.0, 1.0),
    ),
    _metric(
        "nn_noise_overlap",
        "",
        "Fraction of noise among the neighbours of own spikes and the reverse.",
        Need.COMPONENTS,
        Need.TRACES,
        valid=(-1.0, 1.0),
    ),
)
