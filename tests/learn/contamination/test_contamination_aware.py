"""A learner that is shown what foreign spikes do."""

from __future__ import annotations

import numpy as np
import pytest

from nwb_unitrefine.errors import TrainingError
from nwb_unitrefine.learn import ContaminationAware, Dataset
from nwb_unitrefine.learn.contamination.foreign_spikes import add_foreign_spikes
from nwb_unitrefine.records import CLASSES

WIDTHS_S = {"sua": 0.15e-3, "mua": 0.25e-3, "noise": 0.34e-3}


def make_units(*, n_units: int = 360) -> Dataset:
    """Units whose curator looks at the waveform alone, all without violations."""
    rng = np.random.default_rng(0)
    labels = np.array([CLASSES[i % 3] for i in range(n_units)])
    columns = {
        "num_spikes": rng.integers(5_000, 40_000, n_units).astype(float),
        "firing_rate": rng.uniform(2, 12, n_units),
        "rp_violations": np.zeros(n_units),
        "isi_violations_count": np.zeros(n_units),
        "rp_contamination": np.zeros(n_units),
        "presence_ratio": rng.uniform(0.9, 1, n_units),
        "half_width": np.array([WIDTHS_S[label] for label in labels]) + rng.normal(0, 0.01e-3, n_units),
    }
    return Dataset(
        unit_ids=np.arange(n_units).astype(str),
        recordings=np.array([f"r{i % 9 // 3}" for i in range(n_units)]),
        subjects=np.array([f"s{i % 9 // 3}" for i in range(n_units)]),
        names=tuple(f"{name}@0.101" for name in columns),
        values=np.stack(list(columns.values()), axis=1),
        labels=labels,
    )


@pytest.mark.parametrize(("weight", "obeys"), [(1e-9, False), (0.5, True)])
def test_visible_foreign_spikes_make_a_single_unit_a_multi_unit(weight: float, *, obeys: bool) -> None:
    """Labels alone teach the waveform; shown foreign spikes, it calls contaminated single units multi-units."""
    data = make_units()
    model = ContaminationAware(members=1, rounds=40, contaminated=weight).fit(data)
    single = np.flatnonzero(data.labels == "sua")
    clean = model.predict(data.take(single).to_features())
    assert (clean.labels == "sua").mean() > 0.95
    altered, _, usable = add_foreign_spikes(data.take(single).with_evidence(), seed=7)
    assert usable.all()
    found = model.predict(altered.to_features())
    assert ((found.probabilities[:, 0] < 0.5).mean() > 0.9) == obeys


def test_data_without_counts_is_refused() -> None:
    """Foreign spikes are added to counts, so a table without them is refused by name."""
    data = make_units().select(("half_width@0.101", "firing_rate@0.101"))
    with pytest.raises(TrainingError, match="has no num_spikes"):
        ContaminationAware().fit(data)
