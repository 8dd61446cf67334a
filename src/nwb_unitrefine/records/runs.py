"""A source that was labelled, and the record of it that a file keeps."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.records.display import Displayed, Summary, count_labels, plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from nwb_unitrefine.records.features import Features
    from nwb_unitrefine.records.predictions import ModelIdentity, Predictions
    from nwb_unitrefine.records.units import Units

__all__ = ["Curation", "Run", "RunKind", "effective_chain", "held_by_people"]


def _now() -> datetime:
    """Time of a run: to the second, in UTC, as it is written to files."""
    return datetime.now(UTC).replace(microsecond=0)


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
    """

    units: Units
    features: Features
    predictions: Predictions
    model: ModelIdentity
    parameters: Mapping[str, str | float | int | bool] = field(default_factory=dict)
    created: datetime = field(default_factory=_now)

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
                *(("note", problem.what) for problem in (*self.units.problems, *self.features.problems)),
            ),
        )


class RunKind(StrEnum):
    """Who decided the labels of a run."""

    MODEL = "model"
    HUMAN = "human"
    RULE = "rule"


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

    def summary(self) -> Summary:
        """Return what `repr` and a notebook show."""
        decided = len(self.predictions) if self.changed is None else int(self.changed.sum())
        return replace(
            self.predictions.summary(),
            title=f"{self.name or 'Run'} of {self.created:%Y-%m-%d %H:%M} by {self.agent} ({self.kind.value})",
            facts=(
                ("labels", count_labels(self.predictions.labels.tolist())),
                ("decided", plural(decided, "unit")),
                ("columns", ", ".join(filter(None, (self.label_column, self.probability_column)))),
                ("undoes", self.undoes),
                ("note", self.note),
            ),
        )


def effective_chain(history: Sequence[Run]) -> tuple[Run, ...]:
    """Return the runs that count, the oldest first: without those that were taken back, and the taking back.

    The last one's labels are in effect; with none, the file has no labels.
    """
    chains: list[tuple[Run, ...]] = [()]
    position = {run.name: number for number, run in enumerate(history)}
    for run in history:
        if run.undoes:
            chains.append(chains[position[run.undoes]])  # the state before that run
        else:
            chains.append((*chains[-1], run))
    return chains[-1]


def held_by_people(chain: Sequence[Run]) -> dict[int, tuple[str, Run]]:
    """Return the label of each unit that has it from a person, and the run in which it was set, by unit id.

    Parameters
    ----------
    chain : sequence of Run
        As of `effective_chain`.
    """
    held: dict[int, tuple[str, Run]] = {}
    for run in chain:
        decided = np.ones(len(run.predictions), dtype=np.bool_) if run.changed is None else run.changed
        units = run.predictions.unit_ids[decided].tolist()
        if run.kind is RunKind.HUMAN:
            held |= {
                unit: (label, run) for unit, label in zip(units, run.predictions.labels[decided].tolist(), strict=True)
            }
        else:
            held = {unit: by_whom for unit, by_whom in held.items() if unit not in set(units)}
    return held
