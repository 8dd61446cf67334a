"""Thresholds as models."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from helpers.simulated_nwb import make_session, write_nwb
from nwb_unitrefine import curate, load_model, read_units, write_curation
from nwb_unitrefine.cli import main
from nwb_unitrefine.errors import FeatureError, ModelError
from nwb_unitrefine.metrics import compute_features
from nwb_unitrefine.models.rules import RuleModel, packaged_rules, read_rules
from nwb_unitrefine.records import Features, Origin, OriginKind, RunKind
from nwb_unitrefine.verification import verify
from nwb_unitrefine.write import read_history, relabel, undo

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

RULES = """
name = "mine"
passes = "keep"
source = "Cajal 1899"

[[classes]]
label = "noise"
thresholds = [{ metric = "num_spikes", at_least = 100 }]

[[classes]]
label = "silent"
missing = "passes"
thresholds = [{ metric = "firing_rate", above = 5 }, { metric = "snr", at_least = 3, missing = "ignored" }]
"""


def _features(**values: list[float]) -> Features:
    """Features with these values."""
    table = np.array(list(values.values()), dtype=np.float64).T
    return Features(
        unit_ids=np.arange(len(table)),
        names=tuple(values),
        values=table,
        origins=(Origin(OriginKind.COMPUTED, "here"),),
        origin_index=np.zeros(table.shape, np.intp),
    )


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A rules file of a lab."""
    path = tmp_path / "mine.toml"
    path.write_text(RULES)
    return path


@pytest.fixture
def session(tmp_path: Path) -> Path:
    """A file of six units."""
    return write_nwb(tmp_path / "session.nwb", make_session(n_units=6), waveforms="all")


def test_the_first_class_whose_thresholds_fail_is_the_label_and_the_reason_names_them(mine: Path) -> None:
    """Noise before silent; a missing value fails, passes or is left out, as the rules state."""
    nan = np.nan
    predictions = load_model(mine).predict(
        _features(
            num_spikes=[50, 200, 200, 200, nan, 0],
            firing_rate=[9, 5, nan, 9, 9, 0],
            snr=[4, 2, 4, nan, 4, 4],
        )
    )
    assert predictions.labels.tolist() == ["noise", "silent", "keep", "keep", "noise", ""]
    assert predictions.reasons == (
        "num_spikes 50, not >= 100",
        "firing_rate 5, not > 5; snr 2, not >= 3",
        "",
        "not checked: snr",
        "num_spikes missing",
        "no spikes",
    )
    assert predictions.uncertain.tolist() == [False, False, False, True, False, True]
    assert np.isnan(predictions.probabilities).all()
    assert predictions.classes == ("keep", "noise", "silent")


def test_yaml_is_taken_too_and_every_packaged_rule_set_names_its_source(tmp_path: Path, mine: Path) -> None:
    """The same rules, with another digest; ours cite where they were published."""
    import tomllib

    import yaml

    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(tomllib.loads(RULES)))
    assert read_rules(path)[0] == read_rules(mine)[0]
    assert load_model(path).identity.digest != load_model(mine).identity.digest
    for name in packaged_rules():
        model = load_model(name)
        assert isinstance(model, RuleModel)
        assert model.rules.source.startswith("https://")
        assert load_model(model.identity).identity == model.identity


def test_a_metric_that_no_unit_has_is_refused_unless_it_is_left_out(mine: Path) -> None:
    """The error names it; left out, the labels that it could have changed are uncertain; with nothing, no label."""
    features = _features(num_spikes=[50, 200], firing_rate=[9, 9])
    with pytest.raises(FeatureError, match="snr") as caught:
        load_model(mine).predict(features)
    assert caught.value.missing == ("snr",)
    predictions = load_model(mine, missing="ignore").predict(features)
    assert predictions.labels.tolist() == ["noise", "keep"]
    assert predictions.uncertain.tolist() == [False, True]
    with pytest.raises(FeatureError, match="none of them"):
        load_model(mine, missing="ignore").predict(_features(spread=[1.0]))


