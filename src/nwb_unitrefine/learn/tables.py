"""Labelled units from CSV tables: metrics and labels in one table, or in two that are joined by unit id."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import FeatureError, TrainingError
from nwb_unitrefine.learn.dataset import Dataset, combine
from nwb_unitrefine.learn.labels import LABEL_COLUMNS, map_labels
from nwb_unitrefine.models.folder import LABELS, TRAINING_DATA
from nwb_unitrefine.records import Problem, ProblemCode
from nwb_unitrefine.vocabulary import NEW, OLD, definition_of, resolve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

__all__ = ["read_labelled_tables", "read_labels", "subject_of"]

_ID_COLUMNS = ("unit_id", "cluster_id", "id", "unit", "unit_index", "Unnamed: 0", "")
_MISSING = ("", "nan", "NaN", "NA", "N/A", "<NA>", "None", "null")
_RECORDING_COLUMNS = ("recording", "session", "session_id")
_SUBJECT_COLUMNS = ("subject", "subject_id")


def read_labelled_tables(
    paths: Sequence[str | Path] | str | Path,
    *,
    labels: str | Path | None = None,
    label_column: str | None = None,
    mapping: Mapping[str, str] | None = None,
    definition: str | None = None,
    subject_pattern: str | None = None,
    description: str = "",
    licence: str = "",
) -> Dataset:
    r"""Read labelled units from CSV files.

    Parameters
    ----------
    paths : path, or sequence of paths
        CSV files, or folders of them (as the UnitRefine base dataset); one row a unit. A table without a column
        ``recording`` is one recording, named as the file.
    labels : path, optional
        A second table with ids and labels, where the metrics' table has no labels. Rows are joined by unit id, never
        by position.
    label_column : str, optional
        Name of the column of labels; by default the first of `LABEL_COLUMNS` that is there.
    mapping : mapping of str to str, optional
        What labels mean that `map_labels` does not know.
    definition : {"0.105", "0.101"}, optional
        Which SpikeInterface computed the metrics; by default what the columns' names tell (``half_width`` is of 0.101
        and before, ``trough_half_width`` of today).
    subject_pattern : str, optional
        Regular expression whose first group is the subject in a recording's name, where no column says the subject.
        Without either, each recording is a subject of its own.
    description, licence : str
        Of the data.

    Returns
    -------
    Dataset
        Units without a label are left out, and counted in `problems`.

    Raises
    ------
    TrainingError
        If a file has no ids, labels or known metrics, an id stands twice, or the two tables have no id in common.

    Examples
    --------
    >>> read_labelled_tables("unitrefine_base", subject_pattern=r"(mouse\d+)")  # doctest: +SKIP
    """
    files = _files([paths] if isinstance(paths, str | Path) else paths)
    if labels is not None and len(files) != 1:
        raise TrainingError("A table of labels belongs to one table of metrics.", tip="Give one CSV of metrics.")
    return combine(
        [
            _read_one(
                file,
                labels=labels,
                label_column=label_column,
                mapping=mapping,
                definition=definition,
                subject_pattern=subject_pattern,
                description=description,
                licence=licence,
            )
            for file in files
        ]
    )


def _files(paths: Sequence[str | Path]) -> list[Path]:
    """Open folders up, of a model folder its training data; refuse what is not there."""
    files: list[Path] = []
    for path in map(Path, paths):
        found = [path]
        if path.is_dir():
            found = [path / TRAINING_DATA] if (path / TRAINING_DATA).is_file() else sorted(path.glob("*.csv"))
        if not found or not found[0].is_file():
            raise TrainingError(f"{path} is no CSV file, and no folder of CSV files.")
        files.extend(found)
    return files


def _read_one(
    file: Path,
    *,
    labels: str | Path | None,
    label_column: str | None,
    mapping: Mapping[str, str] | None,
    definition: str | None,
    subject_pattern: str | None,
    description: str,
    licence: str,
) -> Dataset:
    """Read one table of metrics, with its labels."""
    table = _read_table(file)
    problems: list[Problem] = []
    if labels is None and file.name == TRAINING_DATA and not set(LABEL_COLUMNS) & set(table.columns):
        # UnitRefine's model folders keep labels apart.
        labels = file.with_name(LABELS)
    if labels is None:
        column = _label_column(table, label_column, file=file)
        found = table[column].tolist()
    else:
        given, column = read_labels(labels, label_column)
        table, found = _join(table, given, file=file, other=Path(labels), problems=problems)
    mapped = map_labels(found, column=column, mapping=mapping)
    keep = mapped.labels != ""
    ids = np.array([_id_text(one) for one in table.index], dtype=str)
    if not keep.all():
        what = f"{file.name}: {int((~keep).sum())} units without a usable label"
        problems.append(Problem(ProblemCode.LABELS_UNUSABLE, what, tuple(ids[~keep].tolist())))
    recordings = _first(table, _RECORDING_COLUMNS, default=[file.stem] * len(table))
    subjects = _first(table, _SUBJECT_COLUMNS, default=[subject_of(one, subject_pattern) for one in recordings])
    metrics = _metrics(table, definition, exclude=column, file=file)
    return Dataset(
        unit_ids=ids[keep],
        recordings=recordings[keep],
        subjects=subjects[keep],
        names=tuple(metrics),
        values=np.array([table[old].to_numpy(dtype=np.float64, na_value=np.nan) for old in metrics.values()]).T[keep],
        labels=mapped.labels[keep],
        label_mapping=mapped.mapping,
        description=description or f"{file.name}, labels of column {column!r}.",
        licence=licence,
        problems=tuple(problems),
    )


def _read_table(file: Path) -> pd.DataFrame:
    """Read a CSV, its index the unit ids."""
    import pandas as pd

    try:
        header = pd.read_csv(file, nrows=0, skipinitialspace=True).columns
        # Ids and labels are text until something says otherwise: "007" is not 7, and "NA" may be a unit.
        table = pd.read_csv(
            file,
            dtype=dict.fromkeys((*_ID_COLUMNS, *LABEL_COLUMNS), str),
            keep_default_na=False,
            na_values={name: _MISSING for name in header if name not in _ID_COLUMNS},
            skipinitialspace=True,
        )
    except (OSError, ValueError, pd.errors.ParserError) as error:
        raise TrainingError(f"{file} cannot be read as CSV: {error}.") from error
    id_column = next((name for name in _ID_COLUMNS if name in table.columns), None)
    if id_column is None:
        raise TrainingError(f"{file} has no column of unit ids.", tip="Name it unit_id.")
    if missing := int((table[id_column] == "").sum()):
        raise TrainingError(f"{file}: {missing} rows have no unit id in column {id_column!r}.")
    return table.set_index(id_column)


def read_labels(file: str | Path, label_column: str | None = None) -> tuple[dict[str, str], str]:
    """Read a table of ids and labels.

    Parameters
    ----------
    file : path
    label_column : str, optional
        By default the only column, or the first of `LABEL_COLUMNS`.

    Returns
    -------
    labels : dict of str to str
        Label of each unit id.
    column : str
        Where they stood.

    Raises
    ------
    TrainingError
        If there are no ids or labels, or an id stands twice.
    """
    table = _read_table(Path(file))
    table.index = table.index.map(_id_text)
    _check_unique(table, file=Path(file))
    if label_column is None and len(table.columns) == 1:
        label_column = str(table.columns[0])
    column = _label_column(table, label_column, file=Path(file))
    return dict(zip(table.index.tolist(), table[column].fillna("").astype(str).tolist(), strict=True)), column


def _check_unique(table: pd.DataFrame, *, file: Path) -> None:
    """Refuse two rows of one unit: nobody can say which label counts."""
    if not table.index.is_unique:
        twice = table.index[table.index.duplicated()][0]
        raise TrainingError(
            f"{file} has unit {twice!r} more than once.", tip="Keep the row that counts: an older label may be wrong."
        )


def _id_text(value: Any) -> str:
    """Spell an id that some program wrote as 12.0 as 12."""
    text = str(value).strip()
    return text[:-2] if re.fullmatch(r"\d+\.0", text) else text


def _label_column(table: pd.DataFrame, wanted: str | None, *, file: Path) -> str:
    """Find the labels."""
    candidates = [wanted] if wanted is not None else [name for name in LABEL_COLUMNS if name in table.columns]
    if not candidates or candidates[0] not in table.columns:
        what = f"column {wanted!r}" if wanted is not None else "column of labels"
        raise TrainingError(
            f"{file} has no {what}.", tip=f"It has: {', '.join(map(str, table.columns[:12]))}; say which is the label."
        )
    return str(candidates[0])


def _join(
    metrics: pd.DataFrame, labels: Mapping[str, str], *, file: Path, other: Path, problems: list[Problem]
) -> tuple[pd.DataFrame, list[str]]:
    """Give each row of metrics the label of its id; positions mean nothing."""
    metrics.index = metrics.index.map(_id_text)
    _check_unique(metrics, file=file)
    shared = [one for one in metrics.index if one in labels]
    if not shared:
        raise TrainingError(f"{file} and {other} have no unit id in common.")
    for alone, name, lacking in (
        ([one for one in metrics.index if one not in labels], file, "a label"),
        ([one for one in labels if one not in metrics.index], other, "metrics"),
    ):
        if alone:
            what = f"{name.name}: {len(alone)} units without {lacking}"
            problems.append(Problem(ProblemCode.LABELS_UNMATCHED, what, tuple(alone)))
    return metrics.loc[shared], [labels[one] for one in shared]


def _first(table: pd.DataFrame, names: Sequence[str], *, default: Sequence[str]) -> Any:
    """Take the first of some columns that is there, as text."""
    found = next((table[name].astype(str).to_numpy() for name in names if name in table.columns), None)
    return np.asarray(default if found is None else found, dtype=str)


def subject_of(recording: str, pattern: str | None) -> str:
    """Find whom a recording is from in its name: the pattern's first group; without a pattern, itself."""
    if pattern is None:
        return recording
    try:
        match = re.search(pattern, recording)
    except re.error as error:
        raise TrainingError(f"The subject pattern {pattern!r} is no regular expression: {error}.") from error
    if match is None:
        raise TrainingError(f"The subject pattern {pattern!r} does not fit recording {recording!r}.")
    return match.group(1) if match.groups() else match.group(0)


def _metrics(table: pd.DataFrame, definition: str | None, *, exclude: str, file: Path) -> dict[str, str]:
    """Map vocabulary names to the table's columns; what is no known metric is no feature, above all no label."""
    columns = [str(name) for name in table.columns if str(name) != exclude]
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
