"""Object files that numba makes."""

from __future__ import annotations

import importlib
import logging
import pkgutil
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from nwb_unitrefine.metrics import kernels
from nwb_unitrefine.metrics.machine_code import made_by_numba
from nwb_unitrefine.metrics.machine_code.compiled import Kernel, _inlined, inlined
from nwb_unitrefine.metrics.machine_code.made_by_numba import UnknownNumbaError, make_object
from nwb_unitrefine.metrics.machine_code.object_files import address_of

if TYPE_CHECKING:
    from pathlib import Path

    from nwb_unitrefine.metrics.machine_code.compiled import Floats


@inlined
def _sum(a: float, b: float) -> float:
    return a + b


def _total(values: Floats, found: Floats) -> None:
    for i in range(len(values)):
        found[0] = _sum(values[i], found[0])
    found[0] = _sum(found[0], 1)  # an int where a float is due


def _first(values: Floats, found: Floats) -> None:
    found[0] = values[0, 0]


def _every_kernel() -> list[Kernel[...]]:
    modules = [
        importlib.import_module(f"{kernels.__name__}.{one.name}") for one in pkgutil.iter_modules(kernels.__path__)
    ]
    return [value for module in modules for value in vars(module).values() if isinstance(value, Kernel)]


@pytest.mark.slow
def test_every_kernel_becomes_an_object_file() -> None:
    """None is compiled anew in each process because an annotation is wrong, and no function for two sets of types."""
    every = _every_kernel()
    assert len(every) >= 13
    for kernel in every:
        assert address_of(make_object(kernel, _inlined), f"test {kernel.name}")
    assert {len(one.overloads) for one in made_by_numba._compiled.values()} == {1}


def test_a_callee_is_compiled_once_for_the_types_of_its_annotations(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whatever numbers it is called with; and the kernel gives what the function gives."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    kernel, compiled, plain = Kernel(_total), np.zeros(1), np.zeros(1)
    kernel(np.array([1.0, 3.0, 2.0]), compiled)
    _total(np.array([1.0, 3.0, 2.0]), plain)
    assert compiled.tolist() == plain.tolist() == [7.0]
    (callee,) = [one for (function, _), one in made_by_numba._compiled.items() if function is _sum]
    assert len(callee.overloads) == 1
    (kept,) = tmp_path.iterdir()
    assert kept.name.startswith("test_made_by_numba.total-")


@pytest.mark.parametrize("gone", ["nwb_unitrefine.metrics.machine_code.unoptimized", "numba.core.codegen"])
def test_a_numba_without_what_is_used_of_its_inside_is_used_in_its_usual_way(
    gone: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A module that a later version moves costs time in each process, and nothing else."""
    caplog.set_level(logging.WARNING, logger="nwb_unitrefine")  # which the command line, run before, sets for good
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    monkeypatch.delitem(sys.modules, "nwb_unitrefine.metrics.machine_code.unoptimized", raising=False)
    monkeypatch.setitem(sys.modules, gone, None)
    found = np.zeros(1)
    Kernel(_total)(np.array([1.0, 3.0, 2.0]), found)
    assert found.tolist() == [7.0]
    assert "compiled anew in each process" in caplog.text
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_compiled_is_explained_in_one_line() -> None:
    """Numba's own message fills a page, with colours."""
    with pytest.raises(UnknownNumbaError) as caught:
        make_object(Kernel(_first), _inlined)
    assert "\n" not in str(caught.value)
    assert "made_by_numba.first in a way that is unknown here (Failed" in str(caught.value)
