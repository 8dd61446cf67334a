"""Bombcell's tables of metrics and its classification of units."""

from nwb_unitrefine.vocabulary.dialects.dialect import Dialect, LabelColumn, MetricColumn, mark
from nwb_unitrefine.vocabulary.labels import MUA, NEURONS, NOISE, SUA
from nwb_unitrefine.vocabulary.metrics.metric import NEW, OLD

__all__ = ["BOMBCELL"]

_UNIT_TYPES = {"0": NOISE, "1": SUA, "2": MUA, "3": NEURONS, "nonsoma": NEURONS}

BOMBCELL = Dialect(
    name="Bombcell",
    reference="https://github.com/Julie-Fabre/bombcell/wiki/Summary-of-quality-metrics",
    marks=(mark("phy_clusterID nSpikes"), mark("fractionRPVs_estimatedTauR nPeaks nTroughs"), mark("bc_unitType")),
    labels=(
        LabelColumn("bc_unitType", "program", _UNIT_TYPES),
        LabelColumn("bombcell_label", "program", {"nonsoma": NEURONS}),
    ),
    metrics=(
        MetricColumn("nSpikes", "num_spikes"),
        MetricColumn("presenceRatio", "presence_ratio", exact=False),
        MetricColumn("isolationDistance", "isolation_distance", exact=False),
        MetricColumn("waveformDuration_peakTrough", "peak_to_trough_duration", (NEW,), scale=1e-6, exact=False),
        MetricColumn("waveformDuration_peakTrough", "peak_to_valley", (OLD,), scale=1e-6, exact=False),
    ),
)
