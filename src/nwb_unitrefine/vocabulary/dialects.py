"""How archives and programs write their units, as data: what they are recognised by, and what their labels mean.

The metric columns of each dialect, with units and scales, stand in `nwb_unitrefine.vocabulary` under the same names.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["COMMON_LABELS", "DIALECTS", "Dialect", "LabelColumn", "recognise"]


@dataclass(frozen=True, slots=True)
class LabelColumn:
    """A column that says what somebody or something took each unit for.

    Parameters
    ----------
    name : str
        Of the column.
    meaning : mapping of str to str
        What each of its values, in lower case, says in our words: ``"sua"``, ``"mua"``, ``"noise"``; a value that is
        not listed says nothing that we can compare with. Numbers and flags are ``"2"``, ``"0.33"``, ``"true"``.
    who : str
        Who decided: ``"curator"`` (a person, perhaps with help) or ``"program"``.
    """

    name: str
    meaning: Mapping[str, str]
    who: str = "program"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One way of writing units.

    Parameters
    ----------
    name : str
        As people call it.
    reference : str
        Where it is written down.
    marks : tuple of frozenset of str
        Sets of unit columns; all of the columns of one of them make a file this dialect.
    namespaces : frozenset of str
        Extensions cached in the file that only this dialect uses.
    labels : tuple of LabelColumn
        The most telling first.
    peak_electrode_id : str
        Unit column that names the electrode id of the main channel; empty where there is none.
    """

    name: str
    reference: str
    marks: tuple[frozenset[str], ...]
    namespaces: frozenset[str] = field(default_factory=frozenset)
    labels: tuple[LabelColumn, ...] = ()
    peak_electrode_id: str = ""


def _mark(names: str) -> frozenset[str]:
    """Columns from a line of text."""
    return frozenset(names.split())


_GOOD_MUA_NOISE = {
    "good": "sua",
    "sua": "sua",
    "excellent": "sua",
    "single": "sua",
    "mua": "mua",
    "multi": "mua",
    "noise": "noise",
    "non_soma": "mua",
}
"""What most programs write. Bombcell's ``non_soma`` is neural and not a cell's body: nearest to ``mua``."""

DIALECTS = (
    Dialect(
        name="AIND",
        reference="https://github.com/AllenNeuralDynamics/aind-ephys-pipeline",
        marks=(
            _mark("default_qc decoder_label"),
            _mark("default_qc ks_unit_id"),
            _mark("decoder_label device_name"),
            _mark("default_qc unitrefine_label"),
            _mark("default_qc bombcell_label"),
        ),
        labels=(
            LabelColumn("decoder_label", _GOOD_MUA_NOISE),
            LabelColumn("bombcell_label", _GOOD_MUA_NOISE),
            LabelColumn("default_qc", {}),
        ),
    ),
    Dialect(
        name="Allen",
        reference="https://allensdk.readthedocs.io/en/latest/visual_coding_neuropixels.html",
        marks=(
            _mark("PT_ratio waveform_halfwidth nn_hit_rate"),
            _mark("PT_ratio halfwidth nn_hit_rate"),
            _mark("peak_channel_id local_index cluster_id"),
        ),
        namespaces=_mark("ndx-aibs-ecephys"),
        labels=(LabelColumn("quality", {"noise": "noise"}),),  # "good" is all the rest, multi-units too
        peak_electrode_id="peak_channel_id",
    ),
    Dialect(
        name="IBL",
        reference="https://doi.org/10.6084/m9.figshare.19705522",
        marks=(_mark("ibl_quality_score"), _mark("kilosort2_label"), _mark("slidingRP_viol missed_spikes_est")),
        labels=(
            LabelColumn("ibl_quality_score", {"1": "sua"}),
            LabelColumn("kilosort2_label", {"good": "sua", "mua": "mua"}),
            LabelColumn("label", {"1": "sua"}),
        ),
    ),
    Dialect(
        name="Spyglass",
        reference="https://lorenfranklab.github.io/spyglass",
        marks=(_mark("curation_label"),),
        labels=(
            LabelColumn(
                "curation_label",
                {"reject": "noise", "noise": "noise", "artifact": "noise", "mua": "mua", "accept": "sua"},
                "curator",
            ),
        ),
    ),
    Dialect(
        name="Steinmetz",
        reference="https://doi.org/10.6084/m9.figshare.9598406",
        marks=(_mark("phy_annotations"),),
        labels=(LabelColumn("phy_annotations", {"0": "noise", "1": "mua", "2": "sua"}, "curator"),),
    ),
    Dialect(
        name="Rutishauser",
        reference="https://doi.org/10.1038/s41597-020-0415-9",
        marks=(
            _mark("waveforms_mean_snr waveforms_isolation_distance"),
            _mark("waveform_mean_encoding waveform_mean_recognition"),
            _mark("clusterID_orig waveforms_peak_snr"),
        ),
    ),
    Dialect(
        name="CellExplorer",
        reference="https://cellexplorer.org/datastructure/data-structure-and-format/",
        marks=(
            _mark("putativeCellType"),
            _mark("cell_type shank_id global_id"),
            _mark("global_id cell_type"),
            _mark("clu_id group_id"),
            _mark("cluID shankID"),
            _mark("cell_type burstIndex_Royer2012"),
        ),
    ),
    Dialect(
        name="Phy",
        reference="https://neuroconv.readthedocs.io/en/main/conversion_examples_gallery/sorting/phy.html",
        marks=(_mark("quality KSLabel"), _mark("quality original_cluster_id"), _mark("quality ch depth fr sh")),
        labels=(LabelColumn("quality", _GOOD_MUA_NOISE, "curator"), LabelColumn("KSLabel", _GOOD_MUA_NOISE)),
    ),
    Dialect(
        name="Kilosort",
        reference="https://neuroconv.readthedocs.io/en/main/conversion_examples_gallery/sorting/kilosort.html",
        marks=(_mark("KSLabel"), _mark("ContamPct Amplitude"), _mark("KSLabel_repeat"), _mark("original_cluster_id")),
        labels=(LabelColumn("KSLabel", _GOOD_MUA_NOISE), LabelColumn("KSLabel_repeat", _GOOD_MUA_NOISE)),
    ),
)
"""In the order in which they are tried: those with the most particular marks first."""

COMMON_LABELS = (
    LabelColumn("quality", _GOOD_MUA_NOISE, "curator"),
    LabelColumn("quality_label", _GOOD_MUA_NOISE),
    LabelColumn("unitrefine_label", _GOOD_MUA_NOISE),
    LabelColumn("is_single", {"true": "sua", "false": "mua"}, "curator"),
    LabelColumn("ground_truth", _GOOD_MUA_NOISE, "curator"),
)
"""Label columns that are read in any file that has them, whatever its dialect."""


def recognise(columns: Collection[str], *, namespaces: Collection[str] = ()) -> Dialect | None:
    """The dialect of a units table, or None where none is recognised.

    Parameters
    ----------
    columns : collection of str
        Names of the unit columns.
    namespaces : collection of str, optional
        Extensions cached in the file.

    Examples
    --------
    >>> recognise(["phy_annotations", "spike_times"]).name
    'Steinmetz'
    >>> recognise(["spike_times"]) is None
    True
    """
    present = frozenset(columns)
    for dialect in DIALECTS:
        if any(mark <= present for mark in dialect.marks) or not dialect.namespaces.isdisjoint(namespaces):
            return dialect
    return None
