"""Which columns of the units table hold the labels, their values, and which program wrote them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import ColumnExistsError, WriteError
from nwb_unitrefine.history.layout import PREDEFINED, is_column_name
from nwb_unitrefine.history.newest import read_deciding
from nwb_unitrefine.history.tree import HISTORY, Dataset, text_array
from nwb_unitrefine.records import RunKind
from nwb_unitrefine.storage.tree import attribute_text
from nwb_unitrefine.vocabulary.model_classes import explain_class

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from nwb_unitrefine.history.store import UnitsStore
    from nwb_unitrefine.records import Curation, Run

__all__ = [
    "COLUMN_SETS",
    "RECORDED",
    "ColumnNames",
    "column_names",
    "columns_to_replace",
    "deciding_runs",
    "edited_columns",
    "equal_values",
    "marked_columns",
    "probability_values",
    "run_column",
    "run_values",
    "writers",
]


@dataclass(frozen=True, slots=True)
class ColumnNames:
    """Names of the columns that a run writes.

    Parameters
    ----------
    label, probability, uncertain : str
    contamination : str, optional
        Empty where that column is not written.
    """

    label: str
    probability: str
    uncertain: str
    contamination: str = ""

    @property
    def all(self) -> tuple[str, ...]:
        """The names, in the order in which the columns are written."""
        return tuple(filter(None, (self.label, self.probability, self.uncertain, self.contamination)))

    def as_far_as_known(self, curation: Curation, chain: Sequence[Run]) -> ColumnNames:
        """Go on with a column of contamination that a run in effect wrote; have none where nothing is known of it."""
        if curation.contamination is None:
            return replace(self, contamination="")
        held = [name for name, run in writers(chain).items() if name == run.contamination_column]
        return self if self.contamination or not held else replace(self, contamination=held[-1])


RECORDED = "How it came about is recorded in /general/unit_curation."
"""End of the description of each column of ours: what is left of them where their history was removed."""

COLUMN_SETS = {
    "unitrefine": ColumnNames("unitrefine_label", "unitrefine_probability", "unitrefine_uncertain"),
    "quality": ColumnNames("quality_label", "quality_score", "quality_uncertain"),
}
"""Sets with a name of their own.

