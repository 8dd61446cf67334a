"""Compare two boosted steps with three classes, and all metrics with and without ratios and ranks.

Run it as ``python tests/benchmarks/steps_and_metrics.py FOLDER [--members N --rounds N]`` with the UnitRefine base
dataset. Each mouse is left out once, on the same splits for all; intervals are of 95 %, over recordings.

Ratios put counts of a unit into relation (violations per spike, and over what chance gives), ranks put a unit into
relation to the other units of its recording; neither needs a label.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from itertools import permutations
from typing import TYPE_CHECKING

from nwb_unitrefine.learn import BoostedTrees, TwoSteps, compare, cross_validate
from nwb_unitrefine.learn.labelled.training_data import read_base_dataset

if TYPE_CHECKING:
    from nwb_unitrefine.learn import Dataset, Scored

SCORES = ("balanced_accuracy", "accuracy", "macro_f1", "brier", "calibration_error")


def score_all(dataset: Dataset, learner: BoostedTrees, *, seed: int) -> list[Scored]:
    """Score each of the four ways on mice that were left out."""
    found = []
    for name, step in (("all metrics", learner), ("with ratios and ranks", replace(learner, relative=True))):
        found += [
            cross_validate(step, dataset, seed=seed, name=f"three classes, {name}"),
            cross_validate(TwoSteps(step=step), dataset, seed=seed, name=f"two steps, {name}"),
        ]
    return found


def show(scored: list[Scored]) -> None:
    """Print scores, and differences of each pair that differs in one thing, in Markdown."""
    print(f"| leave one mouse out | {' | '.join(name.replace('_', ' ') for name in SCORES)} |")
    print(f"|---|{'---|' * len(SCORES)}")
    for one in scored:
        cells = []
        for name in SCORES:
            mean, low, high = one.mean(name)
            cells.append(f"{mean:.3f} ({low:.3f} to {high:.3f})")
        print(f"| {one.name} | {' | '.join(cells)} |")
    print("\n| difference, 95 % interval over recordings | balanced accuracy | accuracy | Brier |\n|---|---|---|---|")
    for one, other in permutations(scored, 2):
        (steps, metrics), (other_steps, other_metrics) = (each.name.split(", ", 1) for each in (one, other))
        if (steps == "two steps" and other_steps == "three classes" and metrics == other_metrics) or (
            metrics == "with ratios and ranks" and other_metrics == "all metrics" and steps == other_steps
        ):
            cells = []
            for name in ("balanced_accuracy", "accuracy", "brier"):
                mean, low, high = compare(one, other, score_name=name)
                cells.append(f"{mean:+.3f} ({low:+.3f} to {high:+.3f})")
            print(f"| {one.name} − {other.name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", help="the UnitRefine base dataset")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--members", type=int, default=3, help="models that are averaged")
    parser.add_argument("--rounds", type=int, default=100, help="trees of each class")
    given = parser.parse_args()
    way = BoostedTrees(inputs="all metrics", members=given.members, rounds=given.rounds)
    show(score_all(read_base_dataset(given.folder, ranks=True), way, seed=given.seed))
