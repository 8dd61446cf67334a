"""The learner of the default: half of its trees learn from curators alone, half are shown foreign spikes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from nwb_unitrefine.errors import TrainingError
from nwb_unitrefine.learn import BoostedTrees, Dataset, SharedVote, train_model
from nwb_unitrefine.learn.contamination.foreign_spikes import add_foreign_spikes
from nwb_unitrefine.learn.contamination.shared_vote import STEADY
from nwb_unitrefine.models import load_model
from nwb_unitrefine.records import CLASSES
from nwb_unitrefine.vocabulary import resolve

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

WIDTHS_S = {"sua": 0.15e-3, "mua": 0.25e-3, "noise": 0.34e-3}


def make_units(*, n_units: int = 360) -> Dataset:
    """Units whose curator looks at the waveform alone, and tolerates violations."""
    rng = np.random.default_rng(0)
    labels = np.array([CLASSES[i % 3] for i in range(n_units)])
    counts = rng.integers(5_000, 40_000, n_units).astype(float)
    rates = rng.uniform(2, 12, n_units)
    violated = rng.uniform(0, 0.2, n_units)
    columns = {
        "num_spikes": counts,
        "firing_rate": rates,
        "rp_violations": np.round(violated * counts * rates * 1e-3),
        "isi_violations_count": np.round(1.5 * violated * counts * rates * 1e-3),
        "isi_violations_ratio": violated,
        "rp_contamination": 1 - np.sqrt(1 - violated),
        "presence_ratio": rng.uniform(0.9, 1, n_units),
        "half_width": np.array([WIDTHS_S[label] for label in labels]) + rng.normal(0, 0.01e-3, n_units),
        "sync_spike_8": rng.uniform(0, 1e-3, n_units),
    }
    return Dataset(
        unit_ids=np.arange(n_units).astype(str),
        recordings=np.array([f"r{i % 9 // 3}" for i in range(n_units)]),
        subjects=np.array([f"s{i % 9 // 3}" for i in range(n_units)]),
        names=tuple(f"{name}@0.101" for name in columns),
        values=np.stack(list(columns.values()), axis=1),
        labels=labels,
    )


def test_its_inputs_are_those_of_boosted_trees_and_no_counts() -> None:
    """Counts serve to add foreign spikes, and the model asks no source for them."""
    data = make_units()
    model = SharedVote(members=1, rounds=5).fit(data)
    assert model.inputs == BoostedTrees(members=1, rounds=5).fit(data).inputs
    assert not any(resolve(name).metric.follows_recording_length for name in model.inputs)


def test_metrics_that_the_user_names_are_its_inputs_and_no_others() -> None:
    """Counts among them stay, and what only serves to add foreign spikes does not become one."""
    wanted = ("num_spikes", "rp_contamination", "half_width")
    model = SharedVote(members=1, rounds=5, metrics=wanted).fit(make_units())
    assert {name.partition("@")[0] for name in model.inputs} == set(wanted)


@pytest.mark.parametrize(
    ("classes", "parts"),
    [
        (("noise", "mua", "sua"), {"sua": "sua", "mua": "mua", "noise": "noise"}),
        (("bad", "sua"), {"sua": "sua", "mua": "bad", "noise": "bad"}),
        (("mua", "sua"), {"sua": "sua", "mua": "mua"}),
    ],
)
def test_foreign_spikes_lower_single_units_whatever_the_classes_are(
    classes: tuple[str, ...], parts: dict[str, str]
) -> None:
    """In any order, and with multi-units in a class together with noise."""
    data = make_units().merged(parts, classes=classes)
    single = data.take(np.flatnonzero(data.labels == "sua"))
    altered, _, _ = add_foreign_spikes(single, seed=7)
    found = [
        learner.fit(data).predict(altered.to_features())
        for learner in (BoostedTrees(members=1, rounds=40), SharedVote(members=1, rounds=40))
    ]
    sua = [one.probabilities[:, one.classes.index("sua")] for one in found]
    assert np.median(sua[1]) < np.median(sua[0]) - 0.2


def test_half_of_its_trees_look_at_steady_metrics_alone() -> None:
    """Both halves have as many members; in the second, no tree splits at another metric."""
    model = SharedVote(members=2, rounds=20).fit(make_units())
    members = model.estimator.fitted["vote"].estimators_
    assert len(members) == 4
    steady = {place for place, name in enumerate(model.inputs) if name.partition("@")[0] in STEADY}
    assert len(steady) < len(model.inputs)
    for member in members[2:]:
        nodes = np.concatenate([tree.nodes for trees in member._predictors for tree in trees])
        assert set(nodes["feature_idx"][nodes["is_leaf"] == 0].tolist()) <= steady


@pytest.mark.slow
def test_foreign_spikes_lower_the_probability_of_a_single_unit() -> None:
    """Trees that learned from such a curator alone hardly notice them."""
    data = make_units()
    single = np.flatnonzero(data.labels == "sua")
    altered, _, usable = add_foreign_spikes(data.take(single), seed=7)
    assert usable.all()
    sua = {
        learner.name: learner.fit(data).predict(altered.to_features()).probabilities[:, 0]
        for learner in (BoostedTrees(members=1, rounds=40), SharedVote(members=1, rounds=40))
    }
    alone, shared = sua.values()
    assert np.median(shared) < np.median(alone) - 0.2


@pytest.mark.slow
def test_its_folder_gives_what_it_gave_in_memory(tmp_path: Path) -> None:
    """Both halves are written as one vote, which is read without scikit-learn."""
    data = make_units()
    learner = SharedVote(members=1, rounds=10)
    trained = train_model(data, learner=learner, output=tmp_path / "model", name="toy")
    model = load_model(tmp_path / "model")
    assert model.estimator.kind == "BoostedTrees"
    found = model.predict(data.to_features()).probabilities
    np.testing.assert_array_equal(found, trained.model.predict(data.to_features()).probabilities)


def test_data_without_counts_is_refused() -> None:
    """Foreign spikes are added to counts, so a table without them is refused by name."""
    data = make_units().select(("half_width@0.101", "firing_rate@0.101"))
    with pytest.raises(TrainingError, match="has no num_spikes"):
        SharedVote().fit(data)
