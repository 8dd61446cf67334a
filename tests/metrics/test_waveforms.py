"""Metrics of the mean waveform: worked by hand, and what changes them and what does not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import find_peaks, peak_widths, resample_poly

from helpers.made_units import RATE_HZ, biphasic, make_units
from nwb_unitrefine.metrics import compute_features
from nwb_unitrefine.metrics.kernels.extrema import local_maxima, peak_width, prominence
from nwb_unitrefine.metrics.kernels.upsampling import channel_extremes, upsample
from nwb_unitrefine.records import ProblemCode
from nwb_unitrefine.vocabulary import METRICS, MetricGroup, Need, feature_names, resolve

NAMES = feature_names(groups=[MetricGroup.WAVEFORM]) + feature_names(definition="0.101", groups=[MetricGroup.WAVEFORM])
SHAPE = tuple(name for name in NAMES if not resolve(name).metric.unit.startswith("µV"))
SPIKES = [0.1, 0.5, 0.9]


def _on_a_probe(n_units: int = 3, n_channels: int = 16, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Waveforms that fade and travel along two columns of sites, and the sites."""
    rng = np.random.default_rng(seed)
    positions = np.stack([np.tile([0.0, 32.0], n_channels // 2), np.repeat(np.arange(n_channels // 2) * 20.0, 2)], 1)
    waveforms = np.empty((n_units, 61, n_channels))
    for unit in range(n_units):
        centre = positions[rng.integers(n_channels)]
        distance = np.linalg.norm(positions - centre, axis=1)
        for channel in range(n_channels):
            waveforms[unit, :, channel] = biphasic(at=20 + int(distance[channel] // 40))
        waveforms[unit] *= rng.uniform(0.5, 2) * np.exp(-distance / rng.uniform(25, 60))
    return waveforms + rng.normal(0, 0.5, waveforms.shape), positions


def _values(
    waveforms: np.ndarray, positions: np.ndarray | None, *, names: tuple[str, ...] = NAMES, **options
) -> np.ndarray:
    units = make_units([SPIKES] * len(waveforms), waveforms=waveforms, positions_um=positions, **options)
    return compute_features(units, names=names).values


def test_a_triangle_by_hand() -> None:
    """Down 1 ms, up 1 ms to a peak a quarter as high: times and ratios are those of the drawing."""
    knots = np.interp(np.arange(91), [0, 15, 30, 45, 60, 75, 90], [0, 0, -100, 0, 25, 0, 0])
    names = (
        "peak_to_trough_duration", "peak_after_to_trough_ratio", "trough_half_width", "num_negative_peaks",
        "num_positive_peaks", "repolarization_slope", "peak_to_valley", "peak_trough_ratio", "half_width",
    )  # fmt: skip
    values = dict(zip(names, _values(knots[np.newaxis, :, np.newaxis], None, names=names)[0], strict=True))
    assert values["peak_to_trough_duration"] == pytest.approx(1e-3, rel=0.02)
    assert values["peak_after_to_trough_ratio"] == pytest.approx(0.25, rel=0.03)
    assert values["trough_half_width"] == pytest.approx(0.5e-3, rel=0.05)
    assert (values["num_negative_peaks"], values["num_positive_peaks"]) == (1, 0)  # 25 is below 0.3 of 100
    assert values["repolarization_slope"] == pytest.approx(100 / 0.5e-3, rel=0.05)
    assert values["peak_to_valley"] == pytest.approx(1e-3, rel=0.02)
    assert values["peak_trough_ratio"] == pytest.approx(-0.25, rel=0.03)
    assert values["half_width"] == pytest.approx(values["trough_half_width"] + 1 / (10 * RATE_HZ))


def test_decay_of_an_exact_exponential_is_found() -> None:
    """Amplitudes 200 exp(-0.02 d) + 5 give a decay near 0.02 per µm."""
    positions = np.stack([np.zeros(20), np.arange(20) * 15.0], axis=1)
    sizes = 200 * np.exp(-0.02 * np.abs(positions[:, 1] - 135.0)) + 5
    waveforms = biphasic(size=1.0)[np.newaxis, :, np.newaxis] * sizes
    assert _values(waveforms, positions, names=("exp_decay",))[0, 0] == pytest.approx(0.02, rel=0.02)


def test_spread_is_the_depth_range_of_large_channels() -> None:
    """Five of twenty channels are large: four steps of 20 µm, and a smoothed step at either end."""
    positions = np.stack([np.zeros(20), np.arange(20) * 20.0], axis=1)
    sizes = np.where(np.abs(np.arange(20) - 10) <= 2, 100.0, 1.0)
    waveforms = biphasic(size=1.0)[np.newaxis, :, np.newaxis] * sizes
    assert _values(waveforms, positions, names=("spread",))[0, 0] == 120.0


def test_velocity_is_distance_over_delay() -> None:
    """A trough two samples later every 40 µm travels at 600 µm/ms, up and down."""
    positions = np.stack([np.zeros(15), np.arange(15) * 40.0], axis=1)
    waveforms = np.stack([biphasic(at=20 + 2 * abs(c - 7), size=100.0 * 0.8 ** abs(c - 7)) for c in range(15)], axis=1)
    above, below, old_above, old_below = _values(
        waveforms[np.newaxis],
        positions,
        names=("velocity_above", "velocity_below", "velocity_above@0.101", "velocity_below@0.101"),
    )[0]
    for speed in (above, below, old_above, old_below):
        assert speed == pytest.approx(600, rel=0.02)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(5, 90))
def test_upsampling_is_that_of_scipy(seed: int, n_samples: int) -> None:
    """Upsampled, lowest and highest values equal ``scipy.signal.resample_poly``'s to rounding, and so do their places.

    The last bit depends on whether the processor multiplies and adds in one step.
    """
    waveforms = np.random.default_rng(seed).normal(size=(2, n_samples, 3)).astype(np.float32)
    theirs = resample_poly(waveforms.astype(np.float64), 10, 1, axis=1)
    rounding = {"rtol": 1e-14, "atol": 1e-15}
    np.testing.assert_allclose(upsample(waveforms[:, :, 1].astype(np.float64)), theirs[:, :, 1], **rounding)
    found = channel_extremes(waveforms, np.tile(np.arange(3), 2), np.array([0, 3, 6]))
    np.testing.assert_allclose(found.lowest, theirs.min(axis=1).ravel(), **rounding)
    np.testing.assert_allclose(found.highest, theirs.max(axis=1).ravel(), **rounding)
    assert np.array_equal(found.lowest_at, theirs.argmin(axis=1).ravel())


@pytest.mark.parametrize("upsampled", [True, False])
def test_channels_that_are_filtered_side_by_side_do_not_meet(*, upsampled: bool) -> None:
    """Eight are, of whichever units; each has what it has alone, to the last bit, beside any other."""
    rng = np.random.default_rng(0)
    counts = [0, 3, 0, 0, 1, 8, 17, 2, 0]
    waveforms = rng.normal(size=(len(counts), 20, 17)) * 10.0 ** rng.integers(-6, 6, (len(counts), 1, 17))
    channels = np.concatenate([rng.permutation(17)[:count] for count in counts]).astype(np.int64)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    together = channel_extremes(waveforms, channels, offsets, upsampled=upsampled)
    for item, (unit, channel) in enumerate(zip(np.repeat(np.arange(len(counts)), counts), channels, strict=True)):
        wave = waveforms[unit : unit + 1, :, channel : channel + 1]
        alone = channel_extremes(wave, np.array([0]), np.array([0, 1]), upsampled=upsampled)
        for ours, theirs in zip(together, alone, strict=True):
            assert ours[item] == theirs[0]
    waves = np.ascontiguousarray(waveforms[:, :, 0])
    assert np.array_equal(upsample(waves), np.concatenate([upsample(wave[np.newaxis]) for wave in waves]))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(-5, 5), min_size=3, max_size=40))
def test_peaks_are_those_of_scipy(values: list[int]) -> None:
    """Places, prominences and widths equal ``scipy.signal.find_peaks``'s, flat tops included."""
    wave = np.array(values, dtype=np.float64)
    places = np.empty(len(wave), dtype=np.int64)
    ours = places[: local_maxima(wave, 0, len(wave), places)].tolist()
    theirs, about = find_peaks(wave, prominence=0)
    assert ours == theirs.tolist()
    widths = peak_widths(
        wave, theirs, prominence_data=(about["prominences"], about["left_bases"], about["right_bases"])
    )
    for peak, height, width in zip(ours, about["prominences"], widths[0], strict=True):
        prominent, left, right = prominence(wave, 0, len(wave), peak)
        assert prominent == height
        assert peak_width(wave, peak, prominent, left, right) == pytest.approx(width)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.25, 0.5, 2.0, 4.0, 8.0]))
