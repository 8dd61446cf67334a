"""A small NWB file of its own for the units of a file that cannot, or should not, be changed."""

from __future__ import annotations

import re
import uuid
from dataclasses import replace
from datetime import UTC, date, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import MissingExtraError, WriteError
from nwb_unitrefine.history.layout import PREDEFINED
from nwb_unitrefine.read.nwb.session_metadata import Session, read_session
from nwb_unitrefine.records import Ragged
from nwb_unitrefine.write.exports.units_table import as_written, build_units_table

if TYPE_CHECKING:
    from pathlib import Path

    from nwb_unitrefine.records import Column, Source, Units

__all__ = ["columns_left_out", "derived_name", "write_units_file"]

_SUBJECT = ("subject_id", "age", "description", "genotype", "sex", "species", "strain", "weight")
_ARGUMENTS = {"stimulus": "stimulus_notes"}


def derived_name(source: Source) -> str:
    """Name of the derived file, as DANDI wants it.

    Examples
    --------
    >>> from nwb_unitrefine.records import Source
    >>> derived_name(Source(uri="a.nwb", kind="nwb-hdf5", subject_id="mouse_4", session_id="day 2"))
    'sub-mouse-4_ses-day-2_desc-curated_ecephys.nwb'
    """
    session = source.session_id or source.session_start_time[:19].replace(":", "")
    parts = [("sub", source.subject_id or "unknown"), ("ses", session), ("desc", "curated")]
    return "_".join(f"{key}-{_label(value)}" for key, value in parts if value) + "_ecephys.nwb"


def columns_left_out(units: Units) -> tuple[str, ...]:
    """Name the columns that `write_units_file` does not write.

    That are large ones and rows of rows, which are not read; single spikes' waveforms and the waveforms' deviation,
    which would need the channels and scale of the source; and what is neither numbers nor text. Columns that hold
    nothing count for nothing.
    """
    present = {name: column for name, column in units.columns.items() if not _is_empty(column)}
    return (*(name for name, column in present.items() if not _is_written(column)), *units.unread_columns)


def write_units_file(units: Units, path: Path) -> Session:
    """Write the units of a source, and what describes them, into a new NWB file.

    It holds subject, devices, electrodes and units as the source has them, under new object ids; raw data, behaviour
    and stimuli stay in the source.

    Parameters
    ----------
    units : Units
        Of an NWB file.
    path : Path
        HDF5, or Zarr when it ends in ``.zarr``.

    Returns
    -------
    Session
        What the source records of its session, its history included, which is not in the new file.

    Raises
    ------
    WriteError
        If the source has no session start time, which every NWB file needs.
    """
    from pynwb import NWBHDF5IO

    session = read_session(units.source.uri)
    nwbfile = _session_file(session, units)
    rows = _add_electrodes(nwbfile, session, units)
    _add_units(nwbfile, units, rows)
    if path.suffix == ".zarr":
        try:
            from hdmf_zarr import NWBZarrIO
        except ImportError as error:
            raise MissingExtraError("hdmf-zarr", extra="zarr", purpose="to write Zarr files") from error
        with NWBZarrIO(str(path), "w") as io:
            io.write(nwbfile)
        return session
    with NWBHDF5IO(path, "w") as io:
        io.write(nwbfile)
    return session


def _session_file(session: Session, units: Units) -> Any:
    """Make the file's own part: session, subject, and which program made it of what."""
    from pynwb import NWBFile
    from pynwb.file import Subject

    texts = dict(session.texts)
    start = texts.pop("session_start_time", "")
    try:
        begun = datetime.fromisoformat(start)
    except ValueError as error:
        raise WriteError(f"{units.source.uri} has no session start time, which a file of its own needs.") from error
    about = {name: value for name, value in session.subject.items() if name in _SUBJECT}
    born = session.subject.get("date_of_birth", "")
    subject = Subject(**about, **({"date_of_birth": _moment(born)} if born else {})) if session.has_subject else None
    return NWBFile(
        session_description=texts.pop("session_description", "") or "Units of an NWB file, curated.",
        identifier=str(uuid.uuid4()),
        session_start_time=_zoned(begun),
        subject=subject,
        was_generated_by=[["nwb-unitrefine", version("nwb-unitrefine")]],
        **{_ARGUMENTS.get(name, name): value for name, value in texts.items()},
        **{name: list(values) for name, values in session.lists.items()},
    )


