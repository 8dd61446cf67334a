"""The Allen Institute's Neuropixels data, and the tables of its ecephys_spike_sorting."""

from nwb_unitrefine.vocabulary.dialects.dialect import Dialect, LabelColumn, MetricColumn, PositionColumns, mark
from nwb_unitrefine.vocabulary.labels import NEURONS
from nwb_unitrefine.vocabulary.metrics.metric import NEW, OLD

__all__ = ["ALLEN"]

_MS = 1e-3
_UV_PER_V = 1e6

ALLEN = Dialect(
    name="Allen",
    reference="https://allensdk.readthedocs.io/en/latest/visual_coding_neuropixels.html",
    marks=(
        mark("PT_ratio waveform_halfwidth nn_hit_rate"),
        mark("PT_ratio halfwidth nn_hit_rate"),
        mark("peak_channel_id local_index cluster_id"),
    ),
    metric_marks=mark("PT_ratio waveform_halfwidth halfwidth max_drift cumulative_drift"),
    namespaces=mark("ndx-aibs-ecephys"),
    labels=(LabelColumn("quality", "curator", {"good": NEURONS}),),  # all that is not noise, multi-units too
    # The same quantities as SpikeInterface's, most with other parameters (bins, upsampling); max_drift has no equal.
    metrics=(
        MetricColumn("firing_rate", "firing_rate"),
        MetricColumn("presence_ratio", "presence_ratio", exact=False),
        MetricColumn("isi_violations", "isi_violations_ratio"),
        MetricColumn("isi_viol", "isi_violations_ratio"),
        MetricColumn("amplitude_cutoff", "amplitude_cutoff", exact=False),
        MetricColumn("snr", "snr", exact=False),
        MetricColumn("isolation_distance", "isolation_distance", exact=False),
        MetricColumn("l_ratio", "l_ratio", exact=False),
        MetricColumn("d_prime", "d_prime", exact=False),
        MetricColumn("nn_hit_rate", "nn_hit_rate", exact=False),
        MetricColumn("nn_miss_rate", "nn_miss_rate", exact=False),
        MetricColumn("silhouette_score", "silhouette", exact=False),
        *(
            MetricColumn(name, metric, (definition,), scale=_MS, exact=False)
            for name in ("waveform_duration", "duration")
            for metric, definition in (("peak_to_trough_duration", NEW), ("peak_to_valley", OLD))
        ),
        *(
            MetricColumn(name, metric, (definition,), scale=_MS, exact=False)
            for name in ("waveform_halfwidth", "halfwidth")
            for metric, definition in (("trough_half_width", NEW), ("half_width", OLD))
        ),
        MetricColumn("PT_ratio", "main_peak_to_trough_ratio", (NEW,), exact=False),
        MetricColumn("PT_ratio", "peak_trough_ratio", (OLD,), scale=-1.0, exact=False),
        MetricColumn("repolarization_slope", "repolarization_slope", scale=_UV_PER_V, exact=False),
        MetricColumn("recovery_slope", "recovery_slope", scale=_UV_PER_V, exact=False),
        MetricColumn("spread", "spread", exact=False),
        MetricColumn("velocity_above", "velocity_above", scale=1e3, reciprocal=True, exact=False),  # s/m to µm/ms
        MetricColumn("velocity_below", "velocity_below", scale=1e3, reciprocal=True, exact=False),
    ),
    peak_electrode_id="peak_channel_id",
    channel_number="local_index",
    probe_id="probe_id",
    positions=(PositionColumns("probe_horizontal_position", "probe_vertical_position"),),
)
