"""Labelled units: what models are trained and scored on."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import TrainingError
from nwb_unitrefine.metrics.contamination import EVIDENCE_FROM, refractory_evidence
from nwb_unitrefine.records import CLASSES, Features, Origin, OriginKind
from nwb_unitrefine.vocabulary import OLD, find_metric
from nwb_unitrefine.vocabulary.metrics.ranks import rank_names, ranked_name, ranks_within
from nwb_unitrefine.vocabulary.model_classes import check_classes

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from nwb_unitrefine.records import Problem

_NUMBERED = re.compile(r"curator \d+")

__all__ = ["Dataset", "combine", "require_classes"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dataset:
    """Units of one or more recordings, each with its metrics and its label.

    Parameters
    ----------
    unit_ids : array of str, shape (n_units,)
        Unique within a recording.
    recordings, subjects : array of str, shape (n_units,)
        What each unit was recorded in, and whom from. Recordings and subjects are never split between training and
        validation.
    names : tuple of str, length n_features
        Vocabulary names of the metrics.
    values : array of float64, shape (n_units, n_features)
        NaN where missing; infinite values are missing.
    labels : array of str, shape (n_units,)
        One of `classes` each.
    label_mapping : mapping of str to str
        Which label of the source became which class; empty text for one that was left out.
    classes : tuple of str
        The labels that a model of this data distinguishes, in the order of its probabilities.
    file_ids, runs, curators : array of str, shape (n_units,)
        Where each row is from: object id of the NWB file, run of its history in which the label was set, and who set
        it; empty where there is none. In tables, curators are numbered and not named.
    description, licence : str
        Of the data: what it is, who labelled it, and its SPDX identifier.
    problems : tuple of Problem
        What was noticed on reading: units without a label, ids without metrics.

    Raises
    ------
    TrainingError
        If lengths differ, a label is none of `classes`, classes are impossible, or a recording has two units of one id.
    """

    unit_ids: NDArray[np.str_]
    recordings: NDArray[np.str_]
    subjects: NDArray[np.str_]
    names: tuple[str, ...]
    values: NDArray[np.float64]
    labels: NDArray[np.str_]
    label_mapping: Mapping[str, str] = field(default_factory=dict)
    classes: tuple[str, ...] = CLASSES
    file_ids: NDArray[np.str_] = field(default_factory=lambda: np.empty(0, dtype=str))
    runs: NDArray[np.str_] = field(default_factory=lambda: np.empty(0, dtype=str))
    curators: NDArray[np.str_] = field(default_factory=lambda: np.empty(0, dtype=str))
    description: str = ""
    licence: str = ""
    problems: tuple[Problem, ...] = ()

    def __post_init__(self) -> None:
        for name in ROW_SOURCES:
            if not len(getattr(self, name)):
                object.__setattr__(self, name, np.full(len(self.unit_ids), ""))
        for name in ("unit_ids", "recordings", "subjects", "labels", *ROW_SOURCES):
            object.__setattr__(self, name, np.asarray(getattr(self, name)).astype(str))
        values = np.array(self.values, dtype=np.float64)
        values[~np.isfinite(values)] = np.nan
        object.__setattr__(self, "values", values)
        columns = (self.recordings, self.subjects, self.labels, *(getattr(self, name) for name in ROW_SOURCES))
        lengths = {len(values), len(self.unit_ids), *map(len, columns)}
        if len(lengths) != 1 or values.shape != (len(self.unit_ids), len(self.names)):
            raise TrainingError("Ids, labels and metrics of a dataset are not of the same length.")
        require_classes(self.classes)
        if strange := sorted(set(self.labels.tolist()) - set(self.classes)):
            raise TrainingError(f"Labels must be {', '.join(self.classes)}; found {', '.join(map(repr, strange))}.")
        counted = Counter(zip(self.recordings.tolist(), self.unit_ids.tolist(), strict=True))
        if twice := [key for key, count in counted.items() if count > 1]:
            recording, unit = twice[0]
            raise TrainingError(
                f"Recording {recording!r} has unit {unit!r} more than once ({len(twice)} such units).",
                tip="Give each unit one row, with the label that counts.",
            )

    def __len__(self) -> int:
        return len(self.unit_ids)

    @property
    def targets(self) -> NDArray[np.intp]:
        """Labels as indices into `classes`, shape (n_units,)."""
        return np.array([self.classes.index(label) for label in self.labels.tolist()], dtype=np.intp)

    @property
    def counts(self) -> dict[str, int]:
        """Number of units of each class."""
        return {name: int((self.labels == name).sum()) for name in self.classes}

    @property
    def digest(self) -> str:
        """``"sha256:…"`` over ids, recordings, labels and metrics; the order of units does not matter."""
        order = np.lexsort((self.unit_ids, self.recordings))
        sha = hashlib.sha256("\n".join(self.names).encode())
        for row in order.tolist():
            sha.update(f"\n{self.recordings[row]}\t{self.unit_ids[row]}\t{self.labels[row]}\t".encode())
            sha.update(np.ascontiguousarray(self.values[row]).tobytes())
        return f"sha256:{sha.hexdigest()}"

    def take(self, rows: NDArray[Any]) -> Dataset:
        """Return the units `rows` (indices, or a mask), in that order."""
        return replace(
            self,
            unit_ids=self.unit_ids[rows],
            recordings=self.recordings[rows],
            subjects=self.subjects[rows],
            values=self.values[rows],
            labels=self.labels[rows],
            **{name: getattr(self, name)[rows] for name in ROW_SOURCES},
        )

    def select(self, names: Sequence[str]) -> Dataset:
        """Return the metrics `names`, in that order; one that is not there is missing for every unit."""
        columns = np.full((len(self), len(names)), np.nan)
        for column, name in enumerate(names):
            if name in self.names:
                columns[:, column] = self.values[:, self.names.index(name)]
        return replace(self, names=tuple(names), values=columns)

    def hide(self, names: Sequence[str]) -> Dataset:
        """Return the same units with the metrics `names` missing, as a poorer source would give them."""
        values = self.values.copy()
        values[:, [column for column, name in enumerate(self.names) if name in names]] = np.nan
        return replace(self, values=values)

    def merged(self, parts: Mapping[str, str], *, classes: tuple[str, ...]) -> Dataset:
        """Return the units with coarser classes, as neural for sua and mua.

        Parameters
        ----------
        parts : mapping of str to str
            New class of each class; units of a class that is not in it are left out.
        classes : tuple of str
            The new classes, in their order.
        """
        rows = np.flatnonzero(np.isin(self.labels, list(parts)))
        kept = self.take(rows)
        labels = np.array([parts[label] for label in kept.labels.tolist()], dtype=str)
        return replace(kept, labels=labels, classes=classes)

    def in_order(self) -> Dataset:
        """Return the units sorted by recording and id, so that nothing that follows depends on the order given."""
        return self.take(np.lexsort((self.unit_ids, self.recordings)))

    def with_evidence(self) -> Dataset:
        """Add what refractory violations show, where the counts are among the metrics; see `refractory_evidence`."""
        place = {name: self.names.index(f"{name}@{OLD}") for name in EVIDENCE_FROM if f"{name}@{OLD}" in self.names}
        if len(place) < len(EVIDENCE_FROM):
            return self
        found = refractory_evidence({name: self.values[:, column] for name, column in place.items()})
        columns = dict(zip(self.names, self.values.T, strict=True))
        for bare, values in found.items():
            given = columns.get(f"{bare}@{OLD}", np.full(len(self), np.nan))
            columns[f"{bare}@{OLD}"] = np.where(np.isnan(given), values, given)
        return replace(self, names=tuple(columns), values=np.stack(list(columns.values()), axis=1))

    def with_ranks(self, names: Collection[str] | None = None) -> Dataset:
        """Add ranks of metrics among the units of their recording, as far as they are not there; see `ranks_within`.

        Parameters
        ----------
        names : collection of str, optional
            Of the ranks; others are ignored. By default, of all metrics that are not derived from others.
        """
        found = dict(zip(self.names, self.values.T, strict=True))
        for name in rank_names([one for one in self.names if find_metric(one)]) if names is None else names:
            metric = ranked_name(name) if find_metric(name) else ""
            if metric in self.names and name not in found:
                found[name] = ranks_within(self.values[:, self.names.index(metric)], self.recordings)
        return replace(self, names=tuple(found), values=np.stack(list(found.values()), axis=1))

    def to_features(self, names: Collection[str] = ()) -> Features:
        """Return the metrics as a model takes them, with what their refractory violations show.

        Parameters
        ----------
        names : collection of str, optional
            Those that the model takes: ranks among them are added, as of `with_ranks`.
        """
        data = self.with_evidence().with_ranks(names)
        origins = (Origin(OriginKind.COLUMN, "labelled data"), Origin(OriginKind.MISSING, "labelled data has no value"))
        return Features(
            unit_ids=data.unit_ids,
            names=data.names,
            values=data.values,
            origins=origins,
            origin_index=np.isnan(data.values).astype(np.intp),
        )

    def _row_sources(self) -> dict[str, NDArray[np.str_]]:
        """Columns that state where each row is from; none of them where nothing is known."""
        numbered = {name: name for name in self.curators.tolist() if not name or _NUMBERED.fullmatch(name)}
        free = (f"curator {number}" for number in itertools.count(1) if f"curator {number}" not in numbered)
        names = {name: numbered.get(name) or next(free) for name in sorted({*self.curators.tolist()} - {""})}
        curators = np.array([names.get(name, "") for name in self.curators.tolist()], dtype=str)
        columns = {"file_object_id": self.file_ids, "run": self.runs, "curator": curators}
        return columns if any((column != "").any() for column in columns.values()) else {}

    def to_frame(self) -> pd.DataFrame:
        """One row a unit (index ``unit_id``): ``recording``, ``subject``, its source, the metrics, ``label``.

        The source is ``file_object_id``, ``run`` and ``curator``, where known; curators are numbered.
        """
        import pandas as pd

        return pd.DataFrame(
            {
                "recording": self.recordings,
                "subject": self.subjects,
                **self._row_sources(),
                **{name: self.values[:, column] for column, name in enumerate(self.names)},
                "label": self.labels,
            },
            index=pd.Index(self.unit_ids, name="unit_id"),
        )


ROW_SOURCES = ("file_ids", "runs", "curators")
"""Fields of a dataset that state where each row is from."""


def require_classes(classes: Sequence[str]) -> None:
    """Refuse classes that a model cannot have.

    Raises
    ------
    TrainingError
    """
    try:
        check_classes(classes)
    except ValueError as error:
        raise TrainingError(f"A model cannot have these classes: {error}.") from error
    if len(classes) < 2:
        raise TrainingError(f"A model needs at least two classes, not {len(classes)}.")


def combine(datasets: Sequence[Dataset]) -> Dataset:
    """Put datasets together, as the labels of a new recording are added to those that are there.

    Parameters
    ----------
    datasets : sequence of Dataset
        At least one. A metric that one of them lacks is missing for its units.

    Returns
    -------
    Dataset

    Raises
    ------
    TrainingError
        If there is none, if two have a recording of the same name in common with a unit in common, or if their classes
        differ.

    Examples
    --------
    >>> def one(recording, label):
    ...     return Dataset(unit_ids=["0"], recordings=[recording], subjects=["m"], names=("snr",), values=[[1.0]],
    ...                    labels=[label])
    >>> combine([one("a", "sua"), one("b", "noise")]).counts
    {'sua': 1, 'mua': 0, 'noise': 1}
    """
    if not datasets:
        raise TrainingError("There is no labelled data.")
    classes = datasets[0].classes
    if other := next((one.classes for one in datasets if set(one.classes) != set(classes)), None):
        raise TrainingError(
            f"Data labelled {', '.join(classes)} and data labelled {', '.join(other)} cannot be put together."
        )
    names = tuple(dict.fromkeys(name for dataset in datasets for name in dataset.names))
    mapping: dict[str, str] = {}
    for dataset in datasets:
        mapping.update(dataset.label_mapping)
    parts = [dataset.select(names) for dataset in datasets]
    licences = {part.licence for part in parts}
    return Dataset(
        unit_ids=np.concatenate([part.unit_ids for part in parts]),
        recordings=np.concatenate([part.recordings for part in parts]),
        subjects=np.concatenate([part.subjects for part in parts]),
        names=names,
        values=np.concatenate([part.values for part in parts]),
        labels=np.concatenate([part.labels for part in parts]),
        label_mapping=mapping,
        classes=classes,
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in ROW_SOURCES},
        description=" ".join(dict.fromkeys(part.description for part in parts if part.description)),
        licence=licences.pop() if len(licences) == 1 else "",
        problems=tuple(problem for part in parts for problem in part.problems),
    )
