"""Order statistics in compiled code."""

from __future__ import annotations

import numpy as np
import pytest
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
    select(np.where(np.arange(2000) % 7 == 0, np.nan, np.arange(2000.0)), 1000)
    select(np.full(2000, np.nan), 1000)


@pytest.mark.parametrize("n", [599, 600, 601, 5000])
@pytest.mark.parametrize("kind", ["random", "rising", "falling", "few values", "one value", "ends"])
def test_many_values_are_parted_by_a_sample_of_them(n: int, kind: str) -> None:
    """In any order, with any number of equal ones, from the lowest rank to the highest."""
    rng = np.random.default_rng(n)
    given = {
        "random": rng.normal(size=n),
        "rising": np.arange(n, dtype=np.float64),
        "falling": -np.arange(n, dtype=np.float64),
        "few values": rng.integers(0, 4, n).astype(np.float64),
        "one value": np.zeros(n),
        "ends": np.where(rng.random(n) < 0.5, -np.inf, np.inf),
    }[kind]
    expected = np.sort(given)
    for rank in (0, 1, n // 3, n // 2, n - 2, n - 1):
        values = given.copy()
        assert select(values, rank) == expected[rank]
        assert np.array_equal(np.sort(values), expected)
        assert (values[:rank] <= expected[rank]).all()
    assert median(given.copy()) == np.median(given) or kind == "ends"
