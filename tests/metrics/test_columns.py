"""Metrics that a file brings along, and where each value is from."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.made_units import biphasic, make_units
from nwb_unitrefine.errors import FeatureError
from nwb_unitrefine.metrics import compute_features
from nwb_unitrefine.records import Features, Origin, OriginKind

SPIKES = [0.1, 0.5, 0.9]


def _column(name: str, values: list[object], asked: str, *, dialect: str = "") -> tuple[float, str]:
    """First unit's value and origin of the feature `asked`, from a file with one column more."""
    units = make_units([[]] * len(values), columns={name: values}, dialect=dialect)
    features = compute_features(units, names=[asked])
    return float(features.values[0, 0]), str(features.origin(0, asked))


@pytest.mark.parametrize(
    ("dialect", "column", "value", "asked", "expected"),
    [
        ("Allen", "waveform_duration", 0.4, "peak_to_trough_duration", 0.4e-3),
        ("Allen", "PT_ratio", 0.5, "peak_trough_ratio", -0.5),
        ("Allen", "repolarization_slope", 0.25, "repolarization_slope", 250_000.0),
        ("Allen", "velocity_above", 0.5, "velocity_above", 2000.0),
        ("IBL", "peak_to_trough_duration_ms", 0.4, "peak_to_trough_duration", 0.4e-3),
        ("IBL", "median_spike_amplitude_uV", 80.0, "amplitude_median", -80.0),
        ("SpikeInterface", "recovery_slope", -5e4, "recovery_slope@0.101", -5e4),
        ("Rutishauser", "waveforms_mean_snr", 3.0, "snr", 3.0),
        ("", "snr", 4.0, "snr", 4.0),
    ],
)
def test_values_are_brought_into_our_unit_and_sign(
    dialect: str, column: str, value: float, asked: str, expected: float
) -> None:
    """An archive's column becomes the feature, and the origin names the column."""
    ours, origin = _column(column, [value], asked, dialect=dialect)
    assert ours == pytest.approx(expected)
    assert origin.startswith("column: ")
    assert column in origin


def test_a_word_of_no_known_dialect_is_not_taken() -> None:
    """A slope in an unknown unit is not a value."""
    value, origin = _column("recovery_slope", [-0.3], "recovery_slope")
    assert np.isnan(value)
    assert origin == "missing: the source has no mean waveforms"


@pytest.mark.parametrize("value", [1.7, -0.1, np.inf])
def test_a_value_out_of_range_is_reported_and_not_used(value: float) -> None:
    """A presence ratio above 1, below 0 or infinite is none."""
    units = make_units([[], []], columns={"presence_ratio": [value, 0.9]})
    features = compute_features(units, names=["presence_ratio"])
    assert np.isnan(features.values[0, 0])
    assert features.values[1, 0] == 0.9
    assert "out of range" in str(features.origin(0, "presence_ratio"))
    (problem,) = features.problems
    assert problem.unit_ids == (0,)


def test_what_can_be_computed_is_computed() -> None:
    """The file's own firing rate is used only for the unit without spikes."""
    units = make_units([SPIKES, []], columns={"firing_rate": [99.0, 5.0]}, recorded_s=10.0)
    features = compute_features(units, names=["firing_rate"])
    assert features.values[:, 0].tolist() == pytest.approx([0.3, 5.0])
    kinds = [features.origin(row, "firing_rate").kind for row in range(2)]
    assert kinds == [OriginKind.COMPUTED, OriginKind.COLUMN]


def test_a_value_that_is_not_defined_is_not_replaced() -> None:
    """A computed metric that has no value for a unit stays without one: the column is another computation's."""
    wave = biphasic()[np.newaxis, :, np.newaxis] * np.ones(12)
    positions = np.stack([np.zeros(12), np.arange(12) * 20.0], axis=1)
    units = make_units(
        [SPIKES], waveforms=wave, positions_um=positions, columns={"velocity_above": [0.5]}, dialect="Allen"
    )
    features = compute_features(units, names=["velocity_above"])
    assert np.isnan(features.values[0, 0])
    assert features.origin(0, "velocity_above").kind == OriginKind.MISSING


@pytest.mark.parametrize(
    ("telling", "taken", "left"),
    [
        ("peak_to_valley", "recovery_slope@0.101", "recovery_slope"),
        ("trough_half_width", "recovery_slope", "recovery_slope@0.101"),
    ],
)
def test_columns_of_one_release_serve_that_definition(telling: str, taken: str, left: str) -> None:
    """A table with an old name has old slopes; one with a new name has new ones."""
    columns = {telling: [1e-4], "recovery_slope": [-5e4], "rp_contamination": [0.1], "sync_spike_2": [0.0]}
    features = compute_features(make_units([[]], columns=columns, dialect="SpikeInterface"), names=[taken, left])
    assert features.values[0, 0] == -5e4
    assert np.isnan(features.values[0, 1])


def test_text_and_ragged_columns_are_not_numbers() -> None:
    """A column of words under a metric's name is left alone."""
    value, _ = _column("snr", ["high"], "snr")
    assert np.isnan(value)


def test_numbers_written_as_text_are_numbers() -> None:
    """Kilosort's columns come as text through some converters."""
    assert _column("snr", ["4.5"], "snr")[0] == 4.5


def test_without_names_all_there_is_is_given() -> None:
    """Today's spike-train and waveform metrics, and the quality metrics that the file has."""
    features = compute_features(make_units([SPIKES], columns={"snr": [4.0]}))
    assert "snr" in features.names
    assert "d_prime" not in features.names
    assert "spread" in features.names


def test_names_come_back_as_asked() -> None:
    """Bare old names, versions and repeats stand as they were written."""
    names = ("half_width", "num_spikes@0.102", "num_spikes")
    features = compute_features(make_units([SPIKES]), names=names)
    assert features.names == names
    assert features.values[0, 1] == features.values[0, 2] == 3


def test_an_unknown_name_is_an_error() -> None:
    """Nothing is computed under a name that nobody knows."""
    with pytest.raises(FeatureError, match="firing_rate"):
        compute_features(make_units([SPIKES]), names=["fireing_rate"])


def test_metrics_from_raw_traces_come_before_columns() -> None:
    """A value computed from the traces outranks the file's column, and keeps its origin."""
    units = make_units([SPIKES, SPIKES], columns={"snr": [4.0, 5.0]})
    raw = Features(
        unit_ids=units.unit_ids,
        names=("snr",),
        values=np.array([[6.0], [np.nan]]),
        origins=(Origin(OriginKind.RAW, "traces"), Origin(OriginKind.MISSING, "no traces")),
        origin_index=np.array([[0], [1]]),
    )
    features = compute_features(units, names=["snr"], raw=raw)
    assert features.values[:, 0].tolist() == [6.0, 5.0]
    assert [str(features.origin(row, "snr")) for row in range(2)] == ["raw: traces", "column: snr"]


def test_importing_metrics_imports_nothing_heavy() -> None:
    """Neither numba, scipy nor SpikeInterface is loaded before something is computed."""
    import subprocess
    import sys

    heavy = "{'numba', 'scipy', 'spikeinterface', 'pandas'}"
    code = f"import sys, nwb_unitrefine.metrics; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_one_name_need_not_be_in_a_list() -> None:
    """A text is one feature, and not one for each of its letters."""
    features = compute_features(make_units([SPIKES], columns={"snr": [4.0]}), names="snr")
    assert features.names == ("snr",)
