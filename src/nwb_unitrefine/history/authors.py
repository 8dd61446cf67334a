"""Whose the labels are that `nwb_unitrefine.write` put into a file: which a person decided on, which a model wrote."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.errors import SourceError
from nwb_unitrefine.records import CLASSES, Predictions, Run, RunKind, effective_chain, held_by_people
from nwb_unitrefine.storage.open import open_nwb
from nwb_unitrefine.storage.remote.addresses import is_address
from nwb_unitrefine.storage.tree import attribute_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from nwb_unitrefine.records import Source
    from nwb_unitrefine.storage.tree import Group

__all__ = ["Decisions", "read_decisions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """Whose labels a file has, as its runs tell.

    Parameters
    ----------
    by_people : mapping of int to str
        Label of each unit that has it from a person, by unit id.
    people : mapping of int to str
        Who that was, likewise.
    by_models : mapping of str to str
        Each column of labels that a model or a rule wrote, and the name of the last that did.
    columns : frozenset of str
        Every column of labels that a run wrote.
    """

    by_people: Mapping[int, str] = field(default_factory=dict)
    people: Mapping[int, str] = field(default_factory=dict)
    by_models: Mapping[str, str] = field(default_factory=dict)
    columns: frozenset[str] = frozenset()


def read_decisions(source: Source) -> Decisions:
    """Read from a file's curation runs whose its labels are.

    Parameters
    ----------
    source : Source
        What units were read from; without runs, or where it is no file, nobody decided anything.

    Raises
    ------
    SourceError
        If the runs are damaged.
    """
    is_file = source.kind in {"nwb-hdf5", "nwb-zarr"} and (is_address(source.uri) or Path(source.uri).exists())
    if not is_file:
        return Decisions()
    with open_nwb(source.uri) as nwb:
        history = nwb.root.group("general/unit_curation")
        names = sorted(history.names()) if history else []
        groups = [(name, history.group(name)) for name in names] if history else []
        chain = effective_chain([_read_run(name, group, source.uri) for name, group in groups if group is not None])
    held = {unit: by_whom for unit, by_whom in held_by_people(chain).items() if by_whom[0]}
    return Decisions(
        by_people={unit: label for unit, (label, _) in held.items()},
        people={unit: run.agent for unit, (_, run) in held.items()},
        by_models={run.label_column: run.agent for run in chain if run.kind is not RunKind.HUMAN and run.label_column},
        columns=frozenset(run.label_column for run in chain if run.label_column),
    )


def _read_run(name: str, group: Group, uri: str) -> Run:
    """Read what tells whose labels they are; `nwb_unitrefine.write` reads all of a run."""
    about = {key: attribute_text(group.attributes, key) for key in ("kind", "agent", "label_column", "undoes")}
    unit_ids, labels, changed = (_read(group, key) for key in ("unit_id", "label", "changed"))
    if (
        unit_ids is None
        or labels is None
        or about["kind"] not in set(RunKind)
        or _lengths(unit_ids, labels, changed) > 1
    ):
        raise SourceError(f"{uri}: the curation run {name!r} is damaged, so that nobody knows whose its labels are.")
    n_units = len(unit_ids)
    return Run(
        kind=RunKind(about["kind"]),
        agent=about["agent"],
        created=datetime.fromtimestamp(0, UTC),
        predictions=Predictions(
            unit_ids=unit_ids,
            probabilities=np.full((n_units, len(CLASSES)), np.nan),
            labels=labels.astype(np.str_),
            uncertain=np.zeros(n_units, dtype=np.bool_),
            reasons=("",) * n_units,
        ),
        software={},
        inputs={},
        changed=None if changed is None else changed.astype(np.bool_),
        name=name,
        label_column=about["label_column"],
        undoes=about["undoes"],
    )


def _read(group: Group, name: str) -> NDArray[np.generic] | None:
    """One array of a run; None where it is not there."""
    array = group.array(name)
    return None if array is None else array.read()


def _lengths(*arrays: NDArray[np.generic] | None) -> int:
    """How many different lengths arrays have."""
    return len({len(array) for array in arrays if array is not None})
