"""How often a unit's first reason is the evidence that decides about its label.

    python tests/benchmarks/reasons.py FOLDER [FOLDER ...] [--units 50]

For units drawn from the files of the folders, each metric is set to its median among the training units of every other
class, one at a time, and the one that lowers the probability of the unit's label most is taken. Prints the share of
units where it belongs to the evidence that the first reason names, and to one of the first two, with Wilson intervals.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from intervals import wilson

from nwb_unitrefine import curate, load_model
from nwb_unitrefine.explain import class_quantiles, evidence_of, explain


def main() -> None:
    """Draw units, find the metric that decides, and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--units", type=int, default=50)
    given = parser.parse_args()
    model = load_model("default")
    quantiles = class_quantiles(model)
    assert quantiles is not None
    first = second = total = 0
    files = sorted(file for folder in given.folders for file in folder.glob("brody_*.nwb"))
    each = -(-given.units // len(files))
    for file in files:
        curation = curate(file, model=model)
        features, predictions = curation.features, curation.predictions
        reasons = explain(model, features, predictions)
        suits = np.flatnonzero((predictions.labels != "") & ~predictions.uncertain)
        rows = np.random.default_rng(0).permutation(suits)[:each]
        lowest = np.full(len(predictions), np.inf)
        decides = [""] * len(predictions)
        for name in (one for one in model.feature_names if one in quantiles.values):
            for label in predictions.classes:
                median = quantiles.median(name, label)
                values = features.values.copy()
                values[:, features.names.index(name)] = median
                changed = model.predict(replace(features, values=values))
                for row in rows.tolist():
                    own = str(predictions.labels[row])
                    if label == own or not np.isfinite(median):
                        continue
                    probability = changed.probabilities[row, predictions.classes.index(own)]
                    if probability < lowest[row]:
                        lowest[row], decides[row] = probability, name
        for row in rows.tolist():
            ranked = [evidence for evidence, _ in reasons.ranked(row)]
            wanted = evidence_of(decides[row])
            total += 1
            first += ranked[:1] == [wanted]
            second += wanted in ranked[:2]
    for words, count in (("the first reason", first), ("one of the first two", second)):
        low, high = wilson(count, total)
        print(f"{words}: {count} of {total} units, {count / total:.2f} ({low:.2f} to {high:.2f})")


if __name__ == "__main__":
    main()
