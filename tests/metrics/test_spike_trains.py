"""Metrics of spike times: worked by hand, and what changes them and what does not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.made_units import RATE_HZ, make_units
from nwb_unitrefine.errors import FeatureError
from nwb_unitrefine.metrics import compute_features
from nwb_unitrefine.metrics.kernels.synchrony import count_synchrony
from nwb_unitrefine.read import read_units
from nwb_unitrefine.records import ProblemCode, Severity
from nwb_unitrefine.vocabulary import MetricGroup, feature_names

NAMES = feature_names(groups=[MetricGroup.SPIKE_TRAIN])
OLD_NAMES = feature_names(definition="0.101", groups=[MetricGroup.SPIKE_TRAIN])


def _values(units: object, *names: str) -> np.ndarray:
    return compute_features(units, names=names or NAMES).values


def test_rates_by_hand() -> None:
    """Six spikes in 120 s, in the first minute, are 0.05 Hz and present in one bin of two."""
    units = make_units([[1, 2, 3, 4, 5, 6]], recorded_s=120.0)
    assert _values(units, "num_spikes", "firing_rate", "presence_ratio").tolist() == [[6.0, 0.05, 0.5]]


def test_violations_by_hand() -> None:
    """Spikes at 0, 0.5, 1.0 and 10 ms: two intervals below 1.5 ms, three pairs within 1 ms."""
    units = make_units([[0.0, 0.5e-3, 1.0e-3, 10e-3]], recorded_s=100.0)
    count, ratio, pairs, contamination = _values(
        units, "isi_violations_count", "isi_violations_ratio", "rp_violations", "rp_contamination"
    )[0]
    assert (count, pairs) == (2, 3)
    assert ratio == pytest.approx((2 / (2 * 4 * 0.0015)) / (4 / 100))
    assert contamination == 1.0  # 1 - 3 * 3e6 / (16 * 30) is far below zero


def test_contamination_by_hand() -> None:
    """One pair within 1 ms among 1,000 spikes in 100 s: 1 - sqrt(1 - 3e6 / (1e6 * 30))."""
    times = np.arange(999) * 0.1
    units = make_units([np.sort(np.append(times, 50.0005))], recorded_s=100.0)
    (contamination,) = _values(units, "rp_contamination")[0]
    assert contamination == pytest.approx(1 - np.sqrt(1 - 3e6 / (1000**2 * 30)))


def test_one_spike_has_no_contamination_today_and_zero_in_the_old_definition() -> None:
    """SpikeInterface 0.101 gave 0 where 0.105 gives nothing."""
    units = make_units([[1.0]], recorded_s=100.0)
    today, old = _values(units, "rp_contamination", "rp_contamination@0.101")[0]
    assert np.isnan(today)
    assert old == 0.0


def test_synchrony_counts_all_spikes_in_a_sample_and_each_unit_once() -> None:
    """Two spikes of one unit and one of another in one sample: each unit has one synchronous sample."""
    units = make_units([[1.0, 1.0, 2.0], [1.0, 3.0]], recorded_s=10.0)
    assert _values(units, "sync_spike_2", "sync_spike_4").tolist() == [[1 / 3, 0.0], [1 / 2, 0.0]]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(0, 40), max_size=30), min_size=1, max_size=9), st.integers(1, 1 << 19))
def test_synchrony_in_blocks_is_synchrony_by_sorting(trains: list[list[int]], stretch: int) -> None:
    """However the spikes fall into blocks of time, the counts are those of a sort over all spikes."""
    samples = [np.sort(np.array(train, dtype=np.int64)) * stretch for train in trains]
    times = np.concatenate(samples) / RATE_HZ
    offsets = np.concatenate([[0], np.cumsum([len(train) for train in samples])]).astype(np.int64)
    all_samples, n_together = np.unique(np.concatenate(samples), return_counts=True)
    expected = [[int(np.isin(all_samples[n_together >= size], train).sum()) for size in (2, 4, 8)] for train in samples]
    assert count_synchrony(times, offsets, RATE_HZ).tolist() == expected


def test_firing_range_by_hand() -> None:
    """Counts 0, 1, 2, …, 20 in 21 bins of 5 s: percentiles 1 and 19 spikes, a range of 3.6 Hz."""
    times = [5 * bin_ + 0.1 * spike for bin_ in range(21) for spike in range(bin_)]
    units = make_units([times], recorded_s=105.0)
    assert _values(units, "firing_range")[0, 0] == pytest.approx(18 / 5)


def test_firing_range_is_that_of_numpy() -> None:
    """Percentiles over mostly empty bins, interpolated, equal ``numpy.percentile`` over the histogram."""
    times = np.sort(np.random.default_rng(0).uniform(0, 300, 137))
    units = make_units([times], recorded_s=303.0)
    counts, _ = np.histogram(np.rint(times * RATE_HZ), bins=np.arange(61) * 150_000)
    low, high = np.percentile(counts / 5, [5, 95])
    assert _values(units, "firing_range")[0, 0] == pytest.approx(high - low)


def test_gaps_between_observation_intervals_are_no_time() -> None:
    """Ten spikes in two intervals of 60 s with an hour between them are ten in 120 s, present in both minutes."""
    train = [*np.linspace(1, 59, 5), *np.linspace(3661, 3719, 5)]
    units = make_units([train], obs_intervals=[[[0, 60], [3660, 3720]]])
    rate, presence = _values(units, "firing_rate", "presence_ratio")[0]
    assert rate == pytest.approx(10 / 120)
    assert presence == 1.0


def test_units_may_be_observed_for_different_times() -> None:
    """Each unit's rate is over its own intervals."""
    units = make_units([[1, 2, 3], [1, 2, 3]], obs_intervals=[[[0, 10]], [[0, 30]]])
    assert _values(units, "firing_rate")[:, 0].tolist() == pytest.approx([0.3, 0.1])


