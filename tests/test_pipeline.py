"""The whole way in one call."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from helpers.simulated_nwb import make_session, write_nwb
from nwb_unitrefine import curate, load_model
from nwb_unitrefine.errors import FeatureError, SourceError
from nwb_unitrefine.records import CLASSES


def test_curate_labels_every_unit_and_changes_nothing(tmp_path) -> None:
    """Every unit with spikes gets one of the three labels, in the file's order, and the file keeps its bytes."""
    session = make_session(n_units=6)
    path = write_nwb(tmp_path / "a.nwb", session)
    before = path.read_bytes()
    curation = curate(path)
    assert curation.predictions.unit_ids.tolist() == session.unit_ids.tolist()
    assert set(curation.predictions.labels.tolist()) <= set(CLASSES)
    np.testing.assert_allclose(curation.predictions.probabilities.sum(axis=1), 1)
    assert path.read_bytes() == before


@pytest.mark.slow
def test_a_loaded_model_predicts_the_same_as_its_name(tmp_path) -> None:
    """A model may be given by name or loaded beforehand."""
    path = write_nwb(tmp_path / "a.nwb", make_session(n_units=4))
    by_name, loaded = curate(path), curate(path, model=load_model("default"))
    np.testing.assert_array_equal(by_name.predictions.probabilities, loaded.predictions.probabilities)
    assert by_name.model == loaded.model


def test_label_of_a_unit_whose_spikes_are_cut_off_is_uncertain(tmp_path) -> None:
    """Of a cropped file, a unit that keeps some of its spikes is labelled, as uncertain, and the reason says why."""
    path = write_nwb(tmp_path / "a.nwb", make_session(n_units=2))
    with h5py.File(path, "r+") as file:
        table = file["units"]
        kept = table["spike_times"][:-10]
        attributes = dict(table["spike_times"].attrs)
        del table["spike_times"]
        table["spike_times"] = kept
        table["spike_times"].attrs.update(attributes)
        whole = int(table["spike_times_index"][1] - table["spike_times_index"][0])
    predictions = curate(path).predictions
    assert predictions.labels[1] in CLASSES
    assert predictions.uncertain[1]
    assert f"only {whole - 10} of {whole} are in the file" in predictions.reasons[1]
    assert "only" not in predictions.reasons[0]


@pytest.mark.slow
def test_dead_unit_gets_no_label_and_a_reason(tmp_path) -> None:
    """A unit without spikes is left unlabelled, and the reason says so."""
    path = write_nwb(tmp_path / "a.nwb", make_session(n_units=3))
    with h5py.File(path, "r+") as file:
        index = file["units/spike_times_index"]
        index[1] = index[0]
    predictions = curate(path).predictions
    assert predictions.labels[1] == ""
    assert predictions.reasons[1] == "no spikes"
    assert np.isnan(predictions.probabilities[1]).all()


@pytest.mark.slow
@pytest.mark.parametrize("scale", [1.0, 10.0])
def test_probabilities_do_not_depend_on_the_order_of_units(tmp_path, scale: float) -> None:
    """The same units in another order get the same probabilities, at any amplitude."""
    session = make_session(n_units=5)
    from dataclasses import replace

    order = np.array([3, 0, 4, 1, 2])
    scaled = replace(session, waveforms_uv=session.waveforms_uv * scale)
    shuffled = replace(
        scaled,
        unit_ids=scaled.unit_ids[order],
        kinds=scaled.kinds[order],
        spike_times_s=[scaled.spike_times_s[row] for row in order],
        waveforms_uv=scaled.waveforms_uv[order],
        nearest=scaled.nearest[order],
    )
    first = curate(write_nwb(tmp_path / "a.nwb", scaled)).predictions
    second = curate(write_nwb(tmp_path / "b.nwb", shuffled)).predictions
    np.testing.assert_allclose(second.probabilities, first.probabilities[order], rtol=1e-9)


def test_an_unknown_feature_has_no_origin(tmp_path) -> None:
    """Asked for a feature that is not there, the error names those that are."""
    features = curate(write_nwb(tmp_path / "a.nwb", make_session(n_units=2))).features
    with pytest.raises(FeatureError, match="'foo' is not among these features"):
        features.origin(0, "foo")


def test_a_closed_file_is_refused(tmp_path) -> None:
    """An h5py.File that was closed is not a source, and the error says what to do."""
    path = write_nwb(tmp_path / "a.nwb", make_session(n_units=2))
    with h5py.File(path) as file:
        pass
    with pytest.raises(SourceError, match="is closed"):
        curate(file)
