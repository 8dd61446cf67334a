"""A SpikeInterface SortingAnalyzer: its templates as mean waveforms, its metrics as columns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import MissingExtraError, NoUnitsError, SourceError
from nwb_unitrefine.read.context import ReadContext
from nwb_unitrefine.read.sorters.catalogue import property_columns
from nwb_unitrefine.read.spike_times import clean_spike_times
from nwb_unitrefine.records import Column, Electrodes, ProblemCode, Ragged, Source, Units, Waveforms

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["is_analyzer_folder", "read_analyzer"]

_METRIC_EXTENSIONS = ("quality_metrics", "template_metrics", "spiketrain_metrics")
"""Extensions that hold one value a unit."""


def is_analyzer_folder(folder: Path) -> bool:
    """Whether a folder is a SortingAnalyzer, saved as files or as Zarr."""
    for path in (folder / "spikeinterface_info.json", folder / ".zattrs"):
        try:
            info = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        info = info.get("spikeinterface_info", info)
        if isinstance(info, dict) and info.get("object") == "SortingAnalyzer":
            return True
    return False


def read_analyzer(analyzer: Any, *, uri: str = "") -> Units:
    """Read the units of a SortingAnalyzer.

    Parameters
    ----------
    analyzer : SortingAnalyzer, str or Path
        One in memory, or the folder of one. It is opened read only, and needs no recording.
    uri : str, optional
        What to call it.

    Returns
    -------
    Units
        Waveforms are the analyzer's average templates, NaN on channels that a unit does not have.

    Raises
    ------
    MissingExtraError
        If SpikeInterface is not installed.
    SourceError
        If it cannot be opened, or has more than one segment.
    NoUnitsError
        If it has no units.
    """
    if isinstance(analyzer, str | Path):
        uri = uri or str(analyzer)
        analyzer = _open(Path(analyzer), uri)
    uri = uri or "SortingAnalyzer in memory"
    if analyzer.get_num_segments() != 1:
        raise SourceError(f"{uri} has {analyzer.get_num_segments()} segments; one can be read.")
    unit_ids = np.asarray(analyzer.unit_ids)
    if not len(unit_ids):
        raise NoUnitsError(f"{uri} has no units.")
    ids = unit_ids if unit_ids.dtype.kind in "iu" else unit_ids.astype(str).astype(object)
    context = ReadContext(uri, ids)
    return Units(
        unit_ids=ids,
        spike_times_s=clean_spike_times(_trains(analyzer), context),
        source=Source(uri=uri, kind="analyzer"),
        recording_intervals_s=np.array([[0.0, float(analyzer.get_total_duration())]]),
        sampling_rate_hz=float(analyzer.sampling_frequency),
        waveforms=_waveforms(analyzer, context),
        electrodes=_electrodes(analyzer),
        columns={**property_columns(analyzer.sorting, len(ids)), **_metric_columns(analyzer)},
        problems=context.problems,
    )


def _open(folder: Path, uri: str) -> Any:
    """Open an analyzer with SpikeInterface, extensions as they are needed."""
    try:
        import spikeinterface
    except ImportError as error:
        raise MissingExtraError(
            "spikeinterface", extra="spikeinterface", purpose="to read a SortingAnalyzer"
        ) from error
    try:
        return spikeinterface.load_sorting_analyzer(folder, load_extensions=False)
    except Exception as error:  # SpikeInterface raises many kinds of errors for damaged folders
        reason = " ".join(str(error).split()) or type(error).__name__
        raise SourceError(f"{uri} is a SortingAnalyzer that SpikeInterface cannot open: {reason}.") from error


def _trains(analyzer: Any) -> Ragged:
    """Spike times of all units, from the vector of all spikes."""
    spikes = analyzer.sorting.to_spike_vector()
    samples = Ragged.from_rows(spikes["sample_index"], spikes["unit_index"], len(analyzer.unit_ids))
    return Ragged(samples.values / float(analyzer.sampling_frequency), samples.offsets)


def _waveforms(analyzer: Any, context: ReadContext) -> Waveforms | None:
    """Average templates; the analyzer records whether they are in µV."""
    if not analyzer.has_extension("templates"):
        context.report(ProblemCode.WAVEFORMS_ABSENT, "The analyzer has no templates: there are no mean waveforms.")
        return None
    extension = analyzer.get_extension("templates")
    mean = np.array(extension.get_templates(operator="average", save=False), dtype=np.float32)
    channels = np.tile(np.arange(mean.shape[2], dtype=np.int64), (len(mean), 1))
    if analyzer.is_sparse():
        absent = ~np.asarray(analyzer.sparsity.mask)
        channels[absent] = -1
        mean = np.where(absent[:, None, :], np.float32(np.nan), mean)
    return Waveforms(
        mean=mean,
        channels=channels,
        sampling_rate_hz=float(analyzer.sampling_frequency),
        samples_before_peak=int(extension.nbefore),
        declared_unit="microvolts" if analyzer.return_in_uV else "counts",
    )


def _electrodes(analyzer: Any) -> Electrodes:
    """Channels with their places and groups."""
    places = np.asarray(analyzer.get_channel_locations(), dtype=np.float64)
    positions = np.zeros((len(places), 3))
    positions[:, : places.shape[1]] = places
    ids: NDArray[Any] = np.asarray(analyzer.channel_ids)
    properties = (analyzer.rec_attributes or {}).get("properties", {})
    groups = np.full(len(ids), "0", dtype=object)
    if len(properties.get("group", ())) == len(ids):
        groups[:] = [str(group) for group in np.asarray(properties["group"]).tolist()]
    return Electrodes(
        ids=ids if ids.dtype.kind in "iu" else ids.astype(str).astype(object),
        positions_um=positions,
        groups=groups,
        position_source="probe",
    )


def _metric_columns(analyzer: Any) -> dict[str, Column]:
    """Every metric that the analyzer has, under SpikeInterface's name."""
    columns: dict[str, Column] = {}
    for name in _METRIC_EXTENSIONS:
        if not analyzer.has_extension(name):
            continue
        table = analyzer.get_extension(name).get_data().loc[list(analyzer.unit_ids)]
        for metric in table.columns:
            values = table[metric].to_numpy(dtype=np.float64, na_value=np.nan)
            columns[metric] = Column(metric, f"{metric} of the analyzer's {name}.", values)
    return columns
