"""A folder as Kilosort writes it and Phy curates it: spikes, cluster tables, and templates made into mean waveforms.

Kilosort fits templates to whitened data. What `templates.npy` holds has, up to version 3, a norm of one and is scaled
by the amplitude of each spike; from version 4 on it has the size of the spikes. Taken back through
`whitening_mat_inv.npy`, it is in the counts of the recording, and in volts where SpikeGLX's `.meta` file states the
gain::

    mean_waveform(unit) = Σ over spikes of amplitude · template(spike) · whitening_mat_inv / number of spikes

Files are parsed, never run: `params.py` is read as a list of constants, arrays without pickle.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nwb_unitrefine.errors import NoUnitsError, SourceError
from nwb_unitrefine.read.context import STATED, ReadContext
from nwb_unitrefine.read.sorters.phy_tables import is_curated, read_cluster_tables
from nwb_unitrefine.read.spike_times import clean_spike_times, stored_per_second
from nwb_unitrefine.read.time_unit import is_whole
from nwb_unitrefine.records import SLOWEST_HZ, Electrodes, ProblemCode, Ragged, Source, Units, Waveforms

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from nwb_unitrefine.records import SourceHints

__all__ = ["is_phy_folder", "read_phy_folder"]

_SAMPLE_RATE = re.compile(r"sample_rate\s*=([^=].*)")
"""The line of `params.py` that assigns the sampling rate."""

_UNIT_NORM = (0.8, 1.2)
"""Norms of templates that were normalised (Kilosort 1 to 3); those of Kilosort 4 are far larger."""


_WHITENED = (
    ": their shape and their spread over channels are not those of the recorded voltage, which models were trained on. "
    "Trust these labels less; mean waveforms of the recording make better ones."
)


class _Recorder(NamedTuple):
    """The contents of the recording's own `.meta` file."""

    gain_v: float | None = None
    duration_s: float | None = None


def is_phy_folder(folder: Path) -> bool:
    """Whether a folder holds Kilosort or Phy output; `params.py` may be lacking, where the user gives its rate."""
    names = {path.name for path in folder.glob("spike_*.npy")}
    return "spike_times.npy" in names and bool(names & {"spike_clusters.npy", "spike_templates.npy"})


def read_phy_folder(folder: Path, *, uri: str, hints: SourceHints) -> Units:
    """Read the units of a Kilosort or Phy folder.

    Parameters
    ----------
    folder : Path
    uri : str
        What to call it.
    hints : SourceHints
        What the user states: the gain by default is what SpikeGLX's `.meta` file gives.

    Returns
    -------
    Units
        Columns as of `read_cluster_tables`.

    Raises
    ------
    SourceError
        If a file is missing, damaged, or does not fit the others.
    NoUnitsError
        If there is no spike.
    """
    sampling_rate_hz = hints.sampling_rate_hz or _sampling_rate(folder / "params.py")
    times = _load(folder, "spike_times").reshape(-1).astype(np.float64)
    n_spikes = len(times)
    name = "spike_clusters" if (folder / "spike_clusters.npy").is_file() else "spike_templates"
    clusters = _load(folder, name).reshape(-1).astype(np.int64)
    if len(clusters) != n_spikes:
        raise SourceError(f"{uri}: {name}.npy has {len(clusters)} spikes and spike_times.npy {n_spikes}.")
    if not n_spikes:
        raise NoUnitsError(f"{uri} has no spikes.")
    unit_ids, rows = np.unique(clusters, return_inverse=True)
    context = ReadContext(uri, unit_ids, hints=hints)
    default = "samples"
    if hints.spike_times_in is None and not is_whole(times):
        default = "seconds"
        what = "spike_times.npy holds fractions, which are not sample numbers: they are taken for seconds."
        context.report(ProblemCode.SPIKE_TIMES_IN_SECONDS, what)
    per_second = stored_per_second(context, sampling_rate_hz=sampling_rate_hz, default=default)
    trains = Ragged.from_rows(times, rows, len(unit_ids))
    columns = read_cluster_tables(folder, context)
    recorder = _recorder(folder)
    if hints.gain_uv is not None:
        recorder = recorder._replace(gain_v=hints.gain_uv * 1e-6)
    return Units(
        unit_ids=unit_ids,
        spike_times_s=clean_spike_times(
            trains, context, per_second=per_second, sampling_rate_hz=sampling_rate_hz, recorded_s=recorder.duration_s
        ),
        source=Source(uri=uri, kind="sorter", dialect="Phy" if is_curated(folder, columns) else "Kilosort"),
        recording_intervals_s=np.array([[0.0, recorder.duration_s]]) if recorder.duration_s else None,
        sampling_rate_hz=sampling_rate_hz,
        sampling_rate_from=STATED if hints.sampling_rate_hz else "of the recording",
        waveforms=_waveforms(folder, rows, context, sampling_rate_hz=sampling_rate_hz, recorder=recorder),
        electrodes=_electrodes(folder, context),
        columns=columns,
        problems=context.problems,
    )


