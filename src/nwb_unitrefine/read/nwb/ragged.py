"""Columns whose rows have different lengths, and what to do where index and data do not fit together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.records import ProblemCode, Ragged

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nwb_unitrefine.read.context import ReadContext

__all__ = ["goes_back", "is_vector", "offsets_of", "plain_ids", "take_rows"]


def plain_ids(stored: NDArray[Any]) -> NDArray[Any]:
    """Return unit ids as one axis of whole numbers where they are that, stored as floats, a column, a row or a scalar.

    Examples
    --------
    >>> plain_ids(np.array([[3.0], [5.0]]))
    array([3, 5])
    """
    ids = stored.reshape(-1) if is_vector(stored.shape) else stored
    is_whole = ids.dtype.kind == "f" and np.isfinite(ids).all() and np.array_equal(ids, np.floor(ids))
    return ids.astype(np.int64) if is_whole else ids


def is_vector(shape: tuple[int, ...]) -> bool:
    """Whether an array has one axis, or is a column, a row or a scalar, as MATLAB writes vectors.

    Examples
    --------
    >>> is_vector((7,)), is_vector((7, 1)), is_vector(()), is_vector((7, 2))
    (True, True, True, False)
    """
    return sum(length != 1 for length in shape) <= 1 and len(shape) <= 2


def offsets_of(index: NDArray[Any], *, name: str, context: ReadContext) -> NDArray[np.int64]:
    """Offsets of a `Ragged` from an NWB index, which holds the end of each row.

    Parameters
    ----------
    index : array, shape (n_units,)
    name : str
        Of the index, for errors.
    context : ReadContext
        The file and its units.

    Returns
    -------
    array of int64, shape (n_units + 1,)

    Raises
    ------
    SourceError
        If the index does not have one whole number for each unit.

    Examples
    --------
    >>> from nwb_unitrefine.read.context import ReadContext
    >>> context = ReadContext("a.nwb", np.arange(3))
    >>> offsets_of(np.array([2, 2, 5], dtype=np.uint8), name="spike_times_index", context=context).tolist()
    [0, 2, 2, 5]
    """
    if not is_vector(index.shape) or index.size != context.n_units:
        raise context.refusal(f"{name} has shape {index.shape} where the table has {context.n_units} rows.")
    if index.dtype.kind not in "iuf" or not (np.isfinite(index).all() and np.array_equal(index, np.floor(index))):
        raise context.refusal(f"{name} holds {index.dtype} values, not whole numbers.")
    index = index.reshape(-1)
    return np.concatenate([np.zeros(1, np.int64), index.astype(np.int64)])


def take_rows(
    values: NDArray[Any],
    offsets: NDArray[np.int64],
    *,
    name: str,
    context: ReadContext,
    keep_beginnings: bool = False,
) -> Ragged:
    """Rows of `values`, without those that `offsets` counts and that are missing.

    A row that ends behind the data (a cropped file), or that an index which goes back cannot place (a damaged file),
    becomes empty and is reported.

    Parameters
    ----------
    values : array, shape (n_values, ...)
    offsets : array of int64, shape (n_units + 1,)
    name : str
        Of the column, for the report.
    context : ReadContext
        Gets a report, if there is one to make.
    keep_beginnings : bool, optional
        Keep the spikes that are there of a unit whose row the end of the data cuts off, and report that.

    Returns
    -------
    Ragged
        `values` themselves where all is well.
    """
    values = np.atleast_1d(values)  # a damaged column may hold a single value
    start, end = offsets[:-1], offsets[1:]
    misplaced = _misplaced(offsets, len(values))
    bad = (end > len(values)) | misplaced
    cut = bad & ~misplaced & (start < len(values)) & keep_beginnings
    for row in np.flatnonzero(cut).tolist():
        there, whole = len(values) - int(start[row]), int(end[row] - start[row])
        what = f"{name}: only {there} of {whole} are in the file."
        context.report(ProblemCode.SPIKE_TIMES_TRUNCATED, what, np.array([row]))
    end, bad = np.where(cut, len(values), end), bad & ~cut
    if bad.any():
        why = (
            "the index goes back, as in a damaged file"
            if misplaced.any()
            else f"the index reaches to {int(offsets[1:].max())} and the data has {len(values)} rows, as in a cropped "
            "or damaged file"
        )
        context.report(ProblemCode.COLUMN_INDEX_BEYOND_DATA, f"{name} of {{units}} not read: {why}.", bad)
        kept = [values[a:b] for a, b in zip(start[~bad].tolist(), end[~bad].tolist(), strict=True)]
        counts = np.where(bad, 0, end - start)
        values = np.concatenate(kept) if kept else values[:0]
        return Ragged.from_counts(values, counts)
    offsets = np.concatenate([offsets[:1], end])
    if offsets[-1] < len(values):
        left = len(values) - int(offsets[-1])
        what = f"{name} has {left} values behind its last row, which belong to no unit."
        context.report(ProblemCode.COLUMN_VALUES_UNASSIGNED, what)
    return Ragged(values[: offsets[-1]], offsets)


def goes_back(offsets: NDArray[np.int64], n_values: int) -> bool:
    """Whether an index goes back so that no row can be trusted, as one whose numbers overflowed does.

    One step back in an index that ends with the data is a damaged entry; the rows away from it are where they were.
    """
    backward = int(np.count_nonzero(np.diff(offsets) < 0))
    return backward > 1 or (backward == 1 and int(offsets[-1]) != n_values)


def _misplaced(offsets: NDArray[np.int64], n_values: int) -> NDArray[np.bool_]:
    """Rows whose place is not known, since the index goes back there.

    Either the entry before the step or the one after it is wrong: the two rows that end there, and the next one, which
    begins there, are in doubt.
    """
    backward = np.diff(offsets) < 0
    if goes_back(offsets, n_values):
        return np.ones(len(backward), np.bool_)
    misplaced = backward.copy()
    misplaced[:-1] |= backward[1:]
    misplaced[1:] |= backward[:-1]
    return misplaced
