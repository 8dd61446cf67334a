"""Output of spike sorters, through SpikeInterface's extractors; what each is recognised by stands here as data.

Kilosort and Phy, which most people have, are read by `nwb_unitrefine.read.sorters.phy` without SpikeInterface.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import MissingExtraError, NoUnitsError, SourceError
from nwb_unitrefine.read.context import ReadContext
from nwb_unitrefine.read.sorters.cellexplorer import read_cellexplorer_parts
from nwb_unitrefine.read.sorters.phy import is_phy_folder, read_phy_folder
from nwb_unitrefine.read.spike_times import clean_spike_times
from nwb_unitrefine.records import Column, ProblemCode, Ragged, Source, SourceHints, Units

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SORTERS", "Sorter", "find_sorter", "property_columns", "read_sorter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorter:
    """One kind of sorter output.

    Parameters
    ----------
    name : str
        What a user types to ask for it.
    extractor : str
        Function of `spikeinterface.extractors` that reads it; empty where this package does.
    interface : str
        neuroconv's interface that converts it; empty where neuroconv has none.
    marks : tuple of str
        Patterns of files in the folder: all must be there.
    opens_file : bool
        Whether the extractor is given the file that the first pattern finds, rather than the folder.
    aliases : tuple of str
        Other names that mean it.
    dialect : str
        As of `nwb_unitrefine.vocabulary.dialects`.
    """

    name: str
    extractor: str
    interface: str = ""
    marks: tuple[str, ...] = ()
    opens_file: bool = False
    aliases: tuple[str, ...] = ()
    dialect: str = ""

    def locate(self, path: Path) -> Path:
        """Return what the extractor opens: the folder, or the one file in it.

        Raises
        ------
        SourceError
            If the folder has more than one such file.
        """
        if path.is_file() or not self.opens_file or not self.marks:
            return path
        files = sorted(path.glob(self.marks[0]))
        if len(files) != 1:
            raise SourceError(f"{path} has {len(files)} files {self.marks[0]}.", tip="Give the one to read.")
        return files[0]


SORTERS = (
    Sorter(
        name="phy",
        extractor="",
        interface="PhySortingInterface",
        marks=("spike_times.npy", "spike_[ct][le]*.npy"),
        aliases=("kilosort", "kilosortsortinginterface"),
    ),
    Sorter(
        name="cellexplorer",
        extractor="read_cellexplorer",
        interface="CellExplorerSortingInterface",
        marks=("*.spikes.cellinfo.mat",),
        opens_file=True,
        dialect="CellExplorer",
    ),
    Sorter(name="combinato", extractor="read_combinato", marks=("data_*.h5", "sort_*/sort_cat.h5")),
    Sorter(name="spykingcircus", extractor="read_spykingcircus", marks=("*.params", "*/*.result*.hdf5")),
    Sorter(name="tridesclous", extractor="read_tridesclous", marks=("info.json", "channel_group_*")),
    Sorter(
        name="mountainsort",
        extractor="read_mda_sorting",
        interface="MdaSortingInterface",
        marks=("firings.mda",),
        opens_file=True,
    ),
    Sorter(name="klusta", extractor="read_klusta", marks=("*.kwik",), opens_file=True),
    Sorter(name="yass", extractor="read_yass", marks=("config.yaml", "tmp/output/spike_train.npy")),
    Sorter(name="waveclus", extractor="read_waveclus", marks=("times_*.mat",), opens_file=True),
    Sorter(
        name="neuroscope",
        extractor="read_neuroscope_sorting",
        interface="NeuroScopeSortingInterface",
        marks=("*.clu.*", "*.res.*"),
    ),
    Sorter(
        name="blackrock",
        extractor="read_blackrock_sorting",
        interface="BlackrockSortingInterface",
        marks=("*.nev",),
        opens_file=True,
    ),
    Sorter(
        name="plexon",
        extractor="read_plexon_sorting",
        interface="PlexonSortingInterface",
        marks=("*.plx",),
        opens_file=True,
    ),
    Sorter(name="plexon2", extractor="read_plexon2_sorting", marks=("*.pl2",), opens_file=True),
    Sorter(name="neuroexplorer", extractor="read_neuroexplorer_sorting", marks=("*.nex",), opens_file=True),
    Sorter(
        name="neuralynx",
        extractor="read_neuralynx_sorting",
        interface="NeuralynxSortingInterface",
        marks=("*.n[st][et]",),
    ),
    Sorter(name="mclust", extractor="read_mclust", marks=("*.t",)),
    Sorter(name="xclust", extractor="read_xclust", interface="XClustSortingInterface", marks=("*.CEL",)),
    Sorter(name="npz", extractor="read_npz_sorting", marks=("*.npz",), opens_file=True),
    Sorter(name="herdingspikes", extractor="read_herdingspikes", opens_file=True),
    Sorter(name="hdsort", extractor="read_hdsort", opens_file=True),
    Sorter(name="alf", extractor="read_alf_sorting"),
)
"""In the order in which they are named to the user; those without marks are read only when asked for by name."""


def find_sorter(path: str | Path, *, sorter: str | None = None) -> Sorter | None:
    """Find out which sorter's output is at `path`.

    Parameters
    ----------
    path : str or Path
        A folder, or the one file that holds the units.
    sorter : str, optional
        Name of the sorter or of neuroconv's interface, where the user states it.

    Returns
    -------
    Sorter or None
        None where nothing is recognised.

    Raises
    ------
    SourceError
        If there is more than one, or the name is not known.
    """
    if sorter is not None:
        wanted = sorter.lower()
        for known in SORTERS:
            if wanted in {known.name, known.interface.lower(), *known.aliases}:
                return known
        names = ", ".join(known.name for known in SORTERS)
        raise SourceError(f"{sorter!r} is not a sorter that can be read.", tip=f"Known are: {names}.")
    place = Path(path)
    found = [known for known in SORTERS if known.marks and _has_marks(place, known)]
    if len(found) > 1:
        both = " and ".join(known.name for known in found)
        raise SourceError(
            f"{path} looks like {both}.", tip="State which: label --sorter NAME, or sorter=NAME in Python."
        )
    return found[0] if found else None


def _has_marks(path: Path, sorter: Sorter) -> bool:
    """Whether all that a sorter is recognised by is there."""
    if path.is_file():
        return sorter.opens_file and len(sorter.marks) == 1 and path.match(sorter.marks[0])
    return all(next(path.glob(mark), None) is not None for mark in sorter.marks)


def read_sorter(path: Path, *, uri: str, hints: SourceHints) -> Units | None:
    """Read the units of sorter output; None where no sorter is recognised.

    Parameters
    ----------
    path : Path
        A folder, or the one file that holds the units.
    uri : str
        What to call it.
    hints : SourceHints
        What the user states; the sampling rate is needed for formats that do not hold it (MountainSort, MClust,
        XClust).

    Raises
    ------
    SourceError
        If it is of more than one sorter, or cannot be read.
    NoUnitsError
        If it has no units.
    MissingExtraError
        If SpikeInterface is needed and not installed.
    """
    sorter = find_sorter(path, sorter=hints.sorter)
    if sorter is None:
        return None
    if not sorter.extractor:
        if not is_phy_folder(path):
            raise SourceError(f"{uri} is not a Phy or Kilosort folder: it lacks spike_times.npy or spike_clusters.npy.")
        return read_phy_folder(path, uri=uri, hints=hints)
    file = sorter.locate(path)
    sorting = _extract(sorter, file, uri=uri, sampling_rate_hz=hints.sampling_rate_hz)
    units, context = _units_of(sorting, Source(uri=uri, kind="sorter", dialect=sorter.dialect), hints)
    waveforms, electrodes = None, None
    if sorter.name == "cellexplorer":
        waveforms, electrodes = read_cellexplorer_parts(file, context)
    else:
        context.report(ProblemCode.WAVEFORMS_ABSENT, "This sorter's output is read without mean waveforms.")
    return replace(units, waveforms=waveforms, electrodes=electrodes, problems=context.problems)


def _extract(sorter: Sorter, path: Path, *, uri: str, sampling_rate_hz: float | None) -> Any:
    """Open sorter output with SpikeInterface, and say in one line why it cannot be."""
    try:
        from spikeinterface import extractors
    except ImportError as error:
        raise MissingExtraError("spikeinterface", extra="spikeinterface", purpose=f"to read {sorter.name}") from error
    read = getattr(extractors, sorter.extractor)
    rate = inspect.signature(read).parameters.get("sampling_frequency")
    if rate is not None and rate.default is inspect.Parameter.empty and sampling_rate_hz is None:
        raise SourceError(
            f"{uri} is {sorter.name} output, which does not hold the sampling rate.",
            tip="Give it with the option sampling_rate_hz.",
        )
    options = {"sampling_frequency": sampling_rate_hz} if rate is not None and sampling_rate_hz else {}
    try:
        return read(path, **options)
    except Exception as error:  # extractors raise whatever their formats' libraries raise
        reason = " ".join(str(error).split()) or type(error).__name__
        tip = "It may lack the sampling rate: give it with the option sampling_rate_hz." if rate and not options else ""
        what = f"{uri} was taken for {sorter.name} output and cannot be read: {reason}."
        raise SourceError(what, tip=tip) from error


def _units_of(sorting: Any, source: Source, hints: SourceHints) -> tuple[Units, ReadContext]:
    """Units of a SpikeInterface sorting, and what was noticed about them."""
    if hints.spike_times_in not in (None, "seconds"):
        raise SourceError(
            f"{source.uri}: SpikeInterface gives the spike times of this format in seconds.",
            tip="Leave out --spike-times-in (spike_times_in=).",
        )
    if sorting.get_num_segments() != 1:
        raise SourceError(f"{source.uri} has {sorting.get_num_segments()} segments; one can be read.")
    unit_ids = np.asarray(sorting.unit_ids)
    if not len(unit_ids):
        raise NoUnitsError(f"{source.uri} has no units.")
    spikes = Ragged.concatenated(
        [sorting.get_unit_spike_train(unit_id=unit_id, return_times=True) for unit_id in sorting.unit_ids]
    )
    ids = unit_ids if unit_ids.dtype.kind in "iu" else unit_ids.astype(str).astype(object)
    context = ReadContext(source.uri, ids, hints=hints)
    units = Units(
        unit_ids=ids,
        spike_times_s=clean_spike_times(spikes, context),
        source=source,
        sampling_rate_hz=float(sorting.sampling_frequency),
        columns=property_columns(sorting, len(ids)),
    )
    return units, context


def property_columns(sorting: Any, n_units: int) -> dict[str, Column]:
    """Properties of a sorting as columns: one value a unit, text as ``str`` objects."""
    columns = {}
    for name in sorting.get_property_keys():
        values: NDArray[Any] = np.asarray(sorting.get_property(name))
        if values.shape[:1] != (n_units,):
            continue
        if values.dtype.kind in "SU":
            values = values.astype(str).astype(object)
        columns[name] = Column(name, f"{name} of the sorter.", values)
    return columns
