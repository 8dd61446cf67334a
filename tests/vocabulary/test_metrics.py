"""The vocabulary knows what SpikeInterface and the archives call things."""

from __future__ import annotations

import csv
import dataclasses
import json
from typing import TYPE_CHECKING

import pytest

from nwb_unitrefine.errors import FeatureError
from nwb_unitrefine.vocabulary import METRICS, NEW, OLD, MetricGroup, Need, definition_of, feature_names, resolve
from nwb_unitrefine.vocabulary.dialects import dialect_of_metrics, dialects, metric_columns

if TYPE_CHECKING:
    from pathlib import Path


def _spikeinterface_columns() -> dict[str, type]:
    """Every column of SpikeInterface's spike-train, quality and template metrics."""
    quality = pytest.importorskip("spikeinterface.metrics.quality.quality_metrics", reason="SpikeInterface is not here")
    from spikeinterface.metrics.spiketrain.spiketrain_metrics import ComputeSpikeTrainMetrics
    from spikeinterface.metrics.template.template_metrics import ComputeTemplateMetrics

    extensions = (quality.ComputeQualityMetrics, ComputeSpikeTrainMetrics, ComputeTemplateMetrics)
    return {
        name: kind
        for extension in extensions
        for metric in extension.metric_list
        for name, kind in metric.metric_columns.items()
    }


def test_every_column_of_spikeinterface_is_known() -> None:
    """A metric that SpikeInterface gains has to be added here before this passes again."""
    columns = _spikeinterface_columns()
    assert len(columns) > 50
    assert {name for name in columns if name not in METRICS or NEW not in METRICS[name].definitions} == set()


def test_every_deprecated_name_of_spikeinterface_is_known() -> None:
    """Names that older releases used resolve to something."""
    quality = pytest.importorskip("spikeinterface.metrics.quality.quality_metrics", reason="SpikeInterface is not here")
    from spikeinterface.metrics.template.template_metrics import ComputeTemplateMetrics

    metrics = (*quality.ComputeQualityMetrics.metric_list, *ComputeTemplateMetrics.metric_list)
    names = {name for metric in metrics for name in getattr(metric, "deprecated_names", None) or ()}
    assert {"peak_to_valley", "peak_trough_ratio"} <= names
    for name in names:
        assert resolve(name).metric.name == name


def test_counts_are_counts() -> None:
    """What SpikeInterface declares to be an integer has the unit "count"."""
    for name, kind in _spikeinterface_columns().items():
        assert (kind is int) == (METRICS[name].unit == "count"), name


def test_every_metric_of_the_base_dataset_and_of_published_models_is_known(shared_data: Path) -> None:
    """All exist in the old definition, which they were computed in."""
    with (shared_data / "oracles" / "base_column_mapping.csv").open(newline="") as lines:
        names = {row["base_column"] for row in csv.DictReader(lines)}
    for info in shared_data.glob("published_models/*/model_info.json"):
        names |= {
            name
            for group in json.loads(info.read_text())["metric_params"].values()
            for name in group.get("metric_names", ())
        }
    assert len(names) > 35
    assert {name for name in names if OLD not in METRICS[name].definitions} == set()


def test_a_bare_name_is_todays_definition_and_a_gone_one_the_old() -> None:
    """``recovery_slope`` is SpikeInterface 0.105's; ``half_width`` only ever was 0.101's."""
    assert resolve("recovery_slope").definition == NEW
    assert resolve("recovery_slope@0.105").name == "recovery_slope"
    assert resolve("half_width").name == "half_width@0.101"


@pytest.mark.parametrize("release", ["0.100", "0.101", "0.102"])
def test_releases_0_100_to_0_102_are_one_definition(release: str) -> None:
    """Their values are the same."""
    assert resolve(f"recovery_slope@{release}").name == "recovery_slope@0.101"


@pytest.mark.parametrize(
    ("name", "tip"),
    [
        ("recovery_slop", "recovery_slope"),
        ("trough_width@0.101", "trough_width@0.105"),
        ("snr@0.77", "snr@0.105"),
        ("¿", "feature_names"),
    ],
)
def test_an_unknown_name_is_an_error_that_helps(name: str, tip: str) -> None:
    """It names what is missing, and says what there is."""
    with pytest.raises(FeatureError, match=tip) as raised:
        resolve(name)
    assert raised.value.missing == (name,)


