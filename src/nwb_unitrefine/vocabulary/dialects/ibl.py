"""The International Brain Laboratory."""

from nwb_unitrefine.vocabulary.dialects.dialect import Dialect, LabelColumn, MetricColumn, mark
from nwb_unitrefine.vocabulary.labels import NO_DECISION, SUA
from nwb_unitrefine.vocabulary.metrics.metric import NEW, OLD

__all__ = ["IBL"]

_PASSED_OF_THREE = {"1": SUA, "0.67": NO_DECISION, "0.66": NO_DECISION, "0.33": NO_DECISION, "0": NO_DECISION}
"""Fraction of three criteria that a unit passes: all of them is a single unit, fewer is neither mua nor noise."""

IBL = Dialect(
    name="IBL",
    reference="https://doi.org/10.6084/m9.figshare.19705522",
    marks=(mark("ibl_quality_score"), mark("kilosort2_label"), mark("slidingRP_viol missed_spikes_est")),
    metric_marks=mark("ibl_quality_score kilosort2_label median_spike_amplitude_uV"),
    labels=(
        LabelColumn("ibl_quality_score", "program", _PASSED_OF_THREE),
        LabelColumn("kilosort2_label"),
        LabelColumn("label", "program", _PASSED_OF_THREE),
    ),
    # sliding_rp_violation is 1 = pass here, and not taken.
    metrics=(
        MetricColumn("spike_count", "num_spikes"),
        MetricColumn("firing_rate", "firing_rate"),
        MetricColumn("isi_violations_ratio", "isi_violations_ratio"),
        MetricColumn("presence_ratio", "presence_ratio", exact=False),
        MetricColumn("noise_cutoff", "noise_cutoff", exact=False),
        MetricColumn("peak_to_trough_duration_ms", "peak_to_trough_duration", (NEW,), scale=1e-3, exact=False),
        MetricColumn("median_spike_amplitude_uV", "amplitude_median", (NEW,), scale=-1.0, exact=False),
        MetricColumn("median_spike_amplitude_uV", "amplitude_median", (OLD,), exact=False),
    ),
)
