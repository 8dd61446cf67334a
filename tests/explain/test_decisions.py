"""Which scores decided on the label of a unit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from helpers.model_factory import fitted_pipeline, make_features, make_manifest, training_table
from nwb_unitrefine.explain import explain_decisions
from nwb_unitrefine.learn.learner import in_memory
from nwb_unitrefine.models.adaptation import Adaptation
from nwb_unitrefine.models.cascade import make_cascade

if TYPE_CHECKING:
    from nwb_unitrefine.models import FittedModel
    from nwb_unitrefine.records import Features


@pytest.fixture(scope="module")
def model() -> FittedModel:
    """Of three classes with the shares 0.2, 0.5 and 0.3."""
    return in_memory(fitted_pipeline(), make_manifest(decision_rule="balanced"))


@pytest.fixture(scope="module")
def features() -> Features:
    """Of many units, some of which have a label that is not the most probable class."""
    return make_features(training_table(n_units=600, seed=3)[0].to_numpy())


def test_a_rare_class_can_win_over_a_more_probable_one(model: FittedModel, features: Features) -> None:
    """The sentence has the score of each class, the largest first, and why the more probable class is not the label."""
    found = model.predict(features)
    decisions = explain_decisions(model, features, found)
    likeliest = np.array(found.classes)[found.probabilities.argmax(axis=1)]
    rows = np.flatnonzero((found.labels == "sua") & (likeliest == "mua"))
    assert len(rows)
    row = int(rows[0])
    weighed = found.probabilities[row] / [0.2, 0.5, 0.3]
    scores = dict(zip(found.classes, weighed / weighed.sum(), strict=True))
    sentence = decisions.sentence(row)
    assert sentence.startswith(
        f"Decided by probability relative to the class's share in training: sua {scores['sua']:.2f}, "
    )
    shown = f"({found.probabilities[row, 1]:.2f})"
    assert sentence.endswith(f"Mua is more probable {shown}, and more common: its share is 0.50, that of sua 0.20.")
    document = decisions.document(row)
    assert document["steps"][0]["scores"] == pytest.approx(scores)
    assert document["steps"][0]["shares"] == {"sua": 0.2, "mua": 0.5, "noise": 0.3}
    assert document["margin"] == pytest.approx(np.diff(np.sort(list(scores.values()))[-2:])[0])


def test_only_a_label_that_is_not_the_most_probable_class_is_unexpected(model: FittedModel, features: Features) -> None:
    """Every label has its sentence; a page shows those that look like a mistake. Without a label there is none."""
    found = model.predict(features)
    decisions = explain_decisions(model, features, found)
    likeliest = np.array(found.classes)[found.probabilities.argmax(axis=1)]
    for row, label in enumerate(found.labels.tolist()):
        assert decisions.sentence(row).startswith("Decided by " if label else "")
        assert bool(decisions.sentence(row)) == bool(label)
        assert decisions.unexpected(row) == (decisions.sentence(row) if label not in {"", likeliest[row]} else "")
    assert {"sua", ""} < set(found.labels.tolist())


def test_the_most_probable_class_and_an_adapted_boundary_are_stated_as_such(
    model: FittedModel, features: Features
) -> None:
    """What the scores are follows from how the model was loaded."""
    probable = replace(model, decide="probable")
    sentence = explain_decisions(probable, features, probable.predict(features)).sentence(0)
    assert sentence.startswith("Decided by probability: ")
    assert "more probable" not in sentence
    moved = Adaptation(offsets=(1.0, 0.0, 0.0), shares=(0.4, 0.3, 0.3), n_labels=(5, 5, 5))
    adapted = replace(model, adaptation=moved)
    decisions = explain_decisions(adapted, features, adapted.predict(features))
    assert "share in training, adapted to labels of people: " in decisions.sentence(0)
    assert decisions.steps[0].shares == {"sua": 0.4, "mua": 0.3, "noise": 0.3}


def test_two_models_in_a_row_state_both_steps(features: Features) -> None:
    """First neural or noise, then sua or mua; the second step is stated only for units that it divided."""
    labels = training_table()[1]
    steps = [
        in_memory(
            fitted_pipeline(labels=wanted),
            make_manifest(classes=classes, class_priors=dict.fromkeys(classes, 0.5), decision_rule="probable"),
        )
        for wanted, classes in ((labels == 2, ("neural", "noise")), (labels != 0, ("sua", "mua")))
    ]
    model = make_cascade(*steps)
    found = model.predict(features)
    decisions = explain_decisions(model, features, found)
    noise, neural = (int(np.flatnonzero((found.labels == "noise") == one)[0]) for one in (True, False))
    assert decisions.sentence(noise).startswith("Decided by probability: noise 0.")
    assert "; then " not in decisions.sentence(noise)
    assert len(decisions.document(noise)["steps"]) == 1
    assert f"; then {found.labels[neural]} 0." in decisions.sentence(neural)
    weighed = replace(model, second=replace(model.second, decide="balanced"))
    both = explain_decisions(weighed, features, found).sentence(neural)
    assert "; then by probability relative to the class's share in training: " in both
    below = (found.labels != "noise") & (found.probabilities.argmax(axis=1) == 2)
    assert below.any()
    assert "Noise is more probable (0." in decisions.unexpected(int(np.flatnonzero(below)[0]))
