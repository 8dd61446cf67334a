"""The frozen values that travel from a source of units to the file that gets their labels.

``Units`` come out of `read`, ``Features`` out of `metrics`, ``Predictions`` out of `models`; `pipeline` joins them into
a ``Curation``, which `write` records as a ``Run``. They hold data and do no input or output. Arrays are meant to be
looked at, not changed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd
    from numpy.typing import NDArray

__all__ = [
    "CLASSES",
    "Column",
    "Curation",
    "Electrodes",
    "Features",
    "ModelIdentity",
    "Origin",
    "OriginKind",
    "Predictions",
    "Problem",
    "Ragged",
    "Run",
    "RunKind",
    "Source",
    "Units",
    "Waveforms",
]

CLASSES = ("sua", "mua", "noise")
"""The three labels, in the order of every array of probabilities."""


@dataclass(frozen=True, slots=True, eq=False)
class Ragged:
    """Rows of different lengths in one flat array.

    Parameters
    ----------
    values : array, shape (n_values, ...)
        All rows, one after another.
    offsets : array of int64, shape (n_rows + 1,)
        Row ``i`` is ``values[offsets[i]:offsets[i + 1]]``.

    Examples
    --------
    >>> trains = Ragged(np.array([0.1, 0.2, 0.3]), np.array([0, 1, 1, 3]))
    >>> [row.tolist() for row in trains]
    [[0.1], [], [0.2, 0.3]]
    >>> trains.counts.tolist()
    [1, 0, 2]
    """

    values: NDArray[Any]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> NDArray[Any]:
        if not -len(self) <= row < len(self):
            raise IndexError(row)
        row %= len(self)
        return self.values[self.offsets[row] : self.offsets[row + 1]]

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return (self[row] for row in range(len(self)))

    @property
    def counts(self) -> NDArray[np.int64]:
        """Length of each row, shape (n_rows,)."""
        return np.diff(self.offsets)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where units came from, and what identifies the session.

    Parameters
    ----------
    uri : str
        Path or address, as given.
    kind : str
        What it was taken for: ``"nwb-hdf5"``, ``"nwb-zarr"``, ``"sorter"``, ``"analyzer"``, ``"csv"``,
        ``"nwb-memory"``.
    dialect : str
        Whose way of naming columns it follows (``"Allen"``, ``"IBL"``, …); empty when none was recognised.
    nwb_version : str
        The file's ``nwb_version``; empty for other sources.
    object_id : str
        Object id of the NWB file, or empty.
    units_object_id : str
        Object id of its units table, or empty.
    identifier, session_id, subject_id, session_start_time : str
        Of the session; empty where the source does not say.
    size_bytes : int
        Size of the file; 0 where that has no meaning.
    """

    uri: str
    kind: str
    dialect: str = ""
    nwb_version: str = ""
    object_id: str = ""
    units_object_id: str = ""
    identifier: str = ""
    session_id: str = ""
    subject_id: str = ""
    session_start_time: str = ""
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that a user should know about a source and that did not stop the work.

    Parameters
    ----------
    what : str
        One sentence.
    unit_ids : tuple, optional
        The units it concerns; empty when it concerns the whole source.
    unreliable : bool, optional
        Whether what is said of those units should not be relied on because of it.
    """

    what: str
    unit_ids: tuple[int | str, ...] = ()
    unreliable: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One further column of a units table, as it stands in the file.

    Parameters
    ----------
    name, description : str
    values : array or Ragged
        One row a unit; text is ``str`` in an object array.
    """

    name: str
    description: str
    values: NDArray[Any] | Ragged


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Electrodes:
    """The electrodes table.

    Parameters
    ----------
    ids : array, shape (n_electrodes,)
        Electrode ids; elsewhere electrodes are meant by their row.
    positions_um : array of float64, shape (n_electrodes, 3), or None
        Position on the probe, second axis along its depth; NaN where unknown, None where no column says.
    groups : array of str, shape (n_electrodes,)
        Name of each electrode's group (probe or shank).
    position_source : str
        The columns that the positions were taken from, as ``"rel_x, rel_y"``.
    """

    ids: NDArray[Any]
    positions_um: NDArray[np.float64] | None
    groups: NDArray[Any]
    position_source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Waveforms:
    """Mean waveform of every unit, as stored.

    Parameters
    ----------
    mean : array of float, shape (n_units, n_samples, n_channels)
        In the unit of the file; NaN in rows of units without a waveform, and on channels a unit does not have.
    channels : array of int64, shape (n_units, n_channels)
        Row of the electrodes table of each channel; -1 where unknown or absent.
    sampling_rate_hz : float or None
        Of the waveforms; None where the file does not say.
    samples_before_peak : int or None
        Index of the aligned sample; None where the file does not say.
    declared_unit : str
        What the file calls the unit (``"volts"``, ``"microvolts"``, …); empty where it does not say.
    """

    mean: NDArray[np.floating[Any]]
    channels: NDArray[np.int64]
    sampling_rate_hz: float | None
    samples_before_peak: int | None = None
    declared_unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Units:
    """The units of one source.

    Parameters
    ----------
    unit_ids : array of int or str, shape (n_units,)
        As the source names them, in its order.
    spike_times_s : Ragged of float64
        Spike times of each unit, in seconds on the session's clock, as stored.
    source : Source
    obs_intervals_s : Ragged of float64, rows of shape (n_intervals, 2), or None
        When each unit was observed; None where the source does not say.
    recording_interval_s : tuple of float or None
        Start and end of the recording the units were sorted from; None where the source does not say.
    sampling_rate_hz : float or None
        Of the recording.
    waveforms : Waveforms or None
    electrodes : Electrodes or None
    unit_electrodes : Ragged of int64 or None
        Rows of the electrodes table that each unit came from.
    columns : mapping of str to Column
        Every other column.
    unread_columns : tuple of str
        Columns that were left unread for their size.
    problems : tuple of Problem
        What was noticed on reading.
    """

    unit_ids: NDArray[Any]
    spike_times_s: Ragged
    source: Source
    obs_intervals_s: Ragged | None = None
    recording_interval_s: tuple[float, float] | None = None
    sampling_rate_hz: float | None = None
    waveforms: Waveforms | None = None
    electrodes: Electrodes | None = None
    unit_electrodes: Ragged | None = None
    columns: Mapping[str, Column] = field(default_factory=dict)
    unread_columns: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    def __len__(self) -> int:
        return len(self.unit_ids)


