"""Labelled units from whatever holds spikes: NWB files with a column of labels, sorter output, SortingAnalyzers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import TrainingError
from nwb_unitrefine.history.authors import LabelAuthors
from nwb_unitrefine.learn.dataset import Dataset, combine
from nwb_unitrefine.learn.labelled.labels import LabelRules, map_labels
from nwb_unitrefine.learn.labelled.tables import read_labelled_tables, read_labels, subject_of
from nwb_unitrefine.learn.progress import Follow, unseen
from nwb_unitrefine.metrics import compute_features, compute_from_raw
from nwb_unitrefine.read import existing_labels, label_candidates, read_label_authors, read_units
from nwb_unitrefine.read.tables import is_table
from nwb_unitrefine.records import Problem, ProblemCode
from nwb_unitrefine.vocabulary import OLD, feature_names
from nwb_unitrefine.vocabulary.metrics.ranks import rank_names

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from nwb_unitrefine.records import RawOptions, Units

__all__ = ["read_labelled", "read_labelled_units"]


def read_labelled(
    sources: Sequence[Any],
    *,
    rules: LabelRules = LabelRules(),  # noqa: B008  # frozen
    definition: str | None = None,
    subject_pattern: str | None = None,
    description: str = "",
    licence: str = "",
    ranks: bool = False,
    raw: RawOptions | None = None,
    follow: Follow = unseen,
) -> Dataset:
    """Read labelled units from tables and from sources of spikes alike.

    Parameters
    ----------
    sources : sequence
        CSV files and folders of them go to `read_labelled_tables`, everything else to `read_labelled_units`.
    rules : LabelRules, optional
        Where the labels are and what they mean; a table of labels needs one source.
    definition, subject_pattern, description, licence
        As of these.
    ranks : bool, optional
        Whether to add what depends on counts, and the rank of each metric among all units of its recording, those
        without a label included; see `Dataset.with_ranks`.
    raw : RawOptions, optional
        How to compute metrics from raw traces that a source has; by default they are left missing. Not for tables.
    follow : Follow, optional
        Is handed the sources, and may count them.

    Returns
    -------
    Dataset
    """
    if rules.labels is not None and len(sources) != 1:
        raise TrainingError(
            "A table of labels belongs to one source.", tip="Train on one source, or give labels in each."
        )
    parts = []
    for source in follow(sources, total=len(sources), doing="reading labelled units"):
        shared: dict[str, Any] = {
            "rules": rules,
            "subject_pattern": subject_pattern,
            "description": description,
            "licence": licence,
            "ranks": ranks,
        }
        if _is_table(source):
            parts.append(read_labelled_tables(source, definition=definition, **shared))
        else:
            parts.append(read_labelled_units(source, raw=raw, **shared))
    return combine(parts)


def _is_table(source: Any) -> bool:
    """Whether a source is a table, or a folder that holds some and nothing that is read as units."""
    if not isinstance(source, str | Path):
        return False
    path = Path(source)
    if path.is_dir():
        # A Phy folder holds .tsv files, an analyzer's folder its metrics one level down.
        return any(path.glob("*.csv")) and not (path / "spike_times.npy").exists() and not (path / ".zattrs").exists()
    return is_table(path)


def read_labelled_units(
    source: Any,
    *,
    rules: LabelRules = LabelRules(),  # noqa: B008  # frozen
    names: Sequence[str] = feature_names(definition=OLD),
    subject_pattern: str | None = None,
    description: str = "",
    licence: str = "",
    ranks: bool = False,
    raw: RawOptions | None = None,
) -> Dataset:
    """Compute the metrics of a source's units and take their labels.

    Parameters
    ----------
    source : path, address, open file or SortingAnalyzer
        Whatever `read_units` takes.
    rules : LabelRules, optional
        Where the labels are and what they mean.
    names : sequence of str
        Metrics to compute; by default all, in the definition of the default model, so that datasets can be combined.
    subject_pattern : str, optional
        As of `read_labelled_tables`, for sources that do not state their subject.
    description, licence : str
        Of the data.
    ranks, raw
        As of `read_labelled`.

    Returns
    -------
    Dataset
        One recording, named by the session's identifier where there is one, else by the source.

    Raises
    ------
    TrainingError
        If there are no labels, or the column that `rules` name holds those that a model wrote.
    SourceError
        If the source cannot be read.
    """
    wanted = rules.label_column if rules.labels is None else None
    units = read_units(source, columns=[wanted] if wanted else [])
    from_raw = None if raw is None else compute_from_raw(units, raw)
    features = compute_features(units, names=(*names, *(rank_names(names) if ranks else ())), raw=from_raw)
    ids = [str(one) for one in units.unit_ids.tolist()]
    problems: list[Problem] = []
    authors = LabelAuthors()
    if rules.labels is None:
        found, column, authors = _own_labels(units, wanted, problems)
    else:
        table, column = read_labels(rules.labels, rules.label_column)
        found = [table.get(one, "") for one in ids]
        if not any(one in table for one in ids):
            raise TrainingError(f"{rules.labels} and {units.source.uri} have no unit id in common.")
    mapped = map_labels(
        found, column=column, dialect=units.source.dialect, mapping=rules.mapping, classes=rules.classes
    )
    keep = mapped.labels != ""
    if not keep.all():
        left_out = tuple(one for one, kept in zip(ids, keep, strict=True) if not kept)
        what = f"{units.source.uri}: {len(left_out)} units without a usable label"
        problems.append(Problem(ProblemCode.LABELS_UNUSABLE, what, left_out))
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
        classes=rules.classes,
        file_ids=np.full(int(keep.sum()), units.source.object_id),
        runs=np.array([authors.runs.get(one, "") for one in units.unit_ids[keep].tolist()], dtype=str),
        curators=np.array([authors.people.get(one, "") for one in units.unit_ids[keep].tolist()], dtype=str),
        description=description or f"{Path(units.source.uri).name}, labels of {column or 'people, in its history'}.",
        licence=licence,
        problems=(*units.problems, *features.problems, *problems),
    )


def _own_labels(units: Units, wanted: str | None, problems: list[Problem]) -> tuple[list[Any], str, LabelAuthors]:
    """Take the labels of the source itself, the name of their column (empty for those of people), and who set them."""
    decisions = read_label_authors(units.source)
    if wanted is not None and wanted in decisions.by_models:
        n_set = len(decisions.by_people)
        set_by_people = f"Leave out the column: the {n_set} labels that people set are then taken."
        raise TrainingError(
            f"Column {wanted!r} of {units.source.uri} was written by the model {decisions.by_models[wanted]}: it is no "
            "truth to learn from or to score by.",
            tip=set_by_people
            if n_set
            else "Set labels of your own with nwb-unitrefine relabel, or name another column.",
        )
    if wanted is None and decisions.by_people:
        n_set = len(decisions.by_people)
        what = f"{units.source.uri}: labels that people set in its history are taken, of {n_set} units"
        problems.append(Problem(ProblemCode.LABELS_FROM_HISTORY, what))
        return [decisions.by_people.get(unit_id, "") for unit_id in units.unit_ids.tolist()], "", decisions
    column = _label_column(units, wanted, by_models=decisions.by_models)
    existing = existing_labels(units).get(column)
    if existing is not None and existing.who != "curator":
        what = f"{units.source.uri}: labels of column {column!r} are taken, which a {existing.who} set, no person"
        problems.append(Problem(ProblemCode.LABELS_OF_PROGRAM, what))
    return list(units.columns[column].values), column, LabelAuthors()


def _label_column(units: Units, wanted: str | None, *, by_models: Collection[str]) -> str:
    """Find the column of labels."""
    theirs = {name: column.values for name, column in units.columns.items() if name not in by_models}
    candidates = [wanted] if wanted is not None else list(label_candidates(theirs, dialect=units.source.dialect))
    if not candidates or candidates[0] not in theirs:
        what = f"column {wanted!r}" if wanted is not None else "column of labels"
        ours = f" but for those that a model wrote, {', '.join(by_models)}" * bool(by_models)
        raise TrainingError(
            f"{units.source.uri} has no {what}{ours}.",
            tip=f"It has: {', '.join([*theirs][:12]) or 'no columns'}; name the label's column, or set labels with "
            "nwb-unitrefine relabel.",
        )
    return candidates[0]
