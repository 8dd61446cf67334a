"""Counts for the pictures of spike trains."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nwb_unitrefine.records import Ragged
from nwb_unitrefine.report.spike_summaries import autocorrelograms, count_intervals, rates_over_session, summarise

TRAINS = st.lists(st.lists(st.integers(0, 4000), max_size=60), min_size=1, max_size=4)


def _ragged(rows: list[list[int]]) -> Ragged:
    """Spike times on a grid of 0.25 ms, which is exact in binary."""
    trains = [np.sort(np.array(row, dtype=np.float64)) / 4096 for row in rows]
    return Ragged(np.concatenate(trains), np.concatenate([[0], np.cumsum([len(train) for train in trains])]))


@given(TRAINS)
def test_autocorrelograms_count_every_pair(rows):
    """Every pair of spikes of a unit less than 50 ms apart is in its bin of 1 ms, and no pair of two units."""
    trains = _ragged(rows)
    found = autocorrelograms(trains.values, trains.offsets)
    for train, counts in zip(trains, found, strict=True):
        apart = (train[None, :] - train[:, None])[np.triu_indices(len(train), 1)] * 1e3
        expected = np.histogram(apart + 1e-6, bins=np.arange(51))[0]
        expected[-1] -= np.sum(apart + 1e-6 >= 50) if len(apart) and np.any(apart + 1e-6 == 50) else 0
        assert counts.tolist() == expected.tolist()


@given(TRAINS)
def test_intervals_are_between_neighbours(rows):
    """Intervals below 50 ms between successive spikes are counted in bins of 0.5 ms."""
    trains = _ragged(rows)
    found = count_intervals(trains.values, trains.offsets)
    for train, counts in zip(trains, found, strict=True):
        inside = np.floor(np.diff(train) * 2e3 + 1e-6)
        assert counts.sum() == np.sum(inside < 100)
        assert counts.tolist() == [int(np.sum(inside == i)) for i in range(100)]


def test_rates_hold_every_spike():
    """The rates over the session times the length of a part add up to the spikes."""
    trains = _ragged([[0, 100, 4000], [17, 18]])
    rates = rates_over_session(trains.values, trains.offsets, (0.0, 1.0))
    assert np.allclose(rates.sum(axis=1) / 120, [3, 2])


def test_a_session_without_spikes_has_empty_pictures():
    """Units without spikes are drawn as nothing."""
    summaries = summarise(Ragged(np.array([]), np.array([0, 0, 0])))
    assert not summaries.autocorrelograms.any()
    assert not summaries.intervals.any()
    assert not summaries.rates_hz.any()
