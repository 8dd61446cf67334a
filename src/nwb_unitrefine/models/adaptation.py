"""Where one lab draws the boundary between classes: changes of the log probabilities of a model."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np

from nwb_unitrefine.errors import ModelError
from nwb_unitrefine.models.calibration import over_shares, softmax
from nwb_unitrefine.records import CLASSES
from nwb_unitrefine.vocabulary import find_metric
from nwb_unitrefine.vocabulary.metrics.ranks import ranks_within

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["Adaptation", "Placed", "is_placed_by"]

Number = TypeVar("Number", int, float)
Three = tuple[float, float, float]

_SMALLEST = 1e-12
_LARGEST = 20.0
"""No offset and no weight is larger."""

_NEEDED, _OPTIONAL = {"offsets", "shares", "n_labels"}, {"weights", "by_whom", "n_changed"}

_SPREAD_OF_RANKS = 1 / math.sqrt(12)
"""Standard deviation of ranks, which are spread evenly from 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Placed:
    """Units as a model finds them, and where each metric places them among the units of their recording.

    Parameters
    ----------
    probabilities : array of float64, shape (n_units, 3)
        Calibrated, in the order of `CLASSES`.
    names : tuple of str, length n_metrics
    places : array of float64, shape (n_units, n_metrics)
        Rank of the metric in the recording, with mean 0 and standard deviation 1; 0 without a value, and in a
        recording of too few units for ranks.
    """

    probabilities: NDArray[np.float64]
    names: tuple[str, ...]
    places: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        probabilities: NDArray[np.float64],
        *,
        names: Sequence[str],
        values: NDArray[np.float64],
        recordings: NDArray[np.str_] | None = None,
    ) -> Self:
        """Place units by their metrics; what `is_placed_by` refuses is left out.

        Parameters
        ----------
        probabilities : array of float64, shape (n_units, 3)
        names : sequence of str, length n_metrics
        values : array of float64, shape (n_units, n_metrics)
        recordings : array of str, shape (n_units,), optional
            By default, all units are of one recording.

        Examples
        --------
        >>> even = np.full((20, 3), 1 / 3)
        >>> placed = Placed.of(even, names=["firing_rate", "num_spikes"], values=np.arange(40.0).reshape(20, 2))
        >>> placed.names, placed.places[[0, -1], 0].round(2).tolist()
        (('firing_rate',), [-1.65, 1.65])
        """
        columns = {name: column for column, name in enumerate(names) if is_placed_by(name)}
        # Rounded as an estimator is given them, so that what is equal but for the last bit shares its rank.
        ranks = [
            ranks_within(values[:, column].astype(np.float32).astype(np.float64), recordings)
            for column in columns.values()
        ]
        return cls.from_ranks(probabilities, dict(zip(columns, ranks, strict=True)))

    @classmethod
    def from_ranks(cls, probabilities: NDArray[np.float64], ranks: Mapping[str, NDArray[np.float64]]) -> Self:
        """Place units by ranks from 0 to 1 that are known; NaN where missing."""
        places = np.full((len(probabilities), len(ranks)), 0.5)
        for column, rank in enumerate(ranks.values()):
            places[:, column] = np.where(np.isfinite(rank), rank, 0.5)
        return cls(probabilities=probabilities, names=tuple(ranks), places=(places - 0.5) / _SPREAD_OF_RANKS)

    def take(self, rows: NDArray[Any]) -> Placed:
        """Keep some units."""
        return Placed(probabilities=self.probabilities[rows], names=self.names, places=self.places[rows])

    def and_then(self, others: Placed) -> Placed:
        """Append units of other recordings; a metric that they do not have places them nowhere."""
        theirs = np.zeros((len(others.probabilities), len(self.names)))
        for column, name in enumerate(self.names):
            if name in others.names:
                theirs[:, column] = others.places[:, others.names.index(name)]
        return Placed(
            probabilities=np.concatenate([self.probabilities, others.probabilities]),
            names=self.names,
            places=np.concatenate([self.places, theirs]),
        )


def is_placed_by(name: str) -> bool:
    """Whether a metric's rank may move the boundary: counts follow the recording's length, others repeat a metric.

    Examples
    --------
    >>> is_placed_by("firing_rate"), is_placed_by("num_spikes"), is_placed_by("rank_of_snr")
    (True, False, False)
    """
    metric = find_metric(name)
    return metric is not None and not metric.derived and not metric.follows_recording_length


