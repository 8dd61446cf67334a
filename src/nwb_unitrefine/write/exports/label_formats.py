"""Labels in the formats of other programs: a CSV table, SpikeInterface's curation JSON, Phy's ``cluster_group.tsv``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from nwb_unitrefine.errors import WriteError
from nwb_unitrefine.journal.appearing import appearing
from nwb_unitrefine.records.csv_text import to_csv
from nwb_unitrefine.vocabulary.labels import EXPORT_WORDS, meaning
from nwb_unitrefine.vocabulary.model_classes import class_name

if TYPE_CHECKING:
    from nwb_unitrefine.records import Run

__all__ = ["EXPORT_SUFFIXES", "export_labels"]

EXPORT_SUFFIXES = (".json", ".tsv", ".csv")
"""Kinds of file that labels are exported to: SpikeInterface's curation, Phy's table, a table."""


def export_labels(run: Run, output: str | Path, *, overwrite: bool = False) -> Path:
    """Write the labels of a run for another program.

    Parameters
    ----------
    run : Run
        As of `read_history`.
    output : str or Path
        ``.json`` gives SpikeInterface's curation, format 2, whose ``label_definitions`` have the words of the run;
        ``.tsv`` Phy's ``cluster_group.tsv`` (good, mua, noise, unsorted); ``.csv`` a table with probabilities.
    overwrite : bool, optional
        Replace an existing file; by default, it is an error.

    Returns
    -------
    Path
        Of the file.

    Raises
    ------
    WriteError
        If the kind is not known, has no word for a label, or the file cannot be written.
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


def _labelled(run: Run) -> list[tuple[int, str]]:
    return list(zip(run.predictions.unit_ids.tolist(), run.predictions.labels.tolist(), strict=True))


def _to_curation_json(run: Run) -> str:
    labels = [label for _, label in _labelled(run) if label]
    words = {name: EXPORT_WORDS["spikeinterface"].get(name, name) for name in (*run.predictions.classes, *labels)}
    document = {
        "format_version": "2",
        "unit_ids": run.predictions.unit_ids.tolist(),
        "label_definitions": {"quality": {"label_options": [*words.values()], "exclusive": True}},
        "manual_labels": [
            {"unit_id": unit, "labels": {"quality": [words[label]]}} for unit, label in _labelled(run) if label
        ],
        "removed": [],
        "merges": [],
        "splits": [],
    }
    return json.dumps(document, indent=2) + "\n"


def _to_phy(run: Run) -> str:
    names = {label: class_name(meaning(label)) if label else "" for _, label in _labelled(run)}
    words = {label: EXPORT_WORDS["phy"].get(name or "") for label, name in names.items()}
    if lost := sorted(label for label, word in words.items() if label and word in (None, "unsorted")):
        raise WriteError(
            f"Phy has good, mua, noise and unsorted, and no group for {', '.join(map(repr, lost))}.",
            tip="Export to .json or .csv, which keep these words, or relabel the units first.",
        )
    rows = [f"{unit}\t{words[label]}" for unit, label in _labelled(run)]
    return "\n".join(["cluster_id\tgroup", *rows]) + "\n"


def _to_csv(run: Run) -> str:
    return to_csv(run.predictions.to_frame())
