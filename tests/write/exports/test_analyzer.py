"""A SortingAnalyzer without a recording has the units, waveforms and places of the file."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from helpers.simulated_nwb import make_session, write_nwb
from nwb_unitrefine import compute_features, read_units
from nwb_unitrefine.cli import main
from nwb_unitrefine.errors import WriteError
from nwb_unitrefine.records import Ragged
from nwb_unitrefine.write import export_analyzer

core = pytest.importorskip("spikeinterface.core", reason="needs the extra spikeinterface")


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    return write_nwb(tmp_path_factory.mktemp("session") / "session.nwb", make_session(), waveforms="all")


@pytest.fixture
def units(session):
    return read_units(session)


def test_features_are_those_of_the_file(units, tmp_path):
    """Metrics of the analyzer, read back, are the file's: spikes, waveforms, channels and places survived."""
    folder = export_analyzer(units, tmp_path / "analyzer", properties={"label": ["sua"] * len(units)})
    again = read_units(folder)
    assert again.unit_ids.tolist() == units.unit_ids.tolist()
    names = ["firing_rate", "isi_violations_ratio", "trough_half_width", "repolarization_slope", "exp_decay", "spread"]
    ours, theirs = (compute_features(one, names=names) for one in (units, again))
    present = np.isfinite(ours.values)
    assert present.any(axis=0).all()
    # An analyzer counts from sample 0 to its last spike, the file from its first observed moment.
    assert np.allclose(ours.values[:, 1:], theirs.values[:, 1:], rtol=1e-4, equal_nan=True)
    assert again.columns["label"].values.tolist() == ["sua"] * len(units)


def test_negative_times_and_shared_places_are_taken(units, tmp_path):
    """All spikes are moved by the same number of samples where some are negative; contacts at one place are apart."""
    trains = Ragged(units.spike_times_s.values - 5.0, units.spike_times_s.offsets)
    positions = np.zeros_like(units.electrodes.positions_um)
    crowded = replace(units, spike_times_s=trains, electrodes=replace(units.electrodes, positions_um=positions))
    folder = export_analyzer(crowded, tmp_path / "analyzer")
    analyzer = core.load_sorting_analyzer(folder)
    spikes = analyzer.sorting.to_spike_vector()["sample_index"]
    assert spikes.min() == 0
    expected = np.diff(np.sort(np.rint(trains.values * units.sampling_rate_hz)))
    assert np.array_equal(np.diff(np.sort(spikes)), expected)
    places = analyzer.get_channel_locations()
    assert len(np.unique(places, axis=0)) == len(places)


def test_what_an_analyzer_cannot_hold_is_refused(units, tmp_path):
    """Without waveforms, a rate or spikes nothing is made, and a folder that exists is not replaced unasked."""
    for missing in ({"waveforms": None}, {"sampling_rate_hz": None}):
        with pytest.raises(WriteError, match="An analyzer needs"):
            export_analyzer(replace(units, **missing), tmp_path / "none")
    assert not (tmp_path / "none").exists()
    export_analyzer(units, tmp_path / "analyzer")
    with pytest.raises(WriteError, match="exists"):
        export_analyzer(units, tmp_path / "analyzer")


def test_a_curation_of_the_analyzer_comes_back(session, tmp_path, capsys):
    """Labels given in SpikeInterface's curation of the analyzer are taken by `relabel`."""
    import json
    import shutil

    path = tmp_path / "session.nwb"
    shutil.copy(session, path)
    assert main(["export", str(path), str(tmp_path / "analyzer"), "--format", "analyzer"]) == 0
    analyzer = core.load_sorting_analyzer(tmp_path / "analyzer")
    ids = [int(unit) for unit in analyzer.unit_ids]
    curation = {
        "format_version": "2",
        "unit_ids": ids,
        "label_definitions": {"quality": {"label_options": ["good", "MUA", "noise"], "exclusive": True}},
        "manual_labels": [{"unit_id": ids[0], "labels": {"quality": ["MUA"]}}],
        "removed": [], "merges": [], "splits": [],
    }  # fmt: skip
    (tmp_path / "curation.json").write_text(json.dumps(curation))
    assert main(["relabel", str(path), "--labels", str(tmp_path / "curation.json"), "--by", "me"]) == 0
    assert "1 of" in capsys.readouterr().out