def test_scaling_the_waveform_scales_slopes_and_nothing_else(seed: int, factor: float) -> None:
    """Features that the vocabulary calls scale-free are; slopes grow with the waveform."""
    waveforms, positions = _on_a_probe(seed=seed)
    before, after = _values(waveforms, positions), _values(factor * waveforms, positions)
    for column, name in enumerate(NAMES):
        metric = resolve(name).metric
        if metric.name == "exp_decay":
            continue  # SpikeInterface's fit stops where the step is short against the amplitude in µV
        expected = before[:, column] * (1.0 if metric.scale_free else factor)
        np.testing.assert_allclose(after[:, column], expected, rtol=1e-9, err_msg=name)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 4), st.sampled_from([np.nan, 0.0]))
def test_channels_without_a_signal_change_nothing(seed: int, n_silent: int, fill: float) -> None:
    """A channel of zeros or NaN is a channel the unit does not have."""
    waveforms, positions = _on_a_probe(seed=seed)
    silent = np.full((len(waveforms), waveforms.shape[1], n_silent), fill)
    more_positions = np.concatenate([positions, positions[-1] + np.arange(1, n_silent + 1)[:, np.newaxis] * 20.0])
    before = _values(waveforms, positions)
    after = _values(np.concatenate([waveforms, silent], axis=2), more_positions)
    assert np.array_equal(before, after, equal_nan=True)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.permutations(range(16)))
