"""Our findings as checks of nwbinspector.

``nwbinspector FILE --modules nwb_unitrefine.integrations.nwbinspector_checks`` imports this module, which registers
them; nothing else imports it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import ref

from nwbinspector import Importance, InspectorMessage, register_check
from pynwb.misc import Units

from nwb_unitrefine.errors import SourceError, SpikeTimesUnitError
from nwb_unitrefine.read import read_units
from nwb_unitrefine.read.across_units import find_across_units
from nwb_unitrefine.records import Problem, ProblemCode, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["check_units_critical", "check_units_suggestion", "check_units_violation"]

_last: list[tuple[ref[Units], list[Problem]]] = []
"""The table that was inspected last, and its problems: each check asks for all of them, and shows its own."""


def check_units_critical(units: Units) -> Iterator[InspectorMessage]:
    """Problems for which labels of units should not be relied on."""
    yield from _messages(units, Severity.CRITICAL)


def check_units_violation(units: Units) -> Iterator[InspectorMessage]:
    """Parts of the units table that cannot be used, or had to be put right, and neurons that are in it twice."""
    yield from _messages(units, Severity.WARNING)


def check_units_suggestion(units: Units) -> Iterator[InspectorMessage]:
    """What metrics and labels lack, or rest on an assumption for, and neurons that may have been split."""
    yield from _messages(units, Severity.INFO)


def _messages(units: Units, severity: Severity) -> Iterator[InspectorMessage]:
    """A message for each problem of this severity."""
    if not _last or _last[0][0]() is not units:
        _last[:] = [(ref(units), _problems(units))]
    for problem in _last[0][1]:
        if problem.severity is severity:
            yield InspectorMessage(message=f"{problem.what} ({problem.code.value})")


def _problems(units: Units) -> list[Problem]:
    """Everything that is wrong with a table; one that cannot be read is for other checks."""
    try:
        found = read_units(units)
    except SpikeTimesUnitError as error:
        return [Problem(ProblemCode.SPIKE_TIMES_WRONG_UNIT, error.message)]
    except SourceError:
        return []
    return [*found.problems, *find_across_units(found)]


register_check(importance=Importance.CRITICAL, neurodata_type=Units)(check_units_critical)
register_check(importance=Importance.BEST_PRACTICE_VIOLATION, neurodata_type=Units)(check_units_violation)
register_check(importance=Importance.BEST_PRACTICE_SUGGESTION, neurodata_type=Units)(check_units_suggestion)
