"""How much a few labels of a recording improve the labels of its other units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.errors import TrainingError
from nwb_unitrefine.learn.adaptation import fit_adaptation
from nwb_unitrefine.learn.scoring.scores import balanced_accuracy, bootstrap_interval, calibration_error
from nwb_unitrefine.records import CLASSES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nwb_unitrefine.learn.evaluate import Scored
    from nwb_unitrefine.models.adaptation import Placed

__all__ = ["AdaptedScores", "score_adapted"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AdaptedScores:
    """Gain from labels of the recording itself; the units that were labelled score nothing.

    Parameters
    ----------
    n_labels, draws : int
        Labels drawn of each recording, and how often.
    recordings : tuple of str
        Those with twice as many units as labels, and every class among them.
    gains : dict of str to array of float64, shape (n_recordings,)
        Mean over draws of the score with labels minus that without, on the same units: ``balanced_accuracy``,
        ``accuracy``, ``calibration_error``.
    adapted : dict of str to array of float64, shape (n_recordings,)
        The scores with labels, likewise.
    """

    n_labels: int
    draws: int
    recordings: tuple[str, ...]
    gains: dict[str, NDArray[np.float64]]
    adapted: dict[str, NDArray[np.float64]]

    def gain(self, name: str) -> tuple[float, float, float]:
        """Mean gain over recordings, and the ends of its bootstrap interval over recordings."""
        return float(self.gains[name].mean()), *bootstrap_interval(self.gains[name])


def score_adapted(
    scored: Scored, *, n_labels: int, draws: int = 30, strength: float = 1.0, seed: int = 0
) -> AdaptedScores:
    """Draw labels of each recording at random, adapt to them, and score the rest, many times.

    Parameters
    ----------
    scored : Scored
        Predictions by models that had not seen the recordings.
    n_labels : int
        How many labels a person gives.
    draws : int
    strength : float
        As of `fit_adaptation`.
    seed : int

    Raises
    ------
    TrainingError
        If no recording has enough units, or the classes are not sua, mua and noise.
    """
    if scored.classes != CLASSES:
        raise TrainingError(
            f"Labels of a recording move the boundary between {', '.join(CLASSES)} alone, not between "
            f"{', '.join(scored.classes)}."
        )
    rng = np.random.default_rng(seed)
    recordings, before, after = [], [], []
    for recording in np.unique(scored.dataset.recordings).tolist():
        here = np.flatnonzero((scored.dataset.recordings == recording) & ~scored.unlabelled)
        if len(here) < 2 * n_labels or len(set(scored.dataset.labels[here].tolist())) < len(CLASSES):
            continue
        recordings.append(recording)
        units = scored.placed(here)
        scores = [_score_once(scored, here, units, n_labels=n_labels, strength=strength, rng=rng) for _ in range(draws)]
        plain, adapted = np.nanmean(scores, axis=0)
        before.append(plain)
        after.append(adapted)
    if not recordings:
        raise TrainingError(f"No recording has {2 * n_labels} labelled units of all three classes.")
    gains, adapted = np.subtract(after, before), np.array(after)
    return AdaptedScores(
        n_labels=n_labels,
        draws=draws,
        recordings=tuple(recordings),
        gains=dict(zip(_SCORES, gains.T, strict=True)),
        adapted=dict(zip(_SCORES, adapted.T, strict=True)),
    )


_SCORES = ("balanced_accuracy", "accuracy", "calibration_error")


def _score_once(
    scored: Scored, here: NDArray[np.intp], units: Placed, *, n_labels: int, strength: float, rng: np.random.Generator
) -> list[list[float]]:
    """Draw labels of one recording once; score the others without and with them."""
    targets = scored.dataset.targets
    subject = scored.dataset.subjects[here[0]]
    elsewhere = targets[scored.dataset.subjects != subject]
    counts = np.bincount(elsewhere if len(elsewhere) else targets, minlength=len(CLASSES))
    drawn = rng.permutation(len(here))
    known, rest = here[drawn[:n_labels]], here[drawn[n_labels:]]
    adaptation = fit_adaptation(
        units.take(drawn[:n_labels]),
        targets[known],
        everywhere=units,
        priors=counts / counts.sum(),
        strength=strength,
    )
    adapted = adaptation.apply(units.take(drawn[n_labels:]))
    found = ((scored.probabilities[rest], scored.labels[rest]), (adapted, adaptation.scores(adapted).argmax(axis=1)))
    return [
        [
            balanced_accuracy(targets[rest], labels),
            float((targets[rest] == labels).mean()),
            calibration_error(targets[rest], probabilities),
        ]
        for probabilities, labels in found
    ]
