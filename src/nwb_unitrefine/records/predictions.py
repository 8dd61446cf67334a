"""The predictions of a model, and its identity."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.records.display import Displayed, Summary, count_labels, plural

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["CLASSES", "ModelIdentity", "Predictions"]

CLASSES = ("sua", "mua", "noise")
"""Labels of the packaged model, in the order of its probabilities; other models may have classes of their own."""


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Predictions(Displayed):
    """Label, probabilities and remarks of every unit.

    Parameters
    ----------
    unit_ids : array, shape (n_units,)
    probabilities : array of float64, shape (n_units, n_classes)
        Probability of each class; rows sum to 1, or are NaN where nothing is known of the unit.
    labels : array of str, shape (n_units,)
        One of `classes` or a person's own word; empty for no label.
    uncertain : array of bool, shape (n_units,)
        Whether the label should not be relied on.
    reasons : tuple of str, length n_units
        Why a unit is uncertain, why it has no label, or which thresholds of a rule it fails; empty otherwise.
    classes : tuple of str, length n_classes
        Classes of the model, in the order of the probabilities.
    margins : array of float64, shape (n_units,), or None
        How far the score that decided is above the next one: small where the label could well be another. The scores
        are the probabilities, or these over the class priors, scaled to sum 1. None where they are not recorded.
    """

    unit_ids: NDArray[Any]
    probabilities: NDArray[np.float64]
    labels: NDArray[np.str_]
    uncertain: NDArray[np.bool_]
    reasons: tuple[str, ...]
    classes: tuple[str, ...] = CLASSES
    margins: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.unit_ids)

    @property
    def confidence(self) -> NDArray[np.float64]:
        """Probability of each unit's label, shape (n_units,); NaN without a label, or for one that is not a class."""
        places = {name: place for place, name in enumerate(self.classes)}
        known = np.array([places.get(label, -1) for label in self.labels.tolist()], dtype=np.intp)
        picked = self.probabilities[np.arange(len(self)), known]
        return np.where(known < 0, np.nan, picked)

    def with_classes(self, words: Iterable[str]) -> Predictions:
        """Return the same with further classes, such as words of people, to which the model gives no probability."""
        added = tuple(word for word in dict.fromkeys(words) if word and word not in self.classes)
        if not added:
            return self
        none = np.zeros((len(self), len(added)))
        none[~np.isfinite(self.probabilities).all(axis=1)] = np.nan
        probabilities = np.concatenate([self.probabilities, none], axis=1)
        return replace(self, classes=(*self.classes, *added), probabilities=probabilities)

    def to_frame(self) -> pd.DataFrame:
        """One row a unit: ``label``, ``probability``, ``p_`` with each class, ``margin``, ``uncertain``, ``reason``."""
        import pandas as pd

        return pd.DataFrame(
            {
                "label": self.labels.astype(object),
                "probability": self.confidence,
                **{f"p_{name}": self.probabilities[:, i] for i, name in enumerate(self.classes)},
                **({} if self.margins is None else {"margin": self.margins}),
                "uncertain": self.uncertain,
                "reason": list(self.reasons),
            },
            index=pd.Index(self.unit_ids, name="unit_id"),
        )

    def summary(self) -> Summary:
        """Return what `repr` and a notebook show."""
        return Summary(
            title=f"Predictions for {plural(len(self), 'unit')}",
            facts=(("labels", count_labels(self.labels.tolist())), ("uncertain", str(int(self.uncertain.sum())))),
            headings=("unit", "label", *(f"p({name})" for name in self.classes), "uncertain", "reason"),
            rows=(
                [unit, label, *row, "yes" if uncertain else "", reason]
                for unit, label, row, uncertain, reason in zip(
                    self.unit_ids.tolist(),
                    self.labels.tolist(),
                    self.probabilities.tolist(),
                    self.uncertain.tolist(),
                    self.reasons,
                    strict=True,
                )
            ),
        )
