"""Labels that a person set in another program: a table, Phy's, SpikeInterface's and SortingView's curations."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nwb_unitrefine.errors import SourceError
from nwb_unitrefine.read.existing_labels import label_candidates
from nwb_unitrefine.read.tables import Table, is_table, read_table
from nwb_unitrefine.records import CLASSES
from nwb_unitrefine.vocabulary.dialects.phy import GROUP_NUMBERS
from nwb_unitrefine.vocabulary.labels import EXPORT_WORDS, NO_DECISION, meaning, one_label, word_key
from nwb_unitrefine.vocabulary.model_classes import is_class_word

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from nwb_unitrefine.vocabulary.labels import Meaning

__all__ = ["import_labels", "unedited_predictions"]

_FOR_EDITING = frozenset({"quality_label", "unitrefine_label"})
"""Columns that this package writes: a person who gives a table of them has checked it."""

_QUALITY = frozenset({"quality", "label", "labels", "group"}) | _FOR_EDITING
"""Categories of a curation, and columns of a table, that hold labels of quality."""


def import_labels(
    path: str | Path,
    *,
    unit_ids: Collection[int] | None = None,
    mapping: Mapping[str, str] | None = None,
    words: Collection[str] = (),
) -> dict[int, str]:
    """Read labels that a person set elsewhere, for `relabel`.

    Parameters
    ----------
    path : str or Path
        ``.json``: SpikeInterface's curation, format 1 or 2, where units in ``removed`` are noise, or SortingView's
        (``labelsByUnit``). Words that its ``label_definitions`` have for quality and that no table has stay as they
        are. ``.tsv`` or ``.csv``: a column of unit ids, and one ``label``, ``group`` or ``quality``, as
        Phy and this package write it.
    unit_ids : collection of int, optional
        Units of the file that the labels are for: a curation that lists others is one of another sorting.
    mapping : mapping of str to str, optional
        What words mean (sua, mua, noise, a word of your own such as ``axon``, or empty for no label); it comes before
        what is known here.
    words : collection of str, optional
        Further labels that stay as they are: those that the file has already.

    Returns
    -------
    dict of int to str
        Label of each unit; those without a label (Phy's ``unsorted``) are not in it.

    Raises
    ------
    SourceError
        If it cannot be read, has a word that is not known, contradicts itself, or holds a program's labels, on which
        nobody decided. Merges and splits change the units themselves, and are refused.
    """
    place = Path(path)
    own: dict[str, Meaning] = {}
    kept = {word_key(word): word for word in words if word not in CLASSES}
    for word, label in (mapping or {}).items():
        kept.pop(word_key(word), None)
        if not label or label in CLASSES:
            own[word_key(word)] = frozenset({label}) if label else NO_DECISION
        else:
            kept[word_key(word)] = label
    if place.suffix.lower() == ".json":
        try:
            document = json.loads(place.read_text(encoding="utf-8-sig"))
        except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
            raise SourceError(f"{place.name} cannot be read: {error}.") from error
        entries = _curation(document, place, unit_ids)
        defined = {**_defined_words(document, own), **kept}
    else:
        entries, defined = _table(place), kept
    labels: dict[int, str] = {}
    for unit, given in entries:
        number = _unit_id(unit, place)
        label = _label(given, defined, own, unit, place)
        if label and labels.setdefault(number, label) != label:
            raise SourceError(f"{place.name} gives unit {number} both {labels[number]!r} and {label!r}.")
    return labels


def _defined_words(document: Mapping[str, Any], own: Mapping[str, Meaning]) -> dict[str, str]:
    """Words that the ``label_definitions`` of a curation have for quality, and that mean none of sua, mua and noise."""
    definitions = document.get("label_definitions")
    found: dict[str, str] = {}
    for name, definition in (definitions if isinstance(definitions, dict) else {}).items():
        options = definition.get("label_options") if isinstance(definition, dict) else None
        for word in options if name.casefold() in _QUALITY and isinstance(options, list) else ():
            meant = meaning(word, own=own)
            if (meant is None or len(meant) > 1) and is_class_word(word):
                found[word_key(word)] = word
    return found


def _label(words: Sequence[Any], defined: Mapping[str, str], own: Mapping[str, Meaning], unit: Any, place: Path) -> str:
    """Decide what the words of one unit mean together; words of the curation's own stay as they are."""
    as_defined = {defined[word_key(word)] for word in words if word_key(word) in defined}
    label = one_label(_meaning(word, own, unit, place) for word in words if word_key(word) not in defined)
    found = sorted(as_defined | ({label} - {""}))
    if len(found) > 1 and as_defined:
        raise SourceError(f"{place.name} gives unit {unit} both {found[0]!r} and {found[1]!r}.")
    return found[0] if found else ""


def _meaning(word: Any, own: Mapping[str, Meaning], unit: Any, place: Path) -> Meaning:
    """Look up a word that has to decide for one class, or for none."""
    meant = meaning(word, own=own)
    if meant is None or len(meant) > 1:
        means = f"means {' or '.join(sorted(meant))}" if meant else "is not a label that means sua, mua or noise"
        raise SourceError(
            f"{place.name}: {word!r} of unit {unit} {means}.",
            tip=f"Give its meaning: --mapping {word}=mua; --mapping {word}= leaves it out; --mapping {word}={word} "
            "keeps it as a word of your own.",
        )
    return meant


def _curation(document: Any, place: Path, unit_ids: Collection[int] | None) -> list[tuple[Any, list[Any]]]:
    """Units and their labels of a curation of SpikeInterface or SortingView."""
    is_sortingview = isinstance(document, dict) and isinstance(document.get("labelsByUnit"), dict)
    if not is_sortingview and not (isinstance(document, dict) and isinstance(document.get("unit_ids"), list)):
        raise SourceError(f"{place.name} is not a curation of SpikeInterface (unit_ids) or SortingView (labelsByUnit).")
    _refuse_changed_units(document, place)
    if is_sortingview:
        # A unit may have several labels, to which curators add.
        entries = [(unit, _as_list(words)) for unit, words in document["labelsByUnit"].items()]
        listed = {_unit_id(unit, place) for unit, _ in entries}
    else:
        listed = {_unit_id(unit, place) for unit in document["unit_ids"]}
        entries = _spikeinterface_entries(document, place)
        if unlisted := [unit for unit, _ in entries if _unit_id(unit, place) not in listed]:
            raise SourceError(f"{place.name} labels unit {unlisted[0]}, which is not among its unit_ids.")
    if unit_ids is not None and (others := sorted(listed - set(unit_ids))):
        raise SourceError(
            f"{place.name} lists unit {others[0]}, which the file does not have.",
            tip="Is it the curation of another sorting?",
        )
    return entries


def _refuse_changed_units(document: Mapping[str, Any], place: Path) -> None:
    """Refuse a curation that merges or splits units, naming them."""
    for kind, verb in {
        "merges": "merges",
        "merge_unit_groups": "merges",
        "mergeGroups": "merges",
        "splits": "splits",
    }.items():
        for entry in _listed(document, kind, place):
            units = entry if isinstance(entry, list) else [entry]
            if isinstance(entry, dict):
                units = _as_list(entry.get("unit_ids") or entry.get("merge_unit_group") or entry.get("unit_id") or "?")
            if verb == "merges" and len(units) == 1 and isinstance(entry, list):
                continue
            raise SourceError(
                f"{place.name} {verb} unit{'s' * (len(units) > 1)} {' and '.join(map(str, units))}, which changes the "
                "units themselves.",
                tip="Apply it with SpikeInterface to the sorting and convert it again; labels can then be imported.",
            )


def _spikeinterface_entries(document: Mapping[str, Any], place: Path) -> list[tuple[Any, list[Any]]]:
    """Labels of SpikeInterface's curation; format 1 has them beside the unit's id, format 2 under ``labels``.

    Only the category that means quality counts. Where no category is called so, one whose words look like labels of
    quality is refused by name: whether it means them is not for us to say.
    """
    entries = [(unit, ["noise"]) for key in ("removed", "removed_units") for unit in _listed(document, key, place)]
    others: dict[str, Any] = {}
    definitions = document.get("label_definitions")
    has_quality = isinstance(definitions, dict) and any(name.casefold() in _QUALITY for name in definitions)
    for entry in _listed(document, "manual_labels", place):
        for category, unit, word in _entry(entry, place):
            if category.casefold() in _QUALITY:
                has_quality = True
                entries.append((unit, [word]))
            elif one_label([meaning(word)]):
                others.setdefault(category, (word, unit))
    if others and not has_quality:
        category, (word, unit) = next(iter(others.items()))
        raise SourceError(
            f"{place.name}: {word!r} of unit {unit} is in the category {category!r}, which may not mean quality.",
            tip="Rename the category to quality if it does.",
        )
    return entries


def _listed(document: Mapping[str, Any], key: str, place: Path) -> list[Any]:
    """A list of the document, which may be absent or null."""
    found = document.get(key)
    if found is not None and not isinstance(found, list):
        raise SourceError(f"{place.name}: {key} is not a list.", tip="It is not as SpikeInterface writes it.")
    return found or []


def _entry(entry: Any, place: Path) -> Iterable[tuple[str, Any, Any]]:
    """Category, unit and word of each label of an entry; what sorts units in other ways is a category of its own."""
    if not isinstance(entry, dict) or "unit_id" not in entry:
        raise SourceError(f"{place.name}: an entry of manual_labels has no unit_id.")
    labels = entry.get("labels") or {key: value for key, value in entry.items() if key not in ("unit_id", "labels")}
    if not isinstance(labels, dict):
        raise SourceError(f"{place.name}: labels of unit {entry['unit_id']} are not sorted by category.")
    for category, words in labels.items():
        yield from ((category, entry["unit_id"], word) for word in _as_list(words) if word is not None)


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _table(place: Path) -> list[tuple[Any, list[Any]]]:
    """Units and labels of a table; those of a program are refused, since nobody decided on them."""
    table = read_table(place)
    columns = {**_sorter_labels(place, table), **table.columns}
    candidates = {name: who for name, who in label_candidates(columns).items() if name in table.columns}
    if not candidates and not _QUALITY & set(table.columns):
        raise SourceError(
            f"{place.name} has the columns {', '.join([table.id_column, *table.columns])}.",
            tip="It needs a column of unit ids and one label (or group, quality).",
        )
    for column, who in candidates.items():
        if who == "curator" or column in _FOR_EDITING:
            return [(unit, [word]) for unit, word in zip(table.ids, _words(table, column), strict=True)]
        what = "repeats Kilosort's KSLabel for every unit" if column in _QUALITY else "is a program's"
        raise SourceError(
            f"{place.name}: the column {column!r} {what}: nobody decided on its labels.",
            tip="`nwb-unitrefine show` compares them with others; relabel takes labels that a person set.",
        )
    return []


def unedited_predictions(path: str | Path) -> frozenset[int]:
    """Find the units of a table of predictions whose label is still the model's: nobody decided on it.

    Parameters
    ----------
    path : str or Path
        As of `import_labels`. In a table that `export` or `predict` wrote, ``probability`` is that of the label, until
        somebody changes the label.

    Returns
    -------
    frozenset of int
        Empty for tables of others, which do not show it.
    """
    place = Path(path)
    table = read_table(place) if is_table(place) else None
    if table is None or not {"label", "probability", "uncertain"} <= set(table.columns):
        return frozenset()
    stated = table.columns["probability"]
    rows = enumerate(zip(table.ids, table.columns["label"], stated, strict=True))
    return frozenset(
        _unit_id(unit, place)
        for row, (unit, label, probability) in rows
        if probability and f"p_{label}" in table.columns and table.columns[f"p_{label}"][row] == probability
    )


def _words(table: Table, column: str) -> Sequence[str]:
    """Labels of a column; Phy's first version has numbers for its groups."""
    cells = table.columns[column]
    if column == "group" and {word_key(cell) for cell in cells} <= {*GROUP_NUMBERS, ""}:
        return [EXPORT_WORDS["phy"][one_label([GROUP_NUMBERS.get(word_key(cell))])] for cell in cells]
    return cells


def _sorter_labels(place: Path, table: Table) -> dict[str, list[str]]:
    """Kilosort's labels of the same units from its table in the same folder, where there is one."""
    beside = place.with_name("cluster_KSLabel.tsv")
    if beside == place or not beside.is_file():
        return {}
    kilosort = read_table(beside)
    labels = dict(zip(kilosort.ids, kilosort.columns.get("KSLabel", ()), strict=False))
    return {"KSLabel": [labels.get(unit, "") for unit in table.ids]}


def _unit_id(unit: Any, place: Path) -> int:
    """Return a unit's id as NWB has it: a whole number."""
    whole = re.fullmatch(r"([+-]?\d+)(\.0*)?", str(unit).strip())
    if whole is None:
        raise SourceError(f"{place.name}: {unit!r} is not the id of a unit in an NWB file.")
    return int(whole[1])
