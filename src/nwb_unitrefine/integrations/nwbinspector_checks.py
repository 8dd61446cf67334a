"""Our findings as checks of nwbinspector.

``nwbinspector FILE --modules nwb_unitrefine.integrations.nwbinspector_checks`` imports this module, which registers
them; nothing else imports it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nwbinspector import Importance, InspectorMessage, register_check
from pynwb.misc import Units

from nwb_unitrefine.errors import SourceError, SpikeTimesUnitError
from nwb_unitrefine.read import read_units
from nwb_unitrefine.records import ProblemCode, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["check_units_critical", "check_units_violation"]


def check_units_critical(units: Units) -> Iterator[InspectorMessage]:
    """Problems for which labels of units should not be relied on."""
    yield from _messages(units, Severity.CRITICAL)


def check_units_violation(units: Units) -> Iterator[InspectorMessage]:
    """Parts of the units table that cannot be used, or had to be put right."""
    yield from _messages(units, Severity.WARNING)


def _messages(units: Units, severity: Severity) -> Iterator[InspectorMessage]:
    """A message for each problem of this severity; a table that cannot be read is for other checks."""
    try:
        found = read_units(units).problems
    except SpikeTimesUnitError as error:
        if severity is Severity.CRITICAL:
            yield InspectorMessage(message=f"{error.message} ({ProblemCode.SPIKE_TIMES_WRONG_UNIT.value})")
        return
    except SourceError:
        return
    for problem in found:
        if problem.severity is severity:
            yield InspectorMessage(message=f"{problem.what} ({problem.code.value})")


register_check(importance=Importance.CRITICAL, neurodata_type=Units)(check_units_critical)
register_check(importance=Importance.BEST_PRACTICE_VIOLATION, neurodata_type=Units)(check_units_violation)
