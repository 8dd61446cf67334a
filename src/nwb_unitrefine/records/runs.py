"""A source that was labelled, and the record of it that a file keeps."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.records.contamination import Contamination
from nwb_unitrefine.records.display import Displayed, Summary, count_labels, plural

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray

    from nwb_unitrefine.records.features import Features
    from nwb_unitrefine.records.predictions import ModelIdentity, Predictions
    from nwb_unitrefine.records.units import Units

__all__ = ["Basis", "Curation", "LabelsInEffect", "Redaction", "Run", "RunKind"]


def _now() -> datetime:
    """Time of a run: to the second, in UTC, as it is written to files."""
    return datetime.now(UTC).replace(microsecond=0)


class RunKind(StrEnum):
    """Who decided the labels of a run."""

    MODEL = "model"
    HUMAN = "human"
    RULE = "rule"


class Basis(StrEnum):
    """What the labels of one source rest on: the richest kind of feature that any of its units has."""

    NOTHING = "no feature"
    SPIKE_TIMES = "spike times only"
    ONE_CHANNEL = "spike times and mean waveforms on one channel"
    MANY_CHANNELS = "spike times and mean waveforms on many channels"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Curation(Displayed):
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
    rests_on : Basis or None
        What the labels rest on; None where that was not determined.
    kind : RunKind
        Whether a model or a rule decided.
    """

    units: Units
    features: Features
    predictions: Predictions
    model: ModelIdentity
    parameters: Mapping[str, str | float | int | bool] = field(default_factory=dict)
    created: datetime = field(default_factory=_now)
    rests_on: Basis | None = None
    kind: RunKind = RunKind.MODEL

    @property
    def contamination(self) -> Contamination | None:
        """Share of foreign spikes of each unit; None where the source has no spike times."""
        return Contamination.of(self.features)

    def summary(self) -> Summary:
        """Return what `repr` and a notebook show."""
        return replace(
            self.predictions.summary(),
            title=f"Curation of {self.units.source.uri}: {plural(len(self.units), 'unit')} by {self.model.name}",
            facts=(
                ("labels", count_labels(self.predictions.labels.tolist())),
                ("uncertain", str(int(self.predictions.uncertain.sum()))),
                ("model", f"{self.model.name} {self.model.revision}".strip()),
                ("features", f"{len(self.features.names)}"),
                *([("rests on", self.rests_on.value)] if self.rests_on else []),
                *(("note", problem.what) for problem in (*self.units.problems, *self.features.problems)),
            ),
        )


@dataclass(frozen=True, slots=True)
class Redaction:
    """One field of the history whose private text was taken out.

    Parameters
    ----------
    run : str
        Name of the run that the field belongs to; empty for the history's own attributes.
    field : str
        Path of the attribute or dataset in the run.
    former, present : str
        Digest of the field before and after.
    """

    run: str
    field: str
    former: str
    present: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Run(Displayed):
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
    label_column, probability_column, uncertain_column, contamination_column : str
        Columns of the units table that the run wrote; empty where it wrote none.
    undoes : str
        Name of the run that this one takes back; empty for all others.
    redactions : tuple of Redaction
        Private text that this run took out of the history; empty for all others.
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
    uncertain_column: str = ""
    contamination_column: str = ""
    undoes: str = ""
    redactions: tuple[Redaction, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of the units table that the run wrote."""
        names = (self.label_column, self.probability_column, self.uncertain_column, self.contamination_column)
        return tuple(filter(None, names))

    @property
    def contamination(self) -> Contamination | None:
        """Share of foreign spikes of each unit; None where the run does not record it."""
        return None if self.features is None else Contamination.of(self.features)

    @property
    def remark(self) -> str:
        """The run that it takes back, and its note."""
        return f"takes {self.undoes} back. {self.note}".strip() if self.undoes else self.note

    def summary(self) -> Summary:
        """Return what `repr` and a notebook show."""
        decided = len(self.predictions) if self.changed is None else int(self.changed.sum())
        return replace(
            self.predictions.summary(),
            title=f"{self.name or 'Run'} of {self.created:%Y-%m-%d %H:%M} by {self.agent} ({self.kind.value})",
            facts=(
                ("labels", count_labels(self.predictions.labels.tolist())),
                ("decided", plural(decided, "unit")),
                ("columns", ", ".join(self.columns)),
                ("undoes", self.undoes),
                ("note", self.note),
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelsInEffect:
    """The labels that a file holds, and who set each.

    Parameters
    ----------
    predictions : Predictions
        With people's labels. Probabilities are the model's throughout, also of units that a person labelled.
    people : tuple of str, length n_units
        The person who set the label of each unit; empty where a model or a rule did, or where there is no label.
    columns : frozenset of str
        Columns of labels that the runs in effect wrote: they are not a second opinion about the units.
    """

    predictions: Predictions
    people: tuple[str, ...]
    columns: frozenset[str] = frozenset()

    @property
    def by_people(self) -> NDArray[np.bool_]:
        """Which units have their label from a person, shape (n_units,)."""
        return np.array([bool(person) for person in self.people], dtype=np.bool_)

    def of_programs(self) -> Predictions:
        """Return the labels that people did not set: the others are empty."""
        return replace(self.predictions, labels=np.where(self.by_people, "", self.predictions.labels))

    def to_frame(self) -> pd.DataFrame:
        """Return a table as of `Predictions.to_frame`; a label that a person set has no probability."""
        frame = self.predictions.to_frame()
        frame["probability"] = frame["probability"].where(~self.by_people)
        return frame
