"""What a history holds that should not be published: folders, addresses with secrets, tokens."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.history.digests import DIGEST, FIELDS, field_digests
from nwb_unitrefine.history.runs import attribute_digests, run_names
from nwb_unitrefine.history.tree import Group, read_attributes, read_tree, text_array
from nwb_unitrefine.records import Redaction, private_parts, recorded_name
from nwb_unitrefine.records.names import IN_A_ROW

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nwb_unitrefine.storage import tree as storage

__all__ = ["Rewrite", "private_fields", "redact_attributes", "redact_run", "rewrites"]

_NAMES_A_SOURCE = frozenset({"source"})
"""Attributes that name where something came from, and nothing else."""

Rewrite = tuple[str, str, Any]
"""Path of a group below the history, name of its attribute or dataset, and the value to give it."""


def private_fields(history: storage.Group | None) -> list[tuple[str, str]]:
    """Name the fields of a history that hold private text.

    Parameters
    ----------
    history : storage.tree.Group or None
        The group ``general/unit_curation``.

    Returns
    -------
    list of (str, str)
        Run (empty for the history's own attributes) and path of the field in it.
    """
    if history is None:
        return []
    own = Group("", read_attributes(history))
    found = [("", name) for _, name, _ in rewrites(own)]
    for run in run_names(history):
        group = history.group(run)
        assert group is not None
        found += [(run, f"{path}/{name}".strip("/")) for path, name, _ in rewrites(read_tree(group))]
    return found


def rewrites(group: Group, path: str = "") -> Iterator[Rewrite]:
    """Find the attributes and datasets of a group that hold private text, and what they are without it."""
    for name, value in group.attributes.items():
        if name in (DIGEST, "previous_digest"):
            continue
        public = _public(name, value)
        if public != value:
            yield path, name, public
    for name, dataset in group.datasets.items():
        if dataset.values.dtype != object or name in (FIELDS, "redactions"):
            continue
        known = {text: _public(name, text) for text in set(map(str, dataset.values.ravel().tolist()))}
        if any(public != text for text, public in known.items()):
            values = np.array([known[str(text)] for text in dataset.values.ravel().tolist()], dtype=object)
            yield path, name, text_array(values.reshape(dataset.values.shape))
    for name, inner in group.groups.items():
        yield from rewrites(inner, f"{path}/{name}".strip("/"))


def _public(name: str, value: Any) -> Any:
    """A value without what is private in it."""
    if isinstance(value, list):
        return [_public(name, item) for item in value]
    if not isinstance(value, str):
        return value
    if name in _NAMES_A_SOURCE:
        return IN_A_ROW.join(recorded_name(one) for one in value.split(IN_A_ROW))
    for part in private_parts(value):
        is_token = "=" in part and "://" not in part
        value = value.replace(part, "[redacted]" if is_token else recorded_name(part) or "[redacted]")
    return value


def redact_run(run: str, tree: Group, changes: list[Rewrite]) -> tuple[Redaction, ...]:
    """Record what taking private text out of a run does to the digests of its fields.

    Parameters
    ----------
    run : str
        Its name.
    tree : Group
        The run as it is.
    changes : list of Rewrite
        As of `rewrites`.
    """
    before, after = field_digests(tree), field_digests(_rewritten(tree, changes, ""))
    names = sorted(before.keys() | after.keys())
    return tuple(
        Redaction(run=run, field=name, former=before.get(name, ""), present=after.get(name, ""))
        for name in names
        if before.get(name) != after.get(name)
    )


def _rewritten(group: Group, changes: list[Rewrite], path: str) -> Group:
    """A group with values replaced."""
    here = {name: value for place, name, value in changes if place == path}
    return replace(
        group,
        attributes={name: here.get(name, value) for name, value in group.attributes.items()},
        datasets={
            name: replace(dataset, values=here[name]) if name in here and name not in group.attributes else dataset
            for name, dataset in group.datasets.items()
        },
        groups={name: _rewritten(inner, changes, f"{path}/{name}".strip("/")) for name, inner in group.groups.items()},
    )


def redact_attributes(history: storage.Group) -> tuple[list[Rewrite], tuple[Redaction, ...]]:
    """Find the private text in the history's own attributes, and record what taking it out does to their digests."""
    own = Group("", read_attributes(history))
    changes = list(rewrites(own))
    before = attribute_digests(history)
    after = field_digests(_rewritten(own, changes, ""))
    names = [name for _, name, _ in changes]
    return changes, tuple(Redaction(run="", field=name, former=before[name], present=after[name]) for name in names)
