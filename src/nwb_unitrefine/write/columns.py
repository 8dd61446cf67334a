"""Which columns of the units table hold the labels, what is in them, and whose they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import ColumnExistsError, WriteError
from nwb_unitrefine.history.tree import text_array
from nwb_unitrefine.records import RunKind

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from nwb_unitrefine.history.store import UnitsStore
    from nwb_unitrefine.records import Run

__all__ = [
    "COLUMN_SETS",
    "PREDEFINED",
    "ColumnNames",
    "column_names",
    "edited_columns",
    "equal_values",
    "label_values",
    "probability_values",
    "require_free",
    "run_values",
    "writers",
]


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

PREDEFINED = frozenset(
    {
        "id",
        "spike_times",
        "obs_intervals",
        "electrodes",
        "electrode_group",
        "waveform_mean",
        "waveform_sd",
        "waveforms",
    }
)
"""Columns that NWB's schema gives a meaning of its own: never a place for labels, and never replaced."""


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
        if name in PREDEFINED:
            raise WriteError(f"{name!r} is NWB's own column and no place for labels.", tip="Choose another name.")
    return ColumnNames(*names)


def require_free(
    names: ColumnNames,
    *,
    present: Collection[str],
    chain: Sequence[Run],
    edited: Collection[str],
    overwrite: Sequence[str],
    where: str,
) -> tuple[str, ...]:
    """Return which columns by another program or hand are to be replaced; refuse what was not asked for.

    Parameters
    ----------
    names : ColumnNames
        That are to be written.
    present : collection of str
        Names of all that is in the units table, its columns or not.
    chain : sequence of Run
        The runs in effect, which say what of it is ours.
    edited : collection of str
        Which of ours were edited since: as of `edited_columns`.
    overwrite : sequence of str
        Columns that the user said may be replaced.
    where : str
        The file's name, for the message.

    Raises
    ------
    ColumnExistsError
        If a column is in the way.
    """
    ours = set(writers(chain))
    foreign = tuple(
        name
        for name in (names.label, names.probability)
        if name in edited or (name not in ours and (name in present or f"{name}_index" in present))
    )
    refused = tuple(name for name in foreign if name not in overwrite)
    if refused:
        listed = " and ".join(repr(name) for name in refused)
        allow = " ".join(f"--overwrite-column {name}" for name in refused)
        if set(refused) <= set(edited):
            raise ColumnExistsError(
                f"{where}: {listed} was edited since nwb-unitrefine wrote it.",
                tip=f"{allow} replaces the edits, and keeps them in the history; `relabel` records a person's labels.",
                columns=refused,
            )
        raise ColumnExistsError(
            f"{where} already has {listed}, which another program wrote.",
            tip=f"Choose other names with --columns, or allow it with {allow}.",
            columns=refused,
        )
    return foreign


def writers(chain: Sequence[Run]) -> dict[str, Run]:
    """Return the newest run that wrote each column, by the column's name; of the runs in effect."""
    return {name: run for run in chain for name in (run.label_column, run.probability_column) if name}


def edited_columns(store: UnitsStore, chain: Sequence[Run]) -> tuple[str, ...]:
    """Return which columns of ours hold something else than their runs gave them.

    One that is gone, or whose rows are not the table's, holds nothing that could be lost.
    """
    unit_ids = store.read("id")
    edited = []
    for name, run in writers(chain).items():
        if store.shape(name) == unit_ids.shape and not equal_values(store.read(name), run_values(run, name, unit_ids)):
            edited.append(name)
    return tuple(edited)


def equal_values(found: NDArray[Any], expected: NDArray[Any]) -> bool:
    """Whether two columns hold the same, NaN being the same as NaN."""
    if expected.dtype.kind == "f" and found.dtype.kind == "f":
        return np.array_equal(found, expected, equal_nan=True)
    return bool(found.tolist() == expected.tolist())


def run_values(run: Run, column: str, unit_ids: NDArray[np.int64]) -> NDArray[Any]:
    """Return what a run gave one of its columns, by unit id.

    Parameters
    ----------
    run : Run
    column : str
        Its label column, or its probability column.
    unit_ids : array of int64, shape (n_units,)

    Returns
    -------
    array, shape (n_units,)
        An empty text, or NaN, for a unit that the run does not know.
    """
    is_label = column == run.label_column
    values = label_values(run) if is_label else probability_values(run)
    known = dict(zip(run.predictions.unit_ids.tolist(), values.tolist(), strict=True))
    rows = [known.get(unit, "" if is_label else np.nan) for unit in unit_ids.tolist()]
    return text_array(rows) if is_label else np.array(rows, dtype=np.float64)


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
