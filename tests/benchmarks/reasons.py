"""How often a unit's first reason is the evidence that decides about its label.

    python tests/benchmarks/reasons.py FOLDER [FOLDER ...] [--units 200]

For units drawn from the files of the folders, each metric is set to its median among the training units of every other
class, one at a time, and the one that lowers the probability of the unit's label most is taken: it decides. Prints the
share of units where it belongs to the evidence that the first reason names, with Wilson intervals: for all units, for
those where it changes the probability by 0.3 or more, and for one of the first two reasons. A reason hides all metrics
of one kind together, which is another question; so the same is printed for other definitions of a reason: each kind of
evidence set to the medians of another class, or its best single metric hidden.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from intervals import wilson

from nwb_unitrefine import curate, load_model
from nwb_unitrefine.explain import class_quantiles, evidence_of, explain
from nwb_unitrefine.explain.reasons import hide

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from nwb_unitrefine.explain import ClassQuantiles, Evidence
    from nwb_unitrefine.models import FittedModel
    from nwb_unitrefine.records import Features

STRONG = 0.3


class Asked:
    """Units of one file, and what the model makes of them when metrics are changed."""

    def __init__(self, model: FittedModel, quantiles: ClassQuantiles, features: Features) -> None:
        self.model, self.quantiles, self.features = model, quantiles, features
        self.predictions = model.predict(features)
        self.classes = self.predictions.classes
        self.own = np.array([self.classes.index(label) for label in self.predictions.labels.tolist()])
        self.used = [name for name in model.inputs if name in quantiles.values]

    def falls_when_hidden(self, names: Sequence[str]) -> NDArray[np.float64]:
        """How much the probability of each unit's label falls without these metrics."""
        return self._falls(hide(self.features, names))

    def falls_at_other_medians(self, names: Sequence[str]) -> NDArray[np.float64]:
        """The same with these metrics at their medians of another class, the one that lowers it most."""
        found = np.full(len(self.own), -np.inf)
        for number, label in enumerate(self.classes):
            values = self.features.values.copy()
            for name in names:
                values[:, self.features.names.index(name)] = self.quantiles.median(name, label)
            falls = self._falls(replace(self.features, values=values))
            found = np.maximum(found, np.where(self.own == number, -np.inf, falls))
        return found

    def _falls(self, changed: Features) -> NDArray[np.float64]:
        rows = np.arange(len(self.own))
        without = self.model.predict(changed).probabilities[rows, self.own]
        return self.predictions.probabilities[rows, self.own] - np.nan_to_num(without)


def main() -> None:
    """Draw units, find the metric that decides, and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--units", type=int, default=200)
    given = parser.parse_args()
    model = load_model("default")
    quantiles = class_quantiles(model)
    assert quantiles is not None
    files = sorted(file for folder in given.folders for file in folder.glob("brody_*.nwb"))
    each = -(-given.units // len(files))
    found: dict[str, list[bool]] = {}
    for file in files:
        curation = curate(file, model=model)
        suits = np.flatnonzero((curation.predictions.labels != "") & ~curation.predictions.uncertain)
        rows = np.random.default_rng(0).permutation(suits)[:each]
        for words, agrees in _compare(Asked(model, quantiles, _take(curation.features, rows))).items():
            found.setdefault(words, []).extend(agrees)
    for words, agrees in found.items():
        low, high = wilson(sum(agrees), len(agrees))
        share = sum(agrees) / len(agrees)
        print(f"{words}: {sum(agrees)} of {len(agrees)} units, {share:.2f} ({low:.2f} to {high:.2f})")


def _take(features: Features, rows: NDArray[np.intp]) -> Features:
    """Take the features of some units."""
    kept = {"unit_ids": features.unit_ids[rows], "values": features.values[rows]}
    return replace(features, **kept, origin_index=features.origin_index[rows], problems=())


def _compare(asked: Asked) -> dict[str, list[bool]]:
    """Whether each definition of a reason names the evidence of the metric that decides, unit by unit."""
    reasons = explain(asked.model, asked.features, asked.predictions)
    kinds = list(reasons.evidence)
    names = {kind: [name for name in asked.used if evidence_of(name) == kind] for kind in kinds}
    single = np.stack([asked.falls_at_other_medians([name]) for name in asked.used], axis=1)
    decides = [evidence_of(asked.used[place]) for place in single.argmax(axis=1).tolist()]
    ranked = [[kind for kind, _ in reasons.ranked(row)] for row in range(len(decides))]
    first = [wanted in one[:1] for wanted, one in zip(decides, ranked, strict=True)]
    strong = (single.max(axis=1) >= STRONG).tolist()
    medians = np.stack([asked.falls_at_other_medians(names[kind]) for kind in kinds], axis=1)
    best = np.stack(
        [np.stack([asked.falls_when_hidden([one]) for one in names[kind]]).max(axis=0) for kind in kinds], axis=1
    )
    return {
        "the first reason": first,
        f"the first reason, where the metric changes {STRONG} or more": [
            one for one, counts in zip(first, strong, strict=True) if counts
        ],
        "one of the first two": [wanted in one[:2] for wanted, one in zip(decides, ranked, strict=True)],
        "if a reason set its metrics to another class's medians": _agree(medians, kinds, decides),
        "if a reason hid its best single metric": _agree(best, kinds, decides),
    }


def _agree(falls: NDArray[np.float64], kinds: list[Evidence], decides: list[Evidence]) -> list[bool]:
    return [kinds[place] == wanted for place, wanted in zip(falls.argmax(axis=1).tolist(), decides, strict=True)]


if __name__ == "__main__":
    main()
