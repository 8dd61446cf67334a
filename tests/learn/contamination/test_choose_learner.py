"""Which learner makes a user's model."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from nwb_unitrefine.errors import TrainingError
from nwb_unitrefine.learn import BoostedTrees, ContaminationAware, SharedVote, choose_learner, train_model
from nwb_unitrefine.learn.contamination.choose_learner import default_learner
from nwb_unitrefine.learn.contamination.foreign_spikes import NEEDED

from .test_shared_vote import make_units

if TYPE_CHECKING:
    from collections.abc import Callable

    from nwb_unitrefine.learn import Dataset


def two_classes(dataset: Dataset, **labels: str) -> Dataset:
    """The same units with other classes."""
    return dataset.merged(labels, classes=tuple(dict.fromkeys(labels.values())))


def test_data_with_counts_get_the_learner_of_the_default() -> None:
    """The settings are those of the packaged model, with the inputs that the user chose."""
    data = make_units(n_units=30)
    assert choose_learner(data) == default_learner()
    assert choose_learner(data, inputs="spike times") == default_learner(inputs="spike times")
    assert type(choose_learner(data, foreign_spikes="none")) is BoostedTrees
    assert type(choose_learner(data, foreign_spikes="all")) is ContaminationAware


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda data: data.select([name for name in data.names if name != NEEDED[2]]), "has no rp_violations"),
        (lambda data: two_classes(data, sua="neural", mua="neural", noise="noise"), "neural, noise do not separate"),
        (lambda data: two_classes(data, sua="axon", mua="soma"), "axon, soma do not separate"),
    ],
)
def test_other_data_get_trees_that_learn_from_labels_alone(change: Callable[[Dataset], Dataset], why: str) -> None:
    """The reason is stated, and asking for foreign spikes all the same is refused with it."""
    data = change(make_units(n_units=30))
    assert choose_learner(data) == BoostedTrees()
    assert why in default_learner().obstacle(data)
    for wanted in ("half", "all"):
        with pytest.raises(TrainingError, match=why):
            choose_learner(data, foreign_spikes=wanted).fit(data)


def test_inputs_without_violations_show_no_foreign_spikes() -> None:
    """Waveforms alone, or metrics that the user names, have to hold a metric of violations."""
    data = make_units(n_units=30)
    assert type(choose_learner(data, inputs="mean waveform")) is BoostedTrees
    assert type(choose_learner(data, metrics=("half_width", "firing_rate"))) is BoostedTrees
    assert type(choose_learner(data, metrics=("half_width", "rp_contamination"))) is SharedVote
    with pytest.raises(TrainingError, match="nothing would show them"):
        choose_learner(data, foreign_spikes="half", inputs="mean waveform")


@pytest.mark.slow
def test_a_model_is_trained_so_unless_another_learner_is_given() -> None:
    """`train_model` without a learner makes what the packaged default is made by."""
    data = make_units(n_units=60)
    trained = train_model(data, validate=False)
    assert trained.model.manifest is not None
    assert trained.model.manifest.training.learner["kind"] == "shared vote"
    values = data.values.copy()
    values[:, data.names.index(NEEDED[2])] = np.nan
    lacking = replace(data, values=values).select([name for name in data.names if name != NEEDED[2]])
    other = train_model(lacking, validate=False).model.manifest
    assert other is not None
    assert other.training.learner["kind"] == "boosted trees"
