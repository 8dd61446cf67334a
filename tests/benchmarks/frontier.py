"""Print how far agreement with curators, physics and stability pull apart: one row a learner, all on the same units.

Run it as ``python tests/benchmarks/frontier.py BASE_DATASET NWB_FOLDER... [--seeds N]``. Agreement is on mice
that were left out, each difference paired with the learner that learns from curators alone, with its 95 % interval over
recordings (mean of recordings) or units (pooled). Physics and stability are those of `physics.py` and `stability.py`,
by models that learned from all mice, on units that the first learner chooses. Everything is made with each of
``--seeds`` and averaged: one seed alone moves balanced accuracy by 0.005.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from intervals import bootstrap
from physics import choose_units, of_single_units, of_whole_file
from stability import kept_labels

from nwb_unitrefine import read_units
from nwb_unitrefine.learn import BoostedTrees, ContaminationAware, SharedVote, cross_validate
from nwb_unitrefine.learn.labelled.training_data import read_base_dataset
from nwb_unitrefine.learn.scoring.scores import balanced_accuracy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nwb_unitrefine.learn import Dataset, Scored
    from nwb_unitrefine.learn.learner import FolderLearner

CURATORS = "curators alone"
LEARNERS: dict[str, FolderLearner] = {
    CURATORS: BoostedTrees(keep=0.85),
    "half of the trees shown foreign spikes": SharedVote(keep=0.85),
    "all of them": ContaminationAware(),
}


def pooled_draws(one: Scored, other: Scored) -> tuple[float, float, float]:
    """Difference of pooled balanced accuracy, and its bootstrap interval over units."""
    targets = one.dataset.targets
    rng = np.random.default_rng(0)
    draws = rng.integers(0, len(targets), size=(500, len(targets)))
    found = [
        balanced_accuracy(targets[rows], one.labels[rows]) - balanced_accuracy(targets[rows], other.labels[rows])
        for rows in draws
    ]
    whole = balanced_accuracy(targets, one.labels) - balanced_accuracy(targets, other.labels)
    low, high = np.quantile(found, [0.025, 0.975])
    return whole, float(low), float(high)


def agreement(scored: list[Scored], first: list[Scored]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Differences of each recording, and of all units pooled with its interval, averaged over seeds."""
    by_recording, pooled = [], []
    for one, other in zip(scored, first, strict=True):
        ours, theirs = one.by_recording, other.by_recording
        by_recording.append([ours[name]["balanced_accuracy"] - theirs[name]["balanced_accuracy"] for name in ours])
        pooled.append(pooled_draws(one, other))
    return np.mean(by_recording, axis=0), np.mean(pooled, axis=0)


def behaviour(
    learner: FolderLearner,
    dataset: Dataset,
    files: list[Path],
    chosen: dict[str, dict[str, dict[str, int]]],
    *,
    seed: int,
) -> dict[str, list[float]]:
    """Shares of `physics.py` (one draw) and `stability.py`, by a model of all mice."""
    model = learner.fit(dataset, seed=seed)
    found: dict[str, list[float]] = defaultdict(list)
    for file in files:
        units = read_units(file)
        for name, same in kept_labels(model, units).items():
            found[name] += same
        rows = list(chosen[file.name]["rows"].values())
        neighbours = {int(row): other for row, other in chosen[file.name]["neighbours"].items()}
        for seen in (
            *of_whole_file(model, units, rows, name=file.name, seed=seed),
            *of_single_units(model, units, rows, neighbours, name=file.name, seed=seed),
        ):
            found[f"{seen.what}, {seen.group}"].append(seen.obeys)
    return found


def main() -> None:
    """Fit, score, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base", help="the UnitRefine base dataset")
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    dataset = read_base_dataset(options.base)
    files = sorted(file for folder in options.folders for file in folder.glob("brody_*.nwb"))
    before = LEARNERS[CURATORS].fit(dataset)
    chosen = {file.name: choose_units(read_units(file), before, most=14) for file in files}
    scored = {
        name: [cross_validate(learner, dataset, seed=seed) for seed in range(options.seeds)]
        for name, learner in LEARNERS.items()
    }
    shares = {
        name: [behaviour(learner, dataset, files, chosen, seed=seed) for seed in range(options.seeds)]
        for name, learner in LEARNERS.items()
    }
    print(f"| | {' | '.join(LEARNERS)} |\n|---|{'---|' * len(LEARNERS)}")
    cells = defaultdict(list)
    for ours in scored.values():
        difference, pooled = agreement(ours, scored[CURATORS])
        cells["balanced accuracy, mean of recordings"].append(
            f"{np.mean([one.mean('balanced_accuracy')[0] for one in ours]):.3f}"
        )
        cells["difference"].append("{:+.3f} ({:+.3f} to {:+.3f})".format(difference.mean(), *bootstrap(difference)))
        cells["difference, pooled"].append("{:+.3f} ({:+.3f} to {:+.3f})".format(*pooled))
        cells["accuracy"].append(f"{np.mean([one.pooled['accuracy'] for one in ours]):.3f}")
        cells["calibration error by recording"].append(
            f"{np.mean([one.mean('calibration_error')[0] for one in ours]):.3f}"
        )
    for what in shares[CURATORS][0]:
        cells[what] = [f"{np.mean([np.mean(one[what]) for one in found]):.3f}" for found in shares.values()]
    for what, row in cells.items():
        print(f"| {what} | {' | '.join(row)} |")


if __name__ == "__main__":
    main()
