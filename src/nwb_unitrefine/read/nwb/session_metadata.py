"""What a file records of its session beyond the units: enough to describe them in a file of their own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.history.tree import HISTORY, read_tree
from nwb_unitrefine.records import Column
from nwb_unitrefine.storage.open import open_nwb
from nwb_unitrefine.storage.tree import attribute_text, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from nwb_unitrefine.history.tree import Group as RunGroup
    from nwb_unitrefine.storage.tree import Group

__all__ = ["ElectrodeGroup", "Session", "read_session"]

_GENERAL_TEXTS = (
    "session_id",
    "experiment_description",
    "institution",
    "lab",
    "notes",
    "protocol",
    "surgery",
    "virus",
    "pharmacology",
    "slices",
    "data_collection",
    "stimulus",
)
_GENERAL_LISTS = ("experimenter", "keywords", "related_publications")


@dataclass(frozen=True, slots=True)
class ElectrodeGroup:
    """One electrode group.

    Parameters
    ----------
    name, description, location : str
    device, device_description : str
        Of the probe; empty where the file does not state it.
    """

    name: str
    description: str
    location: str
    device: str
    device_description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Session:
    """What describes a session.

    Parameters
    ----------
    texts : mapping of str to str
        ``session_description``, ``session_start_time`` and what is under ``/general``, by the name of pynwb's argument.
    lists : mapping of str to tuple of str
        As ``texts``, for what may have several values.
    subject : mapping of str to str
        By the name of pynwb's argument; a text that is there and empty stays.
    has_subject : bool
        Whether there is one, though perhaps with nothing about it.
    groups : tuple of ElectrodeGroup
    electrode_columns : mapping of str to Column
        Columns of the electrodes table with one number or text an electrode; the group is not among them.
    history : Group or None
        The curation runs that the file has.
    """

    texts: Mapping[str, str] = field(default_factory=dict)
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    subject: Mapping[str, str] = field(default_factory=dict)
    has_subject: bool = False
    groups: tuple[ElectrodeGroup, ...] = ()
    electrode_columns: Mapping[str, Column] = field(default_factory=dict)
    history: RunGroup | None = None


def read_session(source: str | Path) -> Session:
    """Read what describes the session of an NWB file.

    Parameters
    ----------
    source : str or Path
        An NWB file, HDF5 or Zarr: a path or an address, as of `read_units`.

    Raises
    ------
    SourceError
        If it cannot be read.
    """
    with open_nwb(source) as nwb:
        root, history = nwb.root, nwb.root.group(HISTORY)
        general, subject = root.group("general"), root.group("general/subject")
        texts = {name: _text(root, name) for name in ("session_description", "session_start_time")}
        texts |= {name: _text(general, name) for name in _GENERAL_TEXTS}
        lists = {name: _texts(general, name) for name in _GENERAL_LISTS}
        about = {name: _text(subject, name) for name in (subject.names() if subject else ())}
        return Session(
            texts={name: value for name, value in texts.items() if value},
            lists={name: value for name, value in lists.items() if value},
            subject=about,
            has_subject=subject is not None,
            groups=tuple(_groups(root)),
            electrode_columns=dict(_electrode_columns(root)),
            history=None if history is None else read_tree(history),
        )


def _groups(root: Group) -> Iterator[ElectrodeGroup]:
    """Each electrode group, with the device that it is on."""
    ecephys, devices = root.group("general/extracellular_ephys"), root.group("general/devices")
    if ecephys is None:
        return
    names = {}
    for name in devices.names() if devices else ():
        device = devices.group(name) if devices else None
        if device is not None:
            names[attribute_text(device.attributes, "object_id")] = name
    for name in ecephys.names():
        group = ecephys.group(name)
        if group is None or group.array("id") is not None:  # the electrodes table
            continue
        device = group.group("device")
        attributes = device.attributes if device else {}
        yield ElectrodeGroup(
            name=name,
            description=attribute_text(group.attributes, "description"),
            location=attribute_text(group.attributes, "location"),
            device=names.get(attribute_text(attributes, "object_id"), ""),
            device_description=attribute_text(attributes, "description"),
        )


def _electrode_columns(root: Group) -> Iterator[tuple[str, Column]]:
    """Columns of the electrodes table that are one number or text each."""
    table = root.group("general/extracellular_ephys/electrodes")
    ids = table.array("id") if table else None
    if table is None or ids is None:
        return
    for name in table.names():
        array = table.array(name)
        if name in ("id", "group") or array is None or array.shape != ids.shape:
            continue
        if table.array(f"{name}_index") is None and not name.endswith("_index"):
            values = array.read()
            description = attribute_text(array.attributes, "description")
            if values.dtype.kind in "fiub" or all(isinstance(value, str) for value in values.tolist()):
                yield name, Column(name, description, values)


def _text(group: Group | None, name: str) -> str:
    """Text of a dataset that holds one value; empty where it is not there."""
    array = group.array(name) if group else None
    return "" if array is None else text(array.read())


def _texts(group: Group | None, name: str) -> tuple[str, ...]:
    """Every value of a dataset of text."""
    array = group.array(name) if group else None
    return () if array is None else tuple(text(value) for value in np.atleast_1d(array.read()).tolist() if text(value))
