"""The model that comes with the package."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from nwb_unitrefine.errors import TrainingError
from nwb_unitrefine.learn import evaluate
from nwb_unitrefine.learn.labelled.training_data import read_base_dataset
from nwb_unitrefine.models import load_model
from nwb_unitrefine.models.appraisal import read_appraisal
from nwb_unitrefine.models.load import PACKAGED
from nwb_unitrefine.records import CLASSES
from nwb_unitrefine.vocabulary import resolve

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def default():
    return load_model("default")


def test_it_is_small() -> None:
    """At most 5 MB, training data not included."""
    assert sum(file.stat().st_size for file in (PACKAGED / "default").iterdir()) < 5_000_000
    assert not (PACKAGED / "default" / "training_data.csv").exists()


def test_it_needs_no_raw_data_and_does_not_know_the_recording(default) -> None:
    """Its inputs come from spike times and mean waveforms, and none grows with the time recorded."""
    metrics = [resolve(name).metric for name in default.manifest.input_names]
    assert {need.name for metric in metrics for need in metric.needs} == {"SPIKE_TIMES", "WAVEFORM", "CHANNELS"}
    assert not any(metric.follows_recording_length for metric in metrics)


def test_its_card_states_what_was_measured(default) -> None:
    """Scores of every kind of source, subject by subject, stand in manifest and card."""
    assert [one.scheme for one in default.manifest.evaluations] == ["leave one subject out"] * 3
    assert len(default.manifest.evaluations[0].recordings) == 9
    assert default.identity.licence == "MIT"
    assert "leave one subject out" in (PACKAGED / "default" / "README.md").read_text(encoding="utf-8")


def test_its_scores_stand_beside_a_peer_and_a_person(default) -> None:
    """The stronger forest, a person, how far scores move, and what was not measured; the digest covers none of it."""
    found = read_appraisal(PACKAGED / "default", digest=default.identity.digest)
    assert found is not None
    assert "stronger forest" in found.others[0].name
    assert {"mean_balanced_accuracy", "mean_calibration_error", "mean_accuracy_at_80"} <= set(
        found.others[0].difference
    )
    assert found.person is not None
    assert 0.80 < found.person.scores["balanced_accuracy"].value < 0.81
    assert {one.what for one in found.spreads} >= {"the recording that is scored", "the mice in training"}
    assert any("Species other than mice" in one for one in found.not_measured)
    ours = default.manifest.evaluations[0].pooled["mean_balanced_accuracy"]
    forest = found.others[0]
    assert forest.scores["mean_balanced_accuracy"].value + forest.difference["mean_balanced_accuracy"].value == (
        pytest.approx(ours, abs=0.002)
    )


def test_its_scores_are_what_was_promised(default) -> None:
    """Calibrated to 0.02, and right on 0.84 of the surest four fifths, on mice it had not seen."""
    pooled = default.manifest.evaluations[0].pooled
    assert pooled["mean_balanced_accuracy"] >= 0.755
    assert pooled["calibration_error"] <= 0.02
    assert pooled["accuracy_at_80"] >= 0.838


def test_units_that_it_does_not_mark_are_right(default) -> None:
    """Three units in four are not marked, and 0.84 of these are right; contamination that is not excluded is a mark."""
    pooled = default.manifest.evaluations[0].pooled
    assert pooled["kept"] >= 0.75
    assert pooled["accuracy_kept"] >= 0.84
    assert "contamination_upper" in default.feature_names


def test_it_was_trained_on_this_data(default, shared_data: Path) -> None:
    """The digest in its manifest is that of the base dataset's metrics that it takes."""
    data = read_base_dataset(shared_data / "unitrefine_base")
    assert data.select(default.manifest.input_names).digest == default.manifest.training.data_digest
    with pytest.raises(TrainingError, match="was trained on"):
        evaluate(default, data)


@pytest.mark.parametrize("group", ["waveform", "channels"])
def test_it_labels_what_lacks_a_group(default, shared_data: Path, group: str) -> None:
    """Without many channels, or without waveforms, it still labels, and most units alike."""
    data = read_base_dataset(shared_data / "unitrefine_base")
    data = data.take(np.arange(0, len(data), 20))
    whole = default.predict(data.to_features())
    poor = default.predict(data.hide(default.manifest.feature_groups[group]).to_features())
    known = whole.labels != ""
    assert set(poor.labels[known].tolist()) <= set(CLASSES)
    assert (poor.labels[known] == whole.labels[known]).mean() > 0.6
