"""What the parsers of one source share: its name, its units, what the user stated about it, and what was noticed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import SourceError
from nwb_unitrefine.records import Problem, SourceHints

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from nwb_unitrefine.records import ProblemCode

__all__ = ["MS_PER_SECOND", "STATED", "ReadContext", "name_units"]

STATED = "as the user states"
"""Where a sampling rate of `SourceHints` is from."""

MS_PER_SECOND = 1000.0


class ReadContext:
    """The source that is being read.

    Parameters
    ----------
    uri : str
        What to call it in messages.
    unit_ids : array, shape (n_units,), optional
        Its units, once they are known.
    hints : SourceHints, optional
        What the user states about it.
    """

    def __init__(self, uri: str, unit_ids: NDArray[Any] | None = None, *, hints: SourceHints | None = None) -> None:
        self.uri = uri
        self.unit_ids = np.empty(0, np.int64) if unit_ids is None else unit_ids
        self.hints = hints or SourceHints()
        self._problems: list[Problem] = []

    @property
    def n_units(self) -> int:
        """Number of units."""
        return len(self.unit_ids)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What was noticed so far."""
        return tuple(self._problems)

    def report(self, code: ProblemCode, what: str, rows: NDArray[Any] | None = None) -> None:
        """Note a problem of the source, or of the units in `rows`; ``{units}`` in `what` is replaced by their names.

        Parameters
        ----------
        code : ProblemCode
        what : str
            One sentence.
        rows : array of bool or int, optional
            Which units it concerns.
        """
        ids = [] if rows is None else self.unit_ids[rows].tolist()
        self._problems.append(Problem(code, what.replace("{units}", name_units(ids)), tuple(ids)))

    def add(self, problem: Problem) -> None:
        """Note a problem of something that is not one of the units, such as a cluster without spikes."""
        self._problems.append(problem)

    def refusal(self, what: str, *, tip: str = "") -> SourceError:
        """Return the error that refuses the source, with its name before `what`."""
        return SourceError(f"{self.uri}: {what}", tip=tip)


def name_units(unit_ids: Iterable[Any], *, at_most: int = 5) -> str:
    """Units for a message.

    Examples
    --------
    >>> name_units([3])
    'unit 3'
    >>> name_units(range(9), at_most=2)
    '9 units (0, 1, …)'
    """
    names = [str(unit_id) for unit_id in unit_ids]
    if len(names) == 1:
        return f"unit {names[0]}"
    shown = ", ".join(names[:at_most]) + (", …" if len(names) > at_most else "")
    return f"{len(names)} units ({shown})"
