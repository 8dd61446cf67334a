"""Metrics that need the raw traces, computed by SpikeInterface itself over a SortingAnalyzer."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import FeatureError, MissingExtraError
from nwb_unitrefine.records import Features, Origin, OriginKind, Problem, ProblemCode, RawOptions
from nwb_unitrefine.vocabulary import OLD, MetricGroup, feature_names, resolve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from nwb_unitrefine.records import Units

__all__ = ["compute_from_raw"]

_METRICS = ("snr", "amplitude_cutoff", "amplitude_median", "amplitude_cv", "noise_cutoff", "sd_ratio")
_DRIFT = ("drift",)
_COMPONENTS = ("mahalanobis", "d_prime", "nearest_neighbor", "silhouette")
_FEW_SPIKES = 10
_FAR_APART_UM = 1000.0
_MOST_OUTSIDE = 0.5


def compute_from_raw(units: Units, options: RawOptions | None = None) -> Features:
    """Compute amplitude, noise, drift and principal-component metrics from raw traces, through SpikeInterface.

    A sparse SortingAnalyzer over the recording gets waveforms of up to 500 spikes a unit, templates, the amplitude and
    location of every spike, principal components, and SpikeInterface's quality metrics with their default parameters.

    Parameters
    ----------
    units : Units
    options : RawOptions, optional
        Which recording, and how it is processed.

    Returns
    -------
    Features
        For ``compute_features(units, raw=…)``.

    Raises
    ------
    MissingExtraError
        If SpikeInterface is not installed.
    FeatureError
        If there is no recording, or it is not that of these units.
    """
    options = options or RawOptions()
    si = _spikeinterface()
    traces = _open(si, units, options.recording, options.electrical_series)
    trains, outside = _to_samples(units, traces)
    rows = [row for row, train in enumerate(trains) if len(train) >= _FEW_SPIKES]
    if not rows:
        raise FeatureError(f"No unit of {units.source.uri} has {_FEW_SPIKES} spikes in the recording.")
    traces, placed = _with_probe(traces, units)
    if options.preprocess:
        traces = _preprocess(traces)
    with _quietly(), _scratch(options.folder) as place:
        analyzer = _analyze(
            si,
            traces,
            {str(row): trains[row] for row in rows},
            place=place,
            placed=placed,
            seed=options.seed,
            job={"n_jobs": options.jobs, "progress_bar": options.progress, "chunk_duration": "1s"},
        )
        table = analyzer.get_extension("quality_metrics").get_data()
        old = _old_values(analyzer, table)
    return _gather(units, rows, table, old, notes=_notes(traces, preprocess=options.preprocess), outside=outside)


def _spikeinterface() -> Any:
    """The door to SpikeInterface for metrics."""
    try:
        import spikeinterface.full as si
    except ImportError as error:
        raise MissingExtraError(
            "spikeinterface", extra="spikeinterface", purpose="to compute metrics from raw traces"
        ) from error
    return si


@contextmanager
def _quietly() -> Iterator[None]:
    """SpikeInterface warns of every unit without a metric; the values show it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _scratch(folder: str | Path | None) -> Iterator[Path]:
    """Give the folder of the analyzer: the one asked for, or one that is removed again."""
    if folder is not None:
        yield Path(folder)
        return
    with TemporaryDirectory(prefix="nwb-unitrefine-") as parent:
        yield Path(parent) / "analyzer"


def _open(si: Any, units: Units, recording: Any, electrical_series: str | None) -> Any:
    """Find the recording."""
    if recording is not None and not isinstance(recording, str | Path):
        return recording
    source = str(recording if recording is not None else units.source.uri)
    if recording is not None and "://" not in source and not Path(source).exists():
        raise FeatureError(f"There is no recording at {source}.", tip="Give an NWB file or a SpikeInterface folder.")
    is_nwb = recording is None or Path(source).suffix in {".nwb", ".zarr"} or "://" in source
    if not is_nwb:
        return _load_folder(si, source)
    if recording is None and not units.source.kind.startswith("nwb"):
        raise FeatureError(
            f"{source} is not an NWB file that could hold raw traces.",
            tip="Give the recording with the option recording.",
        )
    from spikeinterface.extractors.nwbextractors import NwbRecordingExtractor

    if electrical_series is None and "://" not in source:
        electrical_series = _only_series(NwbRecordingExtractor, source)
    try:
        stream = "remfile" if "://" in source else None
        return si.read_nwb_recording(source, electrical_series_path=electrical_series, stream_mode=stream)
    except (ValueError, KeyError, OSError) as error:
        raise FeatureError(f"No raw traces can be read from {source}: {error}") from error


