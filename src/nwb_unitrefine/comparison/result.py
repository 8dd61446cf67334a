"""Labellings of the same units side by side: agreement of each pair, scores against people, and where they differ."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from nwb_unitrefine.read.existing_labels import Agreement, compare_labels, in_common_classes
from nwb_unitrefine.vocabulary.labels import meaning
from nwb_unitrefine.vocabulary.model_classes import class_name

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Comparison", "Kind", "Labelling", "PairAgreement", "majority"]

Kind = Literal["model", "rule", "person", "program"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Labelling:
    """The labels of all units by one model, rule, person or other program.

    Parameters
    ----------
    name : str
    kind : {"model", "rule", "person", "program"}
        A program is one that wrote a column of labels before, such as the sorter; a rule may have done so, too.
    labels : array of str, shape (n_units,)
        Empty where it has no label.
    margins : array of float64, shape (n_units,)
        How far the score that decided is above the next one; NaN where there is none.
    trained_on : array of bool, shape (n_units,)
        Units that a model was trained on, or whose recording it was trained on. It is not compared with people there.
    """

    name: str
    kind: Kind
    labels: NDArray[np.str_]
    margins: NDArray[np.float64]
    trained_on: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PairAgreement:
    """How far two labellings agree.

    Parameters
    ----------
    first, second : str
        Their names.
    agreement : Agreement
        On the finest classes that both distinguish.
    n_left_out : int
        Units that were left out, since one of the two was trained on them and the other is a person.
    """

    first: str
    second: str
    agreement: Agreement
    n_left_out: int

    @property
    def balanced_accuracy(self) -> float:
        """Mean over the second's classes of the fraction that the first labels alike; NaN without units."""
        confusion = self.agreement.confusion
        totals = confusion.sum(axis=0)
        with np.errstate(invalid="ignore"):
            recalls = np.diagonal(confusion) / totals
        return float(recalls[totals > 0].mean()) if totals.any() else float("nan")

    def as_document(self) -> dict[str, Any]:
        """Describe the pair for programs."""
        return {
            "first": self.first,
            "second": self.second,
            "classes": list(self.agreement.classes),
            "n_units": self.agreement.n_units,
            "n_left_out": self.n_left_out,
            "accuracy": self.agreement.accuracy,
            "balanced_accuracy": self.balanced_accuracy,
            "kappa": self.agreement.kappa,
            "confusion": self.agreement.confusion.tolist(),
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparison:
    """Labellings of the same units.

    Parameters
    ----------
    sources, recordings, unit_ids : array of str, shape (n_units,)
    labellings : tuple of Labelling
    notes : tuple of str
        What to know on reading the scores.
    """

    sources: NDArray[np.str_]
    recordings: NDArray[np.str_]
    unit_ids: NDArray[np.str_]
    labellings: tuple[Labelling, ...]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.unit_ids)

    @property
    def people(self) -> tuple[Labelling, ...]:
        """Labellings of people."""
        return tuple(one for one in self.labellings if one.kind == "person")

    @property
    def majority(self) -> Labelling:
        """The label of each unit that most people set; empty where there is a tie, or nobody set one."""
        return majority(self.people, len(self))

    def pairs(self) -> list[PairAgreement]:
        """Agreement of each two labellings, in their order."""
        return [_agreement(first, second) for first, second in combinations(self.labellings, 2)]

    def scores(self) -> list[PairAgreement]:
        """Agreement of each model, rule and program with what most people say."""
        if not self.people:
            return []
        return [_agreement(one, self.majority) for one in self.labellings if one.kind != "person"]

    def differences(self) -> pd.DataFrame:
        """Units about which two labellings differ, those of the largest margin first.

        Returns
        -------
        DataFrame
            ``source``, ``recording``, ``unit_id``, a column for each labelling, ``majority`` where there are several
            people, and ``margin NAME`` for each model that has margins.
        """
        import pandas as pd

        differs = np.zeros(len(self), dtype=np.bool_)
        for first, second in combinations(self.labellings, 2):
            rows, columns, _ = in_common_classes(first.labels, second.labels)
            differs |= (rows >= 0) & (columns >= 0) & (rows != columns)
        margins = {f"margin {one.name}": one.margins for one in self.labellings if np.isfinite(one.margins).any()}
        frame = pd.DataFrame(
            {
                "source": self.sources,
                "recording": self.recordings,
                "unit_id": self.unit_ids,
                **{one.name: one.labels for one in self.labellings},
                **({"majority": self.majority.labels} if len(self.people) > 1 else {}),
                **margins,
            }
        )[differs]
        if margins:
            largest = frame[list(margins)].max(axis=1)
            frame = frame.loc[largest.sort_values(ascending=False, kind="stable").index]
        return frame.reset_index(drop=True)

    def as_document(self) -> dict[str, Any]:
        """Describe the comparison for programs."""
        return {
            "n_units": len(self),
            "labellings": [
                {
                    "name": one.name,
                    "kind": one.kind,
                    "n_units": int((one.labels != "").sum()),
                    "counts": dict(Counter(one.labels[one.labels != ""].tolist())),
                    "n_trained_on": int(one.trained_on.sum()),
                }
                for one in self.labellings
            ],
            "pairs": [pair.as_document() for pair in self.pairs()],
            "scores": [pair.as_document() for pair in self.scores()],
            "differences": self.differences().to_dict("records"),
            "notes": list(self.notes),
        }


def majority(people: tuple[Labelling, ...], n_units: int) -> Labelling:
    """Find what most people say of each unit; words that mean the same count together."""
    found = []
    for row in range(n_units):
        words = [str(one.labels[row]) for one in people if one.labels[row]]
        votes = Counter(class_name(meaning(word)) or word for word in words).most_common(2)
        is_tie = len(votes) > 1 and votes[0][1] == votes[1][1]
        found.append("" if is_tie or not votes else votes[0][0])
    return Labelling(
        name="majority" if len(people) > 1 else "".join(one.name for one in people),
        kind="person",
        labels=np.array(found, dtype=np.str_),
        margins=np.full(n_units, np.nan),
        trained_on=np.zeros(n_units, np.bool_),
    )


def _agreement(first: Labelling, second: Labelling) -> PairAgreement:
    """Compare two labellings, leaving out units where one was trained on labels by people like the other."""
    left_out = np.zeros(len(first.labels), np.bool_)
    if "person" in {first.kind, second.kind}:
        left_out = (first.trained_on | second.trained_on) & (first.labels != "") & (second.labels != "")
    return PairAgreement(
        first=first.name,
        second=second.name,
        agreement=compare_labels(first.labels[~left_out], second.labels[~left_out]),
        n_left_out=int(left_out.sum()),
    )
