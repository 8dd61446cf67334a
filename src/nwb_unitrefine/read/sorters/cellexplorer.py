"""What CellExplorer's files hold beyond spikes: a mean waveform on each unit's main channel, and the channels' places.

SpikeInterface's extractor skips both. The format: https://cellexplorer.org/datastructure/data-structure-and-format/.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.records import Electrodes, ProblemCode, Waveforms

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from nwb_unitrefine.read.context import ReadContext

__all__ = ["read_cellexplorer_parts"]

_WAVEFORMS = ("filtWaveform", "rawWaveform")
"""Fields that hold one waveform a unit, in µV, the preferred first."""


def read_cellexplorer_parts(cellinfo: Path, context: ReadContext) -> tuple[Waveforms | None, Electrodes | None]:
    """Read waveforms and electrodes of a CellExplorer session.

    Parameters
    ----------
    cellinfo : Path
        The session's ``….spikes.cellinfo.mat``.
    context : ReadContext
        Gets what is not there.
    """
    from pymatreader import read_mat

    electrodes = _electrodes(cellinfo.with_name(f"{cellinfo.name.split('.')[0]}.session.mat"), read_mat)
    spikes = read_mat(str(cellinfo)).get("spikes", {})
    field = next((name for name in _WAVEFORMS if name in spikes), None)
    if field is None:
        context.report(ProblemCode.WAVEFORMS_ABSENT, "The session's spikes have no mean waveforms.")
        return None, electrodes
    rows = [np.asarray(row, dtype=np.float32).reshape(-1) for row in _one_each(spikes[field], context.n_units)]
    if len(rows) != context.n_units or len({len(row) for row in rows}) != 1:
        what = f"Mean waveforms not used: {field} has not one of the same length for each unit."
        context.report(ProblemCode.WAVEFORMS_UNUSABLE, what)
        return None, electrodes
    return _waveforms(np.stack(rows), spikes, electrodes), electrodes


def _one_each(values: Any, n_units: int) -> list[Any]:
    """A cell array with one entry a unit as a list, also where it has one entry only."""
    return [values] if n_units == 1 and not isinstance(values, list) else list(values)


def _waveforms(mean: NDArray[np.float32], spikes: dict[str, Any], electrodes: Electrodes | None) -> Waveforms:
    """Waveforms with their channel (counted from 1 in `maxWaveformCh1`) and their time base."""
    channels = np.full((len(mean), 1), -1, np.int64)
    numbers = np.asarray(spikes.get("maxWaveformCh1", ()), dtype=np.float64).reshape(-1)
    if electrodes is not None and len(numbers) == len(mean) and np.isfinite(numbers).all():
        inside = (numbers >= 1) & (numbers <= len(electrodes.ids))
        channels[inside, 0] = numbers[inside].astype(np.int64) - 1
    times_ms = spikes.get("timeWaveform", ())
    times_ms = np.asarray(times_ms[0] if isinstance(times_ms, list) and times_ms else times_ms, dtype=np.float64)
    rate_hz, before = float(spikes.get("sr", 0)) or None, None
    if times_ms.shape == (mean.shape[1],) and len(times_ms) > 1:
        rate_hz = float(round(1e3 * (len(times_ms) - 1) / (times_ms[-1] - times_ms[0]), 3))
        before = int(np.abs(times_ms).argmin())
    return Waveforms(
        mean=mean[:, :, None],
        channels=channels,
        sampling_rate_hz=rate_hz,
        samples_before_peak=before,
        declared_unit="microvolts",
    )


def _electrodes(session: Path, read_mat: Any) -> Electrodes | None:
    """Channels of the session with their places, and the group of each; None where the session does not state it."""
    if not session.is_file():
        return None
    about = read_mat(str(session)).get("session", {}).get("extracellular", {})
    places = about.get("chanCoords", {})
    x = np.asarray(places.get("x", ()), dtype=np.float64).reshape(-1)
    y = np.asarray(places.get("y", ()), dtype=np.float64).reshape(-1)
    if not len(x) or len(x) != len(y):
        return None
    groups = np.full(len(x), "", dtype=object)
    members = about.get("electrodeGroups", {}).get("channels", ())
    for number, channels in enumerate(members if isinstance(members, list) else [members], start=1):
        rows = np.asarray(channels, dtype=np.int64).reshape(-1) - 1
        groups[rows[(rows >= 0) & (rows < len(x))]] = str(number)
    return Electrodes(
        ids=np.arange(1, len(x) + 1),
        positions_um=np.column_stack([x, y, np.zeros(len(x))]),
        groups=groups,
        position_source="chanCoords",
    )