def _load_folder(si: Any, source: str) -> Any:
    """Open what SpikeInterface saved; for anything else it fails in many ways."""
    try:
        loaded = si.load(source)
    except Exception as error:
        reason = " ".join(str(error).split())
        raise FeatureError(f"{source} cannot be read as a recording of SpikeInterface: {reason}") from error
    if not isinstance(loaded, si.BaseRecording):
        raise FeatureError(f"{source} is a {type(loaded).__name__}, and no recording.")
    return loaded


def _only_series(extractor: Any, path: str) -> str:
    """The one ElectricalSeries of the file that is not LFP."""
    paths = [str(series) for series in extractor.fetch_available_electrical_series_paths(path)]
    raw = [series for series in paths if "lfp" not in series.lower()] or paths
    if not raw:
        raise FeatureError(f"{path} has no ElectricalSeries.", tip="Give the recording with the option recording.")
    if len(raw) > 1:
        raise FeatureError(
            f"{path} has {len(raw)} ElectricalSeries.", tip=f"Choose with --electrical-series: {', '.join(raw)}."
        )
    return raw[0]


def _to_samples(units: Units, traces: Any) -> tuple[list[NDArray[np.int64]], NDArray[np.int64]]:
    """Turn spike times on the session's clock into samples of the recording, and count those outside it."""
    n_samples = traces.get_num_samples()
    trains = []
    outside = np.zeros(len(units), dtype=np.int64)
    start, stop = traces.get_start_time(), traces.get_end_time()
    for row, times in enumerate(units.spike_times_s):
        inside = np.sort(times[(times >= start) & (times <= stop)])
        samples = np.asarray(traces.time_to_sample_index(inside), dtype=np.int64)
        trains.append(samples[(samples >= 0) & (samples < n_samples)])
        outside[row] = len(times) - len(trains[-1])
    total = int(units.spike_times_s.counts.sum())
    if total and outside.sum() > _MOST_OUTSIDE * total:
        raise FeatureError(
            f"The recording lasts from {start:.6g} to {stop:.6g} s, and {outside.sum() / total:.0%} of the spikes of"
            f" {units.source.uri} lie outside.",
            tip="Is it the recording that these units were sorted from?",
        )
    return trains, outside


def _with_probe(traces: Any, units: Units) -> tuple[Any, bool]:
    """Make sure that channels have places: the recording's own, the units table's, or far apart and not believed."""
    n_channels = traces.get_num_channels()
    if traces.has_probe() or traces.get_property("location") is not None:
        places = np.asarray(traces.get_channel_locations())[:, :2]
        if len(np.unique(places, axis=0)) == n_channels and np.isfinite(places).all():
            return traces, True
    known = units.electrodes.positions_um if units.electrodes is not None else None
    placed = known is not None and len(known) == n_channels and bool(np.isfinite(known[:, :2]).all())
    places = (
        known[:, :2]
        if placed and known is not None
        else np.stack([np.zeros(n_channels), np.arange(n_channels) * _FAR_APART_UM], axis=1)
    )
    traces = traces.clone()
    traces.set_dummy_probe_from_locations(np.asarray(places, dtype=np.float64))
    return traces, placed


def _preprocess(traces: Any) -> Any:
    """Filter and re-reference, as the recordings that models were trained on."""
    from spikeinterface.preprocessing import bandpass_filter, common_reference

    nyquist = traces.get_sampling_frequency() / 2
    filtered = bandpass_filter(traces, freq_min=300.0, freq_max=min(6000.0, 0.9 * nyquist), dtype="float32")
    return common_reference(filtered) if traces.get_num_channels() > 1 else filtered


