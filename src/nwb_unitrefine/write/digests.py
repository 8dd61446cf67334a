"""Digests of what labels were decided on, so that a later change of it is noticed."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.history.digests import digest_value
from nwb_unitrefine.records import OriginKind, Ragged, offsets_of_counts
from nwb_unitrefine.storage.tree import attribute_number, attribute_text, scalar
from nwb_unitrefine.vocabulary.dialects import position_columns

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from nwb_unitrefine.history.store import UnitsStore
    from nwb_unitrefine.records import Features, Units
    from nwb_unitrefine.storage import tree as storage

__all__ = ["ABSENT", "SINGLE_WAVEFORMS", "digest_input", "digest_inputs", "digest_same_units", "digest_trains"]

SPIKE_TIMES = "spike_times"

ABSENT = "absent"
"""In the place of the digest of an input that a file does not have: one that is added later changes what units are."""

SINGLE_WAVEFORMS = "waveforms"
"""Dataset that mean waveforms are made of where a file has none. Older runs did not digest it."""

_TABLES = ("id", SPIKE_TIMES, "obs_intervals", "waveform_mean", "electrodes", "electrode_group")
"""Datasets of the units table that labels depend on wherever they are."""

_NOT_A_MEASURE = frozenset(
    {"namespace", "neurodata_type", "object_id", "help", "description", "target", "table", "zarr_dtype"}
    | {"_ARRAY_DIMENSIONS", "colnames"}
)
"""Attributes that do not change what numbers mean, unlike unit, resolution, conversion and sampling rate."""


def digest_inputs(
    store: UnitsStore, features: Features | None, *, further: Collection[str] = (), spike_times: str = ""
) -> dict[str, str]:
    """Digest everything that labels of a file depend on.

    Ids, spike times, observation intervals, mean waveforms (where there are none, single ones, which means are made of)
    and electrodes of the units; the columns that a feature was
    taken from; units of measure and rates (``"waveform_mean: unit"``); positions and groups of the electrodes
    (``"electrodes table: rel_y"``); rate and start of each raw series (``"ElectricalSeries: rate"``).

    Parameters
    ----------
    store : UnitsStore
    features : Features or None
        Those that the labels were predicted from.
    further : collection of str, optional
        Further columns of the units table.
    spike_times : str, optional
        Digest of the spike times, where it is known already, so that they are not read again.

    Returns
    -------
    dict of str to str
        ``"sha256:…"`` by the name of the input, or `ABSENT` for a dataset of the units table that is not there.
    """
    shapes = SINGLE_WAVEFORMS if store.shape("waveform_mean") is None else "waveform_mean"
    names = list(dict.fromkeys((*_TABLES, shapes)))
    columns = store.columns()
    if features is not None:
        used = " ".join(origin.detail for origin in features.origins if origin.kind is OriginKind.COLUMN)
        words = set(re.findall(r"[\w@.]+", used))
        names += [name for name in columns if name in words and name not in names]
    names += [name for name in further if name not in names and ": " not in name]
    facts = {
        **_measures(store, SPIKE_TIMES),
        **_measures(store, shapes),
        **_electrodes(store),
        **_recordings(store),
    }
    known = {SPIKE_TIMES: spike_times} if spike_times else {}
    return {name: known.get(name) or digest_input(store, name) for name in names} | {
        name: f"sha256:{value}" for name, value in sorted(facts.items())
    }


def digest_input(store: UnitsStore, name: str) -> str:
    """Digest one dataset of the units table together with the indices over it.

    Parameters
    ----------
    store : UnitsStore
    name : str

    Returns
    -------
    str
        ``"sha256:…"``, or `ABSENT`. That of the spike times depends on their values alone, and not on the type that
        they are stored as; that of references, on the names of what they refer to.
    """
    if store.shape(name) is None:
        return ABSENT
    if name == SPIKE_TIMES:
        return _digest_trains(_offsets(store), store.blocks(SPIKE_TIMES))
    table = store.group("units")
    if name == "electrode_group" and table is not None and (array := table.array(name)) is not None:
        return f"sha256:{digest_value(array.read())}"
    hasher = hashlib.sha256()
    level = name
    while (shape := store.shape(level)) is not None:
        hasher.update(f"{level}{shape}".encode())
        for block in store.blocks(level):
            hasher.update(_bytes(block))
        level = f"{level}_index"
    return f"sha256:{hasher.hexdigest()}"


def _measures(store: UnitsStore, name: str) -> dict[str, str]:
    """Attributes of a dataset of the units table that give its numbers their meaning: unit, rate, resolution."""
    table = store.group("units")
    array = table.array(name) if table is not None else None
    return {} if array is None else _plain_attributes(name, array.attributes)


def _plain_attributes(where: str, attributes: Mapping[str, Any]) -> dict[str, str]:
    """Digests of the attributes that give numbers their meaning."""
    found = {}
    for name, value in attributes.items():
        plain = scalar(value)
        if name not in _NOT_A_MEASURE and isinstance(plain, str | int | float):
            found[f"{where}: {name}"] = digest_value(float(plain) if isinstance(plain, int) else plain)
    return found


def _electrodes(store: UnitsStore) -> dict[str, str]:
    """Digests of the columns of the electrodes table that state where electrodes are, and in which group."""
    table = store.group("general/extracellular_ephys/electrodes")
    if table is None:
        return {}
    names = ("id", *(name for columns in position_columns() for name in columns if name), "group_name", "group")
    arrays = {name: table.array(name) for name in names}
    return {f"electrodes table: {name}": digest_value(array.read()) for name, array in arrays.items() if array}


def _recordings(store: UnitsStore) -> dict[str, str]:
    """Digests of when and how fast the raw series of a file, and its probes, were sampled."""
    found: dict[str, str] = {}
    if (acquisition := store.group("acquisition")) is not None:
        for name in acquisition.names():
            series = acquisition.group(name)
            if series is not None and "ElectricalSeries" in attribute_text(series.attributes, "neurodata_type"):
                found |= _time_base(name, series)
    if (devices := store.group("general/devices")) is not None:
        for name in devices.names():
            device = devices.group(name)
            rate_hz = None if device is None else attribute_number(device.attributes, "sampling_rate")
            if rate_hz is not None:
                found[f"device {name}: sampling_rate"] = digest_value(rate_hz)
    return found


def _time_base(name: str, series: storage.Group) -> dict[str, str]:
    """Digests of the rate and start of a series, or of its first and last timestamp."""
    start, timestamps = series.array("starting_time"), series.array("timestamps")
    found: dict[str, str] = {}
    if start is not None:
        found = _plain_attributes(name, start.attributes)
        found[f"{name}: starting_time"] = digest_value(start.read().astype(np.float64).reshape(-1))
    if timestamps is not None and timestamps.shape and timestamps.shape[0] > 1:
        n_samples = timestamps.shape[0]
        ends = [timestamps.read_range(at, at + 1) for at in (0, n_samples - 1)]
        found[f"{name}: timestamps"] = digest_value([float(end[0]) for end in ends])
    return found


def digest_same_units(store: UnitsStore, units: Units) -> str:
    """Digest the spike times of a file whose units are those that were read: the same ids and spikes, in that order.

    Where reading had something to put right (`Units.problems`), it is put right here too: trains that are out of order
    are compared in order, and one that could not be used and was reported is not compared.

    Parameters
    ----------
    store : UnitsStore
    units : Units

    Returns
    -------
    str
        The `digest_input` of the spike times; empty where the file's units are others.
    """
    if not np.array_equal(store.read("id").reshape(-1), units.unit_ids):
        return ""
    trains = units.spike_times_s
    if store.shape(SPIKE_TIMES) is None:
        return "" if trains.counts.any() else ABSENT
    offsets, read = _offsets(store), np.ascontiguousarray(trains.values, dtype="<f8").reshape(-1)
    is_same, position = np.array_equal(offsets, trains.offsets), 0

    def compared() -> Iterator[NDArray[Any]]:
        nonlocal is_same, position
        for block in store.blocks(SPIKE_TIMES):
            stored = np.ascontiguousarray(block, dtype="<f8").reshape(-1)
            part = read[position : position + stored.size]
            is_same = is_same and np.array_equal(stored.view("<u8"), part.view("<u8"))
            position += stored.size
            yield block

    digest = _digest_trains(offsets, compared())
    if is_same and position == read.size:
        return digest
    was_mended = bool(units.problems) or units.stored_per_second != 1.0
    return digest if was_mended and _has_trains(store, units) else ""


def digest_trains(store: UnitsStore, unit_ids: NDArray[np.int64]) -> str:
    """Digest the spike times of some units as if they were all of the table, in the order given.

    Parameters
    ----------
    store : UnitsStore
    unit_ids : array of int64

    Returns
    -------
    str
        The `digest_input` of a table of just these units; empty where one of them is not there, or has no spikes
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
    stored = Ragged(store.read(SPIKE_TIMES).astype(np.float64).reshape(-1) / units.stored_per_second, _offsets(store))
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
    """Where each unit's spikes begin and the last ones end, in the file; without an index, all are one unit's."""
    if store.shape("spike_times_index") is None:
        return np.array([0, *(store.shape(SPIKE_TIMES) or (0,))[:1]], dtype=np.int64)
    return np.concatenate([np.zeros(1, dtype=np.int64), store.read("spike_times_index").astype(np.int64).reshape(-1)])


def _bytes(block: NDArray[Any]) -> bytes:
    """Return the bytes of a piece of a dataset, the same on every machine."""
    if block.dtype == object:
        return b"\0".join(v if isinstance(v, bytes) else str(v).encode() for v in block.ravel().tolist())
    return np.ascontiguousarray(block, dtype=block.dtype.newbyteorder("<")).tobytes()
