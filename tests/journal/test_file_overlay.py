"""A file that can be written without being changed."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - for the fixtures' annotations

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nwb_unitrefine.journal import commit, locked
from nwb_unitrefine.journal.file_overlay import PAGE, Overlay

positions = st.integers(0, 5 * PAGE)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("write"), positions, st.binary(min_size=1, max_size=2 * PAGE)),
        st.tuples(st.just("read"), positions, st.integers(0, 3 * PAGE)),
        st.tuples(st.just("truncate"), positions, st.none()),
    ),
    max_size=12,
)


@pytest.mark.slow
@given(base=st.integers(0, 3 * PAGE + 17), steps=steps)
@settings(
    max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
def test_an_overlay_is_a_file_and_leaves_the_file_alone(base: int, steps: list[tuple], tmp_path: Path) -> None:
    """It behaves as a file of these bytes does, and the file becomes that when its edits are committed."""
    path = tmp_path / "file"
    old = np.random.default_rng(base).bytes(base)
    path.write_bytes(old)
    model = bytearray(old)
    with locked(path) as descriptor:
        overlay = Overlay(descriptor)
        for action, position, value in steps:
            overlay.seek(position)
            if action == "write":
                model.extend(bytes(max(0, position - len(model))))
                model[position : position + len(value)] = value
                assert overlay.write(value) == len(value)
            elif action == "read":
                assert overlay.read(value) == bytes(model[position : position + value])
            else:
                overlay.truncate(position)
                model = model[:position].ljust(position, b"\0")
        assert path.read_bytes() == old
        overlay.seek(0)
        assert overlay.read() == bytes(model)
        sizes = {"size_before": overlay.base_size, "size_after": overlay.size}
        commit(path, overlay.edits(), descriptor=descriptor, **sizes)
    assert path.read_bytes() == bytes(model)


def test_pages_that_end_as_they_began_are_no_edits(tmp_path: Path) -> None:
    """Writing the same bytes again is not a change."""
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 64)
    with path.open("rb") as file:
        overlay = Overlay(file.fileno())
        overlay.seek(5000)
        overlay.write(b"x")
        overlay.seek(5000)
        overlay.write(path.read_bytes()[5000:5001])
        assert overlay.edits() == []


def test_hdf5_works_over_it(tmp_path: Path) -> None:
    """h5py reads and writes through it; the file stays as it is."""
    path = tmp_path / "file.h5"
    with h5py.File(path, "w") as file:
        file["numbers"] = np.arange(100_000)
    old = path.read_bytes()
    with path.open("rb") as raw:
        overlay = Overlay(raw.fileno())
        with h5py.File(overlay, "r+") as file:
            file["more"] = ["a", "b"]
            file["numbers"][7] = -1
        with h5py.File(overlay, "r") as file:
            assert file["more"].asstr()[:].tolist() == ["a", "b"]
            assert file["numbers"][5:9].tolist() == [5, 6, -1, 8]
    assert path.read_bytes() == old