def test_a_few_spikes_outside_the_observed_time_are_left_out_and_reported() -> None:
    """One spike in a thousand outside: 999 count, and the unit is named."""
    times = np.append(np.linspace(0, 99, 999), 200.0)
    features = compute_features(make_units([times], obs_intervals=[[[0, 100]]]), names=["num_spikes"])
    assert features.values[0, 0] == 999
    assert [(problem.code, problem.unit_ids) for problem in features.problems] == [
        (ProblemCode.SPIKE_TIMES_OUTSIDE, (0,))
    ]


def test_intervals_that_most_spikes_contradict_are_not_believed() -> None:
    """Half the spikes outside: the intervals are wrong, not the spikes."""
    units = make_units([np.linspace(0, 200, 100)], obs_intervals=[[[0, 100]]], recorded_s=200.0)
    features = compute_features(units, names=["num_spikes", "firing_rate"])
    assert features.values[0].tolist() == [100, 0.5]
    assert {problem.code for problem in features.problems} == {ProblemCode.OBS_INTERVALS_SPIKES_OUTSIDE}
    assert features.notes["observed time"].startswith("the recording")


def test_one_units_stray_spike_drops_the_intervals_of_that_unit_only() -> None:
    """Unit 0 has one of 31 spikes outside and is observed for the recording; unit 1 for its intervals."""
    trains = [[*np.linspace(1, 59, 30), 90.0], np.linspace(1, 59, 60)]
    units = make_units(trains, obs_intervals=[[[0, 60]], [[0, 60]]], recorded_s=100.0)
    features = compute_features(units, names=["firing_rate"])
    assert features.values[:, 0].tolist() == [0.31, 1.0]
    (problem,) = features.problems
    assert (problem.code, problem.unit_ids) == (ProblemCode.OBS_INTERVALS_SPIKES_OUTSIDE, (0,))
    assert problem.what.startswith("1 of 31 spikes of unit 0")


