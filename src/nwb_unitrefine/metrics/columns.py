"""Metrics that a file brings along as columns of its units table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.errors import FeatureError
from nwb_unitrefine.metrics.contamination import EVIDENCE_FROM, refractory_evidence
from nwb_unitrefine.records import Problem, ProblemCode, Ragged
from nwb_unitrefine.vocabulary import METRICS, Feature, definition_of, resolve
from nwb_unitrefine.vocabulary.dialects import MetricColumn, dialect_named, dialect_of_metrics, metric_columns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from nwb_unitrefine.records import Column, Units

__all__ = ["ColumnValues", "own_column", "read_columns"]


@dataclass(frozen=True, slots=True, eq=False)
class ColumnValues:
    """One feature, as a column of the file gives it.

    Parameters
    ----------
    values : array of float64, shape (n_units,)
        In the vocabulary's unit; NaN where the column has none, or an impossible one.
    detail : str
        The column, and what was done to its values.
    rejected : array of bool, shape (n_units,)
        Units whose value is impossible.
    """

    values: NDArray[np.float64]
    detail: str
    rejected: NDArray[np.bool_]


def read_columns(
    units: Units, *, definition: str | None = None
) -> tuple[dict[str, ColumnValues], str, tuple[Problem, ...]]:
    """Take the columns that the vocabulary knows, with their unit and sign.

    Parameters
    ----------
    units : Units
    definition : {"0.105", "0.101"}, optional
        Which SpikeInterface computed the columns, where their names do not state it: that of a column
        ``half_width@0.101`` is in its name.

    Returns
    -------
    values : dict of str to ColumnValues
        By full name of the feature.
    note : str
        Whose names were recognised; empty where none of the columns is a metric.
    problems : tuple of Problem
        Values out of range.
    """
    known = dialect_named(units.source.dialect)
    if known is None or not known.metrics:
        known = dialect_of_metrics(units.columns)
    dialect = known.name if known is not None else ""
    release = definition
    if definition is None and dialect in ("SpikeInterface", "AIND"):
        release = definition_of(units.columns)
    elif definition is not None and known is None:
        dialect = "SpikeInterface"
    found: dict[str, ColumnValues] = {}
    problems = []
    for name, column in units.columns.items():
        full_name = "@" in name
        aliases = _own_name(name) if full_name else metric_columns(name, dialect=dialect)
        numbers = _numbers(column, len(units)) if aliases else None
        if numbers is None:
            continue
        rejected = np.zeros(len(units), dtype=np.bool_)
        for alias in aliases:
            taken = _convert(alias, numbers, dialect)
            rejected |= taken.rejected
            for stated in alias.definitions:
                if resolve(alias.metric).metric.difference and not full_name and release not in (None, stated):
                    continue
                found.setdefault(Feature(resolve(alias.metric).metric, stated).name, taken)
        if rejected.any():
            ids = tuple(np.asarray(units.unit_ids)[rejected].tolist())
            what = f"Values of column {name!r} are out of range and not used."
            problems.append(Problem(ProblemCode.COLUMN_OUT_OF_RANGE, what, ids))
    found |= {name: value for name, value in _evidence(found).items() if name not in found}
    whose = dialect or "no dialect"
    which = f", definition {release}" if release else ""
    return found, f"{whose}{which}" if found else "", tuple(problems)


def own_column(units: Units, name: str) -> NDArray[np.float64] | None:
    """Take a column that is a metric of a model's own, as it is; None where there is none of numbers."""
    column = units.columns.get(name)
    return None if column is None else _numbers(column, len(units))


def _evidence(columns: Mapping[str, ColumnValues]) -> dict[str, ColumnValues]:
    """Compute what refractory violations show, where the columns have the counts."""
    if any(name not in columns for name in EVIDENCE_FROM):
        return {}
    computed = refractory_evidence({name: columns[name].values for name in EVIDENCE_FROM})
    detail = ", ".join(columns[name].detail for name in EVIDENCE_FROM)
    return {
        Feature(METRICS[name], known).name: ColumnValues(values, detail, np.zeros(len(values), dtype=np.bool_))
        for name, values in computed.items()
        for known in METRICS[name].definitions
    }


def _own_name(name: str) -> tuple[MetricColumn, ...]:
    """Take a column named as the vocabulary names features, such as ``half_width@0.101``."""
    try:
        feature = resolve(name)
    except FeatureError:
        return ()
    metric = feature.metric
    definitions = (feature.definition,) if metric.difference else metric.definitions
    return (MetricColumn(name, metric.name, definitions),)


def _numbers(column: Column, n_units: int) -> NDArray[np.float64] | None:
    """One number a unit, or None where the column holds something else."""
    if isinstance(column.values, Ragged) or np.shape(column.values) != (n_units,):
        return None
    try:
        return np.asarray(column.values, dtype=np.float64)
    except (TypeError, ValueError):
        return None


def _convert(alias: MetricColumn, numbers: NDArray[np.float64], dialect: str) -> ColumnValues:
    """Bring a column's values into the vocabulary's unit, and leave out what cannot be."""
    with np.errstate(divide="ignore"):
        values = alias.scale / numbers if alias.reciprocal else alias.scale * numbers
    low, high = resolve(alias.metric).metric.valid
    rejected = ~np.isnan(values) & ~((values >= low) & (values <= high) & np.isfinite(values))
    done = f"{alias.scale:g} / " if alias.reciprocal else f"{alias.scale:g} x " if alias.scale != 1 else ""
    whose = "" if alias.exact else f", as {dialect} computes it"
    return ColumnValues(np.where(rejected, np.nan, values), f"{done}{alias.name}{whose}", rejected)
