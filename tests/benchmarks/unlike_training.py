"""Print how files differ from what the default model was trained on, and which sentence that gives.

    python tests/benchmarks/unlike_training.py FILE_OR_FOLDER... [--training TABLE.csv...]

The tables are recordings of UnitRefine's base data set, one row a unit with its ``majority_vote``. The default model
was trained on them, so their largest figures are what a recording of its own kind can have by chance: the limits in
`nwb_unitrefine.explain.suitability` are above them.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nwb_unitrefine import load_model
from nwb_unitrefine.batch import find_sources, label_many
from nwb_unitrefine.explain.suitability import compare_with_training
from nwb_unitrefine.records import Predictions, ProblemCode

if TYPE_CHECKING:
    from nwb_unitrefine.explain.suitability import Comparison
    from nwb_unitrefine.models import FittedModel

LABELS = {"good": "sua", "mua": "mua", "noise": "noise"}
HEAD = f"{'recording':<44}{'units':>6}{'outside':>9}{'synchr.':>9}{'mean D':>8}{'max D':>7}{'differ':>8}"


def main() -> None:
    """Print a line for each recording, the sentences of files, and the largest figures of the training's."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="*")
    parser.add_argument("--training", nargs="*", type=Path, default=[])
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    model = load_model("default")
    print(HEAD)
    of_training = []
    for table in given.training:
        units = pd.read_csv(table)
        found = _of_table(model, units)
        of_training.append(found)
        _print(table.stem, len(units), found)
    if of_training:
        largest = max(max(one.distances.values()) for one in of_training)
        print(f"largest in training: distance {largest:.2f}, share synchronous", end=" ")
        print(f"{max(one.share_synchronous for one in of_training):.2f}")
    for result in label_many(find_sources(given.sources), model=model, dry_run=True):
        if result.curation is None:
            print(f"{Path(result.source).name}: {result.error}")
            continue
        features, predictions = result.curation.features, result.curation.predictions
        assert model.manifest is not None
        found = compare_with_training(model.manifest, model.input_values(features), predictions)
        _print(Path(result.source).name, len(features), found)
        for problem in features.problems:
            if problem.code in {ProblemCode.MODEL_OTHER_DATA, ProblemCode.MODEL_FEW_UNITS}:
                print(f"    {problem.what}")


def _of_table(model: FittedModel, units: pd.DataFrame) -> Comparison:
    """Compare a table with the labels that people gave in the place of predicted ones."""
    manifest = model.manifest
    assert manifest is not None
    inputs = np.full((len(units), len(manifest.features)), np.nan)
    for column, feature in enumerate(manifest.features):
        if feature.column in units:
            inputs[:, column] = units[feature.column].to_numpy(dtype=np.float64)
    labels = units["majority_vote"].map(LABELS).fillna("").to_numpy().astype(str)
    nothing = np.full((len(units), len(LABELS)), np.nan)
    predictions = Predictions(
        unit_ids=np.arange(len(units)),
        probabilities=nothing,
        labels=labels,
        uncertain=np.zeros(len(units), dtype=bool),
        reasons=("",) * len(units),
    )
    return compare_with_training(manifest, inputs, predictions)


def _print(name: str, n_units: int, found: Comparison) -> None:
    distances = np.array(list(found.distances.values()))
    mean, most = (distances.mean(), distances.max()) if len(distances) else (np.nan, np.nan)
    print(
        f"{name[:43]:<44}{n_units:>6}{found.share_outside:>9.2f}{found.share_synchronous:>9.2f}{mean:>8.2f}{most:>7.2f}"
        f"{len(found.differing):>5}/{len(distances)}",
        flush=True,
    )


if __name__ == "__main__":
    main()