def _analyze(
    si: Any,
    traces: Any,
    trains: dict[str, NDArray[np.int64]],
    *,
    place: Path,
    placed: bool,
    seed: int,
    job: dict[str, Any],
) -> Any:
    """Make the analyzer, or take up the one that is there, and compute what it lacks."""
    sorting = si.NumpySorting.from_unit_dict([trains], traces.get_sampling_frequency())
    if place.exists() and any(place.iterdir()):
        analyzer = si.load_sorting_analyzer(place)
        theirs = analyzer.sorting.count_num_spikes_per_unit(outputs="dict")
        if {str(unit): count for unit, count in theirs.items()} != {unit: len(train) for unit, train in trains.items()}:
            raise FeatureError(f"{place} holds other units.", tip="Give an empty folder.")
        if not analyzer.has_recording():
            analyzer.set_temporary_recording(traces)
    else:
        place.parent.mkdir(parents=True, exist_ok=True)
        analyzer = si.create_sorting_analyzer(
            sorting, traces, format="binary_folder", folder=place, sparse=True, seed=seed, job_kwargs=job
        )
    names = (*_METRICS, *(_DRIFT if placed else ()), *_COMPONENTS)
    wanted: dict[str, dict[str, Any]] = {
        "random_spikes": {"max_spikes_per_unit": 500, "seed": seed},
        "noise_levels": {"random_slices_kwargs": {"seed": seed}},
        "waveforms": {},
        "templates": {},
        "spike_amplitudes": {},
        "principal_components": {"n_components": 5},
    }
    if placed:
        wanted["spike_locations"] = {}
    wanted["quality_metrics"] = {"metric_names": list(names), "seed": seed}
    for name, parameters in wanted.items():
        if not analyzer.has_extension(name):
            analyzer.compute({name: parameters}, **job)
    return analyzer


@dataclass(frozen=True, slots=True)
class _OldRule:
    """What differs in the old definition: the main channel of the largest negative peak."""

    snr: NDArray[np.float64]
    same_channel: NDArray[np.bool_]


def _old_values(analyzer: Any, table: Any) -> _OldRule:
    """Signal to noise on the old main channel, and the units for which it is today's."""
    templates = np.asarray(analyzer.get_extension("templates").get_data(operator="average"))
    noise = np.asarray(analyzer.get_extension("noise_levels").get_data())
    depth = np.abs(templates.min(axis=1))
    old_main = np.argmax(depth, axis=1)
    rows = np.arange(len(table))
    return _OldRule(
        snr=depth[rows, old_main] / noise[old_main],
        same_channel=old_main == analyzer.get_main_channels(outputs="index"),
    )


def _notes(traces: Any, *, preprocess: bool) -> dict[str, str]:
    """Say what the metrics were computed from."""
    treated = "filtered 300 to 6000 Hz, median of channels subtracted" if preprocess else "as they are"
    duration = traces.get_num_samples() / traces.get_sampling_frequency()
    return {
        "raw traces": f"{traces.get_num_channels()} channels, {duration:.6g} s, {treated}",
        "raw metrics": f"SpikeInterface {_version()}",
    }


def _version() -> str:
    """Release of SpikeInterface that computes."""
    from importlib.metadata import version

    return version("spikeinterface")


def _gather(
    units: Units,
    rows: list[int],
    table: Any,
    old: _OldRule,
    *,
    notes: dict[str, str],
    outside: NDArray[np.int64],
) -> Features:
    """Bring SpikeInterface's table into the order of the units, in both definitions."""
    columns: dict[str, NDArray[np.float64]] = {}
    for name in feature_names(groups=(MetricGroup.QUALITY,)):
        if name in table.columns:
            columns[name] = np.asarray(table[name], dtype=np.float64)
    for name, values in tuple(columns.items()):
        if not resolve(name).metric.difference:
            continue
        by_rule = {"snr": old.snr, "amplitude_median": np.abs(values)}
        columns[f"{name}@{OLD}"] = by_rule.get(name, np.where(old.same_channel, values, np.nan))
    values = np.full((len(units), len(columns)), np.nan)
    values[rows] = np.stack(list(columns.values()), axis=1)
    values[np.isinf(values)] = np.nan
    few = np.ones(len(units), dtype=np.bool_)
    few[rows] = False
    origins = (
        Origin(OriginKind.RAW, f"from raw traces, {notes['raw metrics']}"),
        Origin(OriginKind.RAW, f"from raw traces, {notes['raw metrics']}, in the definition of {OLD}"),
        Origin(OriginKind.MISSING, f"fewer than {_FEW_SPIKES} spikes in the recording"),
        Origin(OriginKind.MISSING, "not defined for this unit"),
    )
    is_old = np.array([name.endswith(f"@{OLD}") for name in columns], dtype=np.intp)
    origin_index = np.tile(is_old, (len(units), 1))
    origin_index[np.isnan(values)] = 3
    origin_index[few] = 2
    ids = np.asarray(units.unit_ids)[outside > 0].tolist()
    what = "Spikes outside the recording are left out of its metrics."
    problems = (Problem(ProblemCode.RAW_SPIKES_OUTSIDE, what, tuple(ids)),) if ids else ()
    return Features(
        unit_ids=units.unit_ids,
        names=tuple(columns),
        values=values,
        origins=origins,
        origin_index=origin_index,
        notes=notes,
        problems=problems,
    )
