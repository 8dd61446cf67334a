"""The runs of a file: reading them, which of them are in effect, and adding one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.errors import SourceError
from nwb_unitrefine.history.digests import DIGEST, FIELDS, REPLACED, field_digests, seal
from nwb_unitrefine.history.layout import header_from_group, run_from_group, run_to_group
from nwb_unitrefine.history.run_numbers import in_order, next_name
from nwb_unitrefine.history.tree import HISTORY, Group, read_attributes, read_tree
from nwb_unitrefine.records import RunKind
from nwb_unitrefine.storage.tree import attribute_number, attribute_text

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from nwb_unitrefine.history.store import UnitsStore
    from nwb_unitrefine.records import Run
    from nwb_unitrefine.storage import tree as storage

__all__ = [
    "DETAILS",
    "NEWEST_DIGEST",
    "NUM_RUNS",
    "add_run",
    "attribute_digests",
    "human_labels",
    "nothing_to_take_back",
    "read_headers",
    "read_in_effect",
    "read_run",
    "read_runs",
    "run_names",
    "runs_in_effect",
]

NUM_RUNS = "num_runs"
"""Attribute of the history: how many runs were ever added."""

NEWEST_DIGEST = "newest_digest"
"""Attribute of the history: digest of the run that was added last."""

DETAILS = frozenset({"features", "model", "software", "parameters", FIELDS, REPLACED})
"""Parts of a run that do not decide which labels are in effect, and who set them."""


def run_names(history: storage.Group | None) -> list[str]:
    """Return the names of the runs in a history, the oldest first; none without a history."""
    return [] if history is None else in_order(name for name in history.names() if history.group(name) is not None)


def read_run(history: storage.Group, name: str, *, where: str, skip: Collection[str] = (FIELDS, REPLACED)) -> Run:
    """Read one run.

    Parameters
    ----------
    history : storage.tree.Group
        The group ``general/unit_curation``.
    name : str
    where : str
        Of the file, for messages.
    skip : collection of str, optional
        Parts of the run that are not read.

    Raises
    ------
    SourceError
        If it is damaged.
    """
    group = history.group(name)
    assert group is not None
    return run_from_group(name, read_tree(group, skip=skip), where=where)


def read_runs(history: storage.Group | None, *, where: str, details: bool = True) -> tuple[Run, ...]:
    """Read the runs of a file, the oldest first.

    Parameters
    ----------
    history : storage.tree.Group or None
        The group ``general/unit_curation``; None where the file has none.
    where : str
        Of the file, for messages.
    details : bool, optional
        Whether to read features, model, software and parameters too; without them, a long history is read faster.

    Raises
    ------
    SourceError
        If a run is damaged, or takes back a run that is not there before it.
    """
    skip = (FIELDS, REPLACED) if details else DETAILS
    runs: list[Run] = []
    for name in run_names(history):
        assert history is not None
        run = read_run(history, name, where=where, skip=skip)
        _require_before(run, runs, where=where)
        runs.append(run)
    return tuple(runs)


def read_headers(history: storage.Group | None, *, where: str) -> tuple[Run, ...]:
    """Read what decides which runs are in effect and which columns they wrote; no run has any units then.

    A long history is read fast this way: only attributes are read.

    Parameters
    ----------
    history, where
        As of `read_runs`.
    """
    headers: list[Run] = []
    for name in run_names(history):
        assert history is not None
        group = history.group(name)
        assert group is not None
        header = header_from_group(name, group, where=where)
        _require_before(header, headers, where=where)
        headers.append(header)
    return tuple(headers)


def read_in_effect(history: storage.Group | None, *, where: str) -> tuple[Run, ...]:
    """Read the runs in effect as far as they decide labels, their authors and the columns' values.

    Runs whose labels and columns later runs replaced altogether have no units here, as of `read_headers`.

    Parameters
    ----------
    history, where
        As of `read_runs`.
    """
    in_effect = list(runs_in_effect(read_headers(history, where=where)))
    newest = {column: place for place, run in enumerate(in_effect) for column in run.columns}
    all_decided = False
    for place in reversed(range(len(in_effect))):
        if all_decided and place not in newest.values():
            continue
        assert history is not None
        needed = {"features"} if in_effect[place].contamination_column else set()  # they hold that column's values
        in_effect[place] = read_run(history, in_effect[place].name, where=where, skip=DETAILS - needed)
        all_decided = all_decided or in_effect[place].changed is None
    return tuple(in_effect)


def _require_before(run: Run, earlier: Sequence[Run], *, where: str) -> None:
    """Refuse a run that takes back what is not in the history before it."""
    if run.undoes and run.undoes not in {known.name for known in earlier}:
        raise nothing_to_take_back(run, where=where)


def nothing_to_take_back(run: Run, *, where: str) -> SourceError:
    """Make the error of a run that takes back what is not in the history before it."""
    return SourceError(
        f"{where}: the curation run {run.name} takes back {run.undoes!r}, which is not in the history before it.",
        tip="A run was removed or renamed, or the history was not written by nwb-unitrefine.",
    )


def runs_in_effect(history: Sequence[Run]) -> tuple[Run, ...]:
    """Return the runs that count, the oldest first: without those that were taken back, and the taking back.

    The last one's labels are in effect; with none, the file has no labels. Runs that take private text out of the
    history change no label and do not count.
    """
    chains: list[tuple[Run, ...]] = [()]
    position = {run.name: number for number, run in enumerate(history)}
    for run in history:
        if run.undoes:
            chains.append(chains[position[run.undoes]])  # the state before that run
        elif run.redactions:
            chains.append(chains[-1])
        else:
            chains.append((*chains[-1], run))
    return chains[-1]


def human_labels(in_effect: Sequence[Run]) -> dict[int, tuple[str, Run]]:
    """Return the label of each unit that has it from a person, and the run in which it was set, by unit id.

    Parameters
    ----------
    in_effect : sequence of Run
        As of `runs_in_effect`.
    """
    found: dict[int, tuple[str, Run]] = {}
    for run in in_effect:
        decided = np.ones(len(run.predictions), dtype=np.bool_) if run.changed is None else run.changed
        units = run.predictions.unit_ids[decided].tolist()
        if run.kind is RunKind.HUMAN:
            labels = run.predictions.labels[decided].tolist()
            found |= {unit: (label, run) for unit, label in zip(units, labels, strict=True)}
        elif found:
            again = set(units)
            found = {unit: by_whom for unit, by_whom in found.items() if unit not in again}
    return found


def add_run(
    store: UnitsStore,
    run: Run,
    *,
    rows: NDArray[np.int64],
    feature_units: Mapping[str, str] | None = None,
    replaced: Group | None = None,
) -> str:
    """Add a run to an open file, with its digests, and return its name.

    Runs without digests, as version 0.1.0 wrote them, are vouched for as they are found by the first run that has some.

    Parameters
    ----------
    store : UnitsStore
    run : Run
    rows : array of int64, shape (n_units,)
        Row of the units table that each unit of the run is.
    feature_units : mapping of str to str, optional
        Physical unit of each feature.
    replaced : Group, optional
        Columns by another program that this run is about to replace, as they will be kept in it.
    """
    history = store.group(HISTORY)
    about = {} if history is None else history.attributes
    before = attribute_text(about, NEWEST_DIGEST)
    names = history.listed() if history is not None and before else run_names(history)
    n_added = max(int(attribute_number(about, NUM_RUNS) or 0), len(names) if not before else 0)
    name = next_name(names, n_added)
    further: dict[str, str] = {}
    if history is not None:
        further = {f"/{key}": value for key, value in attribute_digests(history).items()}
        if not before:
            further |= _unprotected_fields(history, names)
    group = run_to_group(run, rows=rows, feature_units=feature_units)
    if replaced is not None:
        group.groups[REPLACED] = replaced
    sealed, digest = seal(name, group, before=before, further=further)
    store.add_run(name, sealed, about={NUM_RUNS: n_added + 1, NEWEST_DIGEST: digest})
    return name


def attribute_digests(history: storage.Group) -> dict[str, str]:
    """Digest the history's own attributes, such as the file that it was derived from, but for those about its runs."""
    attributes = read_attributes(history)
    own = Group("", {name: value for name, value in attributes.items() if name not in (NUM_RUNS, NEWEST_DIGEST)})
    return {name: value for name, value in field_digests(own).items() if name in attributes}


def _unprotected_fields(history: storage.Group, names: Sequence[str]) -> dict[str, str]:
    """Digests of the fields of runs that have none of their own, by run and field."""
    found: dict[str, str] = {}
    for name in names:
        group = history.group(name)
        if group is not None and DIGEST not in group.attributes:
            found |= {f"{name}/{field}": value for field, value in field_digests(read_tree(group)).items()}
    return found
