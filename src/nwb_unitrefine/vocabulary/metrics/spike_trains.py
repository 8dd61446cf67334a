"""Metrics that take spike times alone: those of SpikeInterface, and what the refractory period can show."""

from __future__ import annotations

from math import inf

from nwb_unitrefine.vocabulary.metrics.metric import Metric, MetricGroup, Need

__all__ = ["SPIKE_TRAIN_METRICS"]


def _metric(
    name: str,
    unit: str,
    definition: str,
    *,
    valid: tuple[float, float] = (0.0, inf),
    difference: str = "",
    follows_recording_length: bool = False,
    derived: bool = False,
) -> Metric:
    """All metrics of this module have their group and needs in common."""
    return Metric(
        name=name,
        unit=unit,
        definition=definition,
        group=MetricGroup.SPIKE_TRAIN,
        needs=frozenset({Need.SPIKE_TIMES}),
        valid=valid,
        difference=difference,
        follows_recording_length=follows_recording_length,
        derived=derived,
    )


SPIKE_TRAIN_METRICS = (
    _metric("num_spikes", "count", "Number of spikes.", follows_recording_length=True),
    _metric("firing_rate", "Hz", "Number of spikes over the observed time."),
    _metric("presence_ratio", "", "Fraction of 60 s bins with at least one spike.", valid=(0.0, 1.0)),
    _metric(
        "isi_violations_ratio",
        "",
        "Rate of inter-spike intervals below 1.5 ms over the rate that unrelated spikes would cause.",
    ),
    _metric(
        "isi_violations_count", "count", "Number of inter-spike intervals below 1.5 ms.", follows_recording_length=True
    ),
    _metric(
        "rp_contamination",
        "",
        "Estimated fraction of spikes from other neurons, from pairs of spikes within 1 ms (Llobet and Wyngaard 2022).",
        valid=(0.0, 1.0),
        difference="0 instead of missing for a unit with a single spike",
    ),
    _metric("rp_violations", "count", "Number of pairs of spikes within 1 ms.", follows_recording_length=True),
    _metric(
        "rp_violations_expected",
        "count",
        "Number of pairs of spikes within 1 ms that as many unrelated spikes would have.",
        follows_recording_length=True,
        derived=True,
    ),
    _metric(
        "contamination_lower",
        "",
        "Lower end of the 90 % interval of the fraction of spikes from other neurons, from pairs within 1 ms.",
        valid=(0.0, 1.0),
        derived=True,
    ),
    _metric(
        "contamination_upper",
        "",
        "Upper end of the 90 % interval of the fraction of spikes from other neurons: more can be excluded.",
        valid=(0.0, 1.0),
        derived=True,
    ),
    _metric(
        "isi_violations_share", "", "Fraction of inter-spike intervals below 1.5 ms.", valid=(0.0, 1.0), derived=True
    ),
    _metric(
        "sliding_rp_violation",
        "",
        "Lowest contamination that is excluded with 90 % confidence at some refractory period from 0.5 to 10 ms.",
        valid=(0.0, 1.0),
        difference="another formula of expected violations, bins rounded down, contamination tested up to 0.345",
    ),
    _metric(
        "sync_spike_2", "", "Fraction of spikes in the same sample as a spike of any other unit.", valid=(0.0, 1.0)
    ),
    _metric(
        "sync_spike_4", "", "Fraction of spikes in the same sample as at least three other spikes.", valid=(0.0, 1.0)
    ),
    _metric(
        "sync_spike_8", "", "Fraction of spikes in the same sample as at least seven other spikes.", valid=(0.0, 1.0)
    ),
    _metric("firing_range", "Hz", "Range from the 5th to the 95th percentile of the firing rate in 5 s bins."),
)
