"""Which columns of the units table hold the labels, what is in them, and whose they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import ColumnExistsError, WriteError
from nwb_unitrefine.records import RunKind
from nwb_unitrefine.write.tree import text_array

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from nwb_unitrefine.records import Run

__all__ = ["COLUMN_SETS", "ColumnNames", "column_names", "label_values", "probability_values", "require_free"]


@dataclass(frozen=True, slots=True)
class ColumnNames:
    """Names of the pair of columns that a run writes.

    Parameters
    ----------
    label, probability : str
    """

    label: str
    probability: str

    @property
    def descriptions(self) -> tuple[str, str]:
        """What a reader of the file is told about each of the two."""
        about_label = (
            "Label of each unit: 'sua' (single unit), 'mua' (multi-unit) or 'noise'; an empty text for a unit that has "
            "no label, since every row needs a value. How it came about is recorded in /general/unit_curation."
        )
        about_probability = (
            f"Probability that the label in {self.label!r} is right, as the model estimates it. NaN for a unit that "
            "has no label or whose label a person set. How it came about is recorded in /general/unit_curation."
        )
        return about_label, about_probability


COLUMN_SETS = {
    "unitrefine": ColumnNames("unitrefine_label", "unitrefine_probability"),
    "quality": ColumnNames("quality_label", "quality_score"),
}
"""Pairs with a name of their own: SpikeInterface's and AIND's, and those that nwb-schema #665 proposes to reserve."""

_FORBIDDEN = set("/:.\0")


def column_names(columns: str | Sequence[str]) -> ColumnNames:
    """Return the pair of columns that `columns` means.

    Parameters
    ----------
    columns : str or pair of str
        A name of `COLUMN_SETS`, or the label column's name and the probability column's.

    Raises
    ------
    WriteError
        If it is neither, or a name cannot be one in NWB.

    Examples
    --------
    >>> column_names("quality")
    ColumnNames(label='quality_label', probability='quality_score')
    """
    if isinstance(columns, str):
        if columns not in COLUMN_SETS:
            raise WriteError(
                f"There is no set of columns named {columns!r}.",
                tip=f"Use one of {', '.join(COLUMN_SETS)}, or two names of your own.",
            )
        return COLUMN_SETS[columns]
    names = tuple(columns)
    if len(names) != 2 or names[0] == names[1]:
        raise WriteError(f"Two different column names are needed, for label and probability, and not {names}.")
    for name in names:
        if not name or name != name.strip() or _FORBIDDEN & set(name) or name.endswith("_index"):
            raise WriteError(f"{name!r} cannot be the name of a column.", tip="Use letters, digits and underscores.")
    return ColumnNames(*names)


def require_free(
    names: ColumnNames, *, present: Iterable[str], chain: Sequence[Run], overwrite: Sequence[str], where: str
) -> tuple[str, ...]:
    """Return which of the present columns, by another program, are to be replaced; refuse what was not asked for.

    Parameters
    ----------
    names : ColumnNames
        That are to be written.
    present : iterable of str
        Names in the units table.
    chain : sequence of Run
        The runs in effect, which say what of it is ours.
    overwrite : sequence of str
        Columns that the user said may be replaced.
    where : str
        The file's name, for the message.

    Raises
    ------
    ColumnExistsError
        If a column is in the way.
    """
    ours = {name for run in chain for name in (run.label_column, run.probability_column) if name}
    foreign = tuple(name for name in (names.label, names.probability) if name in set(present) - ours)
    refused = tuple(name for name in foreign if name not in overwrite)
    if refused:
        listed = " and ".join(repr(name) for name in refused)
        raise ColumnExistsError(
            f"{where} already has {listed}, which another program wrote.",
            tip="Choose other names with --columns, or allow it with "
            + " ".join(f"--overwrite-column {name}" for name in refused)
            + ".",
            columns=refused,
        )
    return foreign


def label_values(run: Run) -> NDArray[Any]:
    """Return the values of a run's label column, shape (n_units,)."""
    return text_array(run.predictions.labels)


def probability_values(run: Run) -> NDArray[np.float64]:
    """Return the values of a run's probability column, shape (n_units,).

    The probability of the label, and NaN where there is no label or a person set it: a model's run that leaves such
    units as they are (`Run.changed` is false) still records what the model says of them, but that is not their label's
    probability.
    """
    values = run.predictions.confidence.astype(np.float64)
    if run.kind is not RunKind.HUMAN and run.changed is not None:
        values = np.where(run.changed, values, np.nan)
    return values