def test_a_missing_value_of_a_spike_train_is_a_result(tmp_path: Path) -> None:
    """One unit whose contamination cannot be bounded fails, although no unit of the file has a bound."""
    path = tmp_path / "rp.toml"
    path.write_text(
        RULES.replace('metric = "num_spikes", at_least = 100', 'metric = "sliding_rp_violation", at_most = 0.1')
    )
    features = _features(sliding_rp_violation=[np.nan], num_spikes=[3.0], firing_rate=[9.0], snr=[4.0])
    assert load_model(path).predict(features).labels.tolist() == ["noise"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("num_spikes", "num_spike"), "num_spikes"),
        (("at_least = 100", "at_leest = 100"), "at_leest"),
        (("at_least = 100", "at_least = nan"), "finite"),
        (("at_least = 100", 'at_least = "100"'), "number"),
        (("at_least = 100", "at_least = true"), "number"),
        (("at_least = 100", "absolute = true"), "no bound"),
        (('label = "silent"', 'label = "noise"'), "twice"),
        (('label = "silent"', 'label = "unsorted"'), "cannot be a label"),
        (('passes = "keep"', ""), "passes"),
        (('name = "mine"', 'name = "/home/me"'), "name"),
        (('thresholds = [{ metric = "num_spikes", at_least = 100 }]', ""), "no thresholds"),
        (("[[classes]]", "[[classes"), "cannot be read"),
        (('source = "Cajal 1899"', f"source = '{'x' * 70_000}'"), "64 kB"),
    ],
)
def test_what_is_no_rule_set_is_refused_in_one_line(mine: Path, change: tuple[str, str], words: str) -> None:
    """Unknown metrics, keys and labels, bounds that are none, and files that are too large."""
    mine.write_text(RULES.replace(*change, 1))
    with pytest.raises(ModelError, match=words) as caught:
        load_model(mine)
    assert "\n" not in str(caught.value)
    assert "mine.toml" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: &a [x, x]\nb: [*a, *a]", "aliases"),
        ("[" * 60_000, "nested deeper"),
        ("\x00", "cannot be read"),
        ("a: !!python/object:os.system {}", "could not determine a constructor"),
        ("3", "dictionary"),
    ],
)
def test_hostile_yaml_is_refused(tmp_path: Path, text: str, words: str) -> None:
    """Aliases, deep nesting, what is not a text, objects, and what is not a table."""
    path = tmp_path / "rules.yaml"
    path.write_text(text)
    with pytest.raises(ModelError, match=words) as caught:
        load_model(path)
    assert "\n" not in str(caught.value)


def test_options_of_models_and_rows_of_models_are_refused(mine: Path) -> None:
    """Rules state their classes and decide; a model does not ignore its features."""
    for options in ({"labels": {"0": "noise"}}, {"decide": "probable"}, {"missing": "impute"}, {"revision": "main"}):
        with pytest.raises(ModelError, match="set of rules"):
            load_model(mine, **options)
    with pytest.raises(ModelError, match="in a row"):
        load_model([mine, "default"])
    with pytest.raises(ModelError, match="for rules"):
        load_model(missing="ignore")
    with pytest.raises(ModelError, match="rules/bombcell"):
        load_model("rules/bomcell")


@pytest.mark.slow
def test_a_run_of_rules_is_written_verified_relabelled_and_undone(session: Path) -> None:
    """It is of the kind rule, has reasons and no probability, and `verify` finds the same labels again."""
    write_curation(curate(session, model="rules/bombcell"))
    run = read_history(session)[0]
    assert run.kind is RunKind.RULE
    assert run.agent == "rules/bombcell"
    assert run.probability_column == ""
    assert any("not <=" in reason for reason in run.predictions.reasons)
    found = verify(session, recompute=True)
    assert found.passed
    assert "labels again" in [check.what for check in found.checks]
    assert not write_curation(curate(session, model="rules/bombcell")).is_written
    relabel(session, {10: "sua"}, by="S. Cajal")
    assert verify(session, recompute=True).passed
    write_curation(curate(session))
    assert read_history(session)[-1].kind is RunKind.MODEL
    undo(session)
    undo(session)
    assert verify(session, recompute=True).passed


