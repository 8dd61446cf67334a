"""Small labelled datasets with known structure."""

from __future__ import annotations

import numpy as np

from nwb_unitrefine.learn import Dataset

__all__ = ["make_dataset"]

NAMES = (
    "num_spikes@0.101",
    "firing_rate@0.101",
    "presence_ratio@0.101",
    "isi_violations_ratio@0.101",
    "half_width@0.101",
    "repolarization_slope@0.101",
    "exp_decay@0.101",
    "snr@0.101",
)


def make_dataset(
    *, n_units: int = 120, recordings: int = 4, subjects: int = 2, names: tuple[str, ...] = NAMES, seed: int = 0
) -> Dataset:
    """Units whose class shows in every metric but the first, with noise, and a few missing values."""
    rng = np.random.default_rng(seed)
    classes = np.arange(n_units) % 3
    values = classes[:, None] + rng.normal(0, 0.7, size=(n_units, len(names)))
    values[:, 0] = rng.integers(60, 1000, n_units)
    values[rng.random(values.shape) < 0.05] = np.nan
    recording = (np.arange(n_units) // 3) % recordings
    return Dataset(
        unit_ids=np.arange(n_units).astype(str),
        recordings=np.array([f"rec{one}" for one in recording]),
        subjects=np.array([f"mouse{one % subjects}" for one in recording]),
        names=names,
        values=values,
        labels=np.array(["sua", "mua", "noise"])[classes],
        label_mapping={"good": "sua", "mua": "mua", "noise": "noise"},
        description="Made up.",
        licence="MIT",
    )
