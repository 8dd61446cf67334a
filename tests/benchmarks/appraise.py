"""Measure what the scores of the default model are worth, and write it beside the model and into its card.

Run it as ``python tests/benchmarks/appraise.py BASE_DATASET PERSON_FOLDER [--model FOLDER] [--seeds N]`` with the
UnitRefine base dataset and one curator's labels beside the majority's; without ``--model``, the folder is the packaged
one. It compares the default's learner with its peers on mice left out, and with the person on the recording that the
person labelled, and lets one thing change at a time: the recording that is scored, the mice in training, the seed. The
model stays as it is, to the byte; what is written is not part of its digest.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nwb_unitrefine.learn import UnitRefineRecipe, compare, cross_validate, evaluate
from nwb_unitrefine.learn.contamination.choose_learner import default_learner
from nwb_unitrefine.learn.fitted_once import remembering_fits
from nwb_unitrefine.learn.labelled.training_data import read_base_dataset
from nwb_unitrefine.learn.scoring.scores import balanced_accuracy, share_interval, units_interval
from nwb_unitrefine.models.appraisal import Appraisal, Estimate, OtherWay, Person, Spread, write_appraisal
from nwb_unitrefine.models.folder import read_folder
from nwb_unitrefine.models.load import PACKAGED
from nwb_unitrefine.records import CLASSES

if TYPE_CHECKING:
    from nwb_unitrefine.learn import Dataset, Scored

BY_RECORDING = ("balanced_accuracy", "accuracy", "calibration_error", "accuracy_at_80")
PERSON, MAJORITY = "person", "majority_vote"
NOT_MEASURED = (
    "Species other than mice, probes other than Neuropixels 1.0, sorters and labs other than the base dataset's.",
    "Short windows, few channels and short recordings, against labels of people; whether labels stay is measured.",
    "What choosing the settings on these same splits adds to the scores: expect a little less elsewhere.",
)


def rounded(value: float, low: float | None = None, high: float | None = None) -> Estimate:
    """A figure with three digits; a zero has no sign."""
    return Estimate(
        value=round(value, 3) + 0.0,
        low=None if low is None else round(low, 3) + 0.0,
        high=None if high is None else round(high, 3) + 0.0,
    )


def other_way(other: Scored, ours: Scored) -> OtherWay:
    """What another way reaches, and ours minus it."""
    return OtherWay(
        name=other.name,
        scores={
            "balanced_accuracy": rounded(other.pooled["balanced_accuracy"]),
            **{f"mean_{name}": rounded(*other.mean(name)) for name in BY_RECORDING},
        },
        difference={f"mean_{name}": rounded(*compare(ours, other, score_name=name)) for name in BY_RECORDING},
    )


def person(folder: Path, ours: Scored) -> Person:
    """One person and our labels, both against the majority on the same units."""
    tables = {file.stem: pd.read_csv(file, dtype={"cluster_id": str}) for file in sorted(folder.glob("*.csv"))}
    keys = list(zip(ours.dataset.recordings.tolist(), ours.dataset.unit_ids.tolist(), strict=True))
    rows = {key: row for row, key in enumerate(keys)}
    theirs, majority, model = [], [], []
    for recording, table in tables.items():
        labels = table.set_index("cluster_id")[[PERSON, MAJORITY]].replace("good", "sua")
        for unit, own, voted in labels[labels.isin(CLASSES).all(axis=1)].itertuples():
            theirs.append(CLASSES.index(own))
            majority.append(CLASSES.index(voted))
            model.append(int(ours.labels[rows[recording, unit]]))
    targets = np.array(majority)
    found = []
    for labels in (np.array(theirs), np.array(model)):
        right = labels == targets
        low, high = share_interval(int(right.sum()), len(right))
        found.append(
            {
                "balanced_accuracy": rounded(balanced_accuracy(targets, labels), *units_interval(targets, labels)),
                "accuracy": rounded(float(right.mean()), float(low), float(high)),
            }
        )
    return Person(
        against="the majority of curators",
        recordings=tuple(tables),
        n_units=len(targets),
        scores=found[0],
        model=found[1],
    )


def by_training_mice(dataset: Dataset, ours: Scored) -> Spread:
    """Score each mouse by models of all other mice, and of all others but one."""
    mice = np.unique(dataset.subjects).tolist()
    whole = {recording: scores["balanced_accuracy"] for recording, scores in ours.by_recording.items()}
    values, moved = {}, []
    for mouse in mice:
        test = dataset.take(dataset.subjects == mouse)
        recordings = np.unique(test.recordings).tolist()
        values[f"{mouse}, after all others"] = np.mean([whole[one] for one in recordings])
        for without in (other for other in mice if other != mouse):
            model = default_learner().fit(dataset.take(~np.isin(dataset.subjects, [mouse, without])))
            scores = evaluate(model, test).by_recording
            values[f"{mouse}, without {without}"] = np.mean([scores[one]["balanced_accuracy"] for one in recordings])
            moved += [abs(scores[one]["balanced_accuracy"] - whole[one]) for one in recordings]
    return Spread(
        what="the mice in training",
        score="balanced_accuracy",
        values={name: round(float(value), 3) for name, value in values.items()},
        note=f"Leaving out one training mouse more moves the score of a recording by {np.mean(moved):.3f} on average, "
        f"{max(moved):.3f} at most.",
    )


def spread_over_recordings(ours: Scored, score: str) -> Spread:
    """Score of each recording."""
    values = {recording: round(scores[score], 3) for recording, scores in ours.by_recording.items()}
    return Spread(what="the recording that is scored", score=score, values=values)


@remembering_fits()
def appraise(dataset: Dataset, folder: Path, *, model: Path, seeds: int) -> Appraisal:
    """Measure everything."""
    ours = cross_validate(default_learner(), dataset)
    spreads = [
        spread_over_recordings(ours, name) for name in ("balanced_accuracy", "calibration_error", "accuracy_at_80")
    ]
    spreads.append(by_training_mice(dataset, ours))
    others = [cross_validate(default_learner(), dataset, seed=seed) for seed in range(1, seeds)]
    fitted = {f"seed {seed}": round(one.mean("balanced_accuracy")[0], 3) for seed, one in enumerate([ours, *others])}
    spreads.append(Spread(what="chance in fitting", score="mean_balanced_accuracy", values=fitted))
    peers = [
        UnitRefineRecipe(name="a stronger forest, all 38 metrics", strong=True),
        UnitRefineRecipe(name="UnitRefine's recipe, all 38 metrics"),
    ]
    return Appraisal(
        model=read_folder(model).digest,
        protocol=f"UnitRefine base dataset, {len(dataset):,} units of {len(ours.by_recording)} recordings and "
        f"{len(set(dataset.subjects.tolist()))} mice: each mouse left out once, everything fitted without it.",
        command="python tests/benchmarks/appraise.py BASE_DATASET PERSON_FOLDER",
        others=tuple(other_way(cross_validate(peer, dataset), ours) for peer in peers),
        person=person(folder, ours),
        spreads=tuple(spreads),
        not_measured=NOT_MEASURED,
    )


def main() -> None:
    """Measure, and write it into the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base", type=Path, help="the UnitRefine base dataset")
    parser.add_argument("person", type=Path, help="folder of CSV files with cluster_id, person and majority_vote")
    parser.add_argument("--model", type=Path, default=PACKAGED / "default")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    found = appraise(read_base_dataset(options.base), options.person, model=options.model, seeds=options.seeds)
    write_appraisal(options.model, found)
    print(found.to_json())


if __name__ == "__main__":
    main()