Label and probability have SpikeInterface's and AIND's names, and those that nwb-schema #665 proposes to reserve.
"""


def column_names(columns: str | Sequence[str], *, contamination: bool = False) -> ColumnNames:
    """Return the columns that `columns` means.

    Parameters
    ----------
    columns : str or sequence of str
        A name of `COLUMN_SETS`; or the names of the columns of labels and of probabilities and, optionally, of the
        uncertain flag, which is otherwise named after the label's column.
    contamination : bool, optional
        With a column of contamination, which is named after the label's, too.

    Raises
    ------
    WriteError
        If it is neither, or a name cannot be one in NWB.

    Examples
    --------
    >>> column_names("quality").all
    ('quality_label', 'quality_score', 'quality_uncertain')
    >>> column_names(["my_label", "my_probability"]).uncertain
    'my_uncertain'
    """
    if isinstance(columns, str):
        if columns not in COLUMN_SETS:
            raise WriteError(
                f"There is no set of columns named {columns!r}.",
                tip=f"Use one of {', '.join(COLUMN_SETS)}, or two names of your own.",
            )
        found = COLUMN_SETS[columns]
        return replace(found, contamination=_beside(found.all, "contamination")) if contamination else found
    names = tuple(columns)
    if len(names) not in (2, 3) or len(set(names)) < len(names):
        raise WriteError(f"Two or three different column names are needed, for label and probability, and not {names}.")
    for name in names:
        if name in PREDEFINED:
            raise WriteError(f"{name!r} is NWB's own column and no place for labels.", tip="Choose another name.")
        if not is_column_name(name):
            raise WriteError(f"{name!r} cannot be the name of a column.", tip="Use letters, digits and underscores.")
    label, probability = names[:2]
    uncertain = names[2] if len(names) == 3 else _beside(names, "uncertain")
    further = _beside((*names, uncertain), "contamination") if contamination else ""
    return ColumnNames(label, probability, uncertain, further)


def _beside(names: Sequence[str], what: str) -> str:
    """Name a further column after that of the label."""
    wanted = f"{names[0].removesuffix('_label')}_{what}"
    return wanted if wanted not in names else f"{names[0]}_{what}_of_unit"


def columns_to_replace(
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
        The runs in effect, which record what of it is ours.
    edited : collection of str
        Which of ours were edited since: as of `edited_columns`.
    overwrite : sequence of str
        Columns that the user allows to be replaced.
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
        for name in names.all
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


def deciding_runs(store: UnitsStore, names: ColumnNames | None = None) -> tuple[Run, ...]:
    """Return the newest runs in effect, back to those that decide all labels and wrote all columns of ours.

    Parameters
    ----------
    store : UnitsStore
    names : ColumnNames, optional
        Columns that are to be written, which a run may have written although nothing in the table shows it.
    """
    present = set(store.names())
    return read_deciding(
        store.group(HISTORY),
        where=store.name,
        unit_ids=store.read("id").reshape(-1),
        columns={*marked_columns(store), *(present.intersection(names.all) if names else ())},
    )


def marked_columns(store: UnitsStore) -> tuple[str, ...]:
    """Return the columns that state that their history is kept: those that a run of ours wrote."""
    table = store.group("units")
    arrays = {name: table.array(name) for name in store.columns()} if table is not None else {}
    return tuple(
        name
        for name, array in arrays.items()
        if array is not None and attribute_text(array.attributes, "description").endswith(RECORDED)
    )


def writers(chain: Sequence[Run]) -> dict[str, Run]:
    """Return the newest run that wrote each column, by the column's name; of the runs in effect."""
    return {name: run for run in chain for name in run.columns}


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
        One of its columns.
    unit_ids : array of int64, shape (n_units,)

    Returns
    -------
    array, shape (n_units,)
        An empty text, NaN or False (not uncertain), for a unit that the run does not know.
    """
    values: NDArray[Any]
    unknown: str | float | bool
    if column == run.label_column:
        values, unknown = text_array(run.predictions.labels), ""
    elif column == run.probability_column:
        values, unknown = probability_values(run), np.nan
    elif column == run.contamination_column:
        known_of = run.contamination
        values = np.full(len(run.predictions), np.nan) if known_of is None else known_of.upper
        unknown = np.nan
    else:
        values, unknown = np.asarray(run.predictions.uncertain, dtype=np.bool_), False
    known = dict(zip(run.predictions.unit_ids.tolist(), values.tolist(), strict=True))
    rows = [known.get(unit, unknown) for unit in unit_ids.tolist()]
    return text_array(rows) if column == run.label_column else np.array(rows, dtype=values.dtype)


def run_column(run: Run, column: str, unit_ids: NDArray[np.int64]) -> Dataset:
    """Return one of a run's columns as it is written: values by unit id, and a description.

    Parameters
    ----------
    run, column, unit_ids
        As of `run_values`.
    """
    if column == run.label_column:
        means = {name: explain_class(name) for name in run.predictions.classes}
        *others, last = (f"{name!r} ({what})" if what else repr(name) for name, what in means.items())
        listed = f"{', '.join(others)} or {last}" if others else last
        about = (
            f"Label of each unit: {listed}; an empty text for a unit that has no label, since every row needs a value."
        )
    elif column == run.probability_column:
        about = (
            f"Probability that the label in {run.label_column!r} is right, as the model estimates it. NaN for a unit "
            "that has no label or whose label a person set."
        )
    elif column == run.contamination_column:
        about = (
            "Upper bound of the share of spikes from other neurons, with 95 % confidence, from violations of a "
            "refractory period of 1 ms (Llobet and Wyngaard 2022). 1 where the spikes are too few to exclude anything; "
            "NaN for a unit without spikes."
        )
    else:
        about = (
            f"Whether the label in {run.label_column!r} should not be relied on: too few spikes, values unlike those "
            "of the training data, damaged data, or classes about equally probable."
        )
    return Dataset(run_values(run, column, unit_ids), description=f"{about} {RECORDED}")


def probability_values(run: Run) -> NDArray[np.float64]:
    """Return the values of a run's probability column, shape (n_units,).

    The probability of the label, and NaN where there is no label or a person set it: a model's run that leaves such
    units as they are (`Run.changed` is false) still records what the model predicts for them, but that is not their
    label's probability.
    """
    values = run.predictions.confidence.astype(np.float64)
    if run.kind is not RunKind.HUMAN and run.changed is not None:
        values = np.where(run.changed, values, np.nan)
    return values
