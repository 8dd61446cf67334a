"""Mean waveforms from the waveforms of single spikes, for files that store no means.

NWB's column ``waveforms`` is indexed twice: rows are the channels of a spike, spikes are those of a unit. Files also
have one index, with one row a spike, of one channel or of all in a third axis.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.read.nwb.ragged import offsets_of
from nwb_unitrefine.records import ProblemCode, Ragged

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nwb_unitrefine.read.context import ReadContext
    from nwb_unitrefine.storage.tree import Array, Group

__all__ = ["mean_of_single_waveforms"]

_MOST_SPIKES, _BLOCKS = 1000, 10
"""Of a unit with more spikes, this many blocks at equal distances are read."""


def mean_of_single_waveforms(
    table: Group, context: ReadContext, *, n_spikes: NDArray[np.int64], n_electrodes: NDArray[np.int64] | None
) -> tuple[Array, Ragged] | None:
    """Mean waveform of each unit over its single ones.

    Parameters
    ----------
    table : Group
        The units table.
    context : ReadContext
        Gets that means were made, or why they could not be.
    n_spikes, n_electrodes : array of int64, shape (n_units,)
        Of each unit; they tell rows that are channels from rows that are spikes where there is one index.

    Returns
    -------
    array : Array
        Where the single waveforms are stored, which has their unit and sampling rate.
    rows : Ragged of float64, rows of shape (n_channels, n_samples)
        One row a channel, unit after unit; None instead of both where the file has no single waveforms.
    """
    array, index = table.array("waveforms"), table.array("waveforms_index")
    if array is None:
        return None
    if index is None or array.dtype.kind not in "fiu" or len(array.shape) not in (2, 3) or 0 in array.shape:
        what = f"waveforms not used: an array of {array.dtype} of shape {array.shape}"
        what += " that no index assigns to units." if index is None else "."
        context.report(ProblemCode.WAVEFORMS_UNUSABLE, what)
        return None
    ends = _ends(table, index, context, n_spikes=n_spikes, n_electrodes=n_electrodes)
    if ends is None:
        what = "waveforms not used: they have one index, which goes back or has more rows than a unit has spikes."
        context.report(ProblemCode.WAVEFORMS_UNUSABLE, what)
        return None
    unit_ends, row_ends = ends
    means, n_used, n_stored = [], 0, 0
    for start, stop in zip(unit_ends[:-1].tolist(), unit_ends[1:].tolist(), strict=True):
        mean, used = _mean(array, row_ends[start : stop + 1])
        if mean is None:
            what = "waveforms not used: spikes of one unit have different numbers of channels, or lie beyond the data."
            context.report(ProblemCode.WAVEFORMS_UNUSABLE, what)
            return None
        means.append(mean)
        n_used, n_stored = n_used + used, n_stored + stop - start
    if not n_used:
        return None
    part = "all" if n_used == n_stored else f"{n_used} of {n_stored}"
    what = f"No mean waveforms are stored: they are the means of {part} single ones."
    context.report(ProblemCode.WAVEFORMS_FROM_SINGLE, what)
    n_samples = array.shape[1]
    values = np.concatenate([mean.reshape(-1, n_samples) for mean in means])
    return array, Ragged.from_counts(values, [len(mean) for mean in means])


def _ends(
    table: Group,
    index: Array,
    context: ReadContext,
    *,
    n_spikes: NDArray[np.int64],
    n_electrodes: NDArray[np.int64] | None,
) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """Offsets of units into spikes, and of spikes into rows; None where rows cannot be assigned to spikes."""
    upper = table.array("waveforms_index_index")
    ends = index.read().reshape(-1)
    if upper is None:
        unit_ends = offsets_of(ends, name="units/waveforms_index", context=context)
        n_rows, per_spike = np.diff(unit_ends), 1
        if n_electrodes is not None and (n_electrodes == n_electrodes[0]).all() and (n_rows > n_spikes).any():
            per_spike = int(n_electrodes[0])
        if per_spike < 1 or (n_rows < 0).any() or (n_rows % per_spike).any() or (n_rows > per_spike * n_spikes).any():
            return None
        return unit_ends // per_spike, np.arange(int(unit_ends[-1]) // per_spike + 1, dtype=np.int64) * per_spike
    unit_ends = offsets_of(upper.read(), name="units/waveforms_index_index", context=context)
    row_ends = np.concatenate([np.zeros(1, np.int64), ends.astype(np.int64)])
    if (np.diff(unit_ends) < 0).any() or unit_ends[-1] >= len(row_ends):
        raise context.refusal("waveforms_index_index does not fit waveforms_index.")
    return unit_ends, row_ends


def _mean(array: Array, row_ends: NDArray[np.int64]) -> tuple[NDArray[np.float64] | None, int]:
    """Mean waveform of one unit, shape (n_channels, n_samples), and the number of spikes it is of."""
    n_samples = array.shape[1]
    counts = np.diff(row_ends)
    if not len(counts):
        return np.empty((0, n_samples)), 0
    if (counts != counts[0]).any() or counts[0] <= 0 or row_ends[-1] > array.shape[0]:
        return None, 0
    total, used = np.zeros((int(counts[0]), *array.shape[1:])), 0
    for start, stop in _blocks(len(counts)):
        rows = np.asarray(array.read_range(int(row_ends[start]), int(row_ends[stop])), dtype=np.float64)
        spikes = rows.reshape(stop - start, *total.shape)
        whole = np.isfinite(spikes.reshape(stop - start, -1)).all(axis=1)
        total += spikes[whole].sum(axis=0)
        used += int(whole.sum())
    if not used:
        return np.full((len(total), n_samples), np.nan), 0
    mean = total / used
    return (mean if mean.ndim == 2 else np.concatenate(list(mean.transpose(0, 2, 1)))), used


def _blocks(n_spikes: int) -> list[tuple[int, int]]:
    """Spikes to read: all, or blocks at equal distances."""
    if n_spikes <= _MOST_SPIKES:
        return [(0, n_spikes)]
    size = _MOST_SPIKES // _BLOCKS
    starts = np.linspace(0, n_spikes - size, _BLOCKS).astype(int).tolist()
    return [(start, start + size) for start in starts]
