"""Where one lab draws the boundary between classes: offsets on the log probabilities of a model."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np

from nwb_unitrefine.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["Adaptation"]

Number = TypeVar("Number", int, float)

_SMALLEST = 1e-12
_LARGEST_OFFSET = 20.0


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
    """

    offsets: tuple[float, float, float]
    shares: tuple[float, float, float]
    n_labels: tuple[int, int, int]

    def apply(self, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
        """Adapt probabilities: ``softmax(log p + offsets)``.

        Parameters
        ----------
        probabilities : array of float64, shape (n_units, 3)
            Calibrated, in the order of `CLASSES`.

        Returns
        -------
        array of float64, shape (n_units, 3)

        Examples
        --------
        >>> none = Adaptation(offsets=(0.0, 0.0, 0.0), shares=(0.3, 0.4, 0.3), n_labels=(0, 0, 0))
        >>> none.apply(np.array([[0.2, 0.5, 0.3]])).round(6).tolist()
        [[0.2, 0.5, 0.3]]
        """
        scores = np.log(np.clip(probabilities, _SMALLEST, 1.0)) + np.asarray(self.offsets)
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))

    def scores(self, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the scores whose largest gives the label: adapted probabilities over shares, scaled to sum 1."""
        weighted = probabilities / np.asarray(self.shares)
        return np.asarray(weighted / weighted.sum(axis=1, keepdims=True))

    def to_json(self) -> str:
        """Return what a run records."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what a run recorded.

        Raises
        ------
        ModelError
            If it is no adaptation.
        """
        try:
            found = json.loads(text)
            if not isinstance(found, dict) or set(found) != {"offsets", "shares", "n_labels"}:
                raise _unreadable("it does not have the three fields")
            offsets, shares = _three(found["offsets"], float), _three(found["shares"], float)
            n_labels = _three(found["n_labels"], int)
        except (ValueError, TypeError, RecursionError) as error:
            raise _unreadable(str(error)) from error
        if not all(abs(one) <= _LARGEST_OFFSET for one in offsets) or not all(0 < one < 1 for one in shares):
            raise _unreadable("its numbers are impossible")
        return cls(offsets=offsets, shares=shares, n_labels=n_labels)


def _three(values: Any, kind: Callable[[Any], Number]) -> tuple[Number, Number, Number]:
    """Take exactly one number for each class."""
    one, two, three = values
    return kind(one), kind(two), kind(three)


def _unreadable(why: str) -> ModelError:
    """Refuse what a file records."""
    return ModelError(f"The file records an adaptation that cannot be read: {why}.")
