"""What spikes of another neuron do to the metrics of a unit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nwb_unitrefine.learn.contamination.foreign_spikes import INGREDIENTS, VISIBLE, add_foreign_spikes
from nwb_unitrefine.learn.dataset import Dataset
from nwb_unitrefine.metrics.contamination import refractory_evidence


def make_units(n_units: int, *, n_spikes: float, rate_hz: float, label: str) -> Dataset:
    """Units without violations."""
    counts = {
        "num_spikes": np.full(n_units, n_spikes),
        "firing_rate": np.full(n_units, rate_hz),
        "rp_violations": np.zeros(n_units),
        "isi_violations_count": np.zeros(n_units),
    }
    metrics = counts | refractory_evidence(counts) | {"rp_contamination": np.zeros(n_units)}
    return Dataset(
        unit_ids=np.arange(n_units).astype(str),
        recordings=np.full(n_units, "a"),
        subjects=np.full(n_units, "a"),
        names=tuple(f"{name}@0.101" for name in metrics),
        values=np.stack(list(metrics.values()), axis=1),
        labels=np.full(n_units, label),
    )


def test_violations_are_those_that_unrelated_spikes_are_expected_to_add() -> None:
    """On average 2 c N² t_r / T pairs are added, and the contamination that they show is of the size of c / (1 + c)."""
    data = make_units(400, n_spikes=20_000, rate_hz=10, label="sua")
    altered, _, _ = add_foreign_spikes(data, seed=0)
    place = {name.partition("@")[0]: column for column, name in enumerate(altered.names)}
    share = altered.values[:, place["num_spikes"]] / 20_000 - 1
    expected = 2 * share * 20_000 * 10 * 1e-3
    assert np.abs(altered.values[:, place["rp_violations"]] / expected - 1).mean() < 0.1
    shown = altered.values[:, place["rp_contamination"]]
    # One other neuron keeps its own refractory period, so less is seen than of many others.
    one_other = 1 - np.sqrt(1 - 2 * share / (1 + share) ** 2)
    assert np.abs(shown - one_other).mean() < 0.02


def test_single_units_count_only_where_violations_can_show_it() -> None:
    """A contaminated single unit is a multi-unit to learn from only if enough violations are expected."""
    many, few = (
        make_units(50, n_spikes=20_000, rate_hz=10, label="sua"),
        make_units(50, n_spikes=300, rate_hz=0.1, label="sua"),
    )
    _, classes, usable = add_foreign_spikes(many, seed=0)
    assert usable.all()
    assert (classes == 1).all()
    assert not add_foreign_spikes(few, seed=0)[2].any()
    assert add_foreign_spikes(make_units(5, n_spikes=300, rate_hz=0.1, label="mua"), seed=0)[2].all()
    assert not add_foreign_spikes(make_units(5, n_spikes=20_000, rate_hz=10, label="noise"), seed=0)[2].any()
    assert VISIBLE > 0
    assert len(INGREDIENTS) == 4


def test_units_without_counts_are_left_out_and_classes_may_stand_in_any_order() -> None:
    """Beside tables without counts, only units that have them are shown; the place of a class does not matter."""
    data = make_units(20, n_spikes=20_000, rate_hz=10, label="sua")
    values = data.values.copy()
    values[::2, data.names.index("rp_violations@0.101")] = np.nan
    _, classes, usable = add_foreign_spikes(replace(data, values=values, classes=("noise", "sua", "mua")), seed=0)
    assert usable.tolist() == [False, True] * 10
    assert (classes == 2).all()
