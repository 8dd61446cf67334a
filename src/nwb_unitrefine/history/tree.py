"""Groups, datasets and attributes as plain values: what a run looks like in a file, whatever the backend."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.storage.tree import attribute_text, scalar

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from numpy.typing import NDArray

    from nwb_unitrefine.storage import tree as storage

__all__ = ["ABOUT_REPLACED", "HISTORY", "NAMESPACE", "Dataset", "Group", "read_attributes", "read_tree", "text_array"]

NAMESPACE = "ndx-unit-curation"

HISTORY = "general/unit_curation"
"""Where the runs are: ``UnitCuration`` is lab metadata."""


ABOUT_REPLACED = "Columns of the units table, by another program, that this run replaced."
"""Description of a run's ``replaced_columns``."""


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """An array; text is ``str`` in an object array.

    Parameters
    ----------
    values : array
    refers_to : str, optional
        Path of the table whose rows the values are; empty for values that are just values.
    description : str, optional
        Of a column or region; empty for an untyped dataset.
    """

    values: NDArray[Any]
    refers_to: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """A typed object of the extension.

    Parameters
    ----------
    type_name : str
        Its neurodata type.
    attributes : dict
        Text, a list of text, or a number.
    datasets : dict of str to Dataset
    groups : dict of str to Group
    """

    type_name: str
    attributes: dict[str, Any] = field(default_factory=dict)
    datasets: dict[str, Dataset] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)


_MOST_OBJECTS, _DEEPEST = 10_000, 8

_OF_THE_STORE = frozenset({"namespace", "neurodata_type", "object_id", "help", "zarr_link", "zarr_dtype"})
"""Attributes that identify an object or state how it is stored; they are not content of a run."""


def read_attributes(group: storage.Group) -> dict[str, Any]:
    """Read the attributes of a typed group that are content.

    Parameters
    ----------
    group : storage.tree.Group
    """
    return {name: _plain(value) for name, value in group.attributes.items() if name not in _OF_THE_STORE}


def read_tree(group: storage.Group, *, skip: Collection[str] = ()) -> Group:
    """Read a typed group with everything in it, whatever stores it.

    Parameters
    ----------
    group : storage.tree.Group
    skip : collection of str, optional
        Names in it that are not read.

    Raises
    ------
    ValueError
        If it holds more than any run does: groups that hold each other through links have no end.
    """
    return _read_tree(group, skip, count(1), 0)


def _read_tree(group: storage.Group, skip: Collection[str], number: Iterator[int], depth: int) -> Group:
    """Read a group; each group and dataset of the whole takes a number."""
    if depth > _DEEPEST:
        raise ValueError(f"the history holds groups in groups of one run, {depth} deep")
    found = Group(attribute_text(group.attributes, "neurodata_type"), read_attributes(group))
    for name in sorted(set(group.names()) - set(skip)):
        if next(number) > _MOST_OBJECTS:
            raise ValueError(f"the history holds more than {_MOST_OBJECTS} objects in one run")
        if (array := group.array(name)) is not None:
            refers = attribute_text(array.attributes, "neurodata_type") == "DynamicTableRegion"
            description = attribute_text(array.attributes, "description")
            found.datasets[name] = Dataset(array.read(), "/units" if refers else "", description)
        elif (inner := group.group(name)) is not None:
            found.groups[name] = _read_tree(inner, (), number, depth + 1)
    return found


def _plain(value: Any) -> Any:
    """An attribute as text, a number, or a list of them; one that holds nothing is an empty list."""
    if getattr(value, "shape", ()) is None:  # h5py.Empty
        return []
    if isinstance(value, np.ndarray) and value.ndim:
        return [scalar(item) for item in value.tolist()] if value.ndim == 1 else value.tolist()
    return [scalar(item) for item in value] if isinstance(value, list | tuple) else scalar(value)


def text_array(values: Any) -> NDArray[Any]:
    """Return `values` as an object array of ``str``: what h5py and zarr store as text of any length.

    Examples
    --------
    >>> text_array(np.array([b"sua", "noise"], dtype=object)).tolist()
    ['sua', 'noise']
    """
    array = np.asarray(values, dtype=object)
    flat = [value.decode() if isinstance(value, bytes) else str(value) for value in array.ravel()]
    result = np.empty(array.shape, dtype=object)
    result.ravel()[:] = flat
    return result
