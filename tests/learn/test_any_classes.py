"""Data, models and scores of classes other than sua, mua and noise."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from nwb_unitrefine.errors import TrainingError
from nwb_unitrefine.learn import Dataset, UnitRefineRecipe, combine, cross_validate, evaluate, train_model
from nwb_unitrefine.learn.adapted_scores import score_adapted
from nwb_unitrefine.models import load_model
from nwb_unitrefine.vocabulary.common_classes import common_classes

if TYPE_CHECKING:
    from pathlib import Path

NEURAL = {"sua": "neural", "mua": "neural", "noise": "noise"}
WORDS = ("axon", "soma", "fast spiking", "junk")


def in_words(dataset: Dataset) -> Dataset:
    """The same units, in four words of nobody's table."""
    parts = {"sua": "axon", "mua": "soma", "noise": "junk"}
    labels = np.array([parts[label] for label in dataset.labels.tolist()], dtype="U12")
    labels[::4] = "fast spiking"
    values = dataset.values.copy()
    values[::4] += 4
    return replace(dataset, labels=labels, values=values, classes=WORDS, label_mapping={})


@pytest.mark.parametrize("kind", ["binary", "words"])
def test_a_model_of_other_classes_is_trained_scored_and_written(make, small_learner, tmp_path: Path, kind: str) -> None:
    """Manifest, card, scores and the loaded model follow the classes; priors and calibration have their number."""
    dataset = in_words(make()) if kind == "words" else make().merged(NEURAL, classes=("noise", "neural"))
    trained = train_model(dataset, output=tmp_path / "model", learner=small_learner)
    model = load_model(tmp_path / "model")
    assert model.classes == dataset.classes
    assert model.class_priors == {name: count / len(dataset) for name, count in dataset.counts.items()}
    assert len(model.manifest.calibrations[0].calibration.bias) == len(dataset.classes)
    found = model.predict(dataset.to_features())
    np.testing.assert_array_equal(found.probabilities, trained.model.predict(dataset.to_features()).probabilities)
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1)
    assert (found.labels == dataset.labels).mean() > 0.7
    scores = model.manifest.evaluations[0].pooled
    assert scores["balanced_accuracy"] > 1.3 / len(dataset.classes)
    assert {f"recall_{name}" for name in dataset.classes} <= set(scores)
    card = (tmp_path / "model" / "README.md").read_text()
    assert all(name in card for name in dataset.classes)
    assert "multi-unit" not in card


def test_a_binary_model_is_scored_on_what_it_distinguishes(make, small_learner) -> None:
    """Labels sua, mua and noise against neural and noise: two classes, and the scores name them."""
    model = train_model(make().merged(NEURAL, classes=("neural", "noise")), learner=small_learner, validate=False).model
    other = make(seed=1)
    other = replace(other, recordings=np.char.add("other ", other.recordings))
    scored = evaluate(model, other)
    assert scored.classes == ("neural", "noise")
    predicted = model.predict(other.to_features())
    right = (predicted.labels == "noise") == (other.labels == "noise")
    assert scored.pooled["accuracy"] == pytest.approx(right.mean())
    assert "recall_neural" in scored.pooled


def test_a_model_of_three_classes_is_scored_on_labels_of_two(make, small_learner) -> None:
    """The probabilities of sua and mua add up to those of neural."""
    model = train_model(make(), learner=small_learner, validate=False).model
    other = make(seed=1).merged(NEURAL, classes=("noise", "neural"))
    other = replace(other, recordings=np.char.add("other ", other.recordings))
    scored = evaluate(model, other)
    assert scored.classes == ("noise", "neural")
    predicted = model.predict(other.to_features())
    np.testing.assert_allclose(scored.probabilities[:, 0], predicted.probabilities[:, 2])
    np.testing.assert_allclose(scored.probabilities[:, 1], predicted.probabilities[:, :2].sum(axis=1))


def test_a_label_that_the_data_cannot_have_counts_as_wrong(make, small_learner) -> None:
    """Of single and multi-units only, those that a model calls noise are mistakes, and not left out."""
    model = train_model(make(), learner=small_learner, validate=False).model
    other = make(seed=1).merged({"sua": "sua", "mua": "mua"}, classes=("sua", "mua"))
    other = replace(other, recordings=np.char.add("other ", other.recordings))
    scored = evaluate(model, other)
    predicted = model.predict(other.to_features())
    assert "noise" in predicted.labels.tolist()
    assert scored.pooled["accuracy"] == pytest.approx((predicted.labels == other.labels).mean())


def test_words_without_a_common_class_are_not_scored(make, small_learner) -> None:
    """A model of axons has nothing to say about noise."""
    model = train_model(in_words(make()), learner=small_learner, validate=False).model
    other = make(seed=1)
    with pytest.raises(TrainingError, match="no two classes are common"):
        evaluate(model, replace(other, recordings=np.char.add("other ", other.recordings)))


def test_impossible_classes_are_refused(make) -> None:
    """Two names of one thing, no name, one class alone, data of other classes, and the recipe of three."""
    dataset = make()
    for classes in (("sua", "mua", "noise", "good"), ("sua", "mua", "noise", "1"), ("good", "mua", "noise")):
        with pytest.raises(TrainingError):
            replace(dataset, classes=classes)
    alone = dataset.take(dataset.labels == "noise")
    with pytest.raises(TrainingError, match="at least two"):
        replace(alone, classes=("noise",))
    binary = replace(dataset.merged(NEURAL, classes=("neural", "noise")), recordings=np.full(len(dataset), "other"))
    with pytest.raises(TrainingError, match="cannot be put together"):
        combine([dataset, replace(binary, unit_ids=np.arange(len(binary)).astype(str))])
    with pytest.raises(TrainingError, match="UnitRefine's recipe"):
        cross_validate(UnitRefineRecipe(), dataset.merged(NEURAL, classes=("neural", "noise")))


@pytest.mark.parametrize(
    ("predicted", "known", "classes"),
    [
        (("sua", "bad"), ("sua", "mua", "noise"), ("sua", "mua or noise")),
        (("sua", "bad"), ("neural", "noise"), ("sua or mua or noise",)),
        (("axon", "soma"), ("soma", "axon"), ("soma", "axon")),
        (("axon", "noise"), ("axon", "soma", "noise"), ("axon", "noise")),
    ],
)
def test_the_finest_common_classes(predicted, known, classes) -> None:
    """Known meanings are divided as finely as both allow; words of somebody's own are classes by themselves."""
    assert common_classes(predicted, known).classes == classes


def test_boundaries_of_other_classes_are_not_moved(make, small_learner) -> None:
    """Scores with labels of the recording itself are of three classes."""
    scored = cross_validate(small_learner, make().merged(NEURAL, classes=("neural", "noise")))
    with pytest.raises(TrainingError, match="not between neural, noise"):
        score_adapted(scored, n_labels=5)
