"""Phy's manual curation: its ``group`` is ``quality`` where neuroconv or SpikeInterface converted it."""

from nwb_unitrefine.vocabulary.dialects.dialect import Dialect, LabelColumn, mark
from nwb_unitrefine.vocabulary.dialects.kilosort import KILOSORT, SORTER_LABELS
from nwb_unitrefine.vocabulary.labels import MUA, NO_DECISION, NOISE, SUA

__all__ = ["GROUP_NUMBERS", "PHY"]

GROUP_NUMBERS = {"0": NOISE, "1": MUA, "2": SUA, "3": NO_DECISION}
"""Groups as files of KlustaKwik and the first Phy number them.

Only Phy's own tables are read so: in NWB files, a column ``group`` of numbers is more often the group of channels.
"""

PHY = Dialect(
    name="Phy",
    reference="https://neuroconv.readthedocs.io/en/main/conversion_examples_gallery/sorting/phy.html",
    marks=(
        mark("quality KSLabel"),
        mark("group KSLabel"),
        mark("quality original_cluster_id"),
        mark("quality ch depth fr sh"),
    ),
    labels=(LabelColumn("group", "curator"), LabelColumn("quality", "curator"), *SORTER_LABELS),
    metrics=KILOSORT.metrics,
)
