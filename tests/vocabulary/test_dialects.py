"""Dialects: each archive's own way of writing units is recognised, and its labels are read in our words."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.simulated_nwb import write_bare_nwb
from nwb_unitrefine.read import compare_labels, existing_labels, read_units
from nwb_unitrefine.vocabulary.dialects import dialects

SAMPLES = {
    "Allen": {
        "quality": ["good", "noise", "good"],
        "PT_ratio": np.ones(3),
        "waveform_halfwidth": np.ones(3),
        "nn_hit_rate": np.ones(3),
        "snr": np.ones(3),
    },
    "AIND": {
        "default_qc": ["True", "False", "True"],
        "decoder_label": ["SUA", "noise", "MUA"],
        "ks_unit_id": np.arange(3),
        "device_name": ["ProbeA"] * 3,
        "isi_violations_ratio": np.ones(3),
    },
    "IBL": {
        "ibl_quality_score": np.array([1.0, 0.33, 0.0]),
        "kilosort2_label": ["good", "mua", "mua"],
        "rp_violation": np.ones(3),
    },
    "Spyglass": {
        "curation_label": ["accept", "mua", "noise", "reject"],
        "curation_label_index": np.array([1, 2, 4]),
        "isi_violation": np.ones(3),
    },
    "Phy": {
        "quality": ["good", "mua", "noise"],
        "KSLabel": ["good", "good", "mua"],
        "original_cluster_id": np.arange(3),
        "ContamPct": np.ones(3),
    },
    "Kilosort": {"KSLabel": ["good", "mua", "mua"], "ContamPct": np.ones(3), "Amplitude": np.ones(3)},
    "Steinmetz": {
        "phy_annotations": np.array([2, 1, 0]),
        "waveform_duration": np.ones(3),
        "peak_channel": np.arange(3),
    },
    "Rutishauser": {
        "waveforms_mean_snr": np.ones(3),
        "waveforms_isolation_distance": np.ones(3),
        "origClusterID": np.arange(3),
    },
    "CellExplorer": {"clu_id": np.arange(3), "group_id": np.ones(3, np.int64), "cell_type": ["Pyramidal Cell"] * 3},
    "Bombcell": {
        "phy_clusterID": np.arange(3),
        "nSpikes": np.ones(3),
        "bc_unitType": ["GOOD", "NON-SOMA", "NOISE"],
    },
    "": {"depth": np.ones(3)},
}
"""Columns of one small table as each archive writes it."""

LABELS = {
    "Allen": {"quality": ["", "noise", ""]},
    "AIND": {"decoder_label": ["sua", "noise", "mua"]},
    "IBL": {"ibl_quality_score": ["sua", "", ""], "kilosort2_label": ["sua", "mua", "mua"]},
    "Spyglass": {"curation_label": ["sua", "mua", "noise"]},
    "Phy": {"quality": ["sua", "mua", "noise"], "KSLabel": ["sua", "sua", "mua"]},
    "Kilosort": {"KSLabel": ["sua", "mua", "mua"]},
    "Steinmetz": {"phy_annotations": ["sua", "mua", "noise"]},
    "Bombcell": {"bc_unitType": ["sua", "", "noise"]},
}


@pytest.mark.parametrize("name", SAMPLES)
def test_each_dialect_is_recognised_and_its_labels_read(tmp_path, name):
    """A table as an archive writes it is called by its name; its label columns say sua, mua, noise, or nothing."""
    table = {
        "id": np.arange(3),
        "spike_times": np.array([0.1, 0.2, 1.1, 2.1]),
        "spike_times_index": np.array([2, 3, 4]),
        **SAMPLES[name],
    }
    units = read_units(write_bare_nwb(tmp_path / "a.nwb", table))
    assert units.source.dialect == name
    found = {column: labels.labels.tolist() for column, labels in existing_labels(units).items()}
    assert found == LABELS.get(name, {})


def test_every_dialect_has_a_sample():
    """No dialect is without a test; SpikeInterface is recognised by names of metrics alone, in `test_metrics`."""
    assert {dialect.name for dialect in dialects()} - {"SpikeInterface"} | {""} == set(SAMPLES)


def test_an_extension_in_the_file_makes_it_allen(tmp_path):
    """Allen's own extension is enough, whatever the columns."""
    table = {"id": np.arange(1), "spike_times": np.array([0.1]), "spike_times_index": np.array([1])}
    assert (
        read_units(write_bare_nwb(tmp_path / "a.nwb", table, namespaces=["ndx-aibs-ecephys"])).source.dialect == "Allen"
    )


def test_what_each_value_was_taken_for_is_shown(tmp_path):
    """The mapping lists the values that are there, with an empty word where one says none of our labels."""
    table = {
        "id": np.arange(3),
        "spike_times": np.array([0.1]),
        "spike_times_index": np.array([1, 1, 1]),
        "quality": ["good", "Noise", "unsorted"],
    }
    (labels,) = existing_labels(read_units(write_bare_nwb(tmp_path / "a.nwb", table))).values()
    assert dict(labels.meaning) == {"good": "sua", "noise": "noise", "unsorted": ""}
    assert (labels.column, labels.who) == ("quality", "curator")


def test_kappa_is_cohens():
    """A table worked by hand: 20 of 30 alike, chance agreement one third, kappa one half."""
    first = np.array(["sua"] * 10 + ["mua"] * 10 + ["noise"] * 10)
    second = np.array(["sua"] * 8 + ["mua"] * 2 + ["mua"] * 7 + ["noise"] * 3 + ["noise"] * 5 + ["mua"] * 5)
    agreement = compare_labels(first, second)
    assert agreement.confusion.tolist() == [[8, 2, 0], [0, 7, 3], [0, 5, 5]]
    assert agreement.accuracy == pytest.approx(20 / 30)
    assert agreement.kappa == pytest.approx((20 / 30 - 1 / 3) / (1 - 1 / 3))


def test_units_that_either_leaves_open_do_not_count():
    """Empty labels are not compared; without any common unit, agreement is not a number."""
    agreement = compare_labels(np.array(["sua", "", "mua"]), np.array(["", "sua", "mua"]))
    assert agreement.n_units == 1
    nothing = compare_labels(np.array([""]), np.array(["sua"]))
    assert nothing.n_units == 0
    assert np.isnan(nothing.accuracy)
    assert np.isnan(nothing.kappa)
    with pytest.raises(ValueError, match="1 labels cannot be compared with 2"):
        compare_labels(np.array(["sua"]), np.array(["sua", "mua"]))


def test_labellings_are_compared_on_what_both_distinguish() -> None:
    """Noise or neural against three classes: sua and mua are one class; axon means none of them."""
    first = np.array(["sua", "mua", "noise", "noise", "sua"])
    agreement = compare_labels(first, np.array(["neural", "neural", "noise", "neural", "axon"]))
    assert agreement.classes == ("neural", "noise")
    assert agreement.confusion.tolist() == [[2, 0], [1, 1]]
    assert agreement.n_units == 4
    bad = compare_labels(first, np.array(["good", "bad", "bad", "bad", ""]))
    assert bad.classes == ("sua", "mua or noise")
    assert bad.accuracy == 1
    nothing = compare_labels(np.array(["neural", "noise"]), np.array(["bad", "good"]))
    assert nothing.n_units == 0
