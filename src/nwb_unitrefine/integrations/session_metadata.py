"""Metadata of a session: read from a file, joined, and checked for what NWB needs and archives ask for."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nwb_unitrefine.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["check_metadata", "merge_metadata", "missing_fields", "read_metadata"]

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

_KINDS = {"object": "a section of entries", "array": "a list", "string": "text", "number": "a number"}
"""JSON's types in a reader's words."""


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
    """Parse YAML (JSON is a part of it), or state where it is wrong."""
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


def check_metadata(given: Mapping[str, Any]) -> None:
    """Refuse metadata that NWB has no place for, by neuroconv's own schema; what is missing is not looked at.

    Parameters
    ----------
    given : mapping
        Of the user.

    Raises
    ------
    SourceError
        If a key is not known, or a value is not what belongs there.
    """
    from jsonschema import Draft7Validator  # type: ignore[import-untyped]

    plain = json.loads(json.dumps(given, default=str))  # YAML makes times of what JSON has as text
    for error in Draft7Validator(_schema()).iter_errors(plain):
        if error.validator != "required":
            raise _explain(error)


def _schema() -> dict[str, Any]:
    """Schema that neuroconv has of a session, with what a conversion reads of ``Ecephys``."""
    import neuroconv
    from neuroconv.utils import get_schema_from_hdmf_class
    from pynwb.device import Device

    path = Path(neuroconv.__file__).with_name("schemas") / "base_metadata_schema.json"
    schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    text = {"type": "string"}
    column = {"type": "object", "required": ["name", "description"], "properties": {"name": text, "description": text}}
    schema["properties"]["Ecephys"] = {
        "type": "object",
        "properties": {
            "Device": {"type": "array", "items": get_schema_from_hdmf_class(Device)},
            "ElectrodeGroup": {"type": "array", "items": {"type": "object", "properties": {"location": text}}},
            "UnitProperties": {"type": "array", "items": column},
        },
    }
    return schema


def _explain(error: Any) -> SourceError:
    """One finding of a schema as an error of ours: the key, and what is allowed there."""
    place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path).lstrip(".")
    known = ", ".join(sorted(error.schema.get("properties", ())))
    if error.validator == "additionalProperties":
        unknown = next(name for name in error.instance if name not in error.schema["properties"])
        return SourceError(f"The metadata have an unknown key, {place}.{unknown}.", tip=f"{place} may have: {known}.")
    value = repr(error.instance) if len(repr(error.instance)) < 60 else f"{repr(error.instance)[:57]}..."
    if error.validator == "type":
        wanted = _KINDS.get(str(error.validator_value), str(error.validator_value))
        what = f"{place or 'The whole'} of the metadata is {value}, and not {wanted}."
    else:
        what = f"{place} of the metadata cannot be {value}."
    allowed = ", ".join(map(str, error.schema.get("enum", ())))
    tip = (
        f"It may be: {allowed}."
        if allowed
        else f"It may have: {known}."
        if known
        else error.schema.get("description", "")
    )
    return SourceError(what, tip=tip)


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
            metadata[name] = deepcopy(value)
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
