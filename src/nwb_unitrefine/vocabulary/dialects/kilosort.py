"""Kilosort's output, as neuroconv and SpikeInterface name its columns."""

from nwb_unitrefine.vocabulary.dialects.dialect import Dialect, LabelColumn, MetricColumn, mark

__all__ = ["KILOSORT", "SORTER_LABELS"]

SORTER_LABELS = (LabelColumn("KSLabel"), LabelColumn("KSLabel_repeat"))
"""Kilosort calls a unit good where refractory periods are kept, and mua otherwise."""

KILOSORT = Dialect(
    name="Kilosort",
    reference="https://neuroconv.readthedocs.io/en/main/conversion_examples_gallery/sorting/kilosort.html",
    marks=(mark("KSLabel"), mark("ContamPct Amplitude"), mark("KSLabel_repeat"), mark("original_cluster_id")),
    labels=SORTER_LABELS,
    metrics=(MetricColumn("fr", "firing_rate"), MetricColumn("n_spikes", "num_spikes")),
)
