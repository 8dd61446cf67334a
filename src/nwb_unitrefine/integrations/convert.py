"""From a sorter's folder to a labelled NWB file in one run, through neuroconv."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import MissingExtraError, SourceError, WriteError
from nwb_unitrefine.integrations.session_metadata import merge_metadata, missing_fields, read_metadata
from nwb_unitrefine.integrations.units_sorting import UnitsSorting
from nwb_unitrefine.pipeline import curate
from nwb_unitrefine.read import find_sorter, read_units
from nwb_unitrefine.write import write_curation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nwb_unitrefine.models import Model
    from nwb_unitrefine.read import Sorter
    from nwb_unitrefine.records import Curation, Problem, Units, Waveforms
    from nwb_unitrefine.write import WriteReport

__all__ = ["Conversion", "convert"]

_VOLTS = {"volts": 1.0, "microvolts": 1e-6}
"""Volts of one of each unit that waveforms are read in."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Conversion:
    """What a conversion made.

    Parameters
    ----------
    path : Path
        The new NWB file.
    interface : str
        neuroconv's interface that read the sorting; ``"UnitsSorting"`` where neuroconv has none.
    missing : tuple of str
        Fields of the metadata that archives ask for and that were not given, as ``"Subject.species"``.
    problems : tuple of Problem
        What was noticed on reading the folder.
    curation : Curation or None
        The labels; None where none were asked for.
    report : WriteReport or None
        What was written of them.
    """

    path: Path
    interface: str
    missing: tuple[str, ...]
    problems: tuple[Problem, ...]
    curation: Curation | None = None
    report: WriteReport | None = None


def convert(
    source: str | Path,
    *,
    output: str | Path,
    interface: str | None = None,
    metadata: Mapping[str, Any] | str | Path | None = None,
    model: str | Path | Model | None = "default",
    sampling_rate_hz: float | None = None,
    gain_uv: float | None = None,
    overwrite: bool = False,
) -> Conversion:
    """Make an NWB file of sorter output with neuroconv, and label it.

    The file gets the units with the sorter's own columns, the electrodes with their places, the sorter's templates as
    ``waveform_mean`` (in volts where the gain is known, and said not to be where it is not), and the labels with the
    record of how they came about. It appears under its name when it is complete.

    Parameters
    ----------
    source : str or Path
        The sorter's folder or its one file, or a SortingAnalyzer's folder.
    output : str or Path
        NWB file to make.
    interface : str, optional
        Which sorter it is of, where that is not plain: ``"phy"``, or neuroconv's name, ``"PhySortingInterface"``.
    metadata : mapping, str or Path, optional
        neuroconv's metadata, or a YAML or JSON file of them: at the least ``NWBFile.session_start_time``.
    model : str, Path or Model, optional
        Whatever `load_model` takes; None converts without labels.
    sampling_rate_hz : float, optional
        Of sorter output that does not hold it.
    gain_uv : float, optional
        µV of one count of the recording, where the folder does not tell.
    overwrite : bool, optional
        Replace `output` where it is there.

    Returns
    -------
    Conversion

    Raises
    ------
    SourceError
        If the source is not recognised or cannot be read, or the metadata lack what an NWB file must have.
    WriteError
        If `output` is there and `overwrite` is not given, or it cannot be written.
    MissingExtraError
        If neuroconv is not installed.
    """
    path, target = Path(source), Path(output)
    if target.exists() and not overwrite:
        raise WriteError(f"{target} is there already.", tip="Choose another name, or ask to overwrite it.")
    units = read_units(path, interface=interface, sampling_rate_hz=sampling_rate_hz, gain_uv=gain_uv)
    sorter = find_sorter(path, interface=interface) if units.source.kind == "sorter" else None
    sorting = _open_interface(sorter, path, units, sampling_rate_hz)
    full = merge_metadata(sorting.get_metadata(), read_metadata(metadata))
    missing = missing_fields(full)
    if "NWBFile.session_start_time" in missing:
        raise SourceError(
            f"The metadata for {path} lack {', '.join(missing)}.",
            tip="Give them in a YAML file with the option metadata; the first is needed, archives ask for the rest.",
        )
    part = target.with_name(f".{target.stem}.{os.getpid()}.part.nwb")
    try:
        _write_nwb(part, sorting, units, full)
        part.replace(target)
    except OSError as error:
        raise WriteError(f"{target} cannot be written: {error.strerror or error}.") from error
    finally:
        part.unlink(missing_ok=True)
    made = Conversion(path=target, interface=type(sorting).__name__, missing=missing, problems=units.problems)
    if model is None:
        return made
    curation = curate(target, model=model)
    return Conversion(
        path=target,
        interface=made.interface,
        missing=missing,
        problems=units.problems,
        curation=curation,
        report=write_curation(curation),
    )


