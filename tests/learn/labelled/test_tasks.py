"""Labels as the classes of a task, and the metrics that a model is given."""

from __future__ import annotations

import pytest

from nwb_unitrefine.errors import FeatureError, TrainingError
from nwb_unitrefine.learn import BoostedTrees, map_labels
from nwb_unitrefine.learn.input_sets import choose_inputs
from nwb_unitrefine.learn.labelled.tasks import METRIC_PRESETS, TASKS, parse_metrics, parse_task


@pytest.mark.parametrize(
    ("task", "labels"),
    [
        ("sua-mua-noise", ["sua", "mua", "noise", ""]),
        ("noise-neural", ["neural", "neural", "noise", ""]),
        ("sua-mua", ["sua", "mua", "", ""]),
        ("sua-rest", ["sua", "bad", "bad", ""]),
        ("good,bad", ["good", "bad", "bad", ""]),
    ],
)
def test_labels_become_the_classes_of_a_task(task: str, labels: list[str]) -> None:
    """Good, mua, noise and unsorted; what is of no class is left out, and listed."""
    found = map_labels(["good", "mua", "noise", "unsorted"], classes=parse_task(task))
    assert found.labels.tolist() == labels
    assert found.mapping["noise"] == labels[2]


def test_words_of_ones_own_are_classes() -> None:
    """Spelling does not matter; a word that nobody knows is asked for, and a mapping answers."""
    classes = parse_task("axon, fast spiking, junk")
    found = map_labels(["Axon", "fast_spiking", "noise"], classes=classes, mapping={"noise": "junk"})
    assert found.labels.tolist() == ["axon", "fast spiking", "junk"]
    with pytest.raises(TrainingError, match="'dendrite'"):
        map_labels(["axon", "dendrite"], classes=classes)
    with pytest.raises(TrainingError, match="cannot mean 'dendrite'"):
        map_labels(["axon"], classes=classes, mapping={"a": "dendrite"})


def test_a_label_that_leaves_two_classes_open_is_asked_for() -> None:
    """Neural is sua or mua; as a class of its own it is not open."""
    with pytest.raises(TrainingError, match="mua or sua"):
        map_labels(["neural"], classes=("sua", "mua"))
    assert map_labels(["neural"], classes=("neural", "noise")).labels.tolist() == ["neural"]


def test_of_several_labels_of_a_unit_the_worst_counts() -> None:
    """As with three classes; two words of one's own do not agree, and are refused."""
    found = map_labels([["good", "noise"], ["good", "mua"]], classes=("noise", "neural"))
    assert found.labels.tolist() == ["noise", "neural"]
    with pytest.raises(TrainingError, match="of several classes"):
        map_labels([["axon", "soma"]], classes=("axon", "soma"))


@pytest.mark.parametrize("task", ["sua-noise-mua", "axon", "good,sua", "axon,1", "good,mua,noise", "axon,unsorted", ""])
def test_a_task_that_is_none_is_refused(task: str) -> None:
    """A slip, one word, two words for one thing, numbers, other names for the usual three."""
    with pytest.raises(TrainingError):
        parse_task(task)


def test_every_task_and_preset_is_understood(make) -> None:
    """Classes are possible, and each preset finds metrics that fit it."""
    assert all(parse_task(name) == classes for name, classes in TASKS.items())
    chosen = {name: choose_inputs(make(), **parse_metrics(name)) for name in METRIC_PRESETS}
    assert set(chosen["spike-times"]) | set(chosen["waveform"]) == set(chosen["nwb"]) < set(chosen["all"])
    assert "half_width@0.101" in chosen["waveform"]
    assert "half_width@0.101" not in chosen["spike-times"]


def test_metrics_by_name(make) -> None:
    """Those alone are inputs, in the definition of the data; one that is not there or a slip is named."""
    learner = BoostedTrees(members=1, rounds=2, smallest_leaf=5, **parse_metrics("half_width, num_spikes"))
    assert learner.fit(make()).inputs == ("num_spikes@0.101", "half_width@0.101")
    with pytest.raises(TrainingError, match="no metric amplitude_cutoff"):
        choose_inputs(make(), metrics=("amplitude_cutoff",))
    with pytest.raises(FeatureError, match="half_widht") as caught:
        choose_inputs(make(), metrics=("half_widht",))
    assert "half_width" in caught.value.tip
