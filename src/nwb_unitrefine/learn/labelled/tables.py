"""Labelled units from tables: metrics and labels in one table, or in two that are joined by unit id."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import FeatureError, TrainingError
from nwb_unitrefine.learn.dataset import Dataset, combine
from nwb_unitrefine.learn.labelled.labels import LabelRules, map_labels
from nwb_unitrefine.models.folder import LABELS, TRAINING_DATA
from nwb_unitrefine.read import label_candidates
from nwb_unitrefine.read.tables import Table, read_table
from nwb_unitrefine.records import Problem, ProblemCode
from nwb_unitrefine.vocabulary import NEW, OLD, definition_of, resolve
from nwb_unitrefine.vocabulary.metrics.ranks import rank_names, ranked_name, ranks_within

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["read_labelled_tables", "read_labels", "subject_of"]

_RECORDING_COLUMNS = ("recording", "session", "session_id")
_SUBJECT_COLUMNS = ("subject", "subject_id")
_ROW_SOURCES = {"file_ids": "file_object_id", "runs": "run", "curators": "curator"}


def read_labelled_tables(
    paths: Sequence[str | Path] | str | Path,
    *,
    rules: LabelRules = LabelRules(),  # noqa: B008  # frozen
    definition: str | None = None,
    subject_pattern: str | None = None,
    description: str = "",
    licence: str = "",
    ranks: bool = False,
) -> Dataset:
    r"""Read labelled units from CSV files.

    Parameters
    ----------
    paths : path, or sequence of paths
        CSV or TSV files, or folders of CSV files (as the UnitRefine base dataset); one row a unit. A table
        without a column ``recording`` is one recording, named as the file.
    rules : LabelRules, optional
        Where the labels are and what they mean; a table of labels needs one table of metrics.
    definition : {"0.105", "0.101"}, optional
        Which SpikeInterface computed the metrics; by default what the columns' names tell (``half_width`` is of 0.101
        and before, ``trough_half_width`` of today).
    subject_pattern : str, optional
        Regular expression whose first group is the subject in a recording's name, where no column names the subject.
        Without either, each recording is a subject of its own.
    description, licence : str
        Of the data.
    ranks : bool, optional
        As of `read_labelled`.

    Returns
    -------
    Dataset
        Units without a label are left out, and counted in `problems`.

    Raises
    ------
    SourceError
        If a file cannot be read as a table, or has no ids.
    TrainingError
        If a file has no labels or known metrics, an id stands twice, or the two tables have no id in common.

    Examples
    --------
    >>> read_labelled_tables("unitrefine_base", subject_pattern=r"(mouse\d+)")  # doctest: +SKIP
    """
    files = _files([paths] if isinstance(paths, str | Path) else paths)
    if rules.labels is not None and len(files) != 1:
        raise TrainingError("A table of labels belongs to one table of metrics.", tip="Give one table of metrics.")
    shared: dict[str, Any] = {"definition": definition, "subject_pattern": subject_pattern, "ranks": ranks}
    return combine([_read_one(file, rules, description=description, licence=licence, **shared) for file in files])


def _files(paths: Sequence[str | Path]) -> list[Path]:
    """Open folders up, of a model folder its training data; refuse what is not there."""
    files: list[Path] = []
    for path in map(Path, paths):
        found = [path]
        if path.is_dir():
            found = [path / TRAINING_DATA] if (path / TRAINING_DATA).is_file() else sorted(path.glob("*.csv"))
        if not found or not found[0].is_file():
            raise TrainingError(f"{path} is not a CSV file, and no folder of CSV files.")
        files.extend(found)
    return files


def _read_one(
    file: Path,
    rules: LabelRules,
    *,
    definition: str | None,
    subject_pattern: str | None,
    description: str,
    licence: str,
    ranks: bool,
) -> Dataset:
    """Read one table of metrics, with its labels."""
    table = read_table(file, name=str(file))
    problems: list[Problem] = []
    labels = rules.labels
    if labels is None and file.name == TRAINING_DATA and not label_candidates(table.columns):
        # UnitRefine's model folders keep labels apart.
        labels = file.with_name(LABELS)
    rows = np.arange(len(table))
    if labels is None:
        column = _label_column(table, rules.label_column)
        found = list(table.columns[column])
    else:
        given, column = read_labels(labels, rules.label_column)
        rows, found = _join(table, given, other=Path(labels), problems=problems)
    mapped = map_labels(found, column=column, mapping=rules.mapping, classes=rules.classes)
    keep = mapped.labels != ""
    ids = np.array(table.ids, dtype=str)[rows]
    if not keep.all():
        what = f"{file.name}: {int((~keep).sum())} units without a usable label"
        problems.append(Problem(ProblemCode.LABELS_UNUSABLE, what, tuple(ids[~keep].tolist())))
    all_recordings = _first(table, _RECORDING_COLUMNS, default=[file.stem] * len(table))
    recordings = all_recordings[rows]
    subjects = _first(table, _SUBJECT_COLUMNS, default=())
    subjects = subjects[rows] if len(subjects) else np.array([subject_of(one, subject_pattern) for one in recordings])
    names = _metrics(table, definition, exclude=column, file=file)
    metrics = {name: _numbers(table, given) for name, given in names.items()}
    if ranks:
        wanted = {name: ranked_name(name) for name in rank_names(tuple(metrics))}
        metrics |= {
            name: ranks_within(metrics[one], all_recordings) for name, one in wanted.items() if name not in metrics
        }
    unknown = [""] * len(table)
    sources = {name: _first(table, (column,), default=unknown) for name, column in _ROW_SOURCES.items()}
    dataset = Dataset(
        unit_ids=ids[keep],
        recordings=recordings[keep],
        subjects=subjects[keep],
        names=tuple(metrics),
        values=np.stack([values[rows] for values in metrics.values()], axis=1)[keep],
        labels=mapped.labels[keep],
        label_mapping=mapped.mapping,
        classes=rules.classes,
        **{name: given[rows][keep] for name, given in sources.items()},
        description=description or f"{file.name}, labels of column {column!r}.",
        licence=licence,
        problems=tuple(problems),
    )
    return dataset.with_evidence() if ranks else dataset


def _numbers(table: Table, name: str) -> NDArray[np.float64]:
    """Values of a metric; text among them is refused."""
    values = table.values(name)
    if values.dtype.kind == "f":
        return values
    raise TrainingError(f"{table.name}: column {name!r}, a metric, has a value that is not a number.")


def read_labels(file: str | Path, column: str | None = None) -> tuple[dict[str, str], str]:
    """Read a table of ids and labels.

    Parameters
    ----------
    file : path
        CSV or TSV, Phy's ``cluster_group.tsv`` too.
    column : str, optional
        By default the only column, or the first that holds labels.

    Returns
    -------
    labels : dict of str to str
        Label of each unit id.
    column : str
        Where they stood.

    Raises
    ------
    SourceError
        If it cannot be read, or has no ids.
    TrainingError
        If there are no labels, or an id stands twice.
    """
    table = read_table(Path(file), name=str(file))
    _check_unique(table)
    if column is None and len(table.columns) == 1:
        column = next(iter(table.columns))
    column = _label_column(table, column)
    return dict(zip(table.ids, table.columns[column], strict=True)), column


def _check_unique(table: Table) -> None:
    """Refuse two rows of one unit: which label counts is not known."""
    twice = next((unit for unit, count in Counter(table.ids).items() if count > 1), None)
    if twice is not None:
        raise TrainingError(
            f"{table.name} has unit {twice!r} more than once.",
            tip="Keep the row that counts: an older label may be wrong.",
        )


def _label_column(table: Table, wanted: str | None) -> str:
    """Find the column of labels: the wanted one, or the first that holds labels, people's before programs'."""
    found = [wanted] if wanted is not None else list(label_candidates(table.columns))
    if not found or found[0] not in table.columns:
        what = f"column {wanted!r}" if wanted is not None else "column of labels"
        raise TrainingError(
            f"{table.name} has no {what}.", tip=f"It has: {', '.join([*table.columns][:12])}; name the one of labels."
        )
    return found[0]


def _join(
    metrics: Table, labels: Mapping[str, str], *, other: Path, problems: list[Problem]
) -> tuple[NDArray[np.intp], list[str]]:
    """Rows of the metrics that have a label, and these labels; positions mean nothing."""
    _check_unique(metrics)
    rows = np.array([row for row, one in enumerate(metrics.ids) if one in labels], dtype=np.intp)
    if not len(rows):
        raise TrainingError(f"{metrics.name} and {other} have no unit id in common.")
    for alone, name, lacking in (
        ([one for one in metrics.ids if one not in labels], Path(metrics.name).name, "a label"),
        ([one for one in labels if one not in metrics.ids], other.name, "metrics"),
    ):
        if alone:
            what = f"{name}: {len(alone)} units without {lacking}"
            problems.append(Problem(ProblemCode.LABELS_UNMATCHED, what, tuple(alone)))
    return rows, [labels[metrics.ids[row]] for row in rows.tolist()]


def _first(table: Table, names: Sequence[str], *, default: Sequence[str]) -> NDArray[np.str_]:
    """Take the first of some columns that is there."""
    found = next((table.columns[name] for name in names if name in table.columns), default)
    return np.array(found, dtype=str)


def subject_of(recording: str, pattern: str | None) -> str:
    """Find whom a recording is from in its name: the pattern's first group; without a pattern, itself."""
    if pattern is None:
        return recording
    try:
        match = re.search(pattern, recording)
    except re.error as error:
        raise TrainingError(f"The subject pattern {pattern!r} is not a regular expression: {error}.") from error
    if match is None:
        raise TrainingError(f"The subject pattern {pattern!r} does not fit recording {recording!r}.")
    return match.group(1) if match.groups() else match.group(0)


def _metrics(table: Table, definition: str | None, *, exclude: str, file: Path) -> dict[str, str]:
    """Map vocabulary names to the table's columns; what is not a known metric is not a feature, above all no label."""
    columns = [name for name in table.columns if name != exclude]
    definition = definition or definition_of(columns) or NEW
    found: dict[str, str] = {}
    for column in columns:
        try:
            feature = resolve(column if "@" in column else f"{column}@{definition}")
        except FeatureError:
            continue
        metric = feature.metric
        # A metric that both definitions agree on has one name here, so that datasets of either can be combined.
        same = OLD in metric.definitions and not metric.difference
        found[f"{metric.name}@{OLD}" if same else feature.name] = column
    if not found:
        raise TrainingError(
            f"{file} has no column that is a known metric.",
            tip="Columns are named as SpikeInterface names its metrics.",
        )
    return found
