"""Metadata of a session: read from a file, joined, and checked for what NWB needs and archives ask for."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nwb_unitrefine.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["merge_metadata", "missing_fields", "read_metadata"]

_ASKED_FOR = (
    ("NWBFile", ("session_start_time",)),
    ("NWBFile", ("session_description",)),
    ("Subject", ("subject_id",)),
    ("Subject", ("species",)),
    ("Subject", ("sex",)),
    ("Subject", ("age", "date_of_birth")),
    ("NWBFile", ("experimenter",)),
    ("NWBFile", ("institution",)),
    ("NWBFile", ("keywords",)),
)
"""What NWB needs (the first) and DANDI and nwbinspector ask for; one of the fields of each line is enough."""


def read_metadata(metadata: Mapping[str, Any] | str | Path | None) -> dict[str, Any]:
    """Metadata as a dictionary, from one, or from a YAML or JSON file.

    Raises
    ------
    SourceError
        If the file is not there, or holds no dictionary.
    """
    if metadata is None:
        return {}
    if not isinstance(metadata, str | Path):
        return dict(metadata)
    path = Path(metadata)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}.") from error
    found = _parse(text, path)
    if not isinstance(found, dict):
        raise SourceError(f"{path} does not hold metadata: expected sections such as NWBFile and Subject.")
    return found


def _parse(text: str, path: Path) -> Any:
    """Parse YAML, of which JSON is a part, or say where it is wrong."""
    if path.suffix == ".json":
        try:
            return json.loads(text)
        except ValueError as error:
            raise SourceError(f"{path} is not JSON: {error}.") from error
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SourceError(f"{path} is not YAML: {' '.join(str(error).split())}.") from error


def merge_metadata(metadata: Any, given: Mapping[str, Any]) -> Any:
    """Lay what was given over what an interface knows; times become times with a time zone where they have one.

    Parameters
    ----------
    metadata : dict
        Of neuroconv's interface; changed in place.
    given : mapping
        Of the user.
    """
    for name, value in given.items():
        known = metadata.get(name)
        if isinstance(value, dict) and isinstance(known, dict):
            merge_metadata(known, value)
        else:
            metadata[name] = value
    for section in ("NWBFile", "Subject"):
        entries = metadata.get(section) or {}
        for name in ("session_start_time", "date_of_birth"):
            if entries.get(name):
                entries[name] = _time(entries[name], f"{section}.{name}")
    return metadata


def _time(value: Any, name: str) -> datetime:
    """A time from text or from what YAML made of it, with a time zone: the machine's where none is given."""
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)  # noqa: DTZ001 - the zone is added below
    try:
        time = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError as error:
        raise SourceError(f"{name} is {value!r}, not a time such as 2026-01-31T12:00:00+01:00.") from error
    return time if time.tzinfo else time.astimezone()


def missing_fields(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """Name what is asked for and not there.

    Examples
    --------
    >>> missing_fields({"NWBFile": {"session_start_time": "2026-01-31T12:00:00+01:00"}, "Subject": {"sex": "F"}})[:3]
    ('NWBFile.session_description', 'Subject.subject_id', 'Subject.species')
    """
    missing = []
    for section, names in _ASKED_FOR:
        entries = metadata.get(section) or {}
        if not any(entries.get(name) for name in names):
            missing.append(" or ".join(f"{section}.{name}" for name in names))
    groups = (metadata.get("Ecephys") or {}).get("ElectrodeGroup") or [{}]
    if not (isinstance(groups, list) and groups[0].get("location")):
        missing.append("Ecephys.ElectrodeGroup[0].location")
    return tuple(missing)
