"""A table of metrics as SpikeInterface, UnitRefine, Bombcell or Allen's pipeline export it: units without spikes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.errors import NoUnitsError
from nwb_unitrefine.read.tables import read_table
from nwb_unitrefine.records import Column, Problem, ProblemCode, Ragged, Source, Units
from nwb_unitrefine.vocabulary.dialects import recognise

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_metric_table"]


def read_metric_table(path: Path, *, uri: str) -> Units:
    """Read a table of metrics.

    Parameters
    ----------
    path : Path
        CSV or TSV: one row a unit, one column a metric.
    uri : str
        What to call it.

    Returns
    -------
    Units
        Without spikes and waveforms; every column is there as it stands, numbers as float. Where ids repeat, rows are
        counted from 0, and the ids stay as a column.

    Raises
    ------
    SourceError
        As of `read_table`.
    NoUnitsError
        If it has no rows.
    """
    table = read_table(path, name=uri)
    if not len(table):
        raise NoUnitsError(f"{uri} has no rows.")
    what = "A table of metrics has no spike times and no waveforms: nothing is computed from them."
    problems = [Problem(ProblemCode.TABLE_WITHOUT_SPIKES, what)]
    unit_ids = table.unit_ids()
    columns = {name: Column(name, "", table.values(name)) for name in table.columns}
    if len(set(unit_ids.tolist())) < len(table):
        what = f"Ids in column {table.id_column!r} repeat, as in a table of several recordings: rows are numbered."
        problems.append(Problem(ProblemCode.TABLE_IDS_REPEAT, what))
        columns = {table.id_column: Column(table.id_column, "", unit_ids)} | columns
        unit_ids = np.arange(len(table))
    dialect = recognise([table.id_column, *columns])
    return Units(
        unit_ids=unit_ids,
        spike_times_s=Ragged.from_counts(np.empty(0), np.zeros(len(unit_ids))),
        source=Source(uri=uri, kind="csv", dialect=dialect.name if dialect else "", size_bytes=path.stat().st_size),
        columns=columns,
        problems=tuple(problems),
    )
