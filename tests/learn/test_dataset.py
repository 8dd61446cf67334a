"""Datasets: what they refuse, and what does not matter."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nwb_unitrefine.errors import TrainingError
from nwb_unitrefine.learn import combine


def test_a_missing_label_is_no_class(make) -> None:
    """NaN, as a label, is refused instead of becoming a class of its own."""
    dataset = make()
    labels = dataset.labels.astype(object)
    labels[0] = np.nan
    with pytest.raises(TrainingError, match="'nan'"):
        replace(dataset, labels=labels)


def test_a_unit_has_one_label(make) -> None:
    """A corrected label beside the old one is refused: nobody can say which of the two counts."""
    dataset = make()
    with pytest.raises(TrainingError, match="unit '0' more than once"):
        combine([dataset, replace(dataset.take(np.array([0])), labels=["noise"])])


def test_the_same_id_in_two_recordings_is_two_units(make) -> None:
    """Ids are unique within a recording only."""
    dataset = make(n_units=6, recordings=1)
    other = replace(dataset, recordings=np.full(6, "another"))
    assert len(combine([dataset, other])) == 12


def test_infinite_is_missing(make) -> None:
    """An infinite metric, as an SNR over no noise, is not a number."""
    dataset = make()
    values = dataset.values.copy()
    values[3, 7] = np.inf
    assert np.isnan(replace(dataset, values=values).values[3, 7])


def test_combining_fills_what_one_lacks_with_missing(make) -> None:
    """A metric that one dataset does not have is missing for its units, and kept for the others."""
    rich = make(n_units=6)
    poor = replace(rich.select(rich.names[:2]), recordings=np.full(6, "poor"))
    both = combine([poor, rich])
    assert both.names == rich.names
    assert np.isnan(both.values[:6, 2:]).all()
    np.testing.assert_array_equal(both.values[6:], rich.values)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1))
def test_the_digest_does_not_depend_on_the_order(make, seed: int) -> None:
    """Units in any order are the same data."""
    dataset = make(n_units=30)
    shuffled = dataset.take(np.random.default_rng(seed).permutation(30))
    assert shuffled.digest == dataset.digest
    np.testing.assert_array_equal(shuffled.in_order().unit_ids, dataset.in_order().unit_ids)


@pytest.mark.parametrize("what", ["value", "label", "id"])
def test_the_digest_depends_on_everything_else(make, what: str) -> None:
    """A changed metric, label or id is other data."""
    dataset = make()
    values, labels, ids = dataset.values.copy(), dataset.labels.copy(), dataset.unit_ids.astype(object)
    if what == "value":
        values[0, 0] += 1
    elif what == "label":
        labels[0] = "noise"
    else:
        ids[0] = "new"
    assert replace(dataset, values=values, labels=labels, unit_ids=ids).digest != dataset.digest
