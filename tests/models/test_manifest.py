"""The manifest refuses what would otherwise be a wrong label later."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from helpers.model_factory import NAMES, make_manifest
from nwb_unitrefine.errors import ModelError
from nwb_unitrefine.models.appraisal import read_appraisal
from nwb_unitrefine.models.card import render_card
from nwb_unitrefine.models.folder import read_folder
from nwb_unitrefine.models.load import PACKAGED
from nwb_unitrefine.models.manifest import (
    ConditionalCalibration,
    Evaluation,
    Feature,
    Manifest,
    Matrix,
    NoCalibration,
    RecordingScores,
    Uncertainty,
    read_manifest,
)


def test_a_manifest_is_the_same_after_writing_and_reading(tmp_path):
    """Same value, same bytes."""
    manifest = make_manifest(feature_groups={"train": NAMES[:2]})
    file = tmp_path / "manifest.json"
    file.write_text(manifest.to_json())
    assert read_manifest(file) == manifest
    assert read_manifest(file).to_json() == manifest.to_json()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"classes": ("sua", "mua", "mua")}, "'mua' and 'mua' mean the same"),
        ({"classes": ("good", "mua", "noise")}, "class 'good' is named sua here"),
        ({"classes": ("sua", "1", "noise")}, "'1' cannot name a class"),
        ({"classes": ("noise",), "class_priors": {"noise": 1.0}}, "at least 2 items"),
        (
            {"calibrations": (ConditionalCalibration(calibration=Matrix(weights=((1, 0), (0, 1)), bias=(0, 0))),)},
            "not of 3 classes",
        ),
        ({"class_priors": {"sua": 0.5, "mua": 0.5}}, "class_priors must name"),
        ({"class_priors": {"sua": 0.5, "mua": 0.5, "noise": 0.5}}, "sum to 1"),
        ({"class_priors": {"sua": 1.0, "mua": 0.0, "noise": 0.0}}, "must be positive"),
        ({"features": (Feature(name="a", column="a"), Feature(name="a", column="b"))}, "listed twice"),
        ({"features": ()}, "at least 1 item"),
        ({"feature_groups": {"x": ("unknown",)}}, "are not features"),
        ({"calibrations": ()}, "first calibration"),
        (
            {
                "calibrations": (ConditionalCalibration(calibration=NoCalibration()),) * 1
                + (ConditionalCalibration(missing_groups=("nothing",), calibration=NoCalibration()),)
            },
            "which are not there",
        ),
        ({"decision_rule": "guess"}, "balanced"),
        ({"schema_version": 2}, "Input should be 1"),
        ({"surprise": 1}, "Extra inputs"),
        ({"files": {"best_model.skops": "md5:123"}}, "should match pattern"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(change, complaint):
    """Each rule of the manifest."""
    with pytest.raises(ValidationError, match=complaint):
        make_manifest(**change)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema_version": 1, "name": 3}', '{"a": NaN}'])
def test_a_broken_manifest_is_one_line(tmp_path, text):
    """The file and the first field that is wrong."""
    file = tmp_path / "manifest.json"
    file.write_text(text)
    with pytest.raises(ModelError) as caught:
        read_manifest(file)
    assert str(file) in caught.value.message
    assert "\n" not in str(caught.value)


def test_a_manifest_of_a_later_schema_keeps_unknown_keys_out():
    """What this version does not know it does not quietly ignore."""
    document = json.loads(make_manifest().to_json())
    with pytest.raises(ValidationError):
        Manifest.model_validate({**document, "new_rule": True})


def test_a_manifest_of_version_0_1_is_read():
    """Its names of decision rules are those of today's; its margin, which nothing set, may be 0 and nothing else."""
    document = json.loads(make_manifest(decision_rule="balanced").to_json())
    old = {**document, "decision_rule": "prior-weighted", "uncertainty": {**document["uncertainty"], "min_margin": 0.0}}
    assert Manifest.model_validate(old) == Manifest.model_validate(document)
    assert Manifest.model_validate({**document, "decision_rule": "argmax"}).decision_rule == "probable"
    old["uncertainty"]["min_margin"] = 0.1
    with pytest.raises(ValidationError, match="min_margin is no longer supported"):
        Manifest.model_validate(old)


def test_the_card_shows_what_was_measured_on_what():
    """A table of each evaluation, a row of each recording, and the sentence where there is none."""
    scores = RecordingScores(recording="m1", subject="mouse 1", n_units=1200, scores={"balanced_accuracy": 0.7512})
    evaluation = Evaluation(
        name="spike times", scheme="leave one mouse out", pooled={"balanced_accuracy": 0.8}, recordings=(scores,)
    )
    card = render_card(make_manifest(evaluations=(evaluation,)))
    assert card.startswith("---\nlicense: mit\n")
    assert "### spike times: leave one mouse out" in card
    assert "| m1 | mouse 1 | 1,200 | 0.751 |" in card
    assert "| all units together |  |" in card
    assert "| balanced accuracy | 0.8 |" in card
    assert "Nothing was measured" not in card
    assert "Nothing was measured" in render_card(make_manifest())


def test_the_card_states_when_a_label_is_marked_uncertain():
    """Each threshold that the model has, and none that it has not; the packaged card is up to date."""
    rule = Uncertainty(min_spikes=10, min_probability=0.46, max_out_of_range=1, max_contamination=0.5)
    assert (
        "A label is marked uncertain below 10 spikes, below a probability of 0.46, with more than 1 feature out of the "
        "training range, or of a single unit where more than 50 % foreign spikes cannot be excluded.\n"
    ) in render_card(make_manifest(uncertainty=rule))
    assert "uncertain with fewer than 2 features.\n" in render_card(
        make_manifest(uncertainty=Uncertainty(min_present=2))
    )
    assert "No label is marked uncertain.\n" in render_card(make_manifest())
    folder = read_folder(PACKAGED / "default")
    appraisal = read_appraisal(folder.path, digest=folder.digest)
    assert (folder.path / "README.md").read_text() == render_card(folder.manifest, appraisal)
