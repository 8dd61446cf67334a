"""What a file says of its units once they are labelled: a model's labels, but for those that a person set."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from nwb_unitrefine.batch import LabelResult
    from nwb_unitrefine.read import Decisions
    from nwb_unitrefine.records import Curation, Predictions

__all__ = ["Standing", "label_standing"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Standing:
    """Labels that stand in a file, or would.

    Parameters
    ----------
    predictions : Predictions
        With people's labels, and who set them as the reason; probabilities are the model's throughout.
    by_people : array of bool, shape (n_units,)
        Which units have their label from a person.
    ours : frozenset of str
        Columns that hold labels of ours, which say nothing about agreement with anybody else.
    """

    predictions: Predictions
    by_people: NDArray[np.bool_]
    ours: frozenset[str]

    def of_model(self) -> Predictions:
        """Return the model's part: units that a person labelled have no label."""
        return replace(self.predictions, labels=np.where(self.by_people, "", self.predictions.labels))

    def to_frame(self) -> pd.DataFrame:
        """Return a table as of `Predictions.to_frame`; a label that a person set has no probability."""
        frame = self.predictions.to_frame()
        frame["probability"] = frame["probability"].where(~self.by_people)
        return frame


def label_standing(result: LabelResult, *, replace_human: bool) -> Standing:
    """Find out which labels stand after a source was labelled; after a dry run, which would.

    Parameters
    ----------
    result : LabelResult
        With a curation.
    replace_human : bool
        As it was labelled.
    """
    from nwb_unitrefine.read import Decisions, read_decisions

    curation, report = result.curation, result.report
    assert curation is not None
    place = curation.units.source if report is None else replace(curation.units.source, uri=str(report.path))
    decisions = read_decisions(place)
    if replace_human:
        decisions = Decisions(columns=decisions.columns)
    ours = decisions.columns - set(report.replaced if report else ())
    return _with_people(curation, decisions, ours)


def _with_people(curation: Curation, decisions: Decisions, ours: frozenset[str]) -> Standing:
    """Put people's labels in the place of the model's."""
    said = curation.predictions
    ids = said.unit_ids.tolist()
    held = np.array([unit_id in decisions.by_people for unit_id in ids], dtype=np.bool_)
    labels = [decisions.by_people.get(unit_id, label) for unit_id, label in zip(ids, said.labels.tolist(), strict=True)]
    reasons = zip(ids, said.reasons, strict=True)
    predictions = replace(
        said,
        labels=np.array(labels, dtype=said.labels.dtype),
        uncertain=said.uncertain & ~held,
        reasons=tuple(
            f"set by {decisions.people[unit_id]}" if unit_id in decisions.people else why for unit_id, why in reasons
        ),
    )
    return Standing(predictions=predictions, by_people=held, ours=ours)
