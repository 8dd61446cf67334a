"""Spyglass, of the Frank laboratory: each unit has a list of labels."""

from nwb_unitrefine.vocabulary.dialects.dialect import Dialect, LabelColumn, MetricColumn, mark

__all__ = ["SPYGLASS"]

SPYGLASS = Dialect(
    name="Spyglass",
    reference="https://lorenfranklab.github.io/spyglass",
    marks=(mark("curation_label"),),
    labels=(LabelColumn("curation_label", "curator"),),
    metrics=tuple(
        MetricColumn(name, name) for name in ("num_spikes", "firing_rate", "snr", "nn_isolation", "nn_noise_overlap")
    ),
)
