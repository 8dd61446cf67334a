"""What one archive's or program's way of writing units consists of, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from nwb_unitrefine.vocabulary.metrics.metric import NEW, OLD

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nwb_unitrefine.vocabulary.labels import Meaning

__all__ = ["AUTHORS", "Dialect", "LabelColumn", "MetricColumn", "PositionColumns", "mark"]


AUTHORS = ("curator", "program", "rule")
"""Who decides on labels: a person (perhaps with help), a program, or a threshold on one number; the first outranks."""


class PositionColumns(NamedTuple):
    """Columns of the electrodes table with a position in µm: across the probe, along it, and out of its plane."""

    across: str
    along: str
    out: str = ""


@dataclass(frozen=True, slots=True)
class LabelColumn:
    """A column that holds a label of each unit.

    Parameters
    ----------
    name : str
        Of the column.
    who : {"curator", "program", "rule"}
        Who decided, as in `AUTHORS`. Labels of a rule are shown and never trained on.
    meaning : mapping of str to set of str, optional
        What its words mean where that differs from `nwb_unitrefine.vocabulary.labels`, by their
        `nwb_unitrefine.vocabulary.labels.word_key`: numbers are ``"2"`` and ``"0.33"``, truth values ``"true"`` and
        ``"false"``.
    """

    name: str
    who: Literal["curator", "program", "rule"] = "program"
    meaning: Mapping[str, Meaning] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MetricColumn:
    """A column that holds a metric, and how its values become ours.

    ``ours = scale * theirs``, or ``scale / theirs`` where `reciprocal`.

    Parameters
    ----------
    name : str
        Of the column.
    metric : str
        Name of the metric in the vocabulary.
    definitions : tuple of str
        Definitions that the value stands for.
    scale : float
        From their unit (and sign) to ours.
    reciprocal : bool
        Whether theirs is one over ours.
    exact : bool
        Whether it is the same quantity; False for one that another program computes in its own way.
    """

    name: str
    metric: str
    definitions: tuple[str, ...] = (NEW, OLD)
    scale: float = 1.0
    reciprocal: bool = False
    exact: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One way of writing units: all that is known of one archive or program.

    Parameters
    ----------
    name : str
        What people call it; `Source.dialect` of its files.
    reference : str
        Where it is documented.
    marks : tuple of frozenset of str
        Sets of unit columns; a table that has all columns of one set is of this dialect.
    metric_marks : frozenset of str
        Names of metrics that only this dialect has: a table that has two of them names its metrics this way, whatever
        else it holds.
    namespaces : frozenset of str
        Extensions cached in the file that only this dialect uses.
    labels : tuple of LabelColumn
        The most specific first.
    metrics : tuple of MetricColumn
        Only columns listed here are taken for metrics, those that SpikeInterface names alike included: the same word
        can mean another unit (``recovery_slope``: V/s at the Allen Institute, µV/s in SpikeInterface).
    peak_electrode_id : str
        Unit column with the electrode id of the main channel; empty where there is none.
    channel_number, probe_id : str
        Columns of the electrodes table with the number of each channel on its probe and the id of that probe, where
        ``waveform_mean`` has one row for each channel of the unit's probe, in that order; empty otherwise.
    positions : tuple of PositionColumns
        Columns of the electrodes table with positions on the probe, besides NWB's own.
    """

    name: str
    reference: str
    marks: tuple[frozenset[str], ...] = ()
    metric_marks: frozenset[str] = frozenset()
    namespaces: frozenset[str] = frozenset()
    labels: tuple[LabelColumn, ...] = ()
    metrics: tuple[MetricColumn, ...] = ()
    peak_electrode_id: str = ""
    channel_number: str = ""
    probe_id: str = ""
    positions: tuple[PositionColumns, ...] = ()


def mark(names: str) -> frozenset[str]:
    """Set of names from a line of text.

    Examples
    --------
    >>> sorted(mark("quality KSLabel"))
    ['KSLabel', 'quality']
    """
    return frozenset(names.split())
