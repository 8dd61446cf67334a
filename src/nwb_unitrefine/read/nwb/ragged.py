"""Columns whose rows have different lengths, and what to do where index and data do not fit together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import SourceError
from nwb_unitrefine.records import Problem, Ragged

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

__all__ = ["name_units", "offsets_of", "take_rows"]


def offsets_of(index: NDArray[Any], *, n_rows: int, name: str, uri: str) -> NDArray[np.int64]:
    """Offsets of a `Ragged` from an NWB index, which holds the end of each row.

    Parameters
    ----------
    index : array, shape (n_rows,)
    n_rows : int
        Number of rows of the table.
    name, uri : str
        Of the index and of the file, for errors.

    Returns
    -------
    array of int64, shape (n_rows + 1,)

    Raises
    ------
    SourceError
        If the index does not have one whole number for each row.

    Examples
    --------
    >>> offsets_of(np.array([2, 2, 5], dtype=np.uint8), n_rows=3, name="spike_times_index", uri="a.nwb").tolist()
    [0, 2, 2, 5]
    """
    if index.ndim != 1 or len(index) != n_rows:
        raise SourceError(f"{uri}: {name} has shape {index.shape} where the table has {n_rows} rows.")
    if index.dtype.kind not in "iu":
        raise SourceError(f"{uri}: {name} holds {index.dtype} values, not whole numbers.")
    return np.concatenate([np.zeros(1, np.int64), index.astype(np.int64)])


def take_rows(
    values: NDArray[Any],
    offsets: NDArray[np.int64],
    *,
    name: str,
    unit_ids: NDArray[Any],
    problems: list[Problem],
    keep_beginnings: bool = False,
) -> Ragged:
    """Rows of `values`, without those that `offsets` says are there and that are not.

    A row that ends behind the data (a cropped file) or before it begins (a damaged index) becomes empty and is
    reported.

    Parameters
    ----------
    values : array, shape (n_values, ...)
    offsets : array of int64, shape (n_units + 1,)
    name : str
        Of the column, for the report.
    unit_ids : array, shape (n_units,)
    problems : list of Problem
        Gets a report, if there is one to make.
    keep_beginnings : bool, optional
        Keep what is there of a row that the end of the data cuts off, and report it as unreliable.

    Returns
    -------
    Ragged
        `values` themselves where all is well.
    """
    values = np.atleast_1d(values)  # a damaged column may hold a single value
    start, end = offsets[:-1], offsets[1:]
    bad = (end > len(values)) | (end < start)
    cut = bad & (start < len(values)) & (end > start) & keep_beginnings
    for row in np.flatnonzero(cut).tolist():
        there, whole = len(values) - int(start[row]), int(end[row] - start[row])
        problems.append(
            Problem(
                f"{name}: only {there} of {whole} are in the file.", tuple(unit_ids[[row]].tolist()), unreliable=True
            )
        )
    end, bad = np.where(cut, len(values), end), bad & ~cut
    if bad.any():
        problems.append(
            Problem(
                f"{name} of {name_units(unit_ids[bad])} not read: the index reaches to {int(offsets[1:].max())} and "
                f"the data has {len(values)} rows, as in a cropped or damaged file.",
                tuple(unit_ids[bad].tolist()),
            )
        )
        kept = [values[a:b] for a, b in zip(start[~bad].tolist(), end[~bad].tolist(), strict=True)]
        counts = np.where(bad, 0, end - start)
        values = np.concatenate(kept) if kept else values[:0]
        return Ragged(values, np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]))
    offsets = np.concatenate([offsets[:1], end])
    if offsets[-1] < len(values):
        problems.append(
            Problem(f"{name} has {len(values) - int(offsets[-1])} values behind its last row, which belong to no unit.")
        )
    return Ragged(values[: offsets[-1]], offsets)


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
