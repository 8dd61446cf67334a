"""Functions that run as machine code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from nwb_unitrefine.metrics.kernels.reflective_fit import fit_exponentials
from nwb_unitrefine.metrics.kernels.spread import depth_spread
from nwb_unitrefine.metrics.kernels.synchrony import count_synchrony
from nwb_unitrefine.metrics.kernels.trains import _scan, bin_rates, scan
from nwb_unitrefine.metrics.kernels.upsampling import upsample
from nwb_unitrefine.metrics.kernels.velocity import velocities
from nwb_unitrefine.metrics.machine_code import made_by_numba
from nwb_unitrefine.metrics.machine_code.compiled import Kernel

if TYPE_CHECKING:
    from pathlib import Path


def _arguments(**changed: object) -> list[object]:
    counts = [np.zeros(2, dtype=np.int64) for _ in range(4)]
    given = {"times": np.arange(5.0), "offsets": np.array([0, 2, 5]), "first": np.full(2, np.inf)}
    given |= changed
    return [given["times"], given["offsets"], *counts, given["first"], np.full(2, -np.inf)]


def test_machine_code_writes_what_the_python_function_writes() -> None:
    """The function it was made from is at hand, and gives the same."""
    compiled, plain = _arguments(), _arguments()
    _scan(*compiled)
    _scan.function(*plain)
    for ours, theirs in zip(compiled, plain, strict=True):
        assert np.array_equal(ours, theirs)
    assert compiled[-1].tolist() == [1, 4]


@pytest.mark.parametrize(
    "changed",
    [
        {"times": np.arange(5)},
        {"times": np.arange(5, dtype=np.float32)},
        {"times": np.arange(10.0)[::2]},
        {"times": np.arange(5.0)[:, np.newaxis]},
        {"times": np.frombuffer(bytes(41), dtype=np.float64, offset=1)},
        {"times": np.arange(5.0).astype(">f8")},
        {"offsets": np.array([0, 2, 5], dtype=np.int32)},
    ],
)
def test_another_kind_of_array_is_refused(changed: dict[str, np.ndarray]) -> None:
    """Machine code would read past its end, or take its bytes for other numbers."""
    with pytest.raises(TypeError, match="Not a contiguous array"):
        _scan(*_arguments(**changed))


def test_a_debugger_can_have_the_function_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with numba's own functions: ``NUMBA_DISABLE_JIT=1`` leaves machine code out."""
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    monkeypatch.setattr(_scan, "_call", lambda *_: pytest.fail("machine code ran"))
    given = _arguments()
    _scan(*given)
    assert given[-1].tolist() == [1, 4]


def test_a_numba_that_compiles_otherwise_is_used_in_its_own_way(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A later version may lack an option or make other machine code; values are the same, only the start is slower."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    monkeypatch.setitem(made_by_numba._OPTIONS, "an_option_that_is_gone", 1)
    known, plain = Kernel(_scan.function), _arguments()
    given = _arguments()
    known(*given)
    _scan.function(*plain)
    for ours, theirs in zip(given, plain, strict=True):
        assert np.array_equal(ours, theirs)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(TypeError, match="Not a contiguous array"):
        known(*_arguments(times=np.arange(5)))


def test_a_missing_argument_is_refused() -> None:
    """There is no default for an array."""
    with pytest.raises(ValueError, match="shorter"):
        _scan(*_arguments()[:-1])


def test_no_units_are_no_trouble() -> None:
    """Nothing is read of empty arrays."""
    nothing, offsets, whole = np.zeros(0), np.zeros(1, dtype=np.int64), np.zeros(0, dtype=np.int64)
    assert len(scan(nothing, offsets).first) == 0
    assert count_synchrony(nothing, offsets, 3e4).shape == (0, 3)
    assert depth_spread(nothing, nothing, offsets).shape == (0,)
    assert velocities(np.zeros((0, 2)), nothing, whole, offsets, 3e5).shape == (0, 2)
    assert upsample(np.zeros((0, 82))).shape == (0, 820)
    three = np.zeros((0, 3))
    assert fit_exponentials(nothing, np.zeros((0, 2)), offsets, three, three, three)[1].shape == (0,)
    binned = bin_rates(
        nothing, offsets, 3e4, whole, whole, offsets, presence_samples=10, range_samples=10, percentiles=(5, 95)
    )
    assert [len(one) for one in binned] == [0, 0]
