"""From a sorter's folder to a labelled NWB file in one run, through neuroconv."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import SourceError, WriteError, require_installed
from nwb_unitrefine.integrations.session_metadata import check_metadata, merge_metadata, missing_fields, read_metadata
from nwb_unitrefine.integrations.units_table import add_units, require_as_read
from nwb_unitrefine.journal.appearing import appearing
from nwb_unitrefine.models import load_model
from nwb_unitrefine.pipeline import curate
from nwb_unitrefine.read import find_sorter, read_source
from nwb_unitrefine.read.sorters.catalogue import property_columns
from nwb_unitrefine.records import SourceHints
from nwb_unitrefine.write import write_curation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nwb_unitrefine.models import Model
    from nwb_unitrefine.read import Sorter
    from nwb_unitrefine.records import Column, Curation, Problem, Units
    from nwb_unitrefine.write import WriteReport

__all__ = ["Conversion", "convert"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Conversion:
    """What a conversion made.

    Parameters
    ----------
    path : Path
        The new NWB file.
    interface : str
        neuroconv's interface that was asked about the session; empty where neuroconv has none that could know of it.
    missing : tuple of str
        Fields of the metadata that archives ask for and that were not given, as ``"Subject.species"``.
    problems : tuple of Problem
        What was noticed on reading the folder: clusters without spikes, which are left out, among it.
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
    hints: SourceHints | None = None,
    metadata: Mapping[str, Any] | str | Path | None = None,
    model: str | Path | Model | Sequence[str | Path] | None = "default",
    overwrite: bool = False,
    load_options: Mapping[str, Any] | None = None,
) -> Conversion:
    """Make an NWB file of sorter output with neuroconv, and label it.

    The file gets the units with the sorter's own columns, the electrodes with their places, the sorter's templates as
    ``waveform_mean`` (in volts where the gain is known, and without a unit where it is not), and the labels with the
    record of how they were made. Unit ids are the sorter's where they are whole numbers. The file is compared with
    what was read, unit by unit, and appears under its name when it is complete.

    Parameters
    ----------
    source : str or Path
        The sorter's folder or its one file, or a SortingAnalyzer's folder.
    output : str or Path
        NWB file to make.
    hints : SourceHints, optional
        What the source does not state; `sorter` may be neuroconv's name, ``"PhySortingInterface"``.
    metadata : mapping, str or Path, optional
        neuroconv's metadata, or a YAML or JSON file of them: at the least ``NWBFile.session_start_time``.
    model : str, Path or Model, optional
        Whatever `load_model` takes; None converts without labels.
    overwrite : bool, optional
        Replace `output` where it is there.
    load_options : mapping, optional
        Further arguments of `load_model`.

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
        raise WriteError(f"{target} already exists.", tip="Choose another name, or ask to overwrite it.")
    if path.exists():
        require_installed("neuroconv", extra="neuroconv", purpose="to make NWB files")
    hints = hints or SourceHints()
    units = read_source(path, hints=hints)
    sorter = find_sorter(path, sorter=hints.sorter) if units.source.kind == "sorter" else None
    given = read_metadata(metadata)
    session = _open_interface(sorter, path, units, hints.sampling_rate_hz)
    if session is not None:
        units = replace(units, columns={**_columns_of(session, units), **units.columns})
    if session is None and not given:  # nothing to check with neuroconv's schema, which takes seconds to import
        _require_start(missing_fields(given), path)
    check_metadata(given)
    full = merge_metadata({} if session is None else session.get_metadata(), given)
    missing = missing_fields(full)
    _require_start(missing, path)
    with appearing(target, overwrite=overwrite) as part:
        _write_nwb(part, units, full)
        require_as_read(part, units)
    made = Conversion(
        path=target,
        interface="" if session is None else type(session).__name__,
        missing=missing,
        problems=units.problems,
    )
    if model is None:
        return made
    curation = curate(target, model=load_model(model, **(load_options or {})))
    return replace(made, curation=curation, report=write_curation(curation))


def _require_start(missing: tuple[str, ...], path: Path) -> None:
    """Refuse a session whose start is not known: NWB has no file without it."""
    if "NWBFile.session_start_time" in missing:
        raise SourceError(
            f"The metadata for {path} lack {', '.join(missing)}.",
            tip="Give them in a YAML file with the option metadata; the first is needed, archives ask for the rest.",
        )


def _open_interface(sorter: Sorter | None, path: Path, units: Units, sampling_rate_hz: float | None) -> Any:
    """Interface of neuroconv that may know the session; None for Kilosort and Phy, whose folders say nothing of it."""
    if units.source.kind not in {"sorter", "analyzer"}:
        raise SourceError(f"{path} is {units.source.kind}, not a sorter's output: there is nothing to convert.")
    if sorter is None or not sorter.interface or not sorter.extractor:
        return None
    from neuroconv import datainterfaces

    interface = getattr(datainterfaces, sorter.interface)
    wanted = interface.get_source_schema().get("properties", {})
    arguments: dict[str, Any] = {"file_path" if "file_path" in wanted else "folder_path": str(sorter.locate(path))}
    if "sampling_frequency" in wanted and sampling_rate_hz:
        arguments["sampling_frequency"] = sampling_rate_hz
    try:
        return interface(**arguments)
    except Exception as error:  # interfaces raise whatever their formats' libraries raise
        reason = " ".join(str(error).split()) or type(error).__name__
        raise SourceError(f"{path} cannot be opened by neuroconv's {sorter.interface}: {reason}.") from error


def _columns_of(interface: Any, units: Units) -> dict[str, Column]:
    """Columns that neuroconv's interface has beyond ours, joined by unit id; none where it knows other units."""
    sorting = interface.sorting_extractor
    rows = {str(unit_id): row for row, unit_id in enumerate(sorting.unit_ids)}
    order = [rows.get(str(unit_id), -1) for unit_id in units.unit_ids.tolist()]
    if -1 in order:
        return {}
    columns = property_columns(sorting, len(rows))
    values = {name: np.asarray(column.values)[order] for name, column in columns.items()}
    return {name: replace(column, values=values[name]) for name, column in columns.items()}


def _write_nwb(path: Path, units: Units, metadata: Any) -> None:
    """Write session, electrodes and units to a new file."""
    from neuroconv.tools.nwb_helpers import configure_and_write_nwbfile, make_nwbfile_from_metadata

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", category=FutureWarning)  # neuroconv's own, about its next format of metadata
        nwbfile = make_nwbfile_from_metadata(metadata)
        _add_electrodes(nwbfile, units, metadata)
        described = {column["name"]: column["description"] for column in _entries(metadata, "UnitProperties")}
        add_units(nwbfile, units, described=described)
        configure_and_write_nwbfile(nwbfile, nwbfile_path=path, backend="hdf5")


def _add_electrodes(nwbfile: Any, units: Units, metadata: Any) -> None:
    """Add the probe and its electrodes, one group for each shank."""
    electrodes = units.electrodes
    if electrodes is None:
        return
    about = {"name": "Probe", "description": "Probe that the units were recorded with.", **_first(metadata, "Device")}
    device = nwbfile.create_device(**about)
    location = _first(metadata, "ElectrodeGroup").get("location", "unknown")
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


def _entries(metadata: Any, name: str) -> list[dict[str, Any]]:
    """A list of the metadata's part for electrophysiology; empty where there is none."""
    found = (metadata.get("Ecephys") or {}).get(name)
    return found if isinstance(found, list) else []


def _first(metadata: Any, name: str) -> dict[str, Any]:
    """First of such a list."""
    return next(iter(_entries(metadata, name)), {})
