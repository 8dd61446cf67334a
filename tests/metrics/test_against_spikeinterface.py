"""The benchmark's comparison with SpikeInterface, on a file small enough for a test."""

from __future__ import annotations

import sys
import warnings
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nwb_unitrefine.vocabulary import METRICS

pytest.importorskip("spikeinterface", reason="SpikeInterface is not installed")


@pytest.fixture(scope="module")
def benchmark() -> Any:
    """``benchmarks/metrics_speed.py`` as a module."""
    path = Path(__file__).parents[2] / "tests" / "benchmarks" / "metrics_speed.py"
    spec = spec_from_file_location("metrics_speed", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules["metrics_speed"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize("sparse", [None, 12])
def test_values_are_those_of_spikeinterface_today(benchmark: Any, tmp_path: Path, sparse: int | None) -> None:
    """Every spike-train and waveform metric of every unit equals what SpikeInterface computes here and now."""
    path = tmp_path / "units.h5"
    benchmark.generate(path, n_units=20, n_spikes=20_000, n_channels=32, sparse=sparse)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SpikeInterface warns of every unit without a metric
        theirs = benchmark.run_spikeinterface(path)["values"]
    ours = {
        name: one for name, one in benchmark.run_ours(path, old=False)["values"].items() if not METRICS[name].derived
    }
    assert len(ours) == 32
    for name, values in ours.items():
        relative = 1e-4 if name == "exp_decay" else 1e-5
        np.testing.assert_allclose(values, theirs[name], rtol=relative, err_msg=name)
