"""Folders as others write them: classes of every type, with or without words for them, and inputs without names."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from helpers.model_factory import make_features, training_table
from nwb_unitrefine import load_model, read_units
from nwb_unitrefine.cli import main
from nwb_unitrefine.cli._remarks import weighing_remark
from nwb_unitrefine.errors import ModelError
from nwb_unitrefine.metrics import compute_features

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

IS_NOISE = training_table()[1] == 2
OLD_NAMES = ("num_spikes@0.101", "firing_rate@0.101", "half_width@0.101")


@pytest.fixture
def published(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes a folder."""
    import skops.io
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    def write(classes: Any, info: Any = None, *, is_named: bool = True, **renamed: str) -> Path:
        table = training_table()[0].rename(columns=renamed)
        model = make_pipeline(SimpleImputer(), LogisticRegression(max_iter=1000))
        skops.io.dump(model.fit(table if is_named else table.to_numpy(), classes), tmp_path / "best_model.skops")
        if info is not None:
            (tmp_path / "model_info.json").write_text(json.dumps(info))
        table.to_csv(tmp_path / "training_data.csv", index_label="unit_id")
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("classes", "conversion"),
    [
        (IS_NOISE, {"0": "neural", "1": "noise"}),
        (IS_NOISE, {"True": "noise", "False": "neural"}),
        (IS_NOISE, {"true": "noise", "false": "neural"}),
        (IS_NOISE.astype(int), {"0": "neural", "1": "noise", "2": "other"}),
        (IS_NOISE.astype(int), {"0.0": "neural", "1.0": "noise"}),
        (IS_NOISE.astype(int), {"neural": 0, "noise": 1}),
        (IS_NOISE.astype(int), {"neural": "0", "noise": "1"}),
        (IS_NOISE.astype(float), {"0": "neural", "1": "noise"}),
        (np.where(IS_NOISE, "noise", "neural"), {}),
        (np.where(IS_NOISE, "noise", "neural"), None),
        (np.where(IS_NOISE, "b", "a"), {"a": "neural", "b": "noise"}),
    ],
)
def test_words_are_found_for_classes_of_every_type(published, classes: Any, conversion: Any) -> None:
    """Numbers, truth values and words; keys that JSON made text of; a conversion the other way round."""
    model = load_model(published(classes, {"label_conversion": conversion}))
    found = model.predict(make_features(training_table()[0].to_numpy(), OLD_NAMES))
    noise = found.probabilities[:, model.classes.index("noise")]
    assert set(model.classes) == {"neural", "noise"}
    assert noise[IS_NOISE].mean() > 2 * noise[~IS_NOISE].mean()


def test_one_class_without_a_word_is_asked_for_alone(published) -> None:
    """The folder's words for the others stay; the tip names the classes as the model has them."""
    folder = published(IS_NOISE, {"label_conversion": {"1": "noise"}})
    features = make_features(training_table()[0].to_numpy(), OLD_NAMES)
    with pytest.raises(ModelError, match="what its classes False mean") as refusal:
        load_model(folder).predict(features)
    assert "False=noise,True=neural" in str(refusal.value.tip)
    assert load_model(folder, labels={"False": "neural"}).classes == ("neural", "noise")


def test_inputs_without_names_are_those_of_the_training_table(published) -> None:
    """An estimator that was fitted on bare numbers has the columns of the table beside it, ids left out."""
    folder = published(np.where(IS_NOISE, "noise", "neural"), is_named=False)
    model = load_model(folder)
    assert model.inputs == OLD_NAMES
    table = training_table()[0]
    found = model.predict(make_features(table.to_numpy(), OLD_NAMES)).probabilities
    np.testing.assert_array_equal(found, model.class_probabilities(table))
    (folder / "training_data.csv").write_text("unit_id,snr\n0,1\n")
    with pytest.raises(ModelError, match="does not state the names of its 3 features"):
        load_model(folder)


def test_a_metric_of_the_models_own_is_taken_from_a_column(
    published, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table that has it is predicted; one without is refused by the name that is missing, or imputed on request."""
    folder = published(np.where(IS_NOISE, "noise", "neural"), num_spikes="drift_of_mine")
    table = training_table()[0].rename(columns={"num_spikes": "drift_of_mine"})
    table.to_csv(tmp_path / "metrics.csv", index_label="unit_id")
    given = ["--model", str(folder), "--definition", "0.101"]
    assert main(["predict", str(tmp_path / "metrics.csv"), *given]) == 0
    names = load_model(folder).inputs
    features = compute_features(read_units(tmp_path / "metrics.csv"), names=names, definition="0.101", of_model=True)
    np.testing.assert_array_equal(features.values[:, 0].astype(np.float32), table["drift_of_mine"])
    table.drop(columns="drift_of_mine").to_csv(tmp_path / "without.csv", index_label="unit_id")
    assert main(["predict", str(tmp_path / "without.csv"), *given]) == 1
    assert "drift_of_mine (a metric of the model's own, and no column drift_of_mine)" in capsys.readouterr().err
    assert main(["predict", str(tmp_path / "without.csv"), *given, "--missing", "impute"]) == 0


def test_two_models_in_a_row_decide_by_one_rule(make_pair: tuple[Path, Path]) -> None:
    """Without class shares, neither can be balanced; labels that are not the most probable class have their reason."""
    with pytest.raises(ModelError, match="does not record the share of each class"):
        load_model(make_pair, decide="balanced")
    model = load_model(make_pair, decide="probable")
    assert model.options["decide"] == "probable"
    found = model.predict(make_features(training_table(seed=2)[0].to_numpy(), OLD_NAMES))
    others = replace(found, labels=np.roll(found.labels, 1))
    unit = int(np.flatnonzero(others.labels != np.array(found.classes)[found.probabilities.argmax(axis=1)])[0])
    remark = weighing_remark(others, model_name=model.identity.name)
    assert f"does not decide by the probability alone; nwb-unitrefine explain SOURCE --unit {unit} states" in remark


@pytest.fixture
def make_pair(tmp_path: Path) -> tuple[Path, Path]:
    """Noise or neural, and sua or mua."""
    import skops.io
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    table, labels = training_table()
    steps = {"first": np.where(labels == 2, "noise", "neural"), "second": np.where(labels == 0, "sua", "mua")}
    for name, classes in steps.items():
        (tmp_path / f"model_{name}").mkdir()
        fitted = make_pipeline(SimpleImputer(), LogisticRegression(max_iter=1000)).fit(table, classes)
        skops.io.dump(fitted, tmp_path / f"model_{name}" / "best_model.skops")
    return tmp_path / "model_first", tmp_path / "model_second"
