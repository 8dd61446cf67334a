"""Read a history from its newest run back, only as far as a write depends on it.

A history grows with every run, and what is added to one depends on few of them. Here older runs are not looked at;
where all of them are read or checked, `nwb_unitrefine.history.runs` and `nwb_unitrefine.history.integrity` do so.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from nwb_unitrefine.history.layout import header_from_group
from nwb_unitrefine.history.run_numbers import in_order, run_order
from nwb_unitrefine.history.runs import DETAILS, nothing_to_take_back, read_run
from nwb_unitrefine.records import RunKind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from nwb_unitrefine.records import Run
    from nwb_unitrefine.storage import tree as storage

__all__ = ["read_deciding", "read_newest_header", "written_columns"]

_VALUES = frozenset({"units", "probability", "uncertain", "reason"})
"""Parts of a run that do not decide who set which label."""


def read_deciding(
    history: storage.Group | None, *, where: str, unit_ids: NDArray[np.int64], columns: Collection[str]
) -> tuple[Run, ...]:
    """Read the newest runs in effect that decide the labels of a table and wrote its columns, the oldest first.

    Runs are read from the newest back until nothing that an older one holds could count: the author of every unit's
    label is found, the writer of every column, and a run by a program.

    Parameters
    ----------
    history, where
        As of `nwb_unitrefine.history.runs.read_runs`.
    unit_ids : array of int64, shape (n_units,)
        Ids of the table.
    columns : collection of str
        Columns of the table that a run may have written.

    Raises
    ------
    SourceError
        If one of the runs that are read is damaged, or takes back a run that is not there before it.
    """
    found: list[Run] = []
    missing, undecided, is_program_missing = set(columns), set(unit_ids.tolist()), True
    for header in _headers_back(history, where=where):
        assert history is not None
        if missing.isdisjoint(header.columns) and found:
            if not undecided and (not is_program_missing or header.kind is RunKind.HUMAN):
                if not missing and not is_program_missing:
                    break
                continue
            skip = DETAILS | _VALUES
        else:
            skip = DETAILS - ({"features"} if header.contamination_column else set())  # they hold that column's values
        run = read_run(history, header.name, where=where, skip=skip)
        found.append(run)
        missing.difference_update(run.columns)
        if run.changed is None:
            undecided.clear()
        undecided.difference_update(run.predictions.unit_ids[run.changed].tolist() if undecided else ())
        is_program_missing = is_program_missing and run.kind is RunKind.HUMAN
    return tuple(reversed(found))


def written_columns(history: storage.Group | None, *, where: str, among: Collection[str]) -> set[str]:
    """Return which of some columns a run in effect wrote.

    Parameters
    ----------
    history, where
        As of `nwb_unitrefine.history.runs.read_runs`.
    among : collection of str
    """
    missing = set(among)
    for header in _headers_back(history, where=where) if missing else ():
        missing.difference_update(header.columns)
        if not missing:
            break
    return set(among) - missing


def read_newest_header(history: storage.Group | None, *, where: str) -> Run | None:
    """Read the attributes of the run that was added last, whether it is in effect or not; None without runs.

    Parameters
    ----------
    history, where
        As of `nwb_unitrefine.history.runs.read_runs`.
    """
    for name in reversed(in_order(history.listed())) if history is not None else ():
        assert history is not None
        if (group := history.group(name)) is not None:
            return header_from_group(name, group, where=where)
    return None


def _headers_back(history: storage.Group | None, *, where: str) -> Iterator[Run]:
    """Read the runs in effect from the newest back, without units, each when it is asked for."""
    names = in_order(history.listed()) if history is not None else []
    while names:
        name = names.pop()
        assert history is not None
        group = history.group(name)
        if group is None:
            continue
        run = header_from_group(name, group, where=where)
        if run.undoes:
            place = bisect_left(names, run_order(run.undoes), key=run_order)
            if names[place : place + 1] != [run.undoes]:
                raise nothing_to_take_back(run, where=where)
            del names[place:]  # what was in effect before that run is again
        elif not run.redactions:
            yield run
