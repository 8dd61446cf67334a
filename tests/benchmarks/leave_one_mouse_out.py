"""Print how good labels are on mice that were left out, on the same splits for all: our learner, and its peers.

Run it as ``python tests/benchmarks/leave_one_mouse_out.py FOLDER [--figures FOLDER]`` with the UnitRefine base dataset.
Everything, calibration and decision rule included, is made anew without the mouse that is scored. Peers are the recipe
that UnitRefine published, and a stronger forest. Labels of the recording itself are drawn 30 times. Intervals are of
95 %, bootstrapped over recordings. With ``--person FOLDER`` (one curator's labels beside the majority's), it also
prints how well a person agrees with the majority.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nwb_unitrefine.learn import BoostedTrees, UnitRefineRecipe, compare, cross_validate
from nwb_unitrefine.learn.adapted_scores import score_adapted
from nwb_unitrefine.learn.contamination.choose_learner import default_learner
from nwb_unitrefine.learn.evaluate import cross_validate_hiding
from nwb_unitrefine.learn.input_sets import choose_inputs, feature_groups, missing_tiers
from nwb_unitrefine.learn.labelled.training_data import read_base_dataset
from nwb_unitrefine.learn.scoring.figures import draw_figures
from nwb_unitrefine.learn.scoring.scores import balanced_accuracy
from nwb_unitrefine.records import CLASSES

if TYPE_CHECKING:
    from nwb_unitrefine.learn import Dataset, Scored

NAMES = ("spike times + mean waveform", "spike times + one channel", "spike times")
OURS = 3
"""Place of the packaged kind of model among what is scored."""
DRAWS = 30
CLOSE = 0.1
"""Margin of a decision that could well have been another."""
PERSON_COLUMNS = ["person", "majority_vote"]


def score_all(dataset: Dataset, *, seed: int) -> list[Scored]:
    """Score the peers, a model of ours on all metrics, and the packaged kind of model on ever poorer sources."""
    peers = [
        cross_validate(UnitRefineRecipe(), dataset, seed=seed),
        cross_validate(UnitRefineRecipe(name="stronger forest, all metrics", strong=True), dataset, seed=seed),
    ]
    everything = cross_validate(BoostedTrees(inputs="all metrics"), dataset, seed=seed, name="ours, all metrics")
    inputs = choose_inputs(dataset)
    groups = feature_groups(inputs)
    hidden = {
        f"ours, {name}": [metric for group in lacking for metric in groups[group]]
        for name, lacking in zip(NAMES, missing_tiers(inputs), strict=True)
    }
    return [*peers, everything, *cross_validate_hiding(default_learner(), dataset, hidden=hidden, seed=seed)]


def show_adapted(scored: Scored) -> None:
    """Print what labels of the recording itself gain on its other units."""
    print("\n| labels of the recording | balanced accuracy, mean of recordings | gain | accuracy, gain |", end="")
    print(" calibration error by recording, change |\n|---|---|---|---|---|")
    without = (scored.mean(name)[0] for name in ("balanced_accuracy", "calibration_error"))
    print("| 0 | {:.3f} | – | – | {:.3f} |".format(*without))
    for n_labels in (10, 20, 50, 100):
        found = score_adapted(scored, n_labels=n_labels, draws=DRAWS)
        gains = [
            "{:+.3f} ({:+.3f} to {:+.3f})".format(*found.gain(name))
            for name in ("balanced_accuracy", "accuracy", "calibration_error")
        ]
        adapted, error = (found.adapted[name].mean() for name in ("balanced_accuracy", "calibration_error"))
        print(f"| {n_labels} | {adapted:.3f} | {gains[0]} | {gains[1]} | {error:.3f}, {gains[2]} |")


def show_marks(scored: Scored) -> None:
    """Print how right labels are that are not marked uncertain, and what marking close decisions would change."""
    data, right = scored.dataset, scored.dataset.targets == scored.labels
    kept = ~scored.uncertain
    print(f"\nNot marked uncertain: {kept.mean():.1%} of the units; {right[kept].mean():.1%} of these are right.")
    probability, margin = scored.probabilities[np.arange(len(data)), scored.labels], np.zeros(len(data))
    for subject in np.unique(data.subjects):
        rows = data.subjects == subject
        shares = np.bincount(data.targets[~rows], minlength=len(data.classes)) / (~rows).sum()
        weighed = scored.probabilities[rows] / shares
        ordered = np.sort(weighed / weighed.sum(axis=1, keepdims=True), axis=1)
        margin[rows] = ordered[:, -1] - ordered[:, -2]
    close = kept & (margin < CLOSE)
    print(f"With a margin below {CLOSE} among them: {close.sum()} units; {right[close].mean():.1%} are right, ", end="")
    print(f"with a mean probability of {probability[close].mean():.3f}.")
    rng = np.random.default_rng(0)
    recordings = [np.flatnonzero(data.recordings == one) for one in np.unique(data.recordings)]
    draws = [
        np.concatenate([recordings[i] for i in rng.integers(0, len(recordings), len(recordings))]) for _ in range(1000)
    ]
    by_margin, by_probability = (
        [
            right[rows][np.argsort(-score[rows])[: round(kept.mean() * len(rows))]].mean()
            for rows in (np.arange(len(data)), *draws)
        ]
        for score in (margin, probability)
    )
    low, high = np.quantile(np.subtract(by_margin, by_probability)[1:], [0.025, 0.975])
    print(
        f"As many units, by largest margin: {by_margin[0]:.1%} right; by largest probability: {by_probability[0]:.1%} ",
        end="",
    )
    print(f"(difference {by_margin[0] - by_probability[0]:+.3f}, {low:+.3f} to {high:+.3f})")


def show_person(folder: Path) -> None:
    """Print how well one person agrees with the majority, with an interval over units."""
    tables = [pd.read_csv(file) for file in sorted(folder.glob("*.csv"))]
    table = pd.concat(tables)[PERSON_COLUMNS].replace("good", "sua")
    table = table[table.isin(CLASSES).all(axis=1)]
    person, majority = (table[name].map(CLASSES.index).to_numpy() for name in PERSON_COLUMNS)
    rng = np.random.default_rng(0)
    draws = rng.integers(0, len(table), size=(1000, len(table)))
    low, high = np.quantile([balanced_accuracy(majority[rows], person[rows]) for rows in draws], [0.025, 0.975])
    print(
        f"\nOne person against the majority, {len(table)} units: accuracy {(person == majority).mean():.3f}, ", end=""
    )
    print(f"balanced accuracy {balanced_accuracy(majority, person):.3f} ({low:.3f} to {high:.3f})")


def show(scored: list[Scored]) -> None:
    """Print the table, in Markdown, and how far each is from both peers."""
    print("| leave one mouse out | balanced accuracy, pooled | mean of recordings | against the recipe |", end="")
    print(" against the stronger forest | recall sua, mua, noise | AUC sua | calibration error, pooled |", end="")
    print(" by recording | Brier | accuracy | accuracy of the surest 80 % |")
    print(f"|{'---|' * 12}")
    for one in scored:
        pooled = one.pooled
        recalls = " ".join(f"{pooled[f'recall_{name}']:.2f}" for name in CLASSES)
        against = [
            "–" if one is peer else "{:+.3f} ({:+.3f} to {:+.3f})".format(*compare(one, peer)) for peer in scored[:2]
        ]
        print(
            f"| {one.name} | {pooled['balanced_accuracy']:.3f} | {one.mean('balanced_accuracy')[0]:.3f} | {against[0]} "
            f"| {against[1]} | {recalls} | {pooled['auc_sua']:.3f} | {pooled['calibration_error']:.3f} "
            f"| {one.mean('calibration_error')[0]:.3f} | {pooled['brier']:.3f} | {pooled['accuracy']:.3f} "
            f"| {pooled['accuracy_at_80']:.3f} |"
        )


def main() -> None:
    """Score all, print the tables, draw the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", help="the UnitRefine base dataset")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--person", type=Path, help="folder of CSV files with the columns person and majority_vote")
    parser.add_argument("--figures", help="folder to draw figures into")
    options = parser.parse_args()
    scored = score_all(read_base_dataset(options.folder), seed=options.seed)
    recipe, ours = scored[0], scored[OURS]
    show(scored)
    show_adapted(ours)
    show_marks(ours)
    if options.person:
        show_person(options.person)
    if options.figures:
        draw_figures([recipe, ours], folder=options.figures)


if __name__ == "__main__":
    main()
