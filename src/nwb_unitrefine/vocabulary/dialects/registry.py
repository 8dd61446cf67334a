"""All dialects that are known: ours, those of installed packages, and those that a caller registered."""

from __future__ import annotations

import warnings
from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from nwb_unitrefine.records import CLASSES
from nwb_unitrefine.vocabulary.dialects.aind import AIND
from nwb_unitrefine.vocabulary.dialects.allen import ALLEN
from nwb_unitrefine.vocabulary.dialects.bombcell import BOMBCELL
from nwb_unitrefine.vocabulary.dialects.cellexplorer import CELLEXPLORER
from nwb_unitrefine.vocabulary.dialects.common import COMMON_LABELS, COMMON_METRICS
from nwb_unitrefine.vocabulary.dialects.dialect import AUTHORS, Dialect, LabelColumn, PositionColumns
from nwb_unitrefine.vocabulary.dialects.ibl import IBL
from nwb_unitrefine.vocabulary.dialects.kilosort import KILOSORT
from nwb_unitrefine.vocabulary.dialects.phy import PHY
from nwb_unitrefine.vocabulary.dialects.rutishauser import RUTISHAUSER
from nwb_unitrefine.vocabulary.dialects.spikeinterface import SPIKEINTERFACE
from nwb_unitrefine.vocabulary.dialects.spyglass import SPYGLASS
from nwb_unitrefine.vocabulary.dialects.steinmetz import STEINMETZ
from nwb_unitrefine.vocabulary.labels import word_key
from nwb_unitrefine.vocabulary.metrics.lookup import METRICS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from nwb_unitrefine.vocabulary.dialects.dialect import MetricColumn

__all__ = [
    "ENTRY_POINTS",
    "dialect_named",
    "dialect_of_metrics",
    "dialects",
    "label_columns",
    "metric_columns",
    "position_columns",
    "recognise",
    "register_dialect",
]

ENTRY_POINTS = "nwb_unitrefine.dialects"
"""Group of entry points whose objects are dialects."""

_BUILT_IN = (
    AIND, ALLEN, IBL, SPYGLASS, STEINMETZ, RUTISHAUSER, CELLEXPLORER, BOMBCELL, PHY, KILOSORT, SPIKEINTERFACE
)  # fmt: skip
"""In the order in which they are tried: those with the most specific marks first."""

_registered: dict[str, Dialect] = {}


def register_dialect(dialect: Dialect) -> None:
    """Add a dialect for this process; it is tried before those that are known already.

    Parameters
    ----------
    dialect : Dialect
        Registering an equal one again changes nothing.

    Raises
    ------
    ValueError
        If another dialect has its name, it can be recognised by nothing, or it names a metric, a definition of one or
        a class that does not exist.
    """
    known = dialect_named(dialect.name)
    if known == dialect:
        return
    if known is not None:
        raise ValueError(f"There is already a dialect called {dialect.name!r}.")
    _check(dialect)
    _registered[dialect.name] = dialect


def _check(dialect: Dialect) -> None:
    """Refuse a dialect that could only fail later, in the middle of reading a file."""
    if not isinstance(dialect, Dialect):
        raise TypeError(f"A dialect is a Dialect, not a {type(dialect).__name__}.")
    if not dialect.name or not (any(dialect.marks) or dialect.metric_marks or dialect.namespaces):
        raise ValueError("A dialect needs a name, and marks, metric_marks or namespaces to recognise it by.")
    if not all(dialect.marks):
        raise ValueError(f"Dialect {dialect.name!r}: an empty set of marks would fit every table.")
    for column in dialect.metrics:
        metric = METRICS.get(column.metric)
        if metric is None or not set(column.definitions) <= set(metric.definitions):
            wanted = ", ".join(column.definitions)
            raise ValueError(f"Dialect {dialect.name!r}: there is no metric {column.metric!r} of definition {wanted}.")
    for labels in dialect.labels:
        for word, meant in labels.meaning.items():
            if not meant <= set(CLASSES) or word != word_key(word):
                raise ValueError(
                    f"Dialect {dialect.name!r}, column {labels.name!r}: {word!r} = {sorted(meant)} is not the key of a "
                    f"word and a set of {', '.join(CLASSES)}."
                )


