"""Metrics of units, each value with its origin."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import FeatureError
from nwb_unitrefine.records.display import Displayed, Summary, plural

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray

    from nwb_unitrefine.records.problems import Problem

__all__ = ["Features", "Origin", "OriginKind"]


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Features(Displayed):
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
        """Origin of the value of unit number `row` in feature `name`.

        Raises
        ------
        FeatureError
            If it is not among `names`.
        """
        if name not in self.names:
            raise FeatureError(
                f"{name!r} is not among these features.", tip=f"They are: {', '.join(self.names)}.", missing=(name,)
            )
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

    def summary(self) -> Summary:
        """Return what `repr` and a notebook show."""
        empty = np.all(np.isnan(self.values), axis=0)
        missing = [name for name, nowhere in zip(self.names, empty.tolist(), strict=True) if nowhere]
        return Summary(
            title=f"Features of {plural(len(self), 'unit')}: {plural(len(self.names), 'feature')}",
            facts=(
                ("names", ", ".join(self.names)),
                ("missing in all", ", ".join(missing)),
                *self.notes.items(),
                *(("note", problem.what) for problem in self.problems),
            ),
            headings=("unit", *self.names),
            rows=([unit, *values] for unit, values in zip(self.unit_ids.tolist(), self.values.tolist(), strict=True)),
        )
