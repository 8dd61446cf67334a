"""Print the table of the README: our learner and UnitRefine's recipe, each subject left out once, on the same splits.

Run it as ``python tests/benchmarks/leave_one_mouse_out.py FOLDER [--figures FOLDER]`` with the UnitRefine base dataset.
Everything, calibration and decision rule included, is made anew without the mouse that is scored.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from nwb_unitrefine.learn import BoostedTrees, UnitRefineRecipe, compare, cross_validate
from nwb_unitrefine.learn.adapted_scores import score_adapted
from nwb_unitrefine.learn.default_model import read_base_dataset
from nwb_unitrefine.learn.evaluate import cross_validate_hiding
from nwb_unitrefine.learn.input_sets import choose_inputs, feature_groups, missing_tiers
from nwb_unitrefine.learn.scoring.figures import draw_figures

if TYPE_CHECKING:
    from nwb_unitrefine.learn import Dataset, Scored

NAMES = ("spike times + mean waveform", "spike times + one channel", "spike times")


def score_all(dataset: Dataset, *, seed: int) -> list[Scored]:
    """Score the recipe, a model of ours on all metrics, and the packaged kind of model on ever poorer sources."""
    recipe = cross_validate(UnitRefineRecipe(), dataset, seed=seed)
    everything = cross_validate(BoostedTrees(inputs="all metrics"), dataset, seed=seed, name="ours, all metrics")
    inputs = choose_inputs(dataset)
    groups = feature_groups(inputs)
    hidden = {
        f"ours, {name}": [metric for group in lacking for metric in groups[group]]
        for name, lacking in zip(NAMES, missing_tiers(inputs), strict=True)
    }
    return [recipe, everything, *cross_validate_hiding(BoostedTrees(), dataset, hidden=hidden, seed=seed)]


def show_adapted(scored: Scored) -> None:
    """Print what labels of the recording itself gain on its other units."""
    print(
        "\n| labels of the recording | balanced accuracy, mean of recordings | gain, 95 % interval | accuracy", end=""
    )
    print(" | calibration error by recording |\n|---|---|---|---|---|")
    for n_labels in (10, 20, 50, 100):
        found = score_adapted(scored, n_labels=n_labels, draws=30)
        gain, low, high = found.gain("balanced_accuracy")
        error, change = found.adapted["calibration_error"].mean(), found.gain("calibration_error")[0]
        print(
            f"| {n_labels} | {found.adapted['balanced_accuracy'].mean():.3f} | {gain:+.3f} ({low:+.3f} to {high:+.3f}) "
            f"| {found.gain('accuracy')[0]:+.3f} | {error:.3f} ({change:+.3f}) |"
        )


def show(scored: list[Scored]) -> None:
    """Print the table, in Markdown, and how far each is from the recipe."""
    print(
        "| leave one mouse out | balanced accuracy, pooled | mean of recordings | against the recipe, 95 % interval |",
        end="",
    )
    print(" recall sua, mua, noise | AUC sua | calibration error | Brier | accuracy of the surest 80 % |")
    print("|---|---|---|---|---|---|---|---|---|")
    for one in scored:
        pooled = one.pooled
        gain, low, high = compare(one, scored[0])
        against = "–" if one is scored[0] else f"{gain:+.3f} ({low:+.3f} to {high:+.3f})"
        recalls = " ".join(f"{pooled[f'recall_{name}']:.2f}" for name in ("sua", "mua", "noise"))
        print(
            f"| {one.name} | {pooled['balanced_accuracy']:.3f} | {one.mean('balanced_accuracy')[0]:.3f} | {against} "
            f"| {recalls} | {pooled['auc_sua']:.3f} | {pooled['calibration_error']:.3f} | {pooled['brier']:.3f} "
            f"| {pooled['accuracy_at_80']:.3f} |"
        )
    ours = scored[2].pooled
    show_adapted(scored[2])
    print(f"\nNot marked uncertain: {ours['kept']:.1%} of the units, of which {ours['accuracy_kept']:.1%} are right.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", help="the UnitRefine base dataset")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--figures", help="folder to draw figures into")
    options = parser.parse_args()
    results = score_all(read_base_dataset(options.folder), seed=options.seed)
    show(results)
    if options.figures:
        draw_figures([results[0], results[2]], folder=options.figures)
