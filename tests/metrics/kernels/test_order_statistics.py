"""Order statistics in compiled code."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nwb_unitrefine.metrics.kernels.order_statistics import median, select

values = st.lists(st.floats(-100, 100) | st.integers(-3, 3).map(float), min_size=1, max_size=60).map(np.array)


@settings(max_examples=200, deadline=None)
@given(values)
def test_median_is_that_of_numpy(values: np.ndarray) -> None:
    """Odd and even numbers of values, many of them equal."""
    assert median(values.copy()) == np.median(values)


@settings(max_examples=200, deadline=None)
@given(values, st.data())
def test_select_is_the_value_after_sorting(values: np.ndarray, data: st.DataObject) -> None:
    """Whatever the rank."""
    rank = data.draw(st.integers(0, len(values) - 1))
    assert select(values.copy(), rank) == np.sort(values)[rank]
