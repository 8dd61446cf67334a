"""The tables of clusters in a Kilosort or Phy folder: the sorter's columns, and what a curator decided.

Kilosort writes ``cluster_KSLabel.tsv``, ``cluster_Amplitude.tsv``, … and a ``cluster_group.tsv`` that repeats its
labels. Phy keeps each column of its own in ``cluster_<column>.tsv`` (``cluster_groups.csv`` in its first version), and
writes all columns into ``cluster_info.tsv`` for others to read, which is out of date as soon as another program changes
a column's own table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import SourceError
from nwb_unitrefine.read.tables import Table, is_table, read_table
from nwb_unitrefine.records import Column, Problem, ProblemCode
from nwb_unitrefine.vocabulary.dialects import label_columns
from nwb_unitrefine.vocabulary.dialects.phy import GROUP_NUMBERS
from nwb_unitrefine.vocabulary.labels import EXPORT_WORDS, one_label, word_key

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from nwb_unitrefine.read.context import ReadContext

__all__ = ["is_curated", "read_cluster_tables"]

_LABEL = "unitrefine_label"
_OURS = (f"cluster_{_LABEL}.tsv", "unitrefine_labels.csv")
"""What labelling the folder wrote: no columns of the sorter's, in ``cluster_info.tsv`` neither."""


def read_cluster_tables(folder: Path, context: ReadContext) -> dict[str, Column]:
    """Columns of all cluster tables of a folder.

    Parameters
    ----------
    folder : Path
    context : ReadContext
        Gets what tables disagree on, what is not read and why, and clusters that they lack or list without spikes:
        Phy splits and merges clusters, and leaves Kilosort's tables as they were.

    Returns
    -------
    dict of str to Column
        Numbers where all cells are, text elsewhere; empty where a unit has no row. Phy's ``group`` is called
        ``quality``, as neuroconv and SpikeInterface call it, unless the folder has a column ``quality`` of its own.
    """
    units = context.unit_ids.tolist()
    found: dict[str, dict[int, str]] = {}
    source: dict[str, str] = {}
    for path, table in _tables(folder, context):
        for column in table.columns:
            if column == _LABEL:
                continue
            cells = dict(zip(table.unit_ids().tolist(), _cells(table, column), strict=True))
            name = "group" if column.casefold() == "group" else column
            if name in found:
                _report_difference(name, source[name], found[name], path.name, cells, units=units, context=context)
            # A cluster that Phy's own table of groups lacks has no group, whatever an older table has.
            found[name] = cells if name == "group" else found.get(name, {}) | cells
            source[name] = path.name
    listed = {cluster for values in found.values() for cluster in values}
    if empty := tuple(sorted(listed - set(units))):
        what = "Clusters that the tables list have no spikes and are left out"
        context.add(Problem(ProblemCode.CLUSTERS_WITHOUT_SPIKES, what, empty))
    if listed and any(new := [unit not in listed for unit in units]):
        what = "Clusters are in none of the tables: the tables' columns are empty for them"
        context.report(ProblemCode.CLUSTERS_NOT_LISTED, what, np.array(new))
    about: dict[str, str] = {}
    rows = {name: tuple(values.get(unit, "") for unit in units) for name, values in found.items()}
    if "group" in rows:
        group = _words_for_numbers(rows.pop("group"), context)
        if "KSLabel" in rows and list(map(word_key, group)) == list(map(word_key, rows["KSLabel"])):
            what = f"{source['group']} repeats Kilosort's KSLabel for every cluster: nobody decided on these labels."
            context.report(ProblemCode.LABELS_OF_PROGRAM, what)
        label = "group" if "quality" in rows else "quality"
        rows[label] = group
        about[label] = "Group that the cluster was put into in Phy: good, mua, noise or unsorted."
    return {
        name: Column(name, about.get(name, f"{name} of the sorter's cluster tables."), _values(cells))
        for name, cells in rows.items()
    }