def test_gaps_of_the_recording_are_no_time() -> None:
    """Ten spikes in two pieces of a minute with an hour between them are ten in 120 s."""
    train = [*np.linspace(1, 59, 5), *np.linspace(3661, 3719, 5)]
    units = make_units([train], recording_intervals_s=np.array([[0.0, 60.0], [3660.0, 3720.0]]))
    rate, presence = _values(units, "firing_rate", "presence_ratio")[0]
    assert (rate, presence) == (pytest.approx(10 / 120), 1.0)


def test_without_any_interval_the_spikes_say_how_long() -> None:
    """The note names the first and the last spike of any unit."""
    features = compute_features(make_units([[10.0, 20.0], [12.0, 30.0]]), names=["firing_rate"])
    assert features.values[0, 0] == pytest.approx(2 / 20, rel=1e-4)
    assert "first to the last spike" in features.notes["observed time"]


@pytest.mark.parametrize("names", [NAMES, OLD_NAMES])
def test_units_without_spikes_have_no_spikes_and_a_reason(names: tuple[str, ...]) -> None:
    """num_spikes is 0; every other metric is missing and says why; the other unit is as without it."""
    spikes = np.sort(np.random.default_rng(1).uniform(0, 100, 50))
    features = compute_features(make_units([[], spikes], recorded_s=100.0), names=names)
    assert features.values[0, 0] == 0
    assert np.isnan(features.values[0, 1:]).all()
    assert {str(features.origin(0, name)) for name in names[1:]} == {"missing: the unit has no spikes"}
    alone = compute_features(make_units([spikes], recorded_s=100.0), names=names)
    assert np.array_equal(features.values[1], alone.values[0], equal_nan=True)


def test_no_unit_has_spikes() -> None:
    """A table without any spike gives a table of reasons."""
    features = compute_features(make_units([[], []]))
    assert features.values[:, 0].tolist() == [0, 0]


@pytest.mark.parametrize("train", [[3.0, 1.0, 2.0], [1.0, np.nan, 2.0], [1.0, 2.0, np.inf]])
def test_trains_that_are_not_clean_are_refused(train: list[float]) -> None:
    """Metrics trust units; trains out of order or not finite, made by hand, are refused with the way to clean them."""
    with pytest.raises(FeatureError, match="not finite, or not in order") as caught:
        compute_features(make_units([train]), names=["firing_rate"])
    assert "read_units" in caught.value.tip


def test_units_made_by_hand_are_put_in_order_by_read_units() -> None:
    """Unsorted times give what sorted ones give, a train with NaN is emptied, and each is reported."""
    units = read_units(make_units([[3.0, 1.0, 2.0, 2.0], [1.0, np.nan], [1.0, 5.0]], recorded_s=100.0))
    clean = make_units([[1.0, 2.0, 2.0, 3.0], [], [1.0, 5.0]], recorded_s=100.0)
    features = compute_features(units, names=NAMES)
    assert np.array_equal(features.values, _values(clean), equal_nan=True)
    assert {problem.code: problem.unit_ids for problem in (*units.problems, *features.problems)} == {
        ProblemCode.SPIKE_TIMES_UNSORTED: (0,),
        ProblemCode.SPIKE_TIMES_IMPOSSIBLE: (1,),
        ProblemCode.SPIKE_TIMES_DUPLICATED: (0,),
    }


def test_trains_of_repeated_times_are_critical() -> None:
    """A train padded with zeros, and one written twice, are named apart from one with a few doubled spikes."""
    train = (np.arange(200) + 0.25).tolist()
    units = make_units([[0.0] * 30 + train, sorted(train * 2), [*train[:9], *train[:9], *train[9:]], [0.5] * 9])
    clean = read_units(units)
    problems = {problem.code: problem.unit_ids for problem in compute_features(clean).problems}
    assert problems == {ProblemCode.SPIKE_TIMES_REPEATED: (0, 1), ProblemCode.SPIKE_TIMES_DUPLICATED: (2, 3)}
    assert ProblemCode.SPIKE_TIMES_REPEATED.severity is Severity.CRITICAL


