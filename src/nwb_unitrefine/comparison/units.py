"""Units to compare labels of, from whatever holds them, with the labels that they have already."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import SourceError
from nwb_unitrefine.history.authors import label_authors
from nwb_unitrefine.history.runs import read_in_effect
from nwb_unitrefine.history.tree import HISTORY
from nwb_unitrefine.learn.labelled.labels import LabelRules
from nwb_unitrefine.learn.labelled.tables import read_labelled_tables
from nwb_unitrefine.metrics import compute_features
from nwb_unitrefine.read import existing_labels, read_source
from nwb_unitrefine.read.curations import import_labels, unedited_predictions
from nwb_unitrefine.read.tables import is_table, read_table
from nwb_unitrefine.records import RunKind
from nwb_unitrefine.storage.open import open_nwb
from nwb_unitrefine.vocabulary import find_metric
from nwb_unitrefine.vocabulary.metrics.lookup import equal_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from nwb_unitrefine.comparison.result import Kind
    from nwb_unitrefine.records import Features, Run, SourceHints

__all__ = ["Part", "is_label_table", "label_table_part", "read_parts"]


_KINDS: Mapping[str, Kind] = {"curator": "person", "program": "program", "rule": "rule"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """Units of one source.

    Parameters
    ----------
    source : str
    unit_ids, recordings, file_ids : array of str, shape (n_units,)
        Of each unit; the object id of its NWB file is empty where there is none.
    labels : mapping of (name, kind) to array of str, shape (n_units,)
        Labels that people and programs set before.
    features : callable or None
        Gives the features of some names; None where the source has no metrics.
    """

    source: str
    unit_ids: NDArray[np.str_]
    recordings: NDArray[np.str_]
    file_ids: NDArray[np.str_]
    labels: dict[tuple[str, Kind], NDArray[np.str_]] = field(default_factory=dict)
    features: Callable[[Sequence[str]], Features] | None = None


def is_label_table(source: Any) -> bool:
    """Whether a source is a table or curation that has labels and no metrics."""
    path = Path(source)
    if path.suffix.casefold() == ".json":
        return True
    if path.is_dir() or not is_table(path):
        return False
    return not any(find_metric(name) for name in read_table(path).columns)


def read_parts(
    sources: Sequence[str], *, mapping: Mapping[str, str] | None = None, hints: SourceHints | None = None
) -> list[Part]:
    """Read the units of sources, and add the labels of tables to the one source that they belong to.

    Parameters
    ----------
    sources : sequence of str
        Whatever `read_units` takes; CSV files of metrics with labels, or folders of such; tables of labels alone.
    mapping : mapping of str to str, optional
        What words of tables mean, as of `import_labels`.
    hints : SourceHints, optional

    Raises
    ------
    SourceError
        If a source cannot be read; if there are tables of labels and several other sources.
    """
    tables = [source for source in sources if is_label_table(source)]
    parts = [_read(source, mapping=mapping, hints=hints) for source in sources if source not in tables]
    if not tables:
        return parts
    if len(parts) > 1:
        raise SourceError("Tables of labels belong to one source.", tip="Compare one file at a time with them.")
    return [label_table_part(tables, parts[0] if parts else None, mapping=mapping)]


def label_table_part(tables: Sequence[str], part: Part | None, *, mapping: Mapping[str, str] | None) -> Part:
    """Make each table a curator, called like its file."""
    names = [Path(table).stem for table in tables]
    if len(set(names)) != len(names):
        raise SourceError(
            f"Two tables are called {max(names, key=names.count)}.", tip="Rename one: it names a curator."
        )
    given = [_decided(table, mapping) for table in tables]
    if part is None:
        ids = sorted({unit for one in given for unit in one}, key=int)
        known, nothing = np.array(ids, dtype=np.str_), np.full(len(ids), "")
        part = Part(source=" and ".join(names), unit_ids=known, recordings=nothing, file_ids=nothing)
    listed = part.unit_ids.tolist()
    for name, labels in zip(names, given, strict=True):
        if not set(labels) & set(listed):
            raise SourceError(f"{name} and {part.source} have no unit id in common.")
        part.labels[name, "person"] = np.array([labels.get(unit, "") for unit in listed], dtype=np.str_)
    return part


def _decided(table: str, mapping: Mapping[str, str] | None) -> dict[str, str]:
    """Read the labels of a table that somebody decided on."""
    predicted = unedited_predictions(table)
    found = {str(unit): label for unit, label in import_labels(table, mapping=mapping).items() if unit not in predicted}
    if predicted and not found:
        raise SourceError(f"{table} holds a model's predictions, and no label of a person.", tip="Name the model.")
    return found


def _read(source: str, *, mapping: Mapping[str, str] | None, hints: SourceHints | None) -> Part:
    """Read one source that has metrics, or what they are computed from."""
    path = Path(source)
    if is_table(path) or (path.is_dir() and any(path.glob("*.csv")) and not (path / "spike_times.npy").exists()):
        return _of_metric_table(source, mapping)
    units = read_source(source, hints=hints)
    ids = np.array([str(one) for one in units.unit_ids.tolist()], dtype=np.str_)
    labels: dict[tuple[str, Kind], NDArray[np.str_]] = {}
    ours: frozenset[str] = frozenset()
    if units.source.kind in {"nwb-hdf5", "nwb-zarr"}:
        with open_nwb(units.source.uri) as nwb:
            runs = read_in_effect(nwb.root.group(HISTORY), where=units.source.uri)
        ours = label_authors(runs).columns
        for person, given in _by_person(runs).items():
            labels[person, "person"] = np.array([given.get(unit, "") for unit in units.unit_ids.tolist()], np.str_)
    for column, existing in existing_labels(units).items():
        if column not in ours:
            labels[f"column {column}", _KINDS[existing.who]] = existing.labels
    recording = units.source.identifier or path.stem
    return Part(
        source=source,
        unit_ids=ids,
        recordings=np.full(len(ids), recording),
        file_ids=np.full(len(ids), units.source.object_id),
        labels=labels,
        features=lambda names: compute_features(units, names=names, of_model=True),
    )


def _by_person(runs: Sequence[Run]) -> dict[str, dict[int, str]]:
    """Collect each person's label of each unit, whether or not another person overruled it later."""
    found: dict[str, dict[int, str]] = {}
    for run in runs:
        if run.kind is RunKind.HUMAN and run.label_column and not run.undoes:
            decided = slice(None) if run.changed is None else run.changed
            units = run.predictions.unit_ids[decided].tolist()
            given = run.predictions.labels[decided].tolist()
            found.setdefault(run.agent, {}).update(zip(units, given, strict=True))
    return found


def _of_metric_table(source: str, mapping: Mapping[str, str] | None) -> Part:
    """Units of tables with metrics and labels."""
    dataset = read_labelled_tables(source, rules=LabelRules(mapping=mapping or {}))
    return Part(
        source=source,
        unit_ids=dataset.unit_ids,
        recordings=dataset.recordings,
        file_ids=dataset.file_ids,
        labels={("labels", "person"): dataset.labels},
        features=lambda names: _same_metrics(dataset.to_features(names), names),
    )


def _same_metrics(features: Features, names: Sequence[str]) -> Features:
    """Take the features of a table, those too that are equal in the other definition and called so there."""
    given = {name: equal_name(name, among=features.names) for name in names}
    found = {name: known for name, known in given.items() if known is not None}
    return replace(features.select(tuple(found.values())), names=tuple(found))