def _load(folder: Path, name: str) -> NDArray[Any]:
    """An array of the folder; pickled objects are refused."""
    path = folder / f"{name}.npy"
    try:
        return np.asarray(np.load(path, allow_pickle=False))
    except FileNotFoundError as error:
        raise SourceError(f"{folder} has no {path.name}.") from error
    except (OSError, ValueError, EOFError) as error:
        raise SourceError(f"{path} cannot be read: {' '.join(str(error).split())}.") from error


def _sampling_rate(params: Path) -> float:
    """The sampling rate that `params.py` assigns; nothing in it is run, and other lines need not be Python."""
    tip = "Give it: --sampling-rate-hz 30000 (in Python, sampling_rate_hz=30000)."
    if not params.is_file():
        raise SourceError(f"{params.parent} has no params.py, which holds the sampling rate.", tip=tip)
    for line in params.read_text(encoding="utf-8-sig", errors="replace").splitlines():
        found = _SAMPLE_RATE.match(line)
        if found and (rate_hz := _number(found[1])):
            if rate_hz < SLOWEST_HZ:
                raise SourceError(f"{params} has a sample_rate of {rate_hz:g} Hz, too slow for spikes.", tip=tip)
            return rate_hz
    raise SourceError(f"{params} has no line that sets sample_rate to a number.", tip=tip)


def _number(expression: str) -> float | None:
    """A positive number, also one that is wrapped as in ``np.float64(30000.0)``; None for anything else."""
    try:
        node = ast.parse(expression.strip(), mode="eval").body
    except (SyntaxError, ValueError):
        return None
    if isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords:
        node = node.args[0]
    value = node.value if isinstance(node, ast.Constant) else None
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if 0 < value < float("inf") else None


def _electrodes(folder: Path, context: ReadContext) -> Electrodes | None:
    """Channels with their place on the probe, and the shank of each where the folder states it."""
    if not (folder / "channel_positions.npy").is_file():
        context.report(ProblemCode.ELECTRODES_NO_POSITIONS, "The folder has no channel positions.")
        return None
    places = np.asarray(_load(folder, "channel_positions"), dtype=np.float64)
    has_map = (folder / "channel_map.npy").is_file()
    ids = _load(folder, "channel_map").reshape(-1).astype(np.int64) if has_map else np.arange(len(places))
    shanks = _load(folder, "channel_shanks").reshape(-1) if (folder / "channel_shanks.npy").is_file() else None
    groups = np.full(len(ids), "0", dtype=object)
    if shanks is not None and len(shanks) == len(ids):
        groups[:] = [f"{shank:g}" for shank in shanks.tolist()]
    if places.shape != (len(ids), 2):
        what = f"Channel positions not used: shape {places.shape} for {len(ids)} channels."
        context.report(ProblemCode.ELECTRODES_POSITIONS_UNUSABLE, what)
        return Electrodes(ids=ids, positions_um=None, groups=groups)
    positions = np.column_stack([places, np.zeros(len(ids))])
    return Electrodes(ids=ids, positions_um=positions, groups=groups, position_source="channel_positions.npy")


def _waveforms(
    folder: Path,
    rows: NDArray[np.intp],
    context: ReadContext,
    *,
    sampling_rate_hz: float,
    recorder: _Recorder,
) -> Waveforms | None:
    """Mean waveform of each unit from the templates of its spikes."""
    if not (folder / "templates.npy").is_file() or not (folder / "spike_templates.npy").is_file():
        context.report(ProblemCode.WAVEFORMS_ABSENT, "The folder has no templates: there are no mean waveforms.")
        return None
    n_units = context.n_units
    templates = _load(folder, "templates").astype(np.float32)
    of_spike = _load(folder, "spike_templates").reshape(-1).astype(np.int64)
    if templates.ndim != 3 or len(of_spike) != len(rows) or of_spike.max(initial=0) >= len(templates):
        context.report(ProblemCode.WAVEFORMS_UNUSABLE, "Templates not used: they do not fit the spikes.")
        return None
    templates = _on_all_channels(folder, templates)
    weights = _spike_weights(folder, templates, of_spike)
    share = np.zeros((n_units, len(templates)), np.float32)
    np.add.at(share, (rows, of_spike), weights.astype(np.float32))
    share /= np.bincount(rows, minlength=n_units)[:, None]
    mean = np.einsum("ut,tsc->usc", share, templates, optimize=True)
    inverse = _unwhitening(folder, mean.shape[2], context)
    if inverse is not None:
        mean = mean @ inverse
    unit = "counts"
    if inverse is not None and recorder.gain_v:
        mean, unit = mean * np.float32(recorder.gain_v), "volts"
    elif inverse is not None:
        what = "The recording's gain is not known: mean waveforms are in its counts, not in volts."
        context.report(ProblemCode.WAVEFORMS_IN_COUNTS, what)
    return Waveforms(
        mean=mean,
        channels=np.tile(np.arange(mean.shape[2], dtype=np.int64), (n_units, 1)),
        sampling_rate_hz=sampling_rate_hz,
        declared_unit=unit,
    )


