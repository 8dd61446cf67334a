"""Model folders: ours are SpikeInterface's too, and hold what their manifest says."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from helpers.model_factory import NAMES, fitted_pipeline, make_features, make_manifest, training_table
from nwb_unitrefine.errors import ModelError
from nwb_unitrefine.models import load_model, write_folder
from nwb_unitrefine.models.folder import appearing_folder
from nwb_unitrefine.models.load import PACKAGED


@pytest.fixture
def folder(tmp_path):
    """A folder of ours."""
    table, labels = training_table()
    return write_folder(
        tmp_path / "toy",
        estimator=fitted_pipeline(),
        manifest=make_manifest(),
        training_data=table,
        labels=pd.Series(labels),
    )


def test_a_written_model_predicts_as_the_one_in_memory(folder):
    """Writing and loading changes no bit of a probability."""
    table, _ = training_table(seed=1)
    model = load_model(folder)
    found = model.predict(make_features(table.to_numpy())).probabilities
    np.testing.assert_array_equal(found, fitted_pipeline().predict_proba(table))


# SpikeInterface leaves model_info.json open, and warns that parameters of metrics are unknown.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::UserWarning")
def test_spikeinterface_loads_a_folder_of_ours_and_predicts_the_same(folder):
    """`model_based_label_units` of SpikeInterface labels as we do without calibration."""
    pytest.importorskip("spikeinterface")
    from spikeinterface.curation.model_based_curation import ModelBasedClassification
    from spikeinterface.curation.model_based_curation import load_model as load_in_spikeinterface

    pipeline, info = load_in_spikeinterface(model_folder=folder, trust_model=True)
    table, _ = training_table(seed=1)
    unit_ids = list(range(len(table)))
    classification = ModelBasedClassification(_Analyzer(unit_ids), pipeline)
    theirs = classification.predict_labels(
        metrics=table.rename(columns={"half_width": "trough_half_width"}),
        model_info={**info, "metric_params": {}},
        set_predictions_as_properties=False,
    )
    ours = load_model(folder).predict(make_features(table.to_numpy()))
    assert theirs["prediction"].tolist() == ours.labels.tolist()
    np.testing.assert_array_equal(theirs["probability"], ours.probabilities.max(axis=1))


class _Analyzer:
    """What SpikeInterface asks of a SortingAnalyzer when it is given a table of metrics."""

    def __init__(self, unit_ids):
        self.unit_ids = unit_ids

    def get_extension(self, name):  # noqa: ARG002
        return None


def test_a_folder_of_ours_states_which_features_it_wants(folder):
    """The manifest's vocabulary names are what the model asks for."""
    assert load_model(folder).feature_names == NAMES


def test_an_exchanged_estimator_is_refused(folder):
    """The manifest vouches for one estimator by its digest."""
    with (folder / "best_model.skops").open("ab") as stream:
        stream.write(b" ")
    with pytest.raises(ModelError, match="digest differs"):
        load_model(folder)


def test_the_identity_changes_with_the_manifest_and_not_with_the_card(folder):
    """The digest covers what decides a prediction."""
    before = load_model(folder).identity.digest
    (folder / "README.md").write_text("another card")
    assert load_model(folder).identity.digest == before
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["class_priors"] = {"sua": 0.3, "mua": 0.3, "noise": 0.4}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert load_model(folder).identity.digest != before


@pytest.mark.slow
# SpikeInterface leaves model_info.json open.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::UserWarning")
def test_the_packaged_model_loads_in_spikeinterface():
    """As a pipeline whose metrics SpikeInterface knows, with the probabilities that our estimator gives."""
    pytest.importorskip("spikeinterface")
    from sklearn.pipeline import Pipeline
    from spikeinterface.curation.model_based_curation import get_required_metrics_from_model
    from spikeinterface.curation.model_based_curation import load_model as load_in_spikeinterface

    folder = PACKAGED / "default"
    pipeline, info = load_in_spikeinterface(model_folder=folder, trust_model=True)
    assert isinstance(pipeline, Pipeline)
    assert sorted(info["label_conversion"].values()) == ["mua", "noise", "sua"]
    assert len(get_required_metrics_from_model(model=pipeline)) == len(pipeline.feature_names_in_)
    ours = load_model()
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.random((20, len(ours.inputs))), columns=list(pipeline.feature_names_in_)).astype("float32")
    np.testing.assert_array_equal(ours.class_probabilities(table), pipeline.predict_proba(table))


def test_a_folder_for_a_model_appears_when_it_is_complete(tmp_path):
    """Folders above are made; below a file nothing is, and what failed halfway leaves nothing."""
    with appearing_folder(tmp_path / "models" / "new", overwrite=False) as draft:
        (draft / "README.md").write_text("about")
        assert not (tmp_path / "models" / "new").exists()
    assert [entry.name for entry in (tmp_path / "models" / "new").iterdir()] == ["README.md"]
    below = tmp_path / "models" / "new" / "README.md" / "model"
    with pytest.raises(ModelError, match=r"cannot be written: .* Choose another folder"):
        appearing_folder(below, overwrite=False).__enter__()
    with pytest.raises(KeyError), appearing_folder(tmp_path / "models" / "other", overwrite=False):
        raise KeyError
    assert [entry.name for entry in (tmp_path / "models").iterdir()] == ["new"]