def test_negative_times_count_and_are_reported() -> None:
    """A session's clock may start after the recording."""
    features = compute_features(make_units([[-2.0, -1.0, 8.0]]), names=["num_spikes", "firing_rate"])
    assert features.values[0, 0] == 3
    assert [problem.code for problem in features.problems] == [ProblemCode.SPIKE_TIMES_NEGATIVE]


@pytest.mark.parametrize(("rate", "said"), [(25_000.0, "grid"), (32_000.0, "grid")])
def test_the_sampling_rate_is_read_off_the_spike_times(rate: float, said: str) -> None:
    """Times on the grid of a usual rate tell it."""
    samples = np.sort(np.random.default_rng(2).integers(0, 10_000_000, 500) | 1)
    units = read_units(make_units([samples / rate], sampling_rate_hz=None))
    features = compute_features(units, names=["firing_rate"])
    assert features.notes["sampling rate"].startswith(f"{rate:g} Hz")
    assert said in features.notes["sampling rate"]


trains_of_samples = st.lists(
    st.lists(st.integers(0, 6_000_000), min_size=1, max_size=80, unique=True).map(sorted), min_size=1, max_size=5
)


@settings(max_examples=40, deadline=None)
@given(trains_of_samples, st.integers(0, 10_000))
def test_shifting_all_times_changes_nothing(trains: list[list[int]], shift_s: int) -> None:
    """Metrics do not depend on where the clock starts."""
    spikes = [np.array(train) / RATE_HZ for train in trains]
    shifted = [np.array(train) / RATE_HZ + shift_s for train in trains]
    before = make_units(spikes, obs_intervals=[[[0, 200]]] * len(spikes))
    after = make_units(shifted, obs_intervals=[[[shift_s, shift_s + 200]]] * len(spikes))
    np.testing.assert_allclose(_values(before, *NAMES, *OLD_NAMES), _values(after, *NAMES, *OLD_NAMES), rtol=1e-12)


@settings(max_examples=40, deadline=None)
@given(trains_of_samples, st.randoms(use_true_random=False))
def test_permuting_units_permutes_the_rows(trains: list[list[int]], random: object) -> None:
    """No unit's metrics depend on its place in the table."""
    order = list(range(len(trains)))
    random.shuffle(order)
    spikes = [np.array(train) / RATE_HZ for train in trains]
    before = _values(make_units(spikes, obs_intervals=[[[0, 200]]] * len(spikes)), *NAMES, *OLD_NAMES)
    after = _values(
        make_units([spikes[i] for i in order], obs_intervals=[[[0, 200]]] * len(spikes)), *NAMES, *OLD_NAMES
    )
    assert np.array_equal(before[order], after, equal_nan=True)


@settings(max_examples=30, deadline=None)
@given(trains_of_samples)
def test_a_unit_far_away_in_time_adds_no_synchrony(trains: list[list[int]]) -> None:
    """Adding a unit that never fires with the others changes nothing for them."""
    spikes = [np.array(train) / RATE_HZ for train in trains]
    n_units = len(spikes)
    before = _values(make_units(spikes, obs_intervals=[[[0, 1000]]] * n_units))
    after = _values(make_units([*spikes, [900.0, 901.0]], obs_intervals=[[[0, 1000]]] * (n_units + 1)))
    assert np.array_equal(before, after[:-1], equal_nan=True)


def test_spikes_are_not_copied() -> None:
    """Metrics of two million spikes take less than a tenth of their memory on top."""
    import tracemalloc

    trains = list(np.sort(np.random.default_rng(0).uniform(0, 600, (20, 100_000)), axis=1))
    units = make_units(trains, recorded_s=600.0)
    _values(units)
    tracemalloc.start()
    _values(units, *NAMES, *OLD_NAMES)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 0.1 * units.spike_times_s.values.nbytes
