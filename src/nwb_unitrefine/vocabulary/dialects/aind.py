"""The Allen Institute for Neural Dynamics: SpikeInterface's metrics, labels of UnitRefine and Bombcell."""

from nwb_unitrefine.vocabulary.dialects.dialect import Dialect, LabelColumn, mark
from nwb_unitrefine.vocabulary.dialects.spikeinterface import SPIKEINTERFACE
from nwb_unitrefine.vocabulary.labels import NEURONS

__all__ = ["AIND"]

AIND = Dialect(
    name="AIND",
    reference="https://github.com/AllenNeuralDynamics/aind-ephys-pipeline",
    marks=(
        mark("default_qc decoder_label"),
        mark("default_qc ks_unit_id"),
        mark("decoder_label device_name"),
        mark("default_qc unitrefine_label"),
        mark("default_qc bombcell_label"),
    ),
    labels=(LabelColumn("decoder_label"), LabelColumn("bombcell_label", "program", {"nonsoma": NEURONS})),
    metrics=SPIKEINTERFACE.metrics,
)
"""``default_qc`` is true where a unit passes thresholds, which is neither sua nor mua."""