def _on_all_channels(folder: Path, templates: NDArray[np.float32]) -> NDArray[np.float32]:
    """Templates on every channel, where the folder holds them on a few each (`templates_ind.npy`)."""
    if not (folder / "channel_map.npy").is_file() or not (folder / "templates_ind.npy").is_file():
        return templates
    n_channels, places = _load(folder, "channel_map").size, _load(folder, "templates_ind").astype(np.int64)
    if templates.shape[2] >= n_channels or places.shape != (len(templates), templates.shape[2]):
        return templates
    dense = np.zeros((*templates.shape[:2], n_channels), np.float32)
    for template, channels, target in zip(templates, places, dense, strict=True):
        inside = (channels >= 0) & (channels < n_channels)
        target[:, channels[inside]] = template[:, inside]
    return dense


def _spike_weights(folder: Path, templates: NDArray[np.float32], of_spike: NDArray[np.int64]) -> NDArray[np.float64]:
    """What each spike's template is scaled by: its amplitude where templates were normalised, else one."""
    norms = np.linalg.norm(templates.reshape(len(templates), -1), axis=1)[np.unique(of_spike)]
    is_normalised = bool(((norms > _UNIT_NORM[0]) & (norms < _UNIT_NORM[1])).all())
    if is_normalised and (folder / "amplitudes.npy").is_file():
        amplitudes = _load(folder, "amplitudes").reshape(-1)
        if len(amplitudes) == len(of_spike):
            return amplitudes.astype(np.float64)
    return np.ones(len(of_spike))


def _unwhitening(folder: Path, n_channels: int, context: ReadContext) -> NDArray[np.float32] | None:
    """The matrix that takes whitened data back; None where there is none, or it only scales."""
    if not (folder / "whitening_mat_inv.npy").is_file():
        what = f"The folder has no whitening_mat_inv.npy: mean waveforms stay whitened{_WHITENED}"
        context.report(ProblemCode.WAVEFORMS_WHITENED, what)
        return None
    inverse = _load(folder, "whitening_mat_inv").astype(np.float32)
    if inverse.shape != (n_channels, n_channels):
        what = f"Mean waveforms stay whitened, as whitening_mat_inv has shape {inverse.shape}{_WHITENED}"
        context.report(ProblemCode.WAVEFORMS_WHITENED, what)
        return None
    if not (inverse - np.diag(np.diag(inverse))).any():
        what = f"Mean waveforms stay whitened, as whitening_mat_inv only scales (Kilosort 2.5, 3){_WHITENED}"
        context.report(ProblemCode.WAVEFORMS_WHITENED, what)
        return None
    return inverse


def _recorder(folder: Path) -> _Recorder:
    """Gain and duration from SpikeGLX's `.meta` file, if the folder has exactly one of the action potential band.

    The gain is ``imAiRangeMax / imMaxInt / gain``, the last from the first entry of ``~imroTbl`` (Neuropixels 1.0); see
    https://billkarsh.github.io/SpikeGLX/Sgl_help/Metadata_30.html.
    """
    files = sorted(folder.glob("*.ap.meta"))
    if len(files) != 1:
        return _Recorder()
    pairs = re.findall(r"^([~\w]+)=(.*)$", files[0].read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
    values = {name: value.strip() for name, value in pairs}
    try:
        duration_s = float(values["fileTimeSecs"])
    except (KeyError, ValueError):
        duration_s = None
    gains = {int(found) for found in re.findall(r"\(\d+ \d+ \d+ (\d+) \d+ \d\)", values.get("~imroTbl", ""))}
    try:
        volts_per_step = float(values["imAiRangeMax"]) / float(values["imMaxInt"])
    except (KeyError, ValueError, ZeroDivisionError):
        return _Recorder(None, duration_s)
    return _Recorder(volts_per_step / gains.pop() if len(gains) == 1 else None, duration_s)
