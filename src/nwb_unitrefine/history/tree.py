"""Groups, datasets and attributes as plain values: what a run looks like in a file, whatever the backend."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["HISTORY", "NAMESPACE", "Dataset", "Group", "text_array"]

NAMESPACE = "ndx-unit-curation"

HISTORY = "general/unit_curation"
"""Where the runs are: ``UnitCuration`` is lab metadata."""


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
        Text, or a list of text.
    datasets : dict of str to Dataset
    groups : dict of str to Group
    """

    type_name: str
    attributes: dict[str, str | list[str]] = field(default_factory=dict)
    datasets: dict[str, Dataset] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)


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
