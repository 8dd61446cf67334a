"""Print what it gains to ask a person about one choice of units or another, on mice that were left out.

Run it as ``python tests/benchmarks/which_to_ask.py BASE_DATASET``. A person labels N units of one half of a recording,
drawn at random; the boundary is moved to these labels, and the other half is scored: the same units for every choice.
Choices are that of `suggest` (half close calls, half at random), random units, and the closest calls alone. Means are
over recordings and 60 draws; intervals, of 95 %, are bootstrapped over recordings. "Wrong" is the share of the units
asked about that the model had labelled wrong: how soon errors are found.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import numpy as np
from intervals import bootstrap

from nwb_unitrefine.learn import cross_validate
from nwb_unitrefine.learn.adaptation import fit_adaptation
from nwb_unitrefine.learn.contamination.choose_learner import default_learner
from nwb_unitrefine.learn.labelled.training_data import read_base_dataset
from nwb_unitrefine.learn.scoring.scores import balanced_accuracy
from nwb_unitrefine.learn.suggest import MIN_SPIKES, Candidates, suggest_units
from nwb_unitrefine.records import CLASSES

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from nwb_unitrefine.learn import Scored

    Choice = Callable[[Candidates, int, int], NDArray[np.intp]]

DRAWS = 60
N_LABELS = (10, 20, 50, 100)


def suggested(units: Candidates, n: int, seed: int) -> NDArray[np.intp]:
    """Choose as `suggest` does."""
    return np.array([one.row for one in suggest_units([units], n=n, seed=seed)], dtype=np.intp)


def at_random(units: Candidates, n: int, seed: int) -> NDArray[np.intp]:
    """Choose among all units with enough spikes."""
    suits = np.flatnonzero(~np.isnan(units.margins) & (units.n_spikes >= MIN_SPIKES) & ~units.is_labelled)
    return np.random.default_rng(seed).permutation(suits)[:n]


def closest(units: Candidates, n: int, seed: int) -> NDArray[np.intp]:
    """Choose the smallest margins, of a random nine tenths so that draws differ."""
    suits = np.flatnonzero(~np.isnan(units.margins) & (units.n_spikes >= MIN_SPIKES) & ~units.is_labelled)
    drawn = np.random.default_rng(seed).permutation(suits)[: round(0.9 * len(suits))]
    return drawn[np.argsort(units.margins[drawn], kind="stable")][:n]


CHOICES: dict[str, Choice] = {"suggest": suggested, "random": at_random, "closest calls alone": closest}


def ask(scored: Scored, here: NDArray[np.intp], choice: Choice, *, n: int, seed: int) -> tuple[float, float, float]:
    """Label chosen units of half a recording: balanced accuracy of the other half without and with it, share wrong."""
    dataset, targets = scored.dataset, scored.dataset.targets
    elsewhere = np.bincount(targets[dataset.subjects != dataset.subjects[here[0]]], minlength=len(CLASSES))
    priors = elsewhere / elsewhere.sum()
    scores = np.sort(scored.probabilities[here] / priors, axis=1)
    margins = (scores[:, -1] - scores[:, -2]) / scores.sum(axis=1)
    is_rest = np.random.default_rng(seed).permutation(len(here)) < len(here) // 2
    n_spikes = dataset.values[here, dataset.names.index("num_spikes@0.101")]
    asked = choice(Candidates(margins, n_spikes.astype(np.int64), is_rest), n, seed)
    placed = scored.placed(here)
    fitted = fit_adaptation(placed.take(asked), targets[here[asked]], everywhere=placed, priors=priors)
    after = fitted.scores(fitted.apply(placed.take(is_rest))).argmax(axis=1)
    wrong = float((scored.labels[here[asked]] != targets[here[asked]]).mean())
    rest = here[is_rest]
    return balanced_accuracy(targets[rest], scored.labels[rest]), balanced_accuracy(targets[rest], after), wrong


def main() -> None:
    """Score the default's learner on mice left out, then ask in each way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base", help="the UnitRefine base dataset")
    options = parser.parse_args()
    scored = cross_validate(default_learner(), read_base_dataset(options.base))
    recordings = [np.flatnonzero(scored.dataset.recordings == one) for one in np.unique(scored.dataset.recordings)]
    print("| labels | units asked about | gain in balanced accuracy | against random | wrong |\n|---|---|---|---|---|")
    for n in N_LABELS:
        found = {
            name: np.array(
                [
                    np.nanmean([ask(scored, here, choice, n=n, seed=seed) for seed in range(DRAWS)], axis=0)
                    for here in recordings
                    if len(here) >= 2 * n
                ]
            )
            for name, choice in CHOICES.items()
        }
        gains = {name: one[:, 1] - one[:, 0] for name, one in found.items()}
        for name, gain in gains.items():
            apart = gain - gains["random"]
            against = (
                "–" if name == "random" else "{:+.3f} ({:+.3f} to {:+.3f})".format(apart.mean(), *bootstrap(apart))
            )
            cells = "{:+.3f} ({:+.3f} to {:+.3f})".format(gain.mean(), *bootstrap(gain))
            print(f"| {n} | {name} | {cells} | {against} | {found[name][:, 2].mean():.2f} |", flush=True)


if __name__ == "__main__":
    main()
