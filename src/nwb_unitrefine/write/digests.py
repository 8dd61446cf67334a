"""Digests of what labels were decided on, so that a later change of it is noticed."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.records import OriginKind, Ragged, offsets_of_counts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from nwb_unitrefine.history.store import UnitsStore
    from nwb_unitrefine.records import Features, Units

__all__ = ["digest_input", "digest_trains", "has_units", "input_names"]

SPIKE_TIMES = "spike_times"


def input_names(store: UnitsStore, features: Features | None) -> tuple[str, ...]:
    """Return the datasets of the units table that labels depend on.

    The ids and spike times always; the mean waveform and observation intervals where there are some; and the columns
    that a feature was taken from.
    """
    standard = ("id", SPIKE_TIMES, "obs_intervals", "waveform_mean", "electrodes")
    names = [name for name in standard if store.shape(name) is not None]
    if features is not None:
        used = " ".join(origin.detail for origin in features.origins if origin.kind is OriginKind.COLUMN)
        words = set(re.findall(r"[\w@.]+", used))
        names += [name for name in store.columns() if name in words and name not in names]
    return tuple(names)


def digest_input(store: UnitsStore, name: str) -> str:
    """Digest one dataset of the units table together with the indices over it.

    Parameters
    ----------
    store : UnitsStore
    name : str
        As of `input_names`.

    Returns
    -------
    str
        ``"sha256:…"``. That of the spike times depends on their values alone, and not on the type that they are
        stored as.
    """
    if name == SPIKE_TIMES:
        return _digest_trains(_offsets(store), store.blocks(SPIKE_TIMES))
    hasher = hashlib.sha256()
    level = name
    while (shape := store.shape(level)) is not None:
        hasher.update(f"{level}{shape}".encode())
        for block in store.blocks(level):
            hasher.update(_bytes(block))
        level = f"{level}_index"
    return f"sha256:{hasher.hexdigest()}"


def has_units(store: UnitsStore, units: Units) -> bool:
    """Whether a file's units are those that were read: the same ids, in the same order, with the same spike times.

    Where reading had something to put right (`Units.problems`), it is put right here too: trains that are out of order
    are compared in order, and one that could not be used and was reported is not compared.
    """
    if not np.array_equal(store.read("id"), units.unit_ids):
        return False
    if store.shape(SPIKE_TIMES) is None:
        return not units.spike_times_s.counts.any()
    trains = units.spike_times_s
    if _digest_trains(trains.offsets, (trains.values,)) == digest_input(store, SPIKE_TIMES):
        return True
    return bool(units.problems) and _has_trains(store, units)


def digest_trains(store: UnitsStore, unit_ids: NDArray[np.int64]) -> str:
    """Digest the spike times of some units as if they were all of the table, in the order given.

    Parameters
    ----------
    store : UnitsStore
    unit_ids : array of int64

    Returns
    -------
    str
        What `digest_input` said of a table of just these units; empty where one of them is not there, or has no spikes
        stored.
    """
    rows = {unit: row for row, unit in enumerate(store.read("id").tolist())}
    if store.shape(SPIKE_TIMES) is None or not rows.keys() >= set(unit_ids.tolist()):
        return ""
    stored = Ragged(store.read(SPIKE_TIMES), _offsets(store))
    wanted = [rows[unit] for unit in unit_ids.tolist()]
    offsets = offsets_of_counts(stored.counts[wanted])  # as promised, even where a file is cropped
    return _digest_trains(offsets, [stored[row] for row in wanted])


def _has_trains(store: UnitsStore, units: Units) -> bool:
    """Compare train by train, which is slower."""
    stored = Ragged(store.read(SPIKE_TIMES).astype(np.float64), _offsets(store))
    reported = {unit for problem in units.problems for unit in problem.unit_ids}
    if len(stored) != len(units):
        return not units.spike_times_s.counts.any()
    return all(
        np.array_equal(np.sort(old), new) or (not len(new) and unit in reported)
        for unit, old, new in zip(units.unit_ids.tolist(), stored, units.spike_times_s, strict=True)
    )


def _digest_trains(offsets: NDArray[np.int64], blocks: Iterable[NDArray[Any]]) -> str:
    """Digest where each unit's spikes begin, and all spike times in order."""
    hasher = hashlib.sha256(offsets.astype("<i8").tobytes())
    for block in blocks:
        hasher.update(np.ascontiguousarray(block, dtype="<f8").data)
    return f"sha256:{hasher.hexdigest()}"


def _offsets(store: UnitsStore) -> NDArray[np.int64]:
    """Where each unit's spikes begin, and the last ones end, as the file says; without an index, all are one unit's."""
    if store.shape("spike_times_index") is None:
        return np.array([0, *(store.shape(SPIKE_TIMES) or (0,))[:1]], dtype=np.int64)
    return np.concatenate([np.zeros(1, dtype=np.int64), store.read("spike_times_index").astype(np.int64)])


def _bytes(block: NDArray[Any]) -> bytes:
    """Return the bytes of a piece of a dataset, the same on every machine."""
    if block.dtype == object:
        return b"\0".join(v if isinstance(v, bytes) else str(v).encode() for v in block.ravel().tolist())
    return np.ascontiguousarray(block, dtype=block.dtype.newbyteorder("<")).tobytes()
