"""The curation history of a file, and what each run changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nwb_unitrefine.history.runs import read_runs
from nwb_unitrefine.history.tree import HISTORY
from nwb_unitrefine.write.stores.open import read_store

if TYPE_CHECKING:
    from pathlib import Path

    from nwb_unitrefine.records import Run

__all__ = ["Change", "diff_runs", "read_history"]


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
        return read_runs(store.group(HISTORY), where=str(path))


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
