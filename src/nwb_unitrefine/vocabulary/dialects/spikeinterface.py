"""SpikeInterface: the names of its metrics are the vocabulary's own."""

from nwb_unitrefine.vocabulary.dialects.dialect import Dialect, MetricColumn, mark
from nwb_unitrefine.vocabulary.metrics.lookup import METRICS

__all__ = ["SPIKEINTERFACE"]

SPIKEINTERFACE = Dialect(
    name="SpikeInterface",
    reference="https://spikeinterface.readthedocs.io/en/latest/modules/metrics.html",
    metric_marks=mark(
        "isi_violations_ratio isi_violations_count rp_contamination rp_violations sliding_rp_violation sync_spike_2 "
        "amplitude_cv_median peak_to_valley peak_trough_ratio peak_to_trough_duration main_peak_to_trough_ratio "
        "num_positive_peaks"
    ),
    metrics=tuple(MetricColumn(metric.name, metric.name, metric.definitions) for metric in METRICS.values()),
)
