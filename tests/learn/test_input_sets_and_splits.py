"""What a model is shown, and what is kept from it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nwb_unitrefine.errors import TrainingError
from nwb_unitrefine.learn.input_sets import choose_inputs, feature_groups, missing_tiers
from nwb_unitrefine.learn.splits import split


def test_metrics_that_grow_with_the_recording_are_left_out(make) -> None:
    """num_spikes tells recordings apart, and is not an input unless asked for."""
    dataset = make()
    assert "num_spikes@0.101" not in choose_inputs(dataset)
    assert "num_spikes@0.101" in choose_inputs(dataset, inputs="spike times", whole_recordings=True)


@pytest.mark.parametrize(
    ("inputs", "last"),
    [
        ("spike times", "isi_violations_ratio@0.101"),
        ("spike times + one channel", "repolarization_slope@0.101"),
        ("spike times + mean waveform", "exp_decay@0.101"),
        ("all metrics", "snr@0.101"),
    ],
)
def test_sets_of_inputs(make, inputs: str, last: str) -> None:
    """Each richer source adds its metrics."""
    assert choose_inputs(make(), inputs=inputs)[-1] == last


def test_a_constant_metric_is_no_input(make) -> None:
    """A metric without information, or without values, is left out; without any, nothing can be trained."""
    dataset = make()
    values = dataset.values.copy()
    values[:, 1], values[:, 2] = 5.0, np.nan
    names = choose_inputs(replace(dataset, values=values), inputs="spike times")
    assert names == ("isi_violations_ratio@0.101",)
    with pytest.raises(TrainingError, match="none of the metrics"):
        choose_inputs(replace(dataset, values=np.zeros_like(values)))


def test_tiers_go_from_rich_to_poor(make) -> None:
    """Sources lack raw data first, then channels, then waveforms."""
    names = make().names
    assert feature_groups(names)["raw"] == ("snr@0.101",)
    assert missing_tiers(names) == ((), ("raw",), ("raw", "channels"), ("raw", "channels", "waveform"))
    assert missing_tiers(["half_width", "spread"]) == ((), ("channels",))


def test_no_subject_is_on_both_sides(make) -> None:
    """Subjects are left out whole, so no unit, recording or subject is trained on and scored at once."""
    dataset = make(recordings=6, subjects=3)
    parts = split(dataset)
    assert parts.scheme == "leave one subject out"
    assert len(parts) == 3
    for train, test in parts:
        assert not set(dataset.subjects[train]) & set(dataset.subjects[test])
        assert not (train & test).any()
        assert (train | test).all()


def test_one_subject_is_split_by_recording(make) -> None:
    """With one subject, recordings are left out."""
    assert split(make(recordings=3, subjects=1)).scheme == "leave one recording out"


def test_a_random_split_states_what_it_is_worth(make) -> None:
    """With one recording, units are drawn, each class evenly, and the name warns."""
    dataset = make(recordings=1, subjects=1)
    parts = split(dataset)
    assert "overstates" in parts.scheme
    assert not parts.grouped
    for _, test in parts:
        assert set(dataset.labels[test]) == {"sua", "mua", "noise"}