@cache
def _installed() -> tuple[Dialect, ...]:
    """Dialects of installed packages; one that cannot be loaded is named, and does not stop the others."""
    found = []
    for entry in entry_points(group=ENTRY_POINTS):
        try:
            dialect = entry.load()
            _check(dialect)
        except Exception as error:  # noqa: BLE001  # another package's code raises whatever it raises
            warnings.warn(f"The dialect {entry.name!r} cannot be used: {error}", RuntimeWarning, stacklevel=2)
        else:
            found.append(dialect)
    return tuple(found)


def dialects() -> tuple[Dialect, ...]:
    """All dialects, in the order in which they are tried: registered, of installed packages, ours."""
    return (*_registered.values(), *_installed(), *_BUILT_IN)


def dialect_named(name: str) -> Dialect | None:
    """The dialect of a name, as in `Source.dialect`; None where there is none."""
    return next((dialect for dialect in dialects() if dialect.name == name), None)


def recognise(columns: Collection[str], *, namespaces: Collection[str] = ()) -> Dialect | None:
    """The dialect of a units table, or None where none is recognised.

    Parameters
    ----------
    columns : collection of str
        Names of the unit columns.
    namespaces : collection of str, optional
        Extensions cached in the file.

    Examples
    --------
    >>> recognise(["phy_annotations", "spike_times"]).name
    'Steinmetz'
    >>> recognise(["spike_times"]) is None
    True
    """
    present = frozenset(columns)
    for dialect in dialects():
        if any(mark <= present for mark in dialect.marks) or not dialect.namespaces.isdisjoint(namespaces):
            return dialect
    return None


def dialect_of_metrics(columns: Collection[str]) -> Dialect | None:
    """The dialect that a table's names of metrics follow; None where they do not decide.

    Two names that only one dialect has are needed: one can be chance.

    Examples
    --------
    >>> dialect_of_metrics(["PT_ratio", "max_drift", "snr"]).name
    'Allen'
    """
    names = set(columns)
    return next((dialect for dialect in dialects() if len(names & dialect.metric_marks) > 1), None)


def metric_columns(column: str, *, dialect: str = "") -> tuple[MetricColumn, ...]:
    """What a column of a file stands for; empty where it is not a metric that the dialect names.

    Parameters
    ----------
    column : str
        Name of the column.
    dialect : str
        As in `Source.dialect`; a dialect without metrics of its own, or none, leaves the names that mean the same
        everywhere.

    Examples
    --------
    >>> [(found.metric, found.scale) for found in metric_columns("PT_ratio", dialect="Allen")]
    [('main_peak_to_trough_ratio', 1.0), ('peak_trough_ratio', -1.0)]
    """
    known = dialect_named(dialect)
    listed = known.metrics if known is not None and known.metrics else COMMON_METRICS
    return tuple(found for found in listed if found.name == column)


def label_columns(dialect: str = "") -> tuple[LabelColumn, ...]:
    """Columns of labels to look for in a file, people's before programs' and those before rules'.

    Parameters
    ----------
    dialect : str
        As in `Source.dialect`. Its own columns come first among each kind, then those of every file, then those that
        only another dialect has.
    """
    return tuple(sorted(_by_name(dialect).values(), key=lambda column: AUTHORS.index(column.who)))


def _by_name(dialect: str) -> dict[str, LabelColumn]:
    """Each column of labels once, as the dialect means it."""
    found: dict[str, LabelColumn] = {}
    for column in _all_label_columns(dialect):
        found.setdefault(column.name, column)
    return found


def _all_label_columns(dialect: str) -> Iterator[LabelColumn]:
    """The dialect's columns of labels, the common ones, and the others'."""
    own = dialect_named(dialect)
    yield from own.labels if own is not None else ()
    yield from COMMON_LABELS
    for other in dialects():
        yield from other.labels


def position_columns() -> tuple[PositionColumns, ...]:
    """Columns of the electrodes table in which positions are looked for, the first match counts.

    ``rel_x``, ``rel_y`` are NWB's own for the place on the probe. ``x``, ``y``, ``z`` are places in the brain; they
    serve where they separate the sites of one probe, as in many older files.
    """
    of_dialects = dict.fromkeys(columns for dialect in dialects() for columns in dialect.positions)
    return (PositionColumns("rel_x", "rel_y", "rel_z"), *of_dialects, PositionColumns("x", "y", "z"))
