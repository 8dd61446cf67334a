"""Steinmetz et al. 2019."""

from nwb_unitrefine.vocabulary.dialects.dialect import Dialect, LabelColumn, MetricColumn, mark
from nwb_unitrefine.vocabulary.dialects.phy import GROUP_NUMBERS
from nwb_unitrefine.vocabulary.metrics.metric import NEW, OLD

__all__ = ["STEINMETZ"]

STEINMETZ = Dialect(
    name="Steinmetz",
    reference="https://doi.org/10.6084/m9.figshare.9598406",
    marks=(mark("phy_annotations"),),
    labels=(LabelColumn("phy_annotations", "curator", GROUP_NUMBERS),),
    metrics=(
        MetricColumn("waveform_duration", "peak_to_trough_duration", (NEW,), scale=1e-3, exact=False),
        MetricColumn("waveform_duration", "peak_to_valley", (OLD,), scale=1e-3, exact=False),
    ),
)
