"""Which units a person should label next."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from numpy.typing import NDArray

    from nwb_unitrefine.records import Curation

__all__ = ["MIN_SPIKES", "Candidates", "Suggestion", "candidates_of", "suggest_units"]

MIN_SPIKES = 50
"""A unit with fewer spikes is uncertain for want of evidence, and worth nobody's time."""


class Candidates(NamedTuple):
    """The units of one file.

    Parameters
    ----------
    margins : array of float64, shape (n_units,)
        Difference of the two largest decision scores; NaN for units without a label.
    n_spikes : array of int, shape (n_units,)
    is_labelled : array of bool, shape (n_units,)
        Units that a person has labelled.
    """

    margins: NDArray[np.float64]
    n_spikes: NDArray[np.int64]
    is_labelled: NDArray[np.bool_]


def candidates_of(curation: Curation, labelled: Container[int]) -> Candidates:
    """Take what decides about a suggestion from one labelled source.

    Parameters
    ----------
    curation : Curation
    labelled : container of unit ids
        Units that a person has labelled.
    """
    predictions = curation.predictions
    margins = np.full(len(predictions), np.nan) if predictions.margins is None else predictions.margins
    is_labelled = np.array([unit in labelled for unit in predictions.unit_ids.tolist()], dtype=np.bool_)
    return Candidates(margins, curation.units.spike_times_s.counts, is_labelled)


class Suggestion(NamedTuple):
    """One unit to label."""

    file: int
    row: int
    is_close: bool


def suggest_units(files: Sequence[Candidates], *, n: int, seed: int = 0) -> list[Suggestion]:
    """Choose units to label: half of them close calls, half at random, evenly over files.

    Close calls are the smallest margins of a random half of the units, so that they are not all of one kind. On mice
    not seen, labels of these units gain as much as those of random ones, which nothing that was tried beats, and a
    person finds 1.5 times as many wrong labels (``tests/benchmarks/which_to_ask.py``).

    Parameters
    ----------
    files : sequence of Candidates
    n : int
        How many; fewer where there are not as many.
    seed : int
        Of the draw.

    Returns
    -------
    list of Suggestion
        In the order in which to ask, no unit twice; the closest call of each file first.
    """
    rng = np.random.default_rng(seed)
    queues = [_in_order(number, one, rng=rng) for number, one in enumerate(files)]
    chosen: list[Suggestion] = []
    while len(chosen) < n and any(queues):
        for queue in queues:
            if queue and len(chosen) < n:
                chosen.append(queue.pop(0))
    return chosen


def _in_order(number: int, units: Candidates, *, rng: np.random.Generator) -> list[Suggestion]:
    """Order one file's units: a close call, one at random, and so on."""
    suits = ~np.isnan(units.margins) & (units.n_spikes >= MIN_SPIKES) & ~units.is_labelled
    drawn = rng.permutation(np.flatnonzero(suits))
    half = (len(drawn) + 1) // 2
    close = drawn[:half][np.argsort(units.margins[drawn[:half]], kind="stable")].tolist()
    other = drawn[half:].tolist()
    ordered = []
    for place in range(half):
        ordered.append(Suggestion(number, close[place], is_close=True))
        if place < len(other):
            ordered.append(Suggestion(number, other[place], is_close=False))
    return ordered
