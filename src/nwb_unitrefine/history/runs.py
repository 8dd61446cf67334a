"""The runs of an open file: which of them are in effect, and whose each label is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nwb_unitrefine.history.layout import run_from_group
from nwb_unitrefine.records import effective_chain, held_by_people

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nwb_unitrefine.history.store import UnitsStore
    from nwb_unitrefine.records import Run

__all__ = ["effective_chain", "held_by_people", "next_name", "runs_of"]


def runs_of(store: UnitsStore) -> tuple[Run, ...]:
    """Read the runs of an open file, the oldest first."""
    return tuple(run_from_group(name, group) for name, group in store.runs().items())


def next_name(history: Sequence[Run]) -> str:
    """Return the name of the run that is added next; one that was deleted by hand leaves its number unused."""
    numbers = [int(number) for run in history if (number := run.name.removeprefix("run_")).isdecimal()]
    return f"run_{max(numbers, default=0) + 1:04d}"
