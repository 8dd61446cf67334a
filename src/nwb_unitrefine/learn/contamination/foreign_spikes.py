"""Labelled units with spikes of another neuron added: what that does to counts of violations is known."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.metrics.contamination import EVIDENCE_FROM, REFRACTORY_S, refractory_evidence
from nwb_unitrefine.records import CLASSES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nwb_unitrefine.learn.dataset import Dataset

__all__ = ["INGREDIENTS", "add_foreign_spikes"]

INGREDIENTS = EVIDENCE_FROM
"""Metrics that it takes."""

FEWEST, MOST = 0.2, 0.8
"""Foreign spikes that are added, over the unit's own."""

VISIBLE = 6.0
"""Intervals below 1.5 ms that foreign spikes must be expected to add for a single unit to be called a multi-unit."""

ISI_OVER_REFRACTORY = 1.5


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
        Neural units, single ones only where their violations can show what was added.
    """
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
    sua, mua = CLASSES.index("sua"), CLASSES.index("mua")
    targets = dataset.targets
    visible = expected * ISI_OVER_REFRACTORY >= VISIBLE
    usable = (targets == mua) | ((targets == sua) & visible)
    return replace(dataset, values=values), np.where(targets == sua, mua, targets), usable