class OriginKind(StrEnum):
    """What a feature's value comes from."""

    COLUMN = "column"
    COMPUTED = "computed"
    RAW = "raw"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where one feature's value of one unit comes from.

    Parameters
    ----------
    kind : OriginKind
    detail : str
        The column's name, the definition that was computed, or why the value is missing.
    """

    kind: OriginKind
    detail: str

    def __str__(self) -> str:
        return f"{self.kind.value}: {self.detail}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Features:
    """Metrics of every unit, each with its origin.

    Parameters
    ----------
    unit_ids : array, shape (n_units,)
    names : tuple of str, length n_features
        Vocabulary names; ``"recovery_slope"`` is today's definition, ``"recovery_slope@0.101"`` that of an older
        SpikeInterface.
    values : array of float64, shape (n_units, n_features)
        NaN where missing.
    origins : tuple of Origin
        Each distinct origin once.
    origin_index : array of int, shape (n_units, n_features)
        Which of ``origins`` each value has.
    notes : mapping of str to str
        What was decided for all units: the waveform's scale, the observed time, the main channel's rule.
    problems : tuple of Problem
        What was noticed on computing.
    """

    unit_ids: NDArray[Any]
    names: tuple[str, ...]
    values: NDArray[np.float64]
    origins: tuple[Origin, ...]
    origin_index: NDArray[np.intp]
    notes: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def __len__(self) -> int:
        return len(self.unit_ids)

    def origin(self, row: int, name: str) -> Origin:
        """Origin of the value of unit number `row` in feature `name`."""
        return self.origins[int(self.origin_index[row, self.names.index(name)])]

    def select(self, names: tuple[str, ...]) -> Features:
        """Return the features `names`, in that order.

        Raises
        ------
        ValueError
            If one of them is not there.
        """
        columns = [self.names.index(name) for name in names]
        return Features(
            unit_ids=self.unit_ids,
            names=names,
            values=self.values[:, columns],
            origins=self.origins,
            origin_index=self.origin_index[:, columns],
            notes=self.notes,
            problems=self.problems,
        )

    def to_frame(self) -> pd.DataFrame:
        """Values as a table: one row a unit (index ``unit_id``), one column a feature."""
        import pandas as pd

        return pd.DataFrame(self.values, columns=list(self.names), index=pd.Index(self.unit_ids, name="unit_id"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelIdentity:
    """What names a model for good.

    Parameters
    ----------
    name : str
        Short name, as ``"unitrefine-default"``.
    source : str
        Where it was loaded from: ``"packaged"``, a path, or ``"hf://repo_id"``.
    revision : str
        Version, or commit of the repository; empty where there is none.
    digest : str
        ``"sha256:…"`` over the files that decide what the model predicts.
    licence : str
        SPDX identifier; empty where unknown.
    """

    name: str
    source: str
    revision: str
    digest: str
    licence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Predictions:
    """What a model says of every unit.

    Parameters
    ----------
    unit_ids : array, shape (n_units,)
    probabilities : array of float64, shape (n_units, 3)
        Probability of each of `CLASSES`; rows sum to 1, or are NaN where nothing can be said.
    labels : array of str, shape (n_units,)
        One of `CLASSES`, or empty where nothing can be said.
    uncertain : array of bool, shape (n_units,)
        Whether the label should not be relied on.
    reasons : tuple of str, length n_units
        Why a unit is uncertain, or why it has no label; empty otherwise.
    """

    unit_ids: NDArray[Any]
    probabilities: NDArray[np.float64]
    labels: NDArray[np.str_]
    uncertain: NDArray[np.bool_]
    reasons: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.unit_ids)

    @property
    def confidence(self) -> NDArray[np.float64]:
        """Probability of each unit's label, shape (n_units,); NaN where there is no label."""
        known = [CLASSES.index(label) if label else 0 for label in self.labels.tolist()]
        picked = self.probabilities[np.arange(len(self)), known]
        return np.where(self.labels == "", np.nan, picked)

    def to_frame(self) -> pd.DataFrame:
        """One row a unit: ``label``, ``probability``, ``p_sua``, ``p_mua``, ``p_noise``, ``uncertain``, ``reason``."""
        import pandas as pd

        return pd.DataFrame(
            {
                "label": self.labels.astype(object),
                "probability": self.confidence,
                **{f"p_{name}": self.probabilities[:, i] for i, name in enumerate(CLASSES)},
                "uncertain": self.uncertain,
                "reason": list(self.reasons),
            },
            index=pd.Index(self.unit_ids, name="unit_id"),
        )


