"""Mean waveforms, in whichever of the layouts that files use, as (units, samples, channels).

=========================================  ======================================================
stored as                                  found in
=========================================  ======================================================
(units, samples)                           one channel a unit: single electrodes, tetrode peaks
(units, channels * samples)                all channels of a unit in one row, in either order
(units, samples, channels)                 the schema's layout; channels are the unit's electrodes or all of them
(units, channels, samples)                 files that swapped the last two axes
(samples, channels, units)                 files that wrote the axes in MATLAB's order, with channels or without
(rows, samples) and an index of rows       one row a channel, units stacked: Allen
(rows, channels) and an index of rows      one row a sample, units stacked
(values) and an index of values            one channel a unit, units stacked
=========================================  ======================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nwb_unitrefine.read.nwb.flattened import unflatten
from nwb_unitrefine.read.nwb.ragged import offsets_of, take_rows
from nwb_unitrefine.read.nwb.single_waveforms import mean_of_single_waveforms
from nwb_unitrefine.records import SLOWEST_HZ, ProblemCode, Ragged, Waveforms
from nwb_unitrefine.storage.tree import attribute_number, attribute_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from nwb_unitrefine.read.context import ReadContext
    from nwb_unitrefine.records import Electrodes
    from nwb_unitrefine.storage.tree import Array, Group

__all__ = ["read_waveforms"]

_ABSENT = -1
"""Row of the electrodes table of a channel that is not known."""


_FEWEST_SAMPLES = 8
"""A waveform has more samples than this."""


class _Stack(NamedTuple):
    """Waveforms in the order of the records, and the electrode of each channel."""

    mean: NDArray[np.floating[Any]]
    channels: NDArray[np.int64]


def read_waveforms(
    table: Group,
    context: ReadContext,
    *,
    electrodes: Electrodes | None,
    unit_electrodes: Ragged | None,
    local_rows: NDArray[np.int64] | None,
    peak_rows: NDArray[np.int64] | None,
    sampling_rate_hz: float | None,
    n_spikes: NDArray[np.int64],
) -> Waveforms | None:
    """Mean waveform of every unit, as stored or made of single ones; None where the file has neither.

    Parameters
    ----------
    table : Group
        The units table.
    context : ReadContext
        Gets what could not be used, and why.
    electrodes : Electrodes or None
    unit_electrodes : Ragged of int64 or None
        Rows of the electrodes table of each unit.
    local_rows : array of int64, shape (n_units, n_channels), or None
        Row of the electrodes table of each channel of each unit's probe, for files that stack one row a channel.
    peak_rows : array of int64, shape (n_units,), or None
        Row of the electrodes table of each unit's main channel, for files that store one channel.
    sampling_rate_hz : float or None
        Taken where the waveforms have no rate of their own.
    n_spikes : array of int64, shape (n_units,)
        Number of spikes of each unit.
    """
    array, index = table.array("waveform_mean"), table.array("waveform_mean_index")
    single = None
    if array is None:
        n_of_units = None if unit_electrodes is None else unit_electrodes.counts
        single = mean_of_single_waveforms(table, context, n_spikes=n_spikes, n_electrodes=n_of_units)
        if single is None:
            return None
        array = single[0]
    if array.dtype.kind not in "fiu":
        context.report(ProblemCode.WAVEFORMS_UNUSABLE, f"waveform_mean not used: it holds {array.dtype} values.")
        return None
    n_electrodes = 0 if electrodes is None else len(electrodes.ids)
    if single is None and index is None:
        stack = _dense(array, context, unit_electrodes=unit_electrodes, n_electrodes=n_electrodes, peak_rows=peak_rows)
    else:
        if single is None:
            assert index is not None
            offsets = offsets_of(index.read(), name="units/waveform_mean_index", context=context)
            rows = take_rows(array.read(), offsets, name="Mean waveforms", context=context)
        else:
            rows = single[1]
        stack = _stacked(rows, context, unit_electrodes=unit_electrodes, local_rows=local_rows, peak_rows=peak_rows)
    if stack is None:
        return None
    mean, n_before = _without_padding(stack.mean, context)
    if not mean.size:
        context.report(ProblemCode.WAVEFORMS_UNUSABLE, "waveform_mean not used: no unit has a waveform.")
        return None
    own_hz = stated_hz = _positive(array.attributes, "sampling_rate")
    if own_hz is not None and own_hz < SLOWEST_HZ:
        own_hz = None
    if own_hz is None and sampling_rate_hz is not None:
        have = "no sampling rate" if stated_hz is None else f"a sampling rate of {stated_hz:g} Hz, too slow for spikes"
        what = f"Mean waveforms have {have}; that of the recording, {sampling_rate_hz:g} Hz, is taken."
        context.report(ProblemCode.WAVEFORMS_RATE_ASSUMED, what)
    rate_hz = own_hz or sampling_rate_hz
    before_ms = _positive(array.attributes, "time_before_peak_in_ms")
    return Waveforms(
        mean=mean,
        channels=stack.channels,
        sampling_rate_hz=own_hz,
        samples_before_peak=round(before_ms * rate_hz / 1e3) - n_before if before_ms is not None and rate_hz else None,
        declared_unit=attribute_text(array.attributes, "unit"),
    )


def _without_padding(stored: NDArray[Any], context: ReadContext) -> tuple[NDArray[np.floating[Any]], int]:
    """Waveforms without the samples that no unit has, and how many of these were before them.

    Units whose waveforms are shorter than those of others are named: they are not used.
    """
    mean: NDArray[np.floating[Any]] = stored if stored.dtype.kind == "f" else stored.astype(np.float32)
    known = np.isfinite(mean)
    if known.all():
        return mean, 0
    samples = np.flatnonzero(known.any(axis=(0, 2)))
    first, last = (int(samples[0]), int(samples[-1])) if len(samples) else (0, -1)
    mean, known = mean[:, first : last + 1], known[:, first : last + 1]
    partial = known.any(axis=(1, 2)) & ~known.all(axis=1).any(axis=1)
    if partial.any():
        what = "Mean waveforms of {units} not used: some of their samples are NaN, as in waveforms of unequal lengths."
        context.report(ProblemCode.WAVEFORMS_UNUSABLE, what, partial)
    return mean, first


def _positive(attributes: Mapping[str, Any], name: str) -> float | None:
    """A positive number of an attribute, or None."""
    number = attribute_number(attributes, name)
    return number if number is not None and number > 0 else None


def _dense(
    array: Array,
    context: ReadContext,
    *,
    unit_electrodes: Ragged | None,
    n_electrodes: int,
    peak_rows: NDArray[np.int64] | None,
) -> _Stack | None:
    """Waveforms stored as one block a unit."""
    shape, n_units = array.shape, context.n_units
    are_last = len(shape) in (2, 3) and shape[0] != n_units == shape[-1]
    if are_last:
        what = f"waveform_mean has shape {shape}, in which units are the last axis: it was made the first."
        context.report(ProblemCode.WAVEFORMS_AXES_SWAPPED, what)
        shape = (shape[-1], *shape[:-1])
    if len(shape) not in (2, 3) or shape[0] != n_units or 0 in shape:
        context.report(
            ProblemCode.WAVEFORMS_UNUSABLE, f"waveform_mean not used: shape {shape} does not fit {n_units} units."
        )
        return None
    mean = np.moveaxis(array.read(), -1, 0) if are_last else array.read()
    if mean.ndim == 2:
        return _one_row_a_unit(mean, context, unit_electrodes=unit_electrodes, peak_rows=peak_rows)
    counts = np.zeros(n_units, np.int64) if unit_electrodes is None else unit_electrodes.counts
    if _are_swapped(mean, own=int(counts.max()), n_electrodes=n_electrodes):
        what = f"waveform_mean has shape {shape}, which is (units, channels, samples): axes were swapped."
        context.report(ProblemCode.WAVEFORMS_AXES_SWAPPED, what)
        mean = mean.transpose(0, 2, 1)
    n_channels = mean.shape[2]
    if n_channels == 1:
        return _Stack(mean, _single_channel(n_units, unit_electrodes, peak_rows))
    if unit_electrodes is not None and counts.max() == n_channels:
        return _Stack(mean, _padded_channels(unit_electrodes, n_channels))
    if n_channels == n_electrodes:
        return _Stack(mean, np.tile(np.arange(n_electrodes, dtype=np.int64), (n_units, 1)))
    what = f"Which electrodes the {n_channels} channels of waveform_mean belong to is not known."
    context.report(ProblemCode.WAVEFORMS_ELECTRODES_UNKNOWN, what)
    return _Stack(mean, np.full((n_units, n_channels), _ABSENT, np.int64))


def _one_row_a_unit(
    mean: NDArray[Any],
    context: ReadContext,
    *,
    unit_electrodes: Ragged | None,
    peak_rows: NDArray[np.int64] | None,
) -> _Stack:
    """Waveforms of one axis: of one channel, or of all electrodes of the unit one after another."""
    counts = np.zeros(1, np.int64) if unit_electrodes is None else unit_electrodes.counts
    unflattened = unflatten(mean, int(counts[0])) if (counts == counts[0]).all() else None
    if unflattened is None or unit_electrodes is None:
        return _Stack(mean[:, :, None], _single_channel(len(mean), unit_electrodes, peak_rows))
    n_samples, n_channels = unflattened.shape[1:]
    what = (
        f"waveform_mean has {mean.shape[1]} values a unit, which are {n_channels} channels of {n_samples} samples in "
        "one row: they were taken apart."
    )
    context.report(ProblemCode.WAVEFORMS_FLATTENED, what)
    return _Stack(unflattened, _padded_channels(unit_electrodes, n_channels))


def _are_swapped(mean: NDArray[Any], *, own: int, n_electrodes: int) -> bool:
    """Whether channels come before samples: by the units' own electrodes, else by all electrodes, else by shape.

    Where no number of electrodes fits, an axis that is too short for samples is that of channels. Where both axes have
    that number, or it would leave too few samples (some conversions assign all electrodes to
    every unit), the waveforms decide: neighbouring samples are alike, and neighbouring channels less so.
    """
    for n_channels in (own, n_electrodes):
        fits = [length == n_channels > 0 for length in mean.shape[1:]]
        if fits == [True, True]:
            break
        if any(fits):
            if mean.shape[2 if fits[0] else 1] < _FEWEST_SAMPLES:
                break
            return bool(fits[0])
    else:
        return bool(mean.shape[1] < _FEWEST_SAMPLES <= mean.shape[2])
    values = np.nan_to_num(mean.astype(np.float64))
    along = [np.abs(np.diff(values, axis=axis)) for axis in (1, 2)]
    return all(steps.size for steps in along) and bool(along[0].mean() > along[1].mean())


def _stacked(
    rows: Ragged,
    context: ReadContext,
    *,
    unit_electrodes: Ragged | None,
    local_rows: NDArray[np.int64] | None,
    peak_rows: NDArray[np.int64] | None,
) -> _Stack | None:
    """Waveforms of all units one after another, found by an index."""
    values, counts, n_units = rows.values, rows.counts, len(rows)
    if not counts.any():
        context.report(ProblemCode.WAVEFORMS_UNUSABLE, "waveform_mean not used: no unit has a waveform.")
        return None
    if values.ndim == 1:
        return _one_row_a_unit(_padded(rows), context, unit_electrodes=unit_electrodes, peak_rows=peak_rows)
    if values.ndim != 2:
        what = f"waveform_mean not used: shape {values.shape} with an index is not a known layout."
        context.report(ProblemCode.WAVEFORMS_UNUSABLE, what)
        return None
    has = counts > 0
    if unit_electrodes is not None and not np.array_equal(counts[has], unit_electrodes.counts[has]):
        widths = unit_electrodes.counts[has]
        if (widths == values.shape[1]).all():
            return _Stack(_padded(rows), _padded_channels(unit_electrodes, values.shape[1]))
    mean = _padded(rows).transpose(0, 2, 1)
    n_channels = mean.shape[2]
    if unit_electrodes is not None and np.array_equal(counts[has], unit_electrodes.counts[has]):
        channels = _padded_channels(unit_electrodes, n_channels)
    elif local_rows is not None and local_rows.shape[1] >= n_channels:
        channels = local_rows[:, :n_channels].copy()
    else:
        channels = np.full((n_units, n_channels), _ABSENT, np.int64)
        what = "Which electrodes the rows of waveform_mean belong to is not known."
        context.report(ProblemCode.WAVEFORMS_ELECTRODES_UNKNOWN, what)
    channels[np.arange(n_channels) >= counts[:, None]] = _ABSENT
    return _Stack(mean, channels)


def _padded(rows: Ragged) -> NDArray[np.floating[Any]]:
    """Rows as one block, shape (n_units, longest, ...), NaN behind the shorter ones; a view where all are equal."""
    counts = rows.counts
    longest = int(counts.max())
    if (counts == longest).all():
        return rows.values.reshape(len(rows), longest, *rows.values.shape[1:])
    dtype = rows.values.dtype if rows.values.dtype.kind == "f" else np.dtype(np.float32)
    block = np.full((len(rows), longest, *rows.values.shape[1:]), np.nan, dtype)
    block[np.arange(longest) < counts[:, None]] = rows.values
    return block


def _padded_channels(unit_electrodes: Ragged, n_channels: int) -> NDArray[np.int64]:
    """Electrodes of each unit, shape (n_units, n_channels), absent ones behind the end."""
    channels = np.full((len(unit_electrodes), n_channels), _ABSENT, np.int64)
    counts = np.minimum(unit_electrodes.counts, n_channels)
    inside = np.arange(n_channels) < counts[:, None]
    if np.array_equal(counts, unit_electrodes.counts):
        channels[inside] = unit_electrodes.values
    return channels


def _single_channel(
    n_units: int, unit_electrodes: Ragged | None, peak_rows: NDArray[np.int64] | None
) -> NDArray[np.int64]:
    """Electrode of the one channel of each unit: its only electrode, or its main channel where the file names it."""
    channels = np.full((n_units, 1), _ABSENT, np.int64)
    if unit_electrodes is not None:
        only = unit_electrodes.counts == 1
        channels[only, 0] = unit_electrodes.values[unit_electrodes.offsets[:-1][only]]
    if peak_rows is not None:
        unknown = channels[:, 0] == _ABSENT
        channels[unknown, 0] = peak_rows[unknown]
    return channels
