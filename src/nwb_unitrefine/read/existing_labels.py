"""Labels that a file has already, in our words, and how far two sets of labels agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.records import CLASSES, Ragged
from nwb_unitrefine.vocabulary.dialects import COMMON_LABELS, DIALECTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from nwb_unitrefine.records import Units
    from nwb_unitrefine.vocabulary.dialects import LabelColumn

__all__ = ["Agreement", "ExistingLabels", "compare_labels", "existing_labels"]

_OUTRANKS = ("noise", "mua", "sua")
"""Which of several labels of one unit counts: a unit that is called both accepted and noise is noise."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExistingLabels:
    """What one column of a file says of every unit.

    Parameters
    ----------
    column : str
    who : str
        ``"curator"`` or ``"program"``.
    labels : array of str, shape (n_units,)
        One of `CLASSES`, or empty where the value says none of them.
    meaning : mapping of str to str
        Each value that is in the file, in lower case, and what it was taken for; empty where nothing.
    """

    column: str
    who: str
    labels: NDArray[np.str_]
    meaning: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Agreement:
    """How far two labellings of the same units agree.

    Parameters
    ----------
    confusion : array of int, shape (3, 3)
        Units by first (row) and second (column) label, in the order of `CLASSES`; units that either leaves open are
        not counted.
    """

    confusion: NDArray[np.int64]

    @property
    def n_units(self) -> int:
        """Units that both label."""
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        """Fraction of these that both label alike; NaN without units."""
        return float(np.trace(self.confusion) / self.n_units) if self.n_units else float("nan")

    @property
    def kappa(self) -> float:
        """Cohen's kappa: agreement beyond chance, (p_o - p_e) / (1 - p_e); NaN where chance alone agrees fully.

        See Cohen (1960), https://doi.org/10.1177/001316446002000104.
        """
        n = self.n_units
        if not n:
            return float("nan")
        expected = float(self.confusion.sum(axis=0) @ self.confusion.sum(axis=1)) / n**2
        return (self.accuracy - expected) / (1 - expected) if expected < 1 else float("nan")


def existing_labels(units: Units) -> dict[str, ExistingLabels]:
    """Find labels that a file has already.

    Parameters
    ----------
    units : Units

    Returns
    -------
    dict of str to ExistingLabels
        By column, the most telling first; columns none of whose values says sua, mua or noise are left out.
    """
    of_dialect = [column for dialect in DIALECTS if dialect.name == units.source.dialect for column in dialect.labels]
    found: dict[str, ExistingLabels] = {}
    for rule in (*of_dialect, *COMMON_LABELS):
        column = units.columns.get(rule.name)
        if column is None or rule.name in found:
            continue
        labels = _translate(column.values, rule)
        if (labels.labels != "").any():
            found[rule.name] = labels
    return found


def _translate(values: NDArray[Any] | Ragged, rule: LabelColumn) -> ExistingLabels:
    """A column's values in our words."""
    rows: Sequence[Sequence[str]]
    if isinstance(values, Ragged):
        rows = [[_word(value) for value in row.tolist()] for row in values]
    elif values.ndim == 1:
        rows = [[_word(value)] for value in values.tolist()]
    else:
        rows = [[] for _ in values]
    present = sorted({word for row in rows for word in row})
    meaning = {word: rule.meaning.get(word, "") for word in present}
    labels = [next((label for label in _OUTRANKS if label in {meaning[w] for w in row}), "") for row in rows]
    return ExistingLabels(column=rule.name, who=rule.who, labels=np.array(labels, dtype=str), meaning=meaning)


def _word(value: Any) -> str:
    """A value as the rules write it."""
    return f"{value:g}" if isinstance(value, float) else str(value).strip().lower()


def compare_labels(first: NDArray[Any], second: NDArray[Any]) -> Agreement:
    """Count how two labellings of the same units, in the same order, agree.

    Parameters
    ----------
    first, second : array of str, shape (n_units,)
        One of `CLASSES`, or empty.

    Raises
    ------
    ValueError
        If they are not of the same length.

    Examples
    --------
    >>> agreement = compare_labels(np.array(["sua", "mua", "noise", ""]), np.array(["sua", "mua", "mua", "sua"]))
    >>> agreement.n_units, round(agreement.accuracy, 3), round(agreement.kappa, 3)
    (3, 0.667, 0.5)
    """
    if len(first) != len(second):
        raise ValueError(f"{len(first)} labels cannot be compared with {len(second)}")
    confusion = np.zeros((len(CLASSES), len(CLASSES)), np.int64)
    for i, mine in enumerate(CLASSES):
        for j, theirs in enumerate(CLASSES):
            confusion[i, j] = np.count_nonzero((np.asarray(first) == mine) & (np.asarray(second) == theirs))
    return Agreement(confusion=confusion)
