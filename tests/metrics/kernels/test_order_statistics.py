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


@settings(max_examples=200, deadline=None)
@given(values, st.data())
def test_none_before_the_rank_is_larger(values: np.ndarray, data: st.DataObject) -> None:
    """`median` takes the largest of them for the value below."""
    rank = data.draw(st.integers(0, len(values) - 1))
    selected = select(values, rank)
    assert (values[:rank] <= selected).all()
    assert (values[rank:] >= selected).all()


def test_what_has_no_order_ends() -> None:
    """NaN is neither below nor above anything, and stops no program."""
    select(np.array([np.nan, 1.0, np.nan, 0.0, np.nan]), 2)
    select(np.full(9, np.nan), 4)
