"""Evaluation: what is scored was not trained on, and every unit counts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nwb_unitrefine.errors import TrainingError
from nwb_unitrefine.learn import (
    UnitRefineRecipe,
    compare,
    cross_validate,
    evaluate,
    score_table,
    train_model,
)


@pytest.fixture(scope="module")
def scored(make, small_learner):
    """Our learner and the recipe on the same splits."""
    dataset = make()
    return cross_validate(small_learner, dataset), cross_validate(UnitRefineRecipe(), dataset)


def test_both_learn_what_there_is_to_learn(scored) -> None:
    """On units whose class shows, both are far above chance, and every probability is one."""
    for one in scored:
        assert one.scheme == "leave one subject out"
        assert one.pooled["balanced_accuracy"] > 0.8
        np.testing.assert_allclose(one.probabilities.sum(axis=1), 1)


def test_scores_on_training_recordings_are_refused(make, small_learner) -> None:
    """A model is not scored on a recording that it was trained on."""
    dataset = make()
    trained = train_model(dataset, learner=small_learner, validate=False)
    with pytest.raises(TrainingError, match="was trained on rec0"):
        evaluate(trained.model, dataset.take(dataset.recordings == "rec0"))


def test_a_finished_model_is_scored_on_new_recordings(make, small_learner) -> None:
    """On recordings of another subject, its scores are those of its predictions."""
    trained = train_model(make(), learner=small_learner, validate=False)
    fresh = make(seed=9)
    fresh = replace(fresh, recordings=np.char.add("new ", fresh.recordings))
    found = evaluate(trained.model, fresh)
    assert found.pooled["accuracy"] == (trained.model.predict(fresh.to_features()).labels == fresh.labels).mean()


def test_a_unit_about_which_nothing_is_said_counts(make, small_learner) -> None:
    """Units without any metric are not left out of the score: they get the shares of training, and are uncertain."""
    trained = train_model(make(), learner=small_learner, validate=False)
    fresh = make(n_units=30, seed=9)
    fresh = replace(
        fresh, recordings=np.full(30, "new"), values=np.where(np.arange(30)[:, None] < 3, np.nan, fresh.values)
    )
    found = evaluate(trained.model, fresh)
    assert found.unlabelled[:3].all()
    assert found.uncertain[:3].all()
    np.testing.assert_allclose(found.probabilities[0], 1 / 3)
    assert len(found.labels) == 30


def test_comparing_is_paired_by_recording(scored) -> None:
    """The difference to itself is nothing; the other way round it has the other sign."""
    ours, recipe = scored
    assert compare(ours, ours) == (0, 0, 0)
    there, back = compare(ours, recipe), compare(recipe, ours)
    assert there[0] == pytest.approx(-back[0])
    assert there[1] <= there[0] <= there[2]
    mean = np.mean([one["balanced_accuracy"] for one in ours.by_recording.values()])
    assert ours.mean("balanced_accuracy")[0] == pytest.approx(mean)


def test_other_units_cannot_be_compared(scored, make, small_learner) -> None:
    """Scores on different units are not set against each other."""
    other = cross_validate(small_learner, make(seed=5).take(np.arange(90)))
    with pytest.raises(TrainingError, match="same units"):
        compare(scored[0], other)


def test_the_table_has_a_row_for_each(scored) -> None:
    """Side by side, with the mean over recordings and its interval."""
    table = score_table(scored)
    assert table.index.tolist() == [one.name for one in scored]
    assert (table["mean_low"] <= table["mean_balanced_accuracy"]).all()


def test_hidden_metrics_make_it_harder(make, small_learner, scored) -> None:
    """What a poorer source lacks is missing for the units that are scored, and shows in the score."""
    dataset = make()
    poor = cross_validate(small_learner, dataset, hide=dataset.names[2:])
    assert poor.pooled["balanced_accuracy"] < scored[0].pooled["balanced_accuracy"]


def test_what_is_kept_is_near_what_was_wanted(scored) -> None:
    """About four units in five are not marked uncertain, and they are right more often."""
    pooled = scored[0].pooled
    assert 0.6 < pooled["kept"] < 0.95
    assert pooled["accuracy_kept"] >= pooled["accuracy"]


def test_parts_can_be_counted(make, small_learner) -> None:
    """Whoever follows is handed each part that is left out, with how many there are; the scores are the same."""
    counted = []

    def follow(steps, /, *, total, doing):
        for step in steps:
            counted.append((total, doing))
            yield step

    dataset = make()
    followed = cross_validate(small_learner, dataset, follow=follow)
    assert counted == [(len(set(dataset.subjects.tolist())), f"scoring {small_learner.name}")] * counted[0][0]
    np.testing.assert_array_equal(followed.probabilities, cross_validate(small_learner, dataset).probabilities)
