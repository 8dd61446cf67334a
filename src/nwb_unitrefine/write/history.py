"""The curation history of a file: its runs, which of them is in effect, and what each changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.records import RunKind
from nwb_unitrefine.write.opened import read_store
from nwb_unitrefine.write.provenance import run_from_group

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from nwb_unitrefine.records import Run
    from nwb_unitrefine.write.store import UnitsStore

__all__ = ["Change", "diff_runs", "effective_chain", "held_by_people", "read_history", "runs_of"]


@dataclass(frozen=True, slots=True)
class Change:
    """One unit whose label two runs differ in.

    Parameters
    ----------
    unit_id : int
    old, new : str
        Labels; empty for none, or for a unit that one of the runs does not know.
    """

    unit_id: int
    old: str
    new: str


def read_history(path: str | Path) -> tuple[Run, ...]:
    """Read every curation run of a file, the oldest first.

    Parameters
    ----------
    path : str or Path
        NWB file, HDF5 or Zarr.

    Returns
    -------
    tuple of Run
        Empty for a file that was never labelled.

    Raises
    ------
    SourceError
        If the file, or a run in it, cannot be read.
    """
    with read_store(path) as store:
        return runs_of(store)


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


def held_by_people(chain: Sequence[Run], n_units: int) -> NDArray[np.bool_]:
    """Return which units have their label from a person, shape (n_units,).

    Parameters
    ----------
    chain : sequence of Run
        As of `effective_chain`.
    n_units : int
    """
    held = np.zeros(n_units, dtype=np.bool_)
    for run in chain:
        if len(run.predictions) != n_units:  # the table has other units now
            continue
        decided = np.ones(n_units, dtype=np.bool_) if run.changed is None else run.changed
        held = held | decided if run.kind is RunKind.HUMAN else held & ~decided
    return held


def diff_runs(old: Run, new: Run) -> tuple[Change, ...]:
    """Return the units whose label differs between two runs, joined by unit id.

    Parameters
    ----------
    old, new : Run
    """
    before = dict(zip(old.predictions.unit_ids.tolist(), old.predictions.labels.tolist(), strict=True))
    after = dict(zip(new.predictions.unit_ids.tolist(), new.predictions.labels.tolist(), strict=True))
    pairs = [(unit, before.get(unit, ""), after.get(unit, "")) for unit in dict.fromkeys([*before, *after])]
    return tuple(Change(*pair) for pair in pairs if pair[1] != pair[2])