def _tables(folder: Path, context: ReadContext) -> list[tuple[Path, Table]]:
    """Tables of clusters, those that count last; names each that is there and not read."""
    tables = []
    for path in sorted(filter(is_table, folder.iterdir()), key=_trust):
        if path.name in _OURS or path.name.startswith("."):
            continue
        is_clusters = path.name.casefold().startswith("cluster")
        try:
            table = read_table(path)
            if is_clusters:
                _require_clusters(table)
                tables.append((path, table))
            elif labels := [column.name for column in label_columns("Phy") if column.name in table.columns]:
                what = f"{path.name} has labels ({labels[0]}) and is not read: Phy's tables are called cluster_….tsv."
                context.report(ProblemCode.LABELS_NOT_READ, what)
        except SourceError as error:
            if is_clusters:
                context.report(ProblemCode.LABELS_NOT_READ, f"A table of clusters is not read: {error}")
    return tables


def _trust(path: Path) -> tuple[bool, bool, bool, str]:
    """How far a table is trusted on its columns: ``cluster_info`` least, then Phy 1's CSV, then a column's own TSV."""
    stem = path.stem.casefold()
    return stem != "cluster_info", stem in {"cluster_group", "cluster_groups"}, path.suffix.casefold() == ".tsv", stem


def _require_clusters(table: Table) -> None:
    """Refuse ids that are not clusters, and two rows that contradict each other."""
    if table.unit_ids().dtype.kind != "i" and len(table):
        odd = next(one for one in table.ids if not one.lstrip("+-").isdigit())
        raise SourceError(f"{table.name}: {odd!r} is not the id of a cluster.")
    seen: dict[int, tuple[str, ...]] = {}
    for cluster, *cells in zip(table.unit_ids().tolist(), *table.columns.values(), strict=True):
        if seen.setdefault(cluster, tuple(cells)) != tuple(cells):
            raise SourceError(f"{table.name} has cluster {cluster} twice, with different values.")


def _cells(table: Table, name: str) -> tuple[str, ...]:
    """Cells of a column, with decimal points."""
    cells = table.columns[name]
    if table.decimal_mark == "," and table.values(name).dtype.kind == "f":
        return tuple(cell.replace(",", ".") for cell in cells)
    return cells


def _report_difference(
    name: str,
    old: str,
    before: Mapping[int, str],
    new: str,
    now: Mapping[int, str],
    *,
    units: list[int],
    context: ReadContext,
) -> None:
    """Name the clusters for which two tables disagree."""

    def words(cells: Mapping[int, str], unit: int) -> str:
        word = word_key(cells.get(unit, ""))
        return "" if word == "unsorted" else word

    shared = units if name == "group" else [unit for unit in units if unit in now and unit in before]
    if other := tuple(unit for unit in shared if words(before, unit) != words(now, unit)):
        context.add(Problem(ProblemCode.LABELS_DIFFER, f"{old} and {new} differ in {name!r}: {new} counts", other))


def _words_for_numbers(group: tuple[str, ...], context: ReadContext) -> tuple[str, ...]:
    """Groups as words, where Phy's first version numbered them."""
    keys = [word_key(cell) for cell in group]
    if not any(keys) or not set(keys) <= {*GROUP_NUMBERS, ""}:
        return group
    what = "Groups are numbers, read as the first Phy's: 0 noise, 1 mua, 2 good, 3 unsorted."
    context.report(ProblemCode.LABELS_IN_NUMBERS, what)
    return tuple(EXPORT_WORDS["phy"][one_label([GROUP_NUMBERS[key]])] if key else "" for key in keys)


def _values(cells: tuple[str, ...]) -> NDArray[Any]:
    """Numbers where all cells are, text otherwise."""
    try:
        return Table(name="", id_column="", ids=cells, columns={"": cells}).values("")
    except SourceError:  # numbers with commas that may be anything
        return np.array(cells, dtype=object)


def is_curated(folder: Path, columns: Mapping[str, Column]) -> bool:
    """Whether Phy has been there: it keeps its labels in `cluster_group`."""
    names = ("cluster_group.tsv", "cluster_group.csv", "cluster_groups.csv", "cluster_groups.tsv")
    return "quality" in columns or any((folder / name).is_file() for name in names)
