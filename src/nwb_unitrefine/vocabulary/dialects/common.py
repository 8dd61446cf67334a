"""What is the same in every file, whatever archive it is from."""

from nwb_unitrefine.vocabulary.dialects.dialect import LabelColumn, MetricColumn
from nwb_unitrefine.vocabulary.labels import NOT_SINGLE, SUA

__all__ = ["COMMON_LABELS", "COMMON_METRICS"]

COMMON_LABELS = (
    LabelColumn("majority_vote", "curator"),
    LabelColumn("manual_label", "curator"),
    LabelColumn("quality", "curator"),
    LabelColumn("group", "curator"),
    LabelColumn("label", "curator"),
    LabelColumn("labels", "curator"),
    LabelColumn("ground_truth", "curator"),
    LabelColumn("quality_label"),
    LabelColumn("unitrefine_label"),
    # A boolean column does not state who decided; in the data that have it, it is a threshold on short intervals.
    LabelColumn("is_single", "rule", {"true": SUA, "false": NOT_SINGLE}),
)
"""Label columns that are read in any file that has them."""

COMMON_METRICS = tuple(
    MetricColumn(name, name)
    for name in (
        "num_spikes",
        "firing_rate",
        "presence_ratio",
        "isi_violations_ratio",
        "isi_violations_count",
        "rp_contamination",
        "rp_violations",
        "snr",
        "amplitude_cutoff",
        "isolation_distance",
        "l_ratio",
        "d_prime",
        "nn_hit_rate",
        "nn_miss_rate",
    )
)
"""Columns of metrics that mean the same thing everywhere, for files of no known dialect."""