def _open_interface(sorter: Sorter | None, path: Path, units: Units, sampling_rate_hz: float | None) -> Any:
    """Interface of neuroconv for a sorter, opened on its folder or file; ours where neuroconv has none."""
    try:
        from neuroconv import datainterfaces
    except ImportError as error:
        raise MissingExtraError("neuroconv", extra="neuroconv", purpose="to make NWB files") from error
    if units.source.kind not in {"sorter", "analyzer"}:
        raise SourceError(f"{path} is {units.source.kind}, not a sorter's output: there is nothing to convert.")
    if sorter is None or not sorter.interface:
        return UnitsSorting(units)
    name = "KiloSortSortingInterface" if units.source.dialect == "Kilosort" else sorter.interface
    interface = getattr(datainterfaces, name)
    wanted = interface.get_source_schema().get("properties", {})
    arguments: dict[str, Any] = {"file_path" if "file_path" in wanted else "folder_path": str(sorter.locate(path))}
    if "sampling_frequency" in wanted and sampling_rate_hz:
        arguments["sampling_frequency"] = sampling_rate_hz
    try:
        return interface(**arguments)
    except Exception as error:  # interfaces raise whatever their formats' libraries raise
        reason = " ".join(str(error).split()) or type(error).__name__
        raise SourceError(f"{path} cannot be opened by neuroconv's {name}: {reason}.") from error


def _write_nwb(path: Path, sorting: Any, units: Units, metadata: Any) -> None:
    """Write session, electrodes and units to a new file."""
    from neuroconv.tools.nwb_helpers import configure_and_write_nwbfile, make_nwbfile_from_metadata

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", category=FutureWarning)  # neuroconv's own, about its next format of metadata
        # hdmf's automatic index cannot be used: it takes the pairs of start and end for rows of their own
        warnings.filterwarnings("ignore", message="Column 'obs_intervals' is predefined")
        nwbfile = make_nwbfile_from_metadata(metadata)
        _describe_columns(sorting, metadata)
        n_electrodes = _add_electrodes(nwbfile, units, metadata)
        options: dict[str, Any] = {"metadata": metadata}
        if units.waveforms is not None and (rows := _electrode_rows(units.waveforms, n_electrodes)) is not None:
            options["unit_electrode_indices"] = rows
            options["waveform_data_dict"] = _waveforms_in_volts(units.waveforms)
        sorting.add_to_nwbfile(nwbfile, **options)
        if units.recording_interval_s is not None:
            nwbfile.units.add_column(
                "obs_intervals",
                "When each unit was observed.",
                data=np.tile(np.array(units.recording_interval_s), (len(units), 1)),
                index=list(range(1, len(units) + 1)),
            )
        configure_and_write_nwbfile(nwbfile, nwbfile_path=path, backend="hdf5")


def _electrode_rows(waveforms: Waveforms, n_electrodes: int) -> list[list[int]] | None:
    """Electrodes of each unit's channels: its own, or all where the channels that it lacks are NaN; None if unknown."""
    n_units, n_channels = waveforms.channels.shape
    if n_electrodes and (waveforms.channels >= 0).all():
        rows: list[list[int]] = waveforms.channels.tolist()
        return rows
    return [list(range(n_electrodes))] * n_units if n_channels == n_electrodes else None


def _waveforms_in_volts(waveforms: Waveforms) -> dict[str, Any]:
    """Mean waveforms as neuroconv takes them: in volts, or in arbitrary units where their scale is unknown."""
    scale = _VOLTS.get(waveforms.declared_unit)
    return {
        "means": (waveforms.mean * np.float32(scale or 1)).astype(np.float32),
        "sampling_rate": waveforms.sampling_rate_hz,
        "unit": "volts" if scale else "a.u.",
    }


def _describe_columns(sorting: Any, metadata: Any) -> None:
    """Give every column of the sorter a description, which archives ask for."""
    described = metadata["Ecephys"].setdefault("UnitProperties", [])
    known = {entry["name"] for entry in described}
    for name in (*sorting.sorting_extractor.get_property_keys(), "quality"):
        if name not in known:
            described.append({"name": name, "description": f"{name}, as the sorter's output has it."})


def _add_electrodes(nwbfile: Any, units: Units, metadata: Any) -> int:
    """Add the probe and its electrodes, one group for each shank; return how many there are."""
    electrodes = units.electrodes
    if electrodes is None:
        return 0
    given = metadata.get("Ecephys", {})
    about = {"name": "Probe", "description": "Probe that the units were recorded with.", **_first(given.get("Device"))}
    device = nwbfile.create_device(**about)
    location = _first(given.get("ElectrodeGroup")).get("location", "unknown")
    groups = {
        name: nwbfile.create_electrode_group(
            name=f"Shank{name}", description=f"Shank {name} of the probe.", location=location, device=device
        )
        for name in dict.fromkeys(electrodes.groups.tolist())
    }
    nwbfile.add_electrode_column("channel_name", "Name of the channel in the recording.")
    for row, (channel, group) in enumerate(zip(electrodes.ids.tolist(), electrodes.groups.tolist(), strict=True)):
        place = {}
        if electrodes.positions_um is not None:
            x_um, y_um, _ = electrodes.positions_um[row].tolist()
            place = {"rel_x": x_um, "rel_y": y_um}
        nwbfile.add_electrode(group=groups[group], location=location, channel_name=str(channel), **place)
    return len(electrodes.ids)


def _first(entries: Any) -> dict[str, Any]:
    """First of a list of metadata entries; empty where there is none."""
    return dict(entries[0]) if isinstance(entries, list) and entries else {}
