"""The runs of an open file: which of them are in effect, and whose each label is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.records import RunKind
from nwb_unitrefine.write.provenance import run_from_group

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nwb_unitrefine.records import Run
    from nwb_unitrefine.write.store import UnitsStore

__all__ = ["effective_chain", "held_by_people", "next_name", "runs_of"]


def runs_of(store: UnitsStore) -> tuple[Run, ...]:
    """Read the runs of an open file, the oldest first."""
    return tuple(run_from_group(name, group) for name, group in store.runs().items())


def effective_chain(history: Sequence[Run]) -> tuple[Run, ...]:
    """Return the runs that count, the oldest first: without those that were taken back, and the taking back.

    The last one's labels are in effect; with none, the file has no labels.
    """
    chains: list[tuple[Run, ...]] = [()]
    position = {run.name: number for number, run in enumerate(history)}
    for run in history:
        if run.undoes:
            chains.append(chains[position[run.undoes]])  # the state before that run
        else:
            chains.append((*chains[-1], run))
    return chains[-1]


def next_name(history: Sequence[Run]) -> str:
    """Return the name of the run that is added next; one that was deleted by hand leaves its number unused."""
    numbers = [int(number) for run in history if (number := run.name.removeprefix("run_")).isdecimal()]
    return f"run_{max(numbers, default=0) + 1:04d}"


def held_by_people(chain: Sequence[Run]) -> dict[int, tuple[str, Run]]:
    """Return the label of each unit that has it from a person, and the run in which it was set, by unit id.

    Parameters
    ----------
    chain : sequence of Run
        As of `effective_chain`.
    """
    held: dict[int, tuple[str, Run]] = {}
    for run in chain:
        decided = np.ones(len(run.predictions), dtype=np.bool_) if run.changed is None else run.changed
        units = run.predictions.unit_ids[decided].tolist()
        if run.kind is RunKind.HUMAN:
            held |= {
                unit: (label, run) for unit, label in zip(units, run.predictions.labels[decided].tolist(), strict=True)
            }
        else:
            held = {unit: by_whom for unit, by_whom in held.items() if unit not in set(units)}
    return held