def test_the_order_of_channels_in_the_file_changes_nothing(seed: int, order: list[int]) -> None:
    """Channels are taken in the order of the electrodes table, whatever their order in the waveform."""
    waveforms, positions = _on_a_probe(seed=seed)
    before = _values(waveforms, positions)
    after = _values(waveforms[:, :, order], positions, channels=np.tile(np.array(order), (len(waveforms), 1)))
    assert np.array_equal(before, after, equal_nan=True)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.permutations(range(4)))
def test_permuting_units_permutes_the_rows(seed: int, order: list[int]) -> None:
    """No unit's waveform metrics depend on its place in the table."""
    waveforms, positions = _on_a_probe(n_units=4, seed=seed)
    before, after = _values(waveforms, positions), _values(waveforms[order], positions)
    assert np.array_equal(before[order], after, equal_nan=True)


@pytest.mark.parametrize(
    ("declared", "factor", "said"),
    [
        ("volts", 1e-6, "volts, as the file declares"),
        ("volts", 1.0, "microvolts: the file declares volts"),
        ("millivolts", 1e-3, "millivolts, as the file declares"),
        ("uV", 1.0, "uV, as the file declares"),
        ("", 1e-6, "volts: the file declares no unit"),
        ("", 1.0, "microvolts: the file declares no unit"),
    ],
)
def test_the_scale_is_inferred_and_said(declared: str, factor: float, said: str) -> None:
    """Slopes are in µV/s whatever the file holds, and the note says how that was decided."""
    waveforms, positions = _on_a_probe()
    units = make_units([SPIKES] * 3, waveforms=waveforms * factor, positions_um=positions, declared_unit=declared)
    features = compute_features(units, names=NAMES)
    np.testing.assert_allclose(features.values, _values(waveforms, positions), rtol=1e-4)
    assert features.notes["waveform scale"].startswith(said)


@pytest.mark.parametrize(
    ("declared", "factor", "stored_as"),
    [
        ("volts", 5e-3, np.float64),
        ("", 5e-3, np.float64),
        ("volts", 1.0, np.int16),
        ("", 10.0, np.int16),
        ("volts", 1e4, np.float64),
    ],
)
def test_an_unknown_unit_is_reported_and_no_slope_is_made_up(declared: str, factor: float, stored_as: type) -> None:
    """Templates of unit norm, whole numbers and kilovolts are not volts: slopes are missing, shapes are not."""
    waveforms, positions = _on_a_probe()
    stored = (waveforms * factor).astype(stored_as)
    features = compute_features(
        make_units([SPIKES] * 3, waveforms=stored, positions_um=positions, declared_unit=declared),
        names=["recovery_slope", "peak_to_trough_duration"],
    )
    assert np.isnan(features.values[:, 0]).all()
    assert np.isfinite(features.values[:, 1]).all()
    assert [problem.code for problem in features.problems] == [ProblemCode.WAVEFORMS_SCALE_UNKNOWN]


