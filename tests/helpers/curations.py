"""Curations of NWB files with labels drawn from a seed: what is tested here is the writing, not the labels."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import h5py
import numpy as np

from nwb_unitrefine.records import (
    CLASSES,
    Curation,
    Features,
    ModelIdentity,
    Origin,
    OriginKind,
    Predictions,
    Problem,
    ProblemCode,
    Ragged,
    Source,
    Units,
)

if TYPE_CHECKING:
    from pathlib import Path

MODEL = ModelIdentity(name="test-model", source="packaged", revision="3", digest="sha256:" + "5" * 64, licence="MIT")


def curation_of(path: Path, *, seed: int = 0) -> Curation:
    """A curation of an HDF5 file's units, one of them without a label where there are more than two."""
    with h5py.File(path, "r") as file:
        table = file["units"]
        ids = table["id"][()]
        values = table["spike_times"][()].astype(np.float64)
        offsets = np.concatenate([[0], table["spike_times_index"][()]]).astype(np.int64)
    problems: tuple[Problem, ...] = ()
    if offsets[-1] > len(values):  # a cropped file, as `read_units` deals with it
        offsets = np.minimum(offsets, len(values))
        problems = (Problem(ProblemCode.COLUMN_INDEX_BEYOND_DATA, "cropped", tuple(ids.tolist())),)
    return curation(Source(uri=str(path), kind="nwb-hdf5"), ids, Ragged(values, offsets), seed=seed, problems=problems)


def zarr_curation_of(path: Path, *, seed: int = 0) -> Curation:
    """A curation of a Zarr store's units."""
    import zarr

    table = zarr.open_group(str(path), mode="r")["units"]
    offsets = np.concatenate([[0], table["spike_times_index"][:]]).astype(np.int64)
    source = Source(uri=str(path), kind="nwb-zarr")
    return curation(source, table["id"][:], Ragged(table["spike_times"][:], offsets), seed=seed)


def curation(
    source: Source, ids: np.ndarray, trains: Ragged, *, seed: int = 0, problems: tuple[Problem, ...] = ()
) -> Curation:
    """A curation of given units."""
    rng = np.random.default_rng(seed)
    count = len(ids)
    probabilities = rng.dirichlet(np.ones(3), size=count)
    labels = np.array(CLASSES)[probabilities.argmax(axis=1)]
    reasons = [""] * count
    if count > 2:
        probabilities[1], labels[1], reasons[1] = np.nan, "", "no spikes"
    features = Features(
        unit_ids=ids,
        names=("firing_rate", "num_spikes"),
        values=np.column_stack([rng.random(count), trains.counts.astype(float)]),
        origins=(Origin(OriginKind.COMPUTED, "spike times"), Origin(OriginKind.MISSING, "no spikes: none")),
        origin_index=(trains.counts == 0).astype(np.intp)[:, None].repeat(2, axis=1),
        notes={"observed time": "first to last spike"},
    )
    predictions = Predictions(
        unit_ids=ids, probabilities=probabilities, labels=labels, uncertain=labels == "mua", reasons=tuple(reasons)
    )
    return Curation(
        units=Units(unit_ids=ids, spike_times_s=trains, source=source, problems=problems),
        features=features,
        predictions=predictions,
        model=MODEL,
        parameters={"threshold": 0.5, "rank": True, "seed": seed, "rule": "prior"},
        created=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    )
