"""Picking neighbours as numpy 1 did."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nwb_unitrefine.models.skops.numpy1_partition import select_nearest


@given(st.lists(st.sampled_from([0.0, 1.0, 2.0, 3.0, np.nan]), min_size=1, max_size=60), st.data())
def test_the_nearest_are_picked_whatever_the_ties(distances, data):
    """The values picked are the smallest ones, missing ones last; no donor is picked twice."""
    count = data.draw(st.integers(1, len(distances)))
    row = np.array([distances])
    picked = select_nearest(row, count)[0]
    assert len(set(picked.tolist())) == count
    np.testing.assert_array_equal(np.sort(row[0, picked]), np.sort(row[0])[:count])


def test_equally_near_donors_are_picked_as_numpy_1_26_picks_them():
    """Frozen from ``numpy.argpartition`` of numpy 1.26.4."""
    rows = np.array([np.arange(40) % 4, np.arange(40)[::-1] % 3], dtype=np.float32)
    assert select_nearest(rows, 5).tolist() == [[8, 32, 16, 36, 0], [24, 30, 18, 21, 12]]
