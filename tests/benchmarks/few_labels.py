"""Print how good a model is that learned from few labels of other mice, beside the default's learner with all of them.

Run it as ``python tests/benchmarks/few_labels.py BASE_DATASET``. Units are drawn from two mice, and the model is scored
on every recording of the two others, and the other way round; all of it three times. Intervals of 95 % are over
recordings.
"""

from __future__ import annotations

import argparse

import numpy as np
from intervals import bootstrap

from nwb_unitrefine.learn import choose_learner, evaluate
from nwb_unitrefine.learn.labelled.training_data import read_base_dataset

SIZES = (60, 100, 150, 250, 500, 1000)
DRAWS = 3


def main() -> None:
    """Draw, train, score, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base", help="the UnitRefine base dataset")
    options = parser.parse_args()
    dataset = read_base_dataset(options.base)
    mice = np.unique(dataset.subjects).tolist()
    learner = choose_learner(dataset)
    print("| labels of two mice | balanced accuracy on recordings of other mice |\n|---|---|")
    rng = np.random.default_rng(0)
    for size in (*SIZES, len(dataset)):
        found: dict[str, list[float]] = {}
        for mine in (mice[:2], mice[2:]):
            theirs = dataset.take(~np.isin(dataset.subjects, mine))
            pool = dataset.take(np.isin(dataset.subjects, mine))
            for _ in range(DRAWS if size < len(pool) else 1):
                part = pool.take(np.sort(rng.permutation(len(pool))[:size]))
                for recording, scores in evaluate(learner.fit(part), theirs).by_recording.items():
                    found.setdefault(recording, []).append(scores["balanced_accuracy"])
        means = np.array([np.mean(scores) for scores in found.values()])
        shown = f"{size:,}" if size < len(dataset) else "all"
        print(f"| {shown} | {means.mean():.3f} ({bootstrap(means)[0]:.3f} to {bootstrap(means)[1]:.3f}) |", flush=True)


if __name__ == "__main__":
    main()
