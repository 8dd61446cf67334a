"""Waveforms of all channels in one row are taken apart; those of one channel never are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import h5py
import numpy as np
import pytest

from helpers.simulated_nwb import make_session, write_nwb
from nwb_unitrefine.metrics import compute_features
from nwb_unitrefine.read import read_units
from nwb_unitrefine.read.nwb.flattened import unflatten
from nwb_unitrefine.records import ProblemCode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

ORDERS = {
    "channels first": lambda mean: mean.transpose(0, 2, 1).reshape(len(mean), -1),
    "samples first": lambda mean: mean.reshape(len(mean), -1),
}


@pytest.mark.parametrize("order", ORDERS)
def test_flattened_waveforms_give_the_features_of_whole_ones(order: str, tmp_path: Path) -> None:
    """Whichever axis came first, every value is that of (units, samples, channels), and the change is reported."""
    path = write_nwb(tmp_path / "a.nwb", make_session(n_units=6))
    whole = read_units(path)
    with h5py.File(path, "r+") as file:
        table = file["units"]
        mean, attributes = table["waveform_mean"][()], dict(table["waveform_mean"].attrs)
        del table["waveform_mean"]
        table.create_dataset("waveform_mean", data=ORDERS[order](mean)).attrs.update(attributes)
    flat = read_units(path)
    assert [problem.code for problem in flat.problems] == [ProblemCode.WAVEFORMS_FLATTENED]
    assert "6 channels of 60 samples" in flat.problems[0].what
    np.testing.assert_array_equal(flat.waveforms.mean, whole.waveforms.mean)
    np.testing.assert_array_equal(flat.waveforms.channels, whole.waveforms.channels)
    np.testing.assert_array_equal(compute_features(flat).values, compute_features(whole).values)


@pytest.mark.parametrize("n_channels", [2, 3, 4, 5, 6])
def test_one_channel_stays_one_channel(n_channels: int) -> None:
    """A unit may have several electrodes and the waveform of its main channel alone; so may noise, and silence."""
    session = make_session(n_units=20)
    main = np.abs(session.waveforms_uv).max(axis=1).argmax(axis=1)
    single = session.waveforms_uv[np.arange(20), :, main]
    long = np.concatenate([single, np.random.default_rng(0).normal(0, 0.5, single.shape)], axis=1)
    noise = np.random.default_rng(1).normal(0, 1.0, (20, 120))
    for mean in (single, long, noise, np.zeros((20, 120)), np.full((20, 120), np.nan)):
        assert unflatten(mean, n_channels) is None


@pytest.mark.parametrize("flatten", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize("name", ["T182_2018_08_29_bank1", "T209_2019_05_22_600s"])
def test_real_waveforms_are_told_apart(
    shared_data: Path, name: str, flatten: Callable[[NDArray[np.float32]], NDArray[np.float32]]
) -> None:
    """Of Neuropixels recordings, flattened waveforms come back as they were, and main channels stay as they are."""
    with h5py.File(shared_data / "nwb" / f"brody_{name}.nwb") as file:
        mean = file["units/waveform_mean"][()]
    np.testing.assert_array_equal(unflatten(flatten(mean), mean.shape[2]), mean)
    main = np.abs(mean).max(axis=1).argmax(axis=1)
    single = mean[np.arange(len(mean)), :60, main]
    assert all(unflatten(single, n_channels) is None for n_channels in range(2, 15))
