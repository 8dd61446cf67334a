"""Who set each label in a file: a person or a model."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.history.runs import human_labels, read_in_effect
from nwb_unitrefine.history.tree import HISTORY
from nwb_unitrefine.records import LabelsInEffect, RunKind
from nwb_unitrefine.storage.open import open_nwb
from nwb_unitrefine.storage.remote.addresses import is_address

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nwb_unitrefine.records import Predictions, Run, Source

__all__ = ["LabelAuthors", "combine_labels", "label_authors", "read_label_authors"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelAuthors:
    """Who set the labels of a file, as its runs record it.

    Parameters
    ----------
    by_people : mapping of int to str
        Label of each unit that has it from a person, by unit id.
    people : mapping of int to str
        Who that was, likewise.
    runs : mapping of int to str
        Name of the run in which it was set, likewise.
    by_models : mapping of str to str
        Each column of labels that a model or a rule wrote, and the name of the last that did.
    columns : frozenset of str
        Every column of labels that a run wrote.
    """

    by_people: Mapping[int, str] = field(default_factory=dict)
    people: Mapping[int, str] = field(default_factory=dict)
    runs: Mapping[int, str] = field(default_factory=dict)
    by_models: Mapping[str, str] = field(default_factory=dict)
    columns: frozenset[str] = frozenset()


def read_label_authors(source: Source) -> LabelAuthors:
    """Read from a file's curation runs who set its labels.

    Parameters
    ----------
    source : Source
        What units were read from. Where it is not a file, has no runs, or the units are another table than ``/units``,
        which alone has a history, nobody set any.

    Raises
    ------
    SourceError
        If the runs are damaged.
    """
    is_file = source.kind in {"nwb-hdf5", "nwb-zarr"} and (is_address(source.uri) or Path(source.uri).exists())
    if not is_file or not source.is_main_table:
        return LabelAuthors()
    with open_nwb(source.uri) as nwb:
        return label_authors(read_in_effect(nwb.root.group(HISTORY), where=source.uri))


def label_authors(in_effect: Sequence[Run]) -> LabelAuthors:
    """Return who set the labels that runs in effect hold.

    Parameters
    ----------
    in_effect : sequence of Run
        As of `runs_in_effect`.
    """
    held = {unit: by_whom for unit, by_whom in human_labels(in_effect).items() if by_whom[0]}
    by_programs = [run for run in in_effect if run.kind is not RunKind.HUMAN and run.label_column]
    return LabelAuthors(
        by_people={unit: label for unit, (label, _) in held.items()},
        people={unit: run.agent for unit, (_, run) in held.items()},
        runs={unit: run.name for unit, (_, run) in held.items()},
        by_models={run.label_column: run.agent for run in by_programs},
        columns=frozenset(run.label_column for run in in_effect if run.label_column),
    )


def combine_labels(predictions: Predictions, authors: LabelAuthors) -> LabelsInEffect:
    """Put people's labels in the place of a model's.

    Parameters
    ----------
    predictions : Predictions
        The model's.
    authors : LabelAuthors
        Of the file that gets them.

    Returns
    -------
    LabelsInEffect
        A person's label is not uncertain, and its reason is who set it.
    """
    ids = predictions.unit_ids.tolist()
    people = tuple(authors.people.get(unit, "") for unit in ids)
    held = np.array([unit in authors.people for unit in ids], dtype=np.bool_)
    labels = [authors.by_people.get(unit, label) for unit, label in zip(ids, predictions.labels.tolist(), strict=True)]
    combined = replace(
        predictions,
        labels=np.array(labels, dtype=np.str_),
        uncertain=predictions.uncertain & ~held,
        reasons=tuple(
            f"set by {person}" if person else why for person, why in zip(people, predictions.reasons, strict=True)
        ),
    )
    combined = combined.with_classes(combined.labels.tolist())
    return LabelsInEffect(predictions=combined, people=people, columns=authors.columns)