def test_verify_notices_rules_that_were_changed(session: Path, mine: Path) -> None:
    """Another digest, and other labels."""
    write_curation(curate(session, model=load_model(mine, missing="ignore")))
    assert verify(session, recompute=True, model=mine).passed
    mine.write_text(RULES.replace("at_least = 100", "at_least = 1e9"))
    checks = {check.what: check.passed for check in verify(session, recompute=True, model=mine).checks}
    assert not checks["model"]
    assert not checks["labels again"]


@pytest.mark.parametrize("command", ["label", "explain", "report"])
def test_commands_take_rules(session: Path, tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """They show which thresholds failed."""
    extra = ["--output", str(tmp_path / "page.html")] if command == "report" else []
    assert main([command, str(session), "--model", "rules/bombcell", *extra]) == 0
    out = capsys.readouterr().out
    assert command == "report" or "num_negative_peaks" in out or "sliding_rp_violation" in out
    assert main(["model", "show", "rules/bombcell"]) == 0
    assert "peak_before_width" in capsys.readouterr().out


def test_metrics_of_the_older_definition_serve_where_they_are_equal(mine: Path) -> None:
    """The number of spikes and the firing rate; signal to noise is measured on another channel."""
    features = _features(**{"num_spikes@0.101": [50, 200], "firing_rate@0.101": [9, 9], "snr@0.101": [9, 9]})
    with pytest.raises(FeatureError, match="snr") as caught:
        load_model(mine).predict(features)
    assert caught.value.missing == ("snr",)
    assert load_model(mine, missing="ignore").predict(features).labels.tolist() == ["noise", "keep"]


def test_commands_that_need_probabilities_name_the_one_that_does_not(
    session: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No table of metrics is needed to refuse it, and no remark about probabilities is made."""
    assert main(["label", str(session), "--model", "rules/bombcell"]) == 0
    assert "most probable" not in capsys.readouterr().err
    assert main(["features", str(session), "--output", str(tmp_path / "metrics.csv")]) == 0
    assert main(["predict", str(tmp_path / "metrics.csv"), "--model", "rules/bombcell"]) == 0
    assert "p(non_soma)" in capsys.readouterr().out
    assert main(["model", "explain", "rules/bombcell", "--data", str(session)]) == 1
    assert "explain SOURCE --model rules/bombcell" in capsys.readouterr().err
    (tmp_path / "labels.csv").write_text("unit_id,label\n10,good\n13,mua\n16,noise\n")
    scored = ["evaluate", str(session), "--labels", str(tmp_path / "labels.csv"), "--model", "rules/bombcell"]
    assert main(scored) == 1
    assert "compare SOURCE --model rules/bombcell" in capsys.readouterr().err


def _by_spikeinterface(features: Features, dropped: tuple[str, ...]) -> NDArray[Any]:
    """Labels of SpikeInterface's function for the same values."""
    from spikeinterface.curation import bombcell_label_units

    frame = features.to_frame().dropna(axis=1, how="all").drop(columns=list(dropped), errors="ignore")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of metrics that are not in the table
        return np.asarray(bombcell_label_units(external_metrics=frame)["bombcell_label"], dtype=str)


def _without(features: Features, dropped: tuple[str, ...]) -> Features:
    """Features without some metrics."""
    return features.select(tuple(name for name in features.names if name not in dropped))


def test_thresholds_are_those_of_spikeinterface() -> None:
    """Every number of rules/bombcell is in SpikeInterface's defaults, and the other way round."""
    curation = pytest.importorskip("spikeinterface.curation", reason="SpikeInterface is not installed")
    theirs = {
        (metric, one["greater"], one["less"], one.get("abs", False))
        for section in curation.bombcell_get_default_thresholds().values()
        for metric, one in section.items()
    }
    ours = {(t.metric, t.at_least, t.at_most, t.absolute) for _, t in load_model("rules/bombcell").rules.thresholds()}
    assert ours == theirs


@pytest.mark.parametrize("dropped", [(), ("waveform_baseline_flatness",), ("waveform_baseline_flatness", "exp_decay")])
def test_units_of_real_files_get_spikeinterfaces_labels(shared_data: Path, dropped: tuple[str, ...]) -> None:
    """Unit by unit, for every metric that a file gives, also without those that make most units noise."""
    pytest.importorskip("spikeinterface", reason="SpikeInterface is not installed")
    model, seen = load_model("rules/bombcell"), set()
    for path in sorted((shared_data / "nwb").glob("brody_*.nwb")):
        features = _without(compute_features(read_units(path), names=model.feature_names), dropped)
        predictions = model.predict(features)
        np.testing.assert_array_equal(predictions.labels, _by_spikeinterface(features, dropped))
        seen |= set(predictions.labels.tolist())
    assert seen
    assert not dropped or "noise" in seen
    assert len(dropped) < 2 or {"noise", "mua"} < seen


@pytest.mark.slow
def test_any_values_get_spikeinterfaces_labels() -> None:
    """Ten thousand units around all thresholds, a tenth of the values missing."""
    pytest.importorskip("spikeinterface", reason="SpikeInterface is not installed")
    model = load_model("rules/bombcell")
    assert isinstance(model, RuleModel)
    rng, columns = np.random.default_rng(0), {}
    for _, threshold in model.rules.thresholds():
        middle = np.mean([bound for _, bound in threshold.bounds])
        drawn = middle + rng.normal(-0.3 if "<=" in str(threshold) else 0.3, 0.4, 10_000) * middle
        columns[threshold.feature] = np.where(rng.random(10_000) < 0.1, np.nan, np.abs(drawn))
    features = _features(**columns)
    labels = _by_spikeinterface(features, ())
    assert set(labels.tolist()) == {"good", "mua", "noise", "non_soma"}
    np.testing.assert_array_equal(model.predict(features).labels, labels)
    for dropped in ({"snr"}, {"peak_before_width"}, {"main_peak_to_trough_ratio", "exp_decay"}):
        fewer = _without(features, tuple(dropped))
        np.testing.assert_array_equal(model.predict(fewer).labels, _by_spikeinterface(fewer, ()))


@pytest.mark.parametrize("name", ["rules/spikeinterface", "rules/aind", "rules/allen", "rules/ibl"])
def test_other_sets_label_as_spikeinterfaces_thresholds_do(name: str) -> None:
    """`threshold_metrics_label_units` with the same bounds, which it includes."""
    curation = pytest.importorskip("spikeinterface.curation", reason="SpikeInterface is not installed")
    model = load_model(name)
    assert isinstance(model, RuleModel)
    rng = np.random.default_rng(1)
    thresholds = [threshold for _, threshold in model.rules.thresholds()]
    features = _features(
        **{
            one.feature: np.where(rng.random(500) < 0.1, np.nan, rng.uniform(0, 2 * one.bounds[0][1], 500)).tolist()
            for one in thresholds
        }
    )
    theirs = curation.threshold_metrics_label_units(
        features.to_frame(),
        {
            one.metric: {
                "greater": one.at_least if one.above is None else one.above,
                "less": one.at_most if one.below is None else one.below,
                "abs": one.absolute,
            }
            for one in thresholds
        },
        fail_label="bad",
    )
    assert model.predict(features).labels.tolist() == theirs["label"].tolist()
