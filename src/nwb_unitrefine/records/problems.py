"""What a user should know about a source although it did not stop the work: a code, a severity, a sentence."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nwb_unitrefine.records.problem_codes import ProblemCode, Severity

__all__ = ["Problem"]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that a user should know about a source and that did not stop the work.

    Parameters
    ----------
    code : ProblemCode
        Which kind of problem it is; stable between releases.
    what : str
        One sentence about this source.
    unit_ids : tuple, optional
        The units it concerns; empty when it concerns the whole source.

    Attributes
    ----------
    severity : Severity
        As of the code.
    """

    code: ProblemCode
    what: str
    unit_ids: tuple[int | str, ...] = ()
    severity: Severity = field(init=False)

    def __post_init__(self) -> None:
        """Take the severity from the code."""
        object.__setattr__(self, "severity", self.code.severity)
