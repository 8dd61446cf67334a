"""Labelled units with spikes of another neuron added: what that does to counts of violations is known."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.errors import TrainingError
from nwb_unitrefine.metrics.contamination import EVIDENCE_FROM, REFRACTORY_S, refractory_evidence
from nwb_unitrefine.vocabulary import OLD
from nwb_unitrefine.vocabulary.labels import MUA, SUA, meaning

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nwb_unitrefine.learn.dataset import Dataset

__all__ = ["INGREDIENTS", "NEEDED", "add_foreign_spikes", "obstacle"]

INGREDIENTS = EVIDENCE_FROM
"""Metrics that it takes."""

NEEDED = tuple(f"{name}@{OLD}" for name in INGREDIENTS)
"""These, as datasets name them: every definition has the same values."""

FEWEST, MOST = 0.2, 0.8
"""Foreign spikes that are added, over the unit's own."""

VISIBLE = 6.0
"""Intervals below 1.5 ms that foreign spikes must be expected to add for a single unit to be called a multi-unit."""

ISI_OVER_REFRACTORY = 1.5


def obstacle(dataset: Dataset) -> str:
    """State why foreign spikes cannot be added to the units of a dataset; empty where they can.

    Parameters
    ----------
    dataset : Dataset
    """
    if lacking := [name for name in NEEDED if name not in dataset.names]:
        return f"the data has no {', '.join(name.partition('@')[0] for name in lacking)}"
    found = _classes_of(dataset)
    if found is None:
        return f"the classes {', '.join(dataset.classes)} do not separate single units from multi-units"
    return ""


def _classes_of(dataset: Dataset) -> tuple[int, int] | None:
    """Find the class of single units, and the one that a single unit with foreign spikes has, as mua or bad."""
    meanings = [meaning(name) for name in dataset.classes]
    single = next((place for place, meant in enumerate(meanings) if meant == SUA), None)
    mixed = next((place for place, meant in enumerate(meanings) if meant and meant >= MUA and not meant & SUA), None)
    return None if single is None or mixed is None else (single, mixed)


def add_foreign_spikes(dataset: Dataset, *, seed: int) -> tuple[Dataset, NDArray[np.intp], NDArray[np.bool_]]:
    """Add the spikes of one other, unrelated neuron to every unit, in its metrics.

    A share c of foreign spikes over own ones is expected to add ``2 c N² t_r / T`` pairs within ``t_r``: as many are
    drawn from a Poisson distribution. The waveform is left as it is.

    Parameters
    ----------
    dataset : Dataset
        With the metrics of `INGREDIENTS`.
    seed : int

    Returns
    -------
    dataset : Dataset
        The same units in the same order, with metrics of spike times changed.
    classes : array of int, shape (n_units,)
        Index of the class that each has now: a single unit becomes a multi-unit.
    usable : array of bool, shape (n_units,)
        Neural units whose counts are known, single ones only where their violations can show what was added.

    Raises
    ------
    TrainingError
        If there is an `obstacle`.
    """
    classes_of = _classes_of(dataset)
    if classes_of is None or obstacle(dataset):
        raise TrainingError(f"No foreign spikes can be added: {obstacle(dataset)}.")
    single, mixed = classes_of
    rng = np.random.default_rng(seed)
    place = {name.partition("@")[0]: column for column, name in enumerate(dataset.names)}
    values = dataset.values.copy()
    own = {name: values[:, place[name]] for name in INGREDIENTS}
    share = np.exp(rng.uniform(np.log(FEWEST), np.log(MOST), len(dataset)))
    expected = 2 * share * np.nan_to_num(own["num_spikes"] * own["firing_rate"]) * REFRACTORY_S
    pairs = rng.poisson(expected)
    intervals = pairs + rng.poisson(expected * (ISI_OVER_REFRACTORY - 1))
    now = {
        "num_spikes": own["num_spikes"] * (1 + share),
        "firing_rate": own["firing_rate"] * (1 + share),
        "rp_violations": own["rp_violations"] + pairs,
        "isi_violations_count": own["isi_violations_count"] + intervals,
    }
    now |= refractory_evidence(now)
    with np.errstate(divide="ignore", invalid="ignore"):
        violated = np.minimum(now["rp_violations"] / now["rp_violations_expected"], 1.0)
        now["rp_contamination"] = 1 - np.sqrt(1 - violated)
        now["isi_violations_ratio"] = (
            now["isi_violations_count"] / (2 * ISI_OVER_REFRACTORY) / now["rp_violations_expected"]
        )
    # It takes the correlogram, which a table does not have: nothing is excluded, as of units with many violations.
    now["sliding_rp_violation"] = np.full(len(dataset), np.nan)
    if "presence_ratio" in place:
        # Bins that were empty get a spike as often as a neuron of such a rate leaves others empty.
        now["presence_ratio"] = 1 - (1 - values[:, place["presence_ratio"]]) ** (1 + share)
    for name, changed in now.items():
        if name in place:
            values[:, place[name]] = changed
    targets = dataset.targets
    visible = expected * ISI_OVER_REFRACTORY >= VISIBLE
    usable = (targets == mixed) | ((targets == single) & visible)
    usable &= np.isfinite([own[name] for name in INGREDIENTS]).all(axis=0)
    return replace(dataset, values=values), np.where(targets == single, mixed, targets), usable
