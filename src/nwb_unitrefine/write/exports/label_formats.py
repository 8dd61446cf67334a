"""Labels in the formats of other programs: a CSV table, SpikeInterface's curation JSON, Phy's ``cluster_group.tsv``."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nwb_unitrefine.errors import SourceError, WriteError
from nwb_unitrefine.journal.appearing import appearing
from nwb_unitrefine.records import CLASSES
from nwb_unitrefine.vocabulary.labels import meaning_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from nwb_unitrefine.records import Run

__all__ = ["EXPORT_SUFFIXES", "export_labels", "import_labels"]

EXPORT_SUFFIXES = (".json", ".tsv", ".csv")
"""Kinds of file that labels are exported to: SpikeInterface's curation, Phy's table, a table."""

_UNLABELLED = {"", "unsorted", "unlabelled", "unlabeled", "nan"}
_ID_COLUMNS = ("unit_id", "cluster_id", "id", "unit")
_LABEL_COLUMNS = ("label", "group", "quality", "unitrefine_label", "quality_label", "KSLabel", "labels")
_PHY = {"sua": "good", "mua": "mua", "noise": "noise"}


def import_labels(path: str | Path, *, unit_ids: Collection[int] | None = None) -> dict[int, str]:
    """Read labels that a person set elsewhere, for `relabel`.

    Parameters
    ----------
    path : str or Path
        ``.json``: SpikeInterface's curation, format 1 or 2, where units in ``removed`` are noise. ``.tsv`` or ``.csv``:
        a column ``unit_id`` or ``cluster_id``, and one ``label``, ``group`` or ``quality``, as Phy writes it.
    unit_ids : collection of int, optional
        Units of the file that the labels are for: a curation that lists others is one of another sorting.

    Returns
    -------
    dict of int to str
        Label of each unit; those without a label (Phy's ``unsorted``) are not in it.

    Raises
    ------
    SourceError
        If it cannot be read, says a label that is not known, or contradicts itself. Merges and splits change the units
        themselves, and are refused.
    """
    place = Path(path)
    try:
        if place.suffix.lower() == ".json":
            pairs = list(_curation_json(json.loads(place.read_text(encoding="utf-8")), place, unit_ids))
        else:
            pairs = list(_table(place))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError, csv.Error) as error:
        raise SourceError(f"{place.name} cannot be read: {error}.") from error
    labels: dict[int, str] = {}
    for unit, word in pairs:
        if str(word).strip().casefold() in _UNLABELLED:
            continue
        label = meaning_of(word)
        if label not in CLASSES:
            raise SourceError(
                f"{place.name}: {word!r} of unit {unit} is not a label that says sua, mua or noise.",
                tip="Replace it in the file.",
            )
        number = _unit_id(unit, place)
        if labels.setdefault(number, label) != label:
            raise SourceError(f"{place.name} gives unit {number} both {labels[number]!r} and {label!r}.")
    return labels


def export_labels(run: Run, output: str | Path, *, overwrite: bool = False) -> Path:
    """Write the labels of a run for another program.

    Parameters
    ----------
    run : Run
        As of `read_history`.
    output : str or Path
        ``.json`` gives SpikeInterface's curation, format 2; ``.tsv`` Phy's ``cluster_group.tsv`` (good, mua, noise,
        unsorted); ``.csv`` a table with probabilities.
    overwrite : bool, optional
        Replace an existing file; by default, it is an error.

    Returns
    -------
    Path
        Of the file.

    Raises
    ------
    WriteError
        If the kind is not known, or the file cannot be written.
    """
    place = Path(output)
    writers = dict(zip(EXPORT_SUFFIXES, (_to_curation_json, _to_phy, _to_csv), strict=True))
    if place.suffix.lower() not in writers:
        raise WriteError(
            f"{place.name} does not end in a suffix that labels are written to.",
            tip=f"Use {', '.join(EXPORT_SUFFIXES)}.",
        )
    with appearing(place, overwrite=overwrite) as new:
        new.write_text(writers[place.suffix.lower()](run), encoding="utf-8")
    return place


def _curation_json(document: Any, place: Path, unit_ids: Collection[int] | None) -> Iterable[tuple[Any, Any]]:
    """Labels of SpikeInterface's curation; format 1 has them beside the unit's id, format 2 under ``labels``."""
    if not isinstance(document, dict) or not isinstance(document.get("unit_ids"), list):
        raise SourceError(f"{place.name} is not a SpikeInterface curation: it lists no unit_ids.")
    for kind in ("merges", "splits", "merge_unit_groups"):
        if document.get(kind):
            raise SourceError(
                f"{place.name} has {kind}, which change the units themselves.",
                tip="Apply them with SpikeInterface to the sorting and convert it again; labels can then be imported.",
            )
    listed = {_unit_id(unit, place) for unit in document["unit_ids"]}
    if unit_ids is not None and (others := sorted(listed - set(unit_ids))):
        raise SourceError(
            f"{place.name} lists unit {others[0]}, which the file does not have.",
            tip="Is it the curation of another sorting?",
        )
    pairs = [(unit, "noise") for key in ("removed", "removed_units") for unit in _listed(document, key, place)]
    by_category: dict[str, list[tuple[Any, Any]]] = {}
    for entry in _listed(document, "manual_labels", place):
        for category, unit, word in _entry(entry, place):
            by_category.setdefault(category, []).append((unit, word))
    for category, said in by_category.items():
        if category in _LABEL_COLUMNS or any(meaning_of(word) in CLASSES for _, word in said):
            pairs += said
    if unlisted := [unit for unit, _ in pairs if _unit_id(unit, place) not in listed]:
        raise SourceError(f"{place.name} says something of unit {unlisted[0]}, which is not among its unit_ids.")
    return pairs


def _listed(document: Mapping[str, Any], key: str, place: Path) -> list[Any]:
    """A list of the document, which may be absent or null."""
    found = document.get(key)
    if found is not None and not isinstance(found, list):
        raise SourceError(f"{place.name}: {key} is no list.", tip="It is not as SpikeInterface writes it.")
    return found or []


def _entry(entry: Any, place: Path) -> Iterable[tuple[str, Any, Any]]:
    """Category, unit and word of each label of an entry; what sorts units in other ways is a category of its own."""
    if not isinstance(entry, dict) or "unit_id" not in entry:
        raise SourceError(f"{place.name}: an entry of manual_labels has no unit_id.")
    labels = entry.get("labels") or {key: value for key, value in entry.items() if key not in ("unit_id", "labels")}
    if not isinstance(labels, dict):
        raise SourceError(f"{place.name}: labels of unit {entry['unit_id']} are not sorted by category.")
    for category, words in labels.items():
        each = words if isinstance(words, list) else [words]
        yield from ((category, entry["unit_id"], word) for word in each if word is not None)


def _table(place: Path) -> Iterable[tuple[Any, Any]]:
    """Labels of a table with a heading."""
    delimiter = "\t" if place.suffix.lower() == ".tsv" else ","
    with place.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file, delimiter=delimiter)
        names = [name.strip() for name in reader.fieldnames or ()]
        reader.fieldnames = names
        unit = next((name for name in _ID_COLUMNS if name in names), None)
        label = next((name for name in _LABEL_COLUMNS if name in names), None)
        if unit is None or label is None:
            raise SourceError(
                f"{place.name} has the columns {', '.join(names) or 'none'}.",
                tip="It needs a column unit_id (or cluster_id) and one label (or group, quality).",
            )
        for row in reader:
            yield row[unit], row[label] or ""


def _unit_id(unit: Any, place: Path) -> int:
    """Return a unit's id as NWB has it: a whole number."""
    try:
        number = int(str(unit).strip())
    except ValueError as error:
        raise SourceError(f"{place.name}: {unit!r} is not the id of a unit in an NWB file.") from error
    return number


def _labelled(run: Run) -> list[tuple[int, str]]:
    return list(zip(run.predictions.unit_ids.tolist(), run.predictions.labels.tolist(), strict=True))


def _to_curation_json(run: Run) -> str:
    definitions: Mapping[str, Any] = {"quality": {"label_options": ["good", "MUA", "noise"], "exclusive": True}}
    words = {"sua": "good", "mua": "MUA", "noise": "noise"}  # the names that spikeinterface-gui has keys for
    document = {
        "format_version": "2",
        "unit_ids": run.predictions.unit_ids.tolist(),
        "label_definitions": definitions,
        "manual_labels": [
            {"unit_id": unit, "labels": {"quality": [words[label]]}} for unit, label in _labelled(run) if label
        ],
        "removed": [],
        "merges": [],
        "splits": [],
    }
    return json.dumps(document, indent=2) + "\n"


def _to_phy(run: Run) -> str:
    rows = [f"{unit}\t{_PHY.get(label, 'unsorted')}" for unit, label in _labelled(run)]
    return "\n".join(["cluster_id\tgroup", *rows]) + "\n"


def _to_csv(run: Run) -> str:
    return run.predictions.to_frame().to_csv()
