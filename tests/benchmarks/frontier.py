"""Print how far agreement with curators, physics and stability pull apart: one column a learner, all on the same units.

Run it as ``python tests/benchmarks/frontier.py BASE_DATASET NWB_FOLDER... [--seeds N]``. Agreement is on mice
that were left out, each difference paired with the learner that learns from curators alone, with its 95 % interval over
recordings (mean of recordings) or units (pooled). Physics and stability are those of `physics.py` and `stability.py`,
by models that learned from all mice, on units that the first learner chooses; their intervals are of 95 % over units.
Everything is made with each of ``--seeds`` and averaged: one seed alone moves balanced accuracy by 0.005.

Trees are fitted once for the scores, the calibration and both learners that have them, and the metrics of altered units
are computed once for all models.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from intervals import bootstrap
from physics import choose_units, of_single_units, of_whole_file
from stability import kept_labels

from nwb_unitrefine import compute_features, predict, read_units
from nwb_unitrefine.learn import BoostedTrees, ContaminationAware, cross_validate
from nwb_unitrefine.learn.contamination.choose_learner import default_learner
from nwb_unitrefine.learn.fitted_once import remembering_fits
from nwb_unitrefine.learn.labelled.training_data import read_base_dataset
from nwb_unitrefine.learn.scoring.scores import balanced_accuracy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from nwb_unitrefine.learn import Dataset, Scored
    from nwb_unitrefine.learn.learner import FolderLearner
    from nwb_unitrefine.models import Model
    from nwb_unitrefine.records import Predictions, Units

CURATORS = "curators alone"
LEARNERS: dict[str, FolderLearner] = {
    CURATORS: BoostedTrees(keep=0.85, max_contamination=0.5),
    "half of the trees shown foreign spikes": default_learner(),
    "all of them": ContaminationAware(),
}
UNITS_PER_FILE = 14


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


Shares = dict[str, dict[str, list[bool]]]
"""What obeys, by what is done and by unit."""


class Labeller:
    """Labels units by each of several models, which see the same metrics, computed once for all."""

    def __init__(self, models: Iterable[Model]) -> None:
        self._names = tuple(dict.fromkeys(name for model in models for name in model.feature_names))
        self._known: list[Any] = []
        self._place = 0

    def begin(self) -> None:
        """Begin anew, with the same units in the same order as the first time."""
        self._place = 0

    def __call__(self, model: Model, units: Units) -> Predictions:
        """Label units as `curate` does."""
        if self._place == len(self._known):
            self._known.append(compute_features(units, names=self._names))
        self._place += 1
        return predict(model, self._known[self._place - 1])


def behaviour(models: list[Model], file: Path, chosen: dict[str, dict[str, int]], *, seed: int) -> list[Shares]:
    """What `physics.py` (one draw) and `stability.py` find of one file, for each model."""
    units = read_units(file)
    labeller = Labeller(models)
    rows, neighbours = list(chosen["rows"].values()), {int(row): one for row, one in chosen["neighbours"].items()}
    found = []
    for model in models:
        labeller.begin()
        shares: Shares = defaultdict(lambda: defaultdict(list))
        for what, same in kept_labels(model, units, label=labeller).items():
            for number, kept in enumerate(same):
                shares[f"same label: {what}"][f"{file.name} {number}"].append(kept)
        shared: dict[str, Any] = {"name": file.name, "seed": seed, "label": labeller}
        for seen in (
            *of_whole_file(model, units, rows, **shared),
            *of_single_units(model, units, rows, neighbours, **shared),
        ):
            shares[f"{seen.what}; {seen.group}"][seen.unit].append(seen.obeys)
        found.append(shares)
    return found


def learn(dataset: Dataset, *, seeds: int) -> tuple[dict[str, list[Scored]], list[list[Model]]]:
    """Score each learner without each mouse, and make its model of all mice; once for each seed."""
    scored: dict[str, list[Scored]] = {name: [] for name in LEARNERS}
    models = []
    for seed in range(seeds):
        with remembering_fits():
            for name, learner in LEARNERS.items():
                scored[name].append(cross_validate(learner, dataset, seed=seed))
            models.append([learner.fit(dataset, seed=seed) for learner in LEARNERS.values()])
    return scored, models


def rows_of_agreement(scored: dict[str, list[Scored]]) -> dict[str, list[str]]:
    """Rows on how well each learner agrees with curators."""
    cells = defaultdict(list)
    for ours in scored.values():
        difference, pooled = agreement(ours, scored[CURATORS])
        means = {
            name: np.mean([one.mean(name)[0] for one in ours]) for name in ("balanced_accuracy", "calibration_error")
        }
        wholes = {
            name: np.mean([one.pooled[name] for one in ours])
            for name in ("balanced_accuracy", "accuracy", "kept", "accuracy_kept")
        }
        cells["balanced accuracy, mean of recordings"].append(f"{means['balanced_accuracy']:.3f}")
        cells["difference"].append("{:+.3f} ({:+.3f} to {:+.3f})".format(difference.mean(), *bootstrap(difference)))
        cells["balanced accuracy, pooled"].append(f"{wholes['balanced_accuracy']:.3f}")
        cells["difference, pooled"].append("{:+.3f} ({:+.3f} to {:+.3f})".format(*pooled))
        cells["accuracy"].append(f"{wholes['accuracy']:.3f}")
        cells["calibration error by recording"].append(f"{means['calibration_error']:.3f}")
        cells["not marked uncertain, and right"].append(f"{wholes['kept']:.3f}, {wholes['accuracy_kept']:.3f}")
    return dict(cells)


def main() -> None:
    """Fit, score, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base", help="the UnitRefine base dataset")
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    dataset = read_base_dataset(options.base)
    files = sorted(file for folder in options.folders for file in folder.glob("brody_*.nwb"))
    scored, models = learn(dataset, seeds=options.seeds)
    head = f"| | units | {' | '.join(LEARNERS)} |\n|---|---|{'---|' * len(LEARNERS)}"
    print(head, flush=True)
    for what, row in rows_of_agreement(scored).items():
        print(f"| {what} | {len(dataset):,} | {' | '.join(row)} |", flush=True)
    found: list[Shares] = [defaultdict(lambda: defaultdict(list)) for _ in LEARNERS]
    for file in files:
        chosen = choose_units(read_units(file), models[0][0], most=UNITS_PER_FILE)
        for seed, of_seed in enumerate(models):
            for whole, part in zip(found, behaviour(of_seed, file, chosen, seed=seed), strict=True):
                for what, units in part.items():
                    for unit, obeys in units.items():
                        whole[what][unit] += obeys
    for what in sorted(found[0]):
        cells = []
        for one in found:
            shares = np.array([np.mean(obeys) for obeys in one[what].values()])
            cells.append("{:.3f} ({:.3f} to {:.3f})".format(shares.mean(), *bootstrap(shares)))
        print(f"| {what} | {len(found[0][what]):,} | {' | '.join(cells)} |")
    print(f"\n{options.seeds} seed(s); {time.process_time() / 60:.0f} minutes of one core")


if __name__ == "__main__":
    main()