def _now() -> datetime:
    """Time of a run: to the second, in UTC, as it is written to files."""
    return datetime.now(UTC).replace(microsecond=0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curation:
    """One source, labelled: everything that `write_curation` records.

    Parameters
    ----------
    units : Units
    features : Features
    predictions : Predictions
    model : ModelIdentity
    parameters : mapping of str to str, float, int or bool
        Options that decided the outcome.
    created : datetime
        When it was made, in UTC.
    """

    units: Units
    features: Features
    predictions: Predictions
    model: ModelIdentity
    parameters: Mapping[str, str | float | int | bool] = field(default_factory=dict)
    created: datetime = field(default_factory=_now)


class RunKind(StrEnum):
    """Who decided the labels of a run."""

    MODEL = "model"
    HUMAN = "human"
    RULE = "rule"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Run:
    """One entry of a file's curation history, as the file records it.

    Parameters
    ----------
    kind : RunKind
    agent : str
        Name of the model, the person or the rule.
    created : datetime
        In UTC.
    predictions : Predictions
        Labels of all units of the table after this run; a human run changes some and keeps the rest, and its
        probabilities may be NaN.
    software : mapping of str to str
        Versions of the packages that decided the outcome, ``nwb-unitrefine`` among them.
    inputs : mapping of str to str
        Digest (``"sha256:…"``) of each input: ``"spike_times"``, ``"waveform_mean"``, …
    model : ModelIdentity or None
        None for a human run.
    features : Features or None
    parameters : mapping
        As of `Curation`.
    changed : array of bool, shape (n_units,), or None
        Units whose label this run decided; None for all.
    note : str
        Free text.
    name : str
        What the file calls the run, ``"run_0001"``; empty before it is written.
    label_column, probability_column : str
        Columns of the units table that the run wrote; empty where it wrote none.
    undoes : str
        Name of the run that this one takes back; empty for all others.
    """

    kind: RunKind
    agent: str
    created: datetime
    predictions: Predictions
    software: Mapping[str, str]
    inputs: Mapping[str, str]
    model: ModelIdentity | None = None
    features: Features | None = None
    parameters: Mapping[str, str | float | int | bool] = field(default_factory=dict)
    changed: NDArray[np.bool_] | None = None
    note: str = ""
    name: str = ""
    label_column: str = ""
    probability_column: str = ""
    undoes: str = ""
