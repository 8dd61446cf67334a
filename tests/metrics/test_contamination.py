"""Contamination that refractory violations show, and what they cannot exclude."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.simulated_nwb import make_session, write_nwb
from nwb_unitrefine import compute_features, read_units
from nwb_unitrefine.metrics.contamination import EVIDENCE, EVIDENCE_FROM, contamination_interval, refractory_evidence


def test_interval_is_that_of_the_count_turned_into_a_share() -> None:
    """Three violations lie in 0.818 to 7.754 (Garwood, 90 %); each end is turned by 1 - sqrt(1 - n / expected)."""
    lower, upper = contamination_interval(np.array([3.0]), np.array([40.0]))
    assert lower[0] == pytest.approx(1 - np.sqrt(1 - 0.8177 / 40), abs=1e-4)
    assert upper[0] == pytest.approx(1 - np.sqrt(1 - 7.7537 / 40), abs=1e-4)


def test_nothing_is_excluded_where_no_violation_can_be_expected() -> None:
    """With so few spikes that unrelated ones would hardly violate, any contamination is possible."""
    lower, upper = contamination_interval(np.array([0.0, 0.0]), np.array([0.0, 2.9]))
    assert lower.tolist() == [0, 0]
    assert upper.tolist() == [1, 1]


def test_more_violations_raise_both_ends_and_more_spikes_narrow_them() -> None:
    """Both ends rise with violations at one number of spikes; at one ratio, more spikes bring them together."""
    lower, upper = contamination_interval(np.arange(30.0), np.full(30, 50.0))
    assert (np.diff(lower) >= 0).all()
    assert (np.diff(upper) >= 0).all()
    lower, upper = contamination_interval(np.array([2.0, 20.0, 200.0]), np.array([10.0, 100.0, 1000.0]))
    assert (np.diff(upper - lower) < 0).all()


def test_interval_holds_the_truth_as_often_as_it_states() -> None:
    """Of mixtures of independent spikes with a clean unit, nine in ten intervals hold the share at least."""
    rng = np.random.default_rng(0)
    expected, share = 60.0, 0.2
    counts = rng.poisson(expected * (1 - (1 - share) ** 2), size=4000).astype(float)
    lower, upper = contamination_interval(counts, np.full(4000, expected))
    assert ((lower <= share) & (share <= upper)).mean() >= 0.9


def test_units_without_spikes_have_no_contamination() -> None:
    """What is not known is NaN, never a share."""
    metrics = {name: np.array([0.0, np.nan, 100.0]) for name in EVIDENCE_FROM}
    for values in refractory_evidence(metrics).values():
        assert np.isnan(values[:2]).all()


def test_files_and_tables_give_the_same_evidence(tmp_path) -> None:
    """From spike times it is what the counts in a table of metrics give."""
    units = read_units(write_nwb(tmp_path / "session.nwb", make_session(n_units=5)))
    features = compute_features(units, names=[*EVIDENCE, *EVIDENCE_FROM])
    column = {name: features.values[:, features.names.index(name)] for name in features.names}
    for name, values in refractory_evidence({name: column[name] for name in EVIDENCE_FROM}).items():
        np.testing.assert_allclose(column[name], values, rtol=1e-12, err_msg=name)