@dataclass(frozen=True, slots=True, kw_only=True)
class Adaptation:
    """What people's labels changed about a model.

    Parameters
    ----------
    offsets : tuple of float, length 3
        Added to the log probability of each of `CLASSES`.
    shares : tuple of float, length 3
        What probabilities are divided by to find the label, where the model weighs classes; they sum to 1.
    n_labels : tuple of int, length 3
        Labels of each class that it was fitted to.
    weights : mapping of str to tuple of float, length 3
        Added to the log probabilities for each standard deviation of the rank of a metric in the recording; see
        `Placed`. Empty in older runs.
    by_whom : mapping of str to int
        How many of the labels are whose. Empty in older runs.
    n_changed : int or None
        Labels of the model that are others than without it. None in older runs.
    """

    offsets: Three
    shares: Three
    n_labels: tuple[int, int, int]
    weights: Mapping[str, Three] = field(default_factory=dict)
    by_whom: Mapping[str, int] = field(default_factory=dict)
    n_changed: int | None = None

    def __str__(self) -> str:
        """Sum up what it rests on, and what it changed.

        Examples
        --------
        >>> none, n = (0, 0, 0), (4, 2, 0)
        >>> one = Adaptation(offsets=none, shares=(0.3, 0.3, 0.4), n_labels=n, by_whom={"A": 6}, n_changed=3)
        >>> print(one)
        adapted to 6 labels of people (4 sua, 2 mua, 0 noise; by A 6), which changed 3 labels
        """
        counts = ", ".join(f"{n} {name}" for n, name in zip(self.n_labels, CLASSES, strict=True))
        people = ", ".join(f"{name} {n}" for name, n in self.by_whom.items())
        what = f"adapted to {sum(self.n_labels)} labels of people ({counts}{f'; by {people}' * bool(people)})"
        return what if self.n_changed is None else f"{what}, which changed {self.n_changed} labels"

    def apply(self, units: Placed) -> NDArray[np.float64]:
        """Adapt probabilities: ``softmax(log p + offsets + places @ weights)``.

        Parameters
        ----------
        units : Placed

        Returns
        -------
        array of float64, shape (n_units, 3)

        Raises
        ------
        ModelError
            If the units are not placed by a metric that has weights.

        Examples
        --------
        >>> none = Adaptation(offsets=(0.0, 0.0, 0.0), shares=(0.3, 0.4, 0.3), n_labels=(0, 0, 0))
        >>> none.apply(Placed.from_ranks(np.array([[0.2, 0.5, 0.3]]), {})).round(6).tolist()
        [[0.2, 0.5, 0.3]]
        """
        if absent := [name for name in self.weights if name not in units.names]:
            raise ModelError(f"The adaptation follows {', '.join(absent)}, which this model does not take.")
        scores = np.log(np.clip(units.probabilities, _SMALLEST, 1.0)) + np.asarray(self.offsets)
        for name, weights in self.weights.items():
            scores += np.outer(units.places[:, units.names.index(name)], weights)
        return softmax(scores)

    def scores(self, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the scores whose largest gives the label: adapted probabilities over shares, scaled to sum 1."""
        return over_shares(probabilities, np.asarray(self.shares))

    def to_json(self) -> str:
        """Return what a run records."""
        optional = {"weights": dict(self.weights), "by_whom": dict(self.by_whom), "n_changed": self.n_changed}
        found = {"offsets": self.offsets, "shares": self.shares, "n_labels": self.n_labels}
        return json.dumps(found | {name: value for name, value in optional.items() if value not in ({}, None)})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what a run recorded.

        Raises
        ------
        ModelError
            If it is not an adaptation.
        """
        try:
            found = json.loads(text)
            if not isinstance(found, dict) or not _NEEDED <= found.keys() <= _NEEDED | _OPTIONAL:
                raise _unreadable("its fields are not those of an adaptation")
            offsets, shares = _three(found["offsets"], float), _three(found["shares"], float)
            n_labels = _three(found["n_labels"], int)
            weights = {name: _three(values, float) for name, values in dict(found.get("weights", {})).items()}
            by_whom = {name: int(n) for name, n in dict(found.get("by_whom", {})).items()}
            n_changed = int(found["n_changed"]) if "n_changed" in found else None
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            raise _unreadable(str(error)) from error
        moved = (*offsets, *(one for three in weights.values() for one in three))
        counted = (*n_labels, *by_whom.values(), n_changed or 0)
        if not all(abs(one) <= _LARGEST for one in moved) or not all(0 < one < 1 for one in shares) or min(counted) < 0:
            raise _unreadable("its numbers are impossible")
        return cls(
            offsets=offsets, shares=shares, n_labels=n_labels, weights=weights, by_whom=by_whom, n_changed=n_changed
        )


def _three(values: Any, kind: Callable[[Any], Number]) -> tuple[Number, Number, Number]:
    """Take exactly one number for each class."""
    one, two, three = values
    return kind(one), kind(two), kind(three)


def _unreadable(why: str) -> ModelError:
    """Refuse what a file records."""
    return ModelError(
        f"The file records an adaptation that cannot be read: {why}.",
        tip="The run was damaged or edited: `nwb-unitrefine verify FILE` lists every change.",
    )
