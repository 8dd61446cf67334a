"""What only all units of a table show together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from helpers.bare_nwb import make_small_session
from nwb_unitrefine.read import read_units
from nwb_unitrefine.read.across_units import find_across_units
from nwb_unitrefine.read.same_neuron import duplicate_pairs, split_pairs
from nwb_unitrefine.records import ProblemCode, Ragged, Units

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A session of six units."""
    return make_small_session(tmp_path_factory.mktemp("across") / "a.nwb")


def _with_trains(units: Units, trains: list[np.ndarray]) -> Units:
    """The units with other spike times, and all with the mean waveform of the first."""
    assert units.waveforms is not None
    alike = replace(units.waveforms, mean=np.tile(units.waveforms.mean[:1], (len(units), 1, 1)))
    return replace(units, spike_times_s=Ragged.concatenated([np.sort(train) for train in trains]), waveforms=alike)


def test_a_unit_that_is_in_the_table_twice_is_pointed_out(session: Path) -> None:
    """Units that share their spikes up to a jitter of 0.2 ms are a pair; independent ones of high rate are none."""
    rng = np.random.default_rng(0)
    trains = [rng.uniform(0, 1000, 20_000) for _ in range(6)]
    trains[4] = np.concatenate([trains[1][:17_000] + rng.uniform(-2e-4, 2e-4, 17_000), rng.uniform(0, 1000, 3_000)])
    units = _with_trains(read_units(session), trains)
    (pair,) = duplicate_pairs(units)
    assert pair[:2] == (1, 4)
    assert 0.84 < pair[2] < 0.88
    assert [one.unit_ids for one in find_across_units(units) if one.code is ProblemCode.UNITS_DUPLICATED] == [(1, 4)]


def test_a_neuron_that_is_there_three_times_is_one_finding(session: Path) -> None:
    """Pairs that have a unit in common are joined, and the smallest share is stated."""
    rng = np.random.default_rng(0)
    trains = [rng.uniform(0, 1000, 5_000) for _ in range(6)]
    trains[2], trains[5] = trains[0].copy(), trains[0][:4_500]
    (found,) = (
        one
        for one in find_across_units(_with_trains(read_units(session), trains))
        if one.code is ProblemCode.UNITS_DUPLICATED
    )
    assert found.unit_ids == (0, 2, 5)
    assert "Units 0, 2 and 5 share all of" in found.what


def test_spikes_that_units_share_all_over_a_probe_are_no_duplicates(session: Path) -> None:
    """Artefacts give distant or unlike units the same spikes; neither is taken for one neuron sorted twice."""
    rng = np.random.default_rng(0)
    common = rng.uniform(0, 1000, 5_000)
    units = _with_trains(read_units(session), [common + rng.uniform(-1e-4, 1e-4, 5_000) for _ in range(6)])
    assert len(duplicate_pairs(units)) == 15
    mean = units.waveforms.mean.copy()
    mean[::2] *= -1
    assert len(duplicate_pairs(replace(units, waveforms=replace(units.waveforms, mean=mean)))) == 6
    places = units.electrodes.positions_um.copy()
    places[3] = (0, 2000, 0)
    mean = units.waveforms.mean.copy()
    mean[4:, :, 3] *= 10
    distant = replace(
        units,
        waveforms=replace(units.waveforms, mean=mean),
        electrodes=replace(units.electrodes, positions_um=places),
    )
    assert {pair[:2] for pair in duplicate_pairs(distant)} == {(4, 5), (0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)}


def test_spike_times_that_are_all_the_same_do_not_take_for_ever(session: Path) -> None:
    """A unit whose every spike is at one time, as a damaged file has them, is looked through in one go."""
    trains = [np.full(200_000, 5.0), np.full(200_000, 5.0), *(np.linspace(0, 100, 50) for _ in range(4))]
    assert isinstance(duplicate_pairs(_with_trains(read_units(session), trains)), list)


def test_a_unit_that_was_split_is_pointed_out(session: Path) -> None:
    """Two halves of a regular train keep each other's dead time; independent trains with like waveforms do not."""
    rng = np.random.default_rng(1)
    whole = np.cumsum(0.004 + rng.exponential(0.04, 20_000))
    is_first = rng.random(len(whole)) < 0.5
    trains = [whole[is_first], whole[~is_first], *(rng.uniform(0, whole[-1], 10_000) for _ in range(4))]
    assert [pair[:2] for pair in split_pairs(_with_trains(read_units(session), trains))] == [(0, 1)]


def test_a_short_recording_is_a_problem(session: Path) -> None:
    """Spikes over 100 s are fewer than the metrics of stability need; over 1000 s they are not."""
    units = read_units(session)
    assert ProblemCode.RECORDING_SHORT in {problem.code for problem in find_across_units(units)}
    longer = replace(units, spike_times_s=Ragged(units.spike_times_s.values * 10, units.spike_times_s.offsets))
    assert ProblemCode.RECORDING_SHORT not in {problem.code for problem in find_across_units(longer)}


def test_columns_of_labels_that_disagree_are_a_problem(tmp_path: Path) -> None:
    """The units about which two columns differ are counted; columns that agree are not a problem."""
    good = ["good"] * 6
    for name, other, n_differing in (("a.nwb", ["good"] * 4 + ["mua"] * 2, 2), ("b.nwb", good, 0)):
        path = make_small_session(tmp_path / name, columns={"quality": good, "KSLabel": other})
        found = [
            one.what for one in find_across_units(read_units(path)) if one.code is ProblemCode.LABELS_COLUMNS_DIFFER
        ]
        assert len(found) == (n_differing > 0)
        assert all(f"about {n_differing} of 6 units" in what for what in found)
