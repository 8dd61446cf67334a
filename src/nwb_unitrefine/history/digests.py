"""Digests of a run: one of every field, and one of all of them and of the run before.

They show accidents and edits: a field that changed, a run that was removed, renamed or copied. They do not show the
work of somebody who computes every digest anew; only a copy of the newest digest kept elsewhere, or a signature, would.

A field is an attribute, a dataset, or the group ``replaced_columns``; its name is its path in the run. Fields are found
by walking through the run, so that those which a later version adds are included. What the value is counts, not how it
is stored, so that HDF5, Zarr and an export by pynwb agree:

- text is UTF-8, bytes are decoded; numbers and booleans without a fraction are 64-bit integers; all other numbers are
  64-bit floats, NaN always the same one;
- an empty text or array counts as no field; an attribute of one value and a list of one are the same;
- the rows that a region refers to are numbers, and its description is part of the field.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.history.tree import Dataset, Group, text_array

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["DIGEST", "FIELDS", "REPLACED", "digest_value", "field_digests", "recorded_fields", "run_digest", "seal"]

FIELDS = "field_digests"
"""Dataset of a run with the digest of each of its fields."""

DIGEST = "digest"
"""Attribute of a run with the digest of all of it."""

REPLACED = "replaced_columns"
"""Group of a run that leaves it again when the run is undone, so that it is one field."""

_LENGTH = 32
"""Hexadecimal digits of a field's digest: 128 bits are plenty against accidents, and there are many fields."""


def field_digests(run: Group) -> dict[str, str]:
    """Digest every field of a run except those that hold digests of it.

    Parameters
    ----------
    run : Group

    Returns
    -------
    dict of str to str
        By the field's path, in the order of the paths.
    """
    own = replace(
        run,
        attributes={name: value for name, value in run.attributes.items() if name != DIGEST},
        datasets={name: dataset for name, dataset in run.datasets.items() if name != FIELDS},
    )
    found = _walk(own, "")
    for line in _lines(run.datasets.get("inputs")):
        found[f"inputs/{line[0]}"] = digest_value(line[1])
    return dict(sorted(found.items()))


def _walk(group: Group, path: str) -> dict[str, str]:
    """Digests of the fields at and below `path`."""
    found = {f"{path}neurodata_type": digest_value(group.type_name)}
    for name, dataset in group.datasets.items():
        if dataset.values.size:
            found[f"{path}{name}"] = _digest_dataset(dataset)
    for name, value in group.attributes.items():
        if np.size(value) and not (isinstance(value, str) and not value):
            taken = f"{path}{name}" in found
            array = np.atleast_1d(np.asarray(value))
            found[f"{path}{name}{' (attribute)' * taken}"] = digest_value(array.ravel() if array.size == 1 else array)
    for name, inner in group.groups.items():
        if not path and name == REPLACED:
            found[name] = digest_value(json.dumps(sorted(_walk(inner, "").items())))
        else:
            found |= _walk(inner, f"{path}{name}/")
    return found


def _digest_dataset(dataset: Dataset) -> str:
    """Digest of the values, and of what a column or region is described as."""
    value = digest_value(dataset.values)
    return digest_value([value, dataset.description]) if dataset.description else value


def digest_value(value: Any) -> str:
    """Digest a text, a number, or an array of them: the first 32 hexadecimal digits of SHA-256.

    Examples
    --------
    >>> digest_value("sua") == digest_value(np.array(b"sua"))
    True
    >>> digest_value(np.array([True, False])) == digest_value(np.array([1, 0], dtype=np.int8))
    True
    """
    array = np.asarray(value)
    hasher = hashlib.sha256(repr(array.shape).encode())
    kind, content = _canonical(array)
    hasher.update(kind)
    hasher.update(content)
    return hasher.hexdigest()[:_LENGTH]


def _canonical(array: NDArray[Any]) -> tuple[bytes, bytes]:
    """The kind of an array's values, and their bytes, the same for every way of storing them."""
    if array.dtype.kind in "bi" or (array.dtype.kind == "u" and (not array.size or int(array.max()) < 2**63)):
        return b"integer", np.ascontiguousarray(array, dtype="<i8").tobytes()
    if array.dtype.kind == "f":
        values = np.ascontiguousarray(array, dtype="<f8").copy()
        values[np.isnan(values)] = np.nan
        return b"float", values.tobytes()
    if array.dtype.kind in "OSU":
        texts = text_array(array).ravel().tolist()
        return b"text", b"".join(b"%d:%b" % (len(raw), raw) for raw in (t.encode("utf-8", "replace") for t in texts))
    return array.dtype.str.encode(), array.tobytes()


def seal(name: str, run: Group, *, before: str, further: Mapping[str, str]) -> tuple[Group, str]:
    """Give a run its digests.

    Parameters
    ----------
    name : str
        Of the run.
    run : Group
        With everything else that it will hold.
    before : str
        Digest of the run before; empty for the first.
    further : mapping of str to str
        Digests of fields outside the run that this run vouches for, by their path: those of runs that have no digests
        (``"run_0001/label"``) and of the history's own attributes (``"/source"``).

    Returns
    -------
    tuple of Group and str
        The run with its digests, and the digest of all of it.
    """
    attributes = run.attributes | ({"previous_digest": before} if before else {})
    fields = field_digests(replace(run, attributes=attributes)) | dict(further)
    digest = run_digest(name, fields)
    rows = text_array([[field, value] for field, value in sorted(fields.items())])
    datasets = run.datasets | {FIELDS: Dataset(rows)}
    groups = {inner: group for inner, group in run.groups.items() if inner != REPLACED}  # it comes with its columns
    return replace(run, attributes=attributes | {DIGEST: digest}, datasets=datasets, groups=groups), digest


def run_digest(name: str, fields: Mapping[str, str]) -> str:
    """Digest of a run: of its name and of the digests of its fields, that of the run before among them.

    Returns
    -------
    str
        ``"sha256:…"``.
    """
    text = json.dumps([name, sorted(fields.items())], ensure_ascii=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def recorded_fields(run: Group) -> dict[str, str] | None:
    """The digests of its fields that a run holds; None for a run without digests, as version 0.1.0 wrote them."""
    if FIELDS not in run.datasets and DIGEST not in run.attributes:
        return None
    return {line[0]: line[1] for line in _lines(run.datasets.get(FIELDS))}


def _lines(table: Dataset | None) -> list[list[str]]:
    """Rows of a table of text with two columns or more; none where it is not one."""
    values = None if table is None else table.values
    if values is None or values.ndim != 2 or values.shape[1] < 2:
        return []
    return [[str(cell) for cell in row] for row in values.tolist()]
