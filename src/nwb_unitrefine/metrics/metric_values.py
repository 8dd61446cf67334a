"""The result of one computation for all units: values, and why some are missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Missing", "Outcome"]

Missing = tuple["NDArray[np.bool_]", str]
"""Which units have no value, and why."""


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """One feature of all units.

    Parameters
    ----------
    values : array of float64, shape (n_units,)
        NaN where there is no value.
    missing : sequence of Missing
        Units without the input, and what they lack, the weightiest first; the value may be had from elsewhere.
    otherwise : str
        Why a value is NaN although the input is there: it does not exist.
    """

    values: NDArray[np.float64]
    missing: Sequence[Missing] = ()
    otherwise: str = "not defined for this unit"

    @classmethod
    def nowhere(cls, n_units: int, reason: str) -> Outcome:
        """No unit has the input."""
        return cls(np.full(n_units, np.nan), ((np.ones(n_units, dtype=np.bool_), reason),))

    @property
    def without_input(self) -> NDArray[np.bool_]:
        """Units that lack the input, shape (n_units,)."""
        lacking = np.zeros(len(self.values), dtype=np.bool_)
        for mask, _ in self.missing:
            lacking |= mask
        return lacking

    def reasons(self) -> tuple[tuple[NDArray[np.bool_], str], ...]:
        """Split the units without a value by reason; the masks do not overlap."""
        left = np.isnan(self.values)
        parts = []
        for mask, why in (*self.missing, (left, self.otherwise)):
            here = left & mask
            if here.any():
                parts.append((here, why))
                left = left & ~here
        return tuple(parts)