def test_all_names_resolve_to_themselves() -> None:
    """Listing and finding agree, in both definitions."""
    for definition in (NEW, OLD):
        for name in feature_names(definition=definition):
            assert resolve(name).name == name


def test_features_that_can_be_computed_are_listed() -> None:
    """One channel gives no velocity; spike times alone give no waveform metric."""
    names = feature_names(definition=OLD, available=[Need.SPIKE_TIMES, Need.WAVEFORM])
    assert "half_width@0.101" in names
    assert "velocity_above@0.101" not in names
    assert "snr@0.101" not in names
    assert feature_names(available=[Need.SPIKE_TIMES]) == feature_names(groups=[MetricGroup.SPIKE_TRAIN])


def test_metrics_are_complete() -> None:
    """Each has a sentence, needs, a range that is one, and a difference only where there are two definitions."""
    for name, metric in METRICS.items():
        assert metric.name == name
        assert metric.definition.endswith(".")
        assert metric.needs
        assert metric.valid[0] < metric.valid[1]
        assert not metric.difference or metric.definitions == (NEW, OLD)
        with pytest.raises(dataclasses.FrozenInstanceError):
            metric.unit = "furlong"


def test_metric_columns_lead_to_definitions_that_exist() -> None:
    """No column of a dialect stands for a metric, or a definition of one, that the vocabulary does not have."""
    for dialect in dialects():
        for column in dialect.metrics:
            assert set(column.definitions) <= set(METRICS[column.metric].definitions), column
            assert column.scale != 0
        keys = [(column.name, column.metric, one) for column in dialect.metrics for one in column.definitions]
        assert len(keys) == len(set(keys))


def test_the_same_word_means_what_its_dialect_means() -> None:
    """Slopes are in V/s at the Allen Institute; sliding_rp_violation is 1 = pass at the IBL and not taken."""
    assert metric_columns("recovery_slope", dialect="Allen")[0].scale == 1e6
    assert metric_columns("recovery_slope", dialect="SpikeInterface")[0].scale == 1.0
    assert metric_columns("recovery_slope", dialect="somewhere") == ()
    assert metric_columns("sliding_rp_violation", dialect="IBL") == ()
    assert metric_columns("snr")[0].metric == "snr"


@pytest.mark.parametrize(
    ("columns", "dialect"),
    [
        (["PT_ratio", "waveform_halfwidth", "snr"], "Allen"),
        (["rp_contamination", "sync_spike_2", "snr"], "SpikeInterface"),
        (["ibl_quality_score", "kilosort2_label"], "IBL"),
        (["snr", "firing_rate", "PT_ratio"], ""),
    ],
)
def test_columns_tell_whose_names_they_are(columns: list[str], dialect: str) -> None:
    """Two names that only one program uses are enough; one is not."""
    found = dialect_of_metrics(columns)
    assert (found.name if found else "") == dialect


def test_the_columns_of_an_allen_table_are_known(shared_data: Path) -> None:
    """Every metric of the ecephys_spike_sorting CSV has a place in the dialect, but those without an equal."""
    table = next((shared_data / "allen_metrics").glob("*.metrics.csv"))
    with table.open(newline="") as lines:
        columns = next(csv.reader(lines))
    unknown = {name for name in columns if name and not metric_columns(name, dialect="Allen")}
    assert unknown == {
        "cluster_id", "max_drift", "cumulative_drift", "epoch_name_quality_metrics", "epoch_name_waveform_metrics",
        "peak_channel", "amplitude",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("columns", "release", "definition"),
    [
        (["half_width", "snr"], "", OLD),
        (["trough_half_width", "snr"], "", NEW),
        (["snr", "num_spikes"], "", None),
        (["half_width", "trough_half_width"], "", None),
        (["half_width"], "0.104.1", NEW),
        (["trough_half_width"], "0.103.1", OLD),
        (["half_width"], "None", OLD),
    ],
)
def test_the_definition_of_a_table_follows_from_its_release_else_from_names_of_one_definition(
    columns: list[str], release: str, definition: str | None
) -> None:
    """What the release leaves open, names may decide; nothing is guessed from names that both definitions have."""
    assert definition_of(columns, release=release) == definition