def _add_electrodes(nwbfile: Any, session: Session, units: Units) -> int:
    """Add devices, electrode groups and the electrodes table; return its number of rows."""
    electrodes = units.electrodes
    if electrodes is None or not len(electrodes.ids):
        return 0
    described = {group.name: group for group in session.groups}
    groups = {}
    for name in dict.fromkeys(electrodes.groups.tolist()):
        found = described.get(name)
        device_name = _named((found.device if found else "") or f"probe of {name or 'units'}")
        device = nwbfile.devices.get(device_name) or nwbfile.create_device(
            device_name,
            description=_described(found.device_description if found else ""),
        )
        groups[name] = nwbfile.create_electrode_group(
            _named(name or "electrodes"),
            description=_described(found.description if found else ""),
            location=(found.location if found else "") or "unknown",
            device=device,
        )
    columns = dict(session.electrode_columns)
    columns.pop("group_name", None)
    locations = _location(columns.pop("location", None), len(electrodes.ids))
    of_each = [groups[name] for name in electrodes.groups.tolist()]
    locations = [own or group.location for own, group in zip(locations, of_each, strict=True)]
    nwbfile.add_electrode(id=int(electrodes.ids[0]), group=of_each[0], location=locations[0])
    # Further rows go into the columns at once: each row that pynwb adds takes longer than a unit takes to be labelled.
    nwbfile.electrodes.id.extend(electrodes.ids[1:].tolist())
    further = {"location": locations, "group": of_each, "group_name": [group.name for group in of_each]}
    for name in nwbfile.electrodes.colnames:
        nwbfile.electrodes[name].extend(further[name][1:])
    for name, column in columns.items():
        if isinstance(column.values, Ragged) or _is_empty(column):
            continue
        nwbfile.add_electrode_column(name, _described(column.description), data=as_written(column.values))
    return len(electrodes.ids)


def _add_units(nwbfile: Any, units: Units, n_electrodes: int) -> None:
    """Add the units table."""
    waves, mean = units.waveforms, None
    if waves is not None:
        mean = waves.mean[:, :, 0] if waves.mean.shape[2] == 1 else waves.mean
    nwbfile.units = build_units_table(
        units,
        ids=units.unit_ids,
        description="Sorted units.",
        obs_intervals=units.obs_intervals_s,
        electrodes=units.unit_electrodes if n_electrodes else None,
        electrodes_table=nwbfile.electrodes,
        waveform_mean=mean,
        columns=[
            replace(column, name=name, description=_described(column.description))
            for name, column in units.columns.items()
            if _is_written(column) and not _is_empty(column)
        ],
        about={} if waves is None else {"waveform_mean": _about_waveforms(waves.declared_unit)},
    )


def _about_waveforms(unit: str) -> str:
    """Describe waveforms with the unit that the source states."""
    return f"Mean waveform of each unit, in {unit}, as in the source." if unit else "Mean waveform of each unit."


def _is_empty(column: Column) -> bool:
    """Whether a column holds nothing, or NaN and nothing else, as older pynwb wrote for what was not given."""
    values = column.values.values if isinstance(column.values, Ragged) else column.values
    return not values.size or (values.dtype.kind == "f" and bool(np.isnan(values).all()))


def _is_written(column: Column) -> bool:
    """Whether a column is one of the file's own, of numbers or text."""
    values = column.values.values if isinstance(column.values, Ragged) else column.values
    is_text = values.dtype.kind in "US" or all(isinstance(value, str) for value in values.reshape(-1).tolist())
    return column.name not in PREDEFINED and (values.dtype.kind in "biuf" or is_text)


def _described(description: str) -> str:
    """Return the description, or a sentence that the source has none."""
    says_nothing = description.strip(" .").casefold() in {"", "no description"}
    return "As in the source, which does not describe it." if says_nothing else description


def _named(name: str) -> str:
    """Return a name that NWB allows today; older files have others."""
    return re.sub(r"[/:]", "-", name)


def _location(column: Column | None, count: int) -> list[str]:
    """Location of each electrode, empty where the source does not state it."""
    if column is None or isinstance(column.values, Ragged):
        return [""] * count
    return [str(value) for value in column.values.tolist()]


def _label(value: str) -> str:
    """Return what DANDI allows in a part of a file's name: letters, digits and hyphens."""
    return re.sub(r"[^A-Za-z0-9]+", "-", value).strip("-") or "unknown"


def _moment(value: str) -> datetime | date:
    """Read a date of birth."""
    return _zoned(datetime.fromisoformat(value))


def _zoned(moment: datetime) -> datetime:
    """Give a time without zone UTC; NWB wants one."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
