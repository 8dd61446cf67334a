"""Labelled units from whatever holds spikes: NWB files with a column of labels, sorter output, SortingAnalyzers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import TrainingError
from nwb_unitrefine.learn.dataset import Dataset, combine
from nwb_unitrefine.learn.labels import LABEL_COLUMNS, map_labels
from nwb_unitrefine.learn.tables import read_labelled_tables, read_labels, subject_of
from nwb_unitrefine.metrics import compute_features
from nwb_unitrefine.read import read_units
from nwb_unitrefine.records import Problem
from nwb_unitrefine.vocabulary import OLD, feature_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nwb_unitrefine.records import Units

__all__ = ["read_labelled", "read_labelled_units"]


def read_labelled(
    sources: Sequence[Any],
    *,
    labels: str | Path | None = None,
    label_column: str | None = None,
    mapping: Mapping[str, str] | None = None,
    definition: str | None = None,
    subject_pattern: str | None = None,
    description: str = "",
    licence: str = "",
) -> Dataset:
    """Read labelled units from tables and from sources of spikes alike.

    Parameters
    ----------
    sources : sequence
        CSV files and folders of them go to `read_labelled_tables`, everything else to `read_labelled_units`.
    labels : path, optional
        A table of ids and labels, where one source has none of its own.
    label_column, mapping, definition, subject_pattern, description, licence
        As of these.

    Returns
    -------
    Dataset
    """
    if labels is not None and len(sources) != 1:
        raise TrainingError(
            "A table of labels belongs to one source.", tip="Train on one source, or give labels in each."
        )
    parts = []
    for source in sources:
        shared: dict[str, Any] = {
            "labels": labels,
            "label_column": label_column,
            "mapping": mapping,
            "subject_pattern": subject_pattern,
            "description": description,
            "licence": licence,
        }
        if _is_table(source):
            parts.append(read_labelled_tables(source, definition=definition, **shared))
        else:
            parts.append(read_labelled_units(source, **shared))
    return combine(parts)


def _is_table(source: Any) -> bool:
    """Whether a source is a CSV file or a folder that holds some and nothing that is read as units."""
    if not isinstance(source, str | Path):
        return False
    path = Path(source)
    if path.is_dir():
        # A Phy folder holds .tsv files, an analyzer's folder its metrics one level down.
        return any(path.glob("*.csv")) and not (path / "spike_times.npy").exists() and not (path / ".zattrs").exists()
    return path.suffix.casefold() == ".csv"


def read_labelled_units(
    source: Any,
    *,
    labels: str | Path | None = None,
    label_column: str | None = None,
    mapping: Mapping[str, str] | None = None,
    names: Sequence[str] = feature_names(definition=OLD),
    subject_pattern: str | None = None,
    description: str = "",
    licence: str = "",
) -> Dataset:
    """Compute the metrics of a source's units and take their labels.

    Parameters
    ----------
    source : path, address, open file or SortingAnalyzer
        Whatever `read_units` takes.
    labels : path, optional
        A CSV of ids and labels, joined by unit id; otherwise a column of the source is taken.
    label_column : str, optional
        Name of the column; by default the first of `LABEL_COLUMNS` that is there.
    mapping : mapping of str to str, optional
        What labels mean that `map_labels` does not know.
    names : sequence of str
        Metrics to compute; by default all, in the definition of the default model, so that datasets can be combined.
    subject_pattern : str, optional
        As of `read_labelled_tables`, for sources that do not say their subject.
    description, licence : str
        Of the data.

    Returns
    -------
    Dataset
        One recording, named by the session's identifier where there is one, else by the source.

    Raises
    ------
    TrainingError
        If there are no labels.
    SourceError
        If the source cannot be read.
    """
    units = read_units(source, columns=[label_column] if label_column else [])
    features = compute_features(units, names=names)
    ids = [str(one) for one in units.unit_ids.tolist()]
    problems: list[Problem] = []
    if labels is None:
        column = _label_column(units, label_column)
        found = list(units.columns[column].values)
    else:
        table, column = read_labels(labels, label_column)
        found = [table.get(one, "") for one in ids]
        if not any(one in table for one in ids):
            raise TrainingError(f"{labels} and {units.source.uri} have no unit id in common.")
    mapped = map_labels(found, column=column, dialect=units.source.dialect, mapping=mapping)
    keep = mapped.labels != ""
    if not keep.all():
        left_out = tuple(one for one, kept in zip(ids, keep, strict=True) if not kept)
        problems.append(Problem(f"{units.source.uri}: {len(left_out)} units without a usable label", left_out))
    recording = units.source.identifier or Path(units.source.uri).stem
    subject = units.source.subject_id or subject_of(recording, subject_pattern)
    return Dataset(
        unit_ids=np.array(ids, dtype=str)[keep],
        recordings=np.full(int(keep.sum()), recording),
        subjects=np.full(int(keep.sum()), subject),
        names=features.names,
        values=features.values[keep],
        labels=mapped.labels[keep],
        label_mapping=mapped.mapping,
        description=description or f"{Path(units.source.uri).name}, labels of column {column!r}.",
        licence=licence,
        problems=(*units.problems, *features.problems, *problems),
    )


def _label_column(units: Units, wanted: str | None) -> str:
    """Find the column of labels."""
    candidates = [wanted] if wanted is not None else [name for name in LABEL_COLUMNS if name in units.columns]
    if not candidates or candidates[0] not in units.columns:
        what = f"column {wanted!r}" if wanted is not None else "column of labels"
        raise TrainingError(
            f"{units.source.uri} has no {what}.",
            tip=f"It has: {', '.join(list(units.columns)[:12]) or 'no columns'}; say which is the label.",
        )
    return candidates[0]
