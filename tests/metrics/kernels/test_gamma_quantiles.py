"""Quantiles of the gamma distribution."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import gammaincinv

from nwb_unitrefine.metrics.kernels.gamma_quantiles import gamma_quantiles

SHAPES = np.concatenate([np.arange(1.0, 300.0), 1 + 10 ** np.linspace(-3, 9, 200)])


@pytest.mark.parametrize("probability", [0.001, 0.025, 0.05, 0.5, 0.9, 0.95, 0.999])
def test_quantiles_are_those_of_scipy(probability: float) -> None:
    """From one violation to a thousand million of them."""
    assert gamma_quantiles(SHAPES, probability) == pytest.approx(gammaincinv(SHAPES, probability), rel=1e-10)


def test_the_shape_of_the_array_is_kept() -> None:
    """A table of counts gives a table, equal counts equal values, and none nothing."""
    counts = np.array([[1.0, 2.0, 1.0], [7.0, 1.0, 2.0]])
    assert gamma_quantiles(counts, 0.9) == pytest.approx(gammaincinv(counts, 0.9), rel=1e-12)
    assert gamma_quantiles(np.zeros((0, 3)), 0.9).shape == (0, 3)


def test_what_is_no_count_has_no_quantile() -> None:
    """Neither does what is missing."""
    assert np.isnan(gamma_quantiles(np.array([np.nan, 0.5, 0.0, -1.0, np.inf]), 0.9)).all()
