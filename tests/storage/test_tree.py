"""Attributes, in every form in which programs store one value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pytest

from helpers.curations import curation_of
from helpers.simulated_nwb import make_session, write_nwb
from nwb_unitrefine.read import read_units
from nwb_unitrefine.storage.tree import attribute_number, attribute_text, attribute_texts, scalar
from nwb_unitrefine.verification import verify
from nwb_unitrefine.write import write_curation

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nwb_unitrefine.records import Units

NUMBERS = [3, 3.0, np.float32(3), np.array(3), np.array([3]), np.array([[3.0]]), [3], [[3]], "3", b"3"]
TEXTS = ["volts", b"volts", np.str_("volts"), np.bytes_(b"volts"), ["volts"], np.array([b"volts"])]
TEXTS += [np.array([["volts"]], dtype=object), np.array("volts", dtype=object), np.array(b"volts")]
NOTHING = [None, [], np.array([]), np.array([1, 2]), ["a", "b"], h5py.Empty("f8"), h5py.Empty(h5py.string_dtype())]


@pytest.mark.parametrize("stored", NUMBERS, ids=repr)
def test_a_number_is_a_number_in_every_form(stored: Any) -> None:
    """Plain, 0-d, arrays and lists of one, and text."""
    assert attribute_number({"rate": stored}, "rate") == 3.0


@pytest.mark.parametrize("stored", TEXTS, ids=repr)
def test_a_text_is_a_text_in_every_form(stored: Any) -> None:
    """``str``, bytes, text of fixed length and objects; plain, 0-d and arrays of one."""
    assert attribute_text({"unit": stored}, "unit") == "volts"
    assert attribute_texts({"colnames": stored}, "colnames") == ["volts"]
    assert type(scalar(stored)) is str


@pytest.mark.parametrize("stored", NOTHING, ids=repr)
def test_what_is_no_single_value_is_none(stored: Any) -> None:
    """Nothing, and several values, are not one value; no first one is picked."""
    assert scalar(stored) is None
    assert attribute_number({"rate": stored}, "rate") is None
    assert attribute_text({"unit": stored}, "unit", "unknown") == "unknown"


@pytest.mark.parametrize("stored", ["x", True, np.nan, np.inf, 10**400, {"a": 1}, np.array([True])], ids=repr)
def test_what_is_no_finite_number_is_none(stored: Any) -> None:
    """Words, truth values, NaN, infinity, numbers that no float holds, and objects."""
    assert attribute_number({"rate": stored}, "rate") is None


@pytest.mark.parametrize("stored", [[1, 2], [["a"], 1], {"a": 1}, h5py.Empty("f8"), 3.0], ids=repr)
def test_a_list_of_names_holds_texts_only(stored: Any) -> None:
    """Numbers and objects are not names."""
    assert attribute_texts({"colnames": stored}, "colnames") == []


def _in_arrays(value: Any, shape: tuple[int, ...]) -> Any:
    if isinstance(value, str):
        return np.full(shape, value.encode())
    if isinstance(value, h5py.Reference):
        return None
    return np.full(shape, value) if np.ndim(value) == 0 else None


def _rewrite(path: Path, form: Callable[[Any], Any]) -> None:
    """Store every attribute of an HDF5 file in another form."""

    def change(_: str, node: h5py.Group | h5py.Dataset) -> None:
        for name, value in list(node.attrs.items()):
            if (changed := form(value)) is not None:
                node.attrs[name] = changed

    with h5py.File(path, "r+") as file:
        change("", file)
        for name in ("units", "general", "acquisition"):
            if name in file:
                change(name, file[name])
                file[name].visititems(change)


def _same(first: Units, second: Units) -> None:
    assert first.problems == second.problems
    assert first.sampling_rate_hz == second.sampling_rate_hz
    assert first.waveforms is not None
    assert second.waveforms is not None
    for field in ("sampling_rate_hz", "samples_before_peak", "declared_unit"):
        assert getattr(first.waveforms, field) == getattr(second.waveforms, field)
    assert list(first.columns) == list(second.columns)
    assert (first.source.object_id, first.source.nwb_version) == (second.source.object_id, second.source.nwb_version)


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)], ids=str)
def test_a_file_with_attributes_in_arrays_reads_and_labels_as_the_plain_one(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    """MATLAB, R and early MatNWB write every attribute as an array of one."""
    session = make_session(n_units=6)
    write_nwb(tmp_path / "plain.nwb", session, kinds=True)
    write_nwb(tmp_path / "arrays.nwb", session, kinds=True)
    with h5py.File(tmp_path / "plain.nwb") as plain, h5py.File(tmp_path / "arrays.nwb", "r+") as arrays:
        for name in ("/", "units"):
            arrays[name].attrs["object_id"] = plain[name].attrs["object_id"]
    _rewrite(tmp_path / "arrays.nwb", lambda value: _in_arrays(value, shape))
    _same(read_units(tmp_path / "plain.nwb"), read_units(tmp_path / "arrays.nwb"))
    write_curation(curation_of(tmp_path / "arrays.nwb"))
    _rewrite(tmp_path / "arrays.nwb", lambda value: _in_arrays(value, shape))
    assert verify(tmp_path / "arrays.nwb").passed