def test_waveforms_far_from_zero_are_critical() -> None:
    """Unsigned counts, or a baseline that was not taken out: the units are named, and those about zero are not."""
    waveforms, positions = _on_a_probe()
    waveforms[1] += 32_768
    waveforms[2] -= 1.6 * np.ptp(waveforms[2], axis=0).max()
    features = compute_features(make_units([SPIKES] * 3, waveforms=waveforms, positions_um=positions), names=SHAPE)
    (problem,) = [one for one in features.problems if one.code is ProblemCode.WAVEFORMS_OFFSET]
    assert problem.unit_ids == (1, 2)


def test_counts_have_a_shape_and_no_slope() -> None:
    """Waveforms in counts: slopes are missing, with the reason; what is scale-free is not."""
    waveforms, positions = _on_a_probe()
    units = make_units([SPIKES] * 3, waveforms=waveforms * 400, positions_um=positions, declared_unit="counts")
    features = compute_features(units, names=NAMES)
    for column, name in enumerate(NAMES):
        if not METRICS[resolve(name).metric.name].scale_free:
            assert np.isnan(features.values[:, column]).all()
            assert "unit is not known" in features.origin(0, name).detail
    assert np.isfinite(features.values[:, NAMES.index("peak_to_trough_duration")]).all()


def test_one_channel_has_a_shape_and_no_velocity() -> None:
    """A single channel is enough for the shape; the rest says that it needs more."""
    units = make_units([SPIKES], waveforms=biphasic()[np.newaxis, :, np.newaxis], positions_um=np.zeros((1, 2)))
    features = compute_features(units, names=NAMES)
    assert np.isfinite(features.values[0, NAMES.index("trough_half_width")])
    assert "fewer than two channels" in features.origin(0, "exp_decay").detail


def test_without_positions_nothing_is_said_of_space() -> None:
    """Unknown positions are a reason; the shape is as with them."""
    waveforms, positions = _on_a_probe()
    units = make_units([SPIKES] * 3, waveforms=waveforms)
    features = compute_features(units, names=NAMES)
    assert "no position" in features.origin(0, "spread").detail
    with_positions = _values(waveforms, positions)
    for column, name in enumerate(NAMES):
        if Need.CHANNELS not in resolve(name).metric.needs:
            assert np.array_equal(features.values[:, column], with_positions[:, column], equal_nan=True)


def test_a_unit_without_a_waveform_has_a_reason_and_harms_no_other() -> None:
    """NaN or zeros throughout is not a waveform."""
    waveforms, positions = _on_a_probe(n_units=4)
    waveforms[1], waveforms[3] = np.nan, 0.0
    features = compute_features(make_units([SPIKES] * 4, waveforms=waveforms, positions_um=positions), names=NAMES)
    for row in (1, 3):
        assert np.isnan(features.values[row]).all()
        assert features.origin(row, "half_width@0.101").detail == "the unit has no mean waveform"
    alone = _values(waveforms[[0, 2]], positions)
    assert np.array_equal(features.values[[0, 2]], alone, equal_nan=True)


@pytest.mark.parametrize("n_samples", [1, 3, 6, 200])
@pytest.mark.parametrize("kind", ["noise", "ramp", "constant", "inverted"])
def test_no_waveform_is_a_crash(n_samples: int, kind: str) -> None:
    """Short, flat, monotonic and inverted waveforms give values or reasons."""
    time = np.arange(n_samples, dtype=np.float64)
    wave = {
        "noise": np.random.default_rng(0).normal(0, 20, n_samples),
        "ramp": time * 10 - 30,
        "constant": np.full(n_samples, -40.0),
        "inverted": 60 * np.exp(-(((time - n_samples / 2) / 4) ** 2)),
    }[kind]
    positions = np.stack([np.zeros(9), np.arange(9) * 20.0], axis=1)
    waveforms = wave[np.newaxis, :, np.newaxis] * np.linspace(1, 0.2, 9)
    features = compute_features(make_units([SPIKES], waveforms=waveforms, positions_um=positions), names=SHAPE)
    assert features.values.shape == (1, len(SHAPE))
    assert not np.isinf(features.values).any()
