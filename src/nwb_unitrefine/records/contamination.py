"""The share of spikes of each unit that may be another neuron's, as far as refractory violations show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nwb_unitrefine.records.features import Features

__all__ = ["CONTAMINATION", "CONTAMINATION_LOWER", "CONTAMINATION_UPPER", "Contamination", "shown_contamination"]

CONTAMINATION_LOWER = "contamination_lower"
CONTAMINATION_UPPER = "contamination_upper"
CONTAMINATION = ("rp_contamination", CONTAMINATION_LOWER, CONTAMINATION_UPPER)
"""Metrics that hold the estimate and the bounds of its interval of 90 %."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contamination:
    """Estimated share of foreign spikes of each unit, with an interval of 90 %.

    Parameters
    ----------
    estimate : array of float64, shape (n_units,)
        From 0 to 1 (Llobet and Wyngaard 2022); NaN where a unit has too few spikes.
    lower, upper : array of float64, shape (n_units,)
        A unit has less than `upper` with 95 % confidence. 1 where its spikes are too few to exclude anything.
    """

    estimate: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]

    @classmethod
    def of(cls, features: Features) -> Contamination | None:
        """Return what features hold of it; None where they lack one of `CONTAMINATION`."""
        if not set(CONTAMINATION) <= set(features.names):
            return None
        estimate, lower, upper = features.select(CONTAMINATION).values.T
        return cls(estimate=estimate, lower=lower, upper=upper)

    def of_unit(self, row: int) -> dict[str, float]:
        """Return estimate and bounds of one unit, under the names that programs read."""
        names = ("contamination", "contamination_lower", "contamination_upper")
        return {name: float(one[row]) for name, one in zip(names, (self.estimate, self.lower, self.upper), strict=True)}

    def texts(self) -> list[str]:
        """Estimate and interval of each unit as people read them, as ``"4 % (0 to 38 %)"``; empty where unknown."""
        return [shown_contamination(*values) for values in zip(self.estimate, self.lower, self.upper, strict=True)]


def shown_contamination(estimate: float, lower: float, upper: float) -> str:
    """Write estimate and interval of one unit in percent; empty where one of them is unknown.

    Examples
    --------
    >>> shown_contamination(0.04, 0.0, 0.382)
    '4 % (0 to 38 %)'
    """
    known = np.isfinite([estimate, lower, upper]).all()
    return f"{100 * estimate:.0f} % ({100 * lower:.0f} to {100 * upper:.0f} %)" if known else ""
