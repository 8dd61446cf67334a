"""What the rank of a metric is."""

from __future__ import annotations

import numpy as np
import pytest

from nwb_unitrefine.vocabulary import find_metric, resolve
from nwb_unitrefine.vocabulary.metrics.ranks import MIN_UNITS, rank_names, ranks_within


def test_ranks_are_those_of_each_recording() -> None:
    """Ties share their mean, a missing value has no rank, and nothing that keeps the order changes a rank."""
    values = np.concatenate([np.arange(40.0), np.full(20, 3.0)])
    values[7] = np.nan
    recordings = np.repeat(["a", "b"], [40, 20])
    found = ranks_within(values, recordings)
    assert np.isnan(found[7])
    assert found[[0, 39]].tolist() == pytest.approx([0.5 / 39, 38.5 / 39])
    np.testing.assert_array_equal(found[40:], 0.5)
    np.testing.assert_array_equal(ranks_within(np.exp(values), recordings), found)


def test_few_units_have_no_ranks() -> None:
    """19 units do not place one another, 20 do; units without a value do not count."""
    values = np.arange(float(MIN_UNITS))
    assert np.isfinite(ranks_within(values)).all()
    values[0] = np.inf
    assert np.isnan(ranks_within(values)).all()


def test_the_vocabulary_has_the_rank_of_every_metric() -> None:
    """In the definition of the metric; what is ours has none."""
    rank = resolve("rank_of_half_width@0.101")
    assert (rank.name, rank.metric.unit, rank.metric.valid) == ("rank_of_half_width@0.101", "", (0.0, 1.0))
    assert rank.metric.needs == resolve("half_width@0.101").metric.needs
    assert find_metric("rank_of_nothing") is None
    assert rank_names(["snr", "contamination_upper"]) == ("rank_of_snr",)
