"""Models of every scikit-learn since 1.3 predict under the installed one as under their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from helpers.bad_models import nodes, pack, unpack
from nwb_unitrefine.errors import FeatureError, ModelError
from nwb_unitrefine.models import load_model
from nwb_unitrefine.models.skops.estimator import load_estimator

FIXTURES = Path(__file__).parent / "fixtures"
MODELS = sorted(FIXTURES.glob("*/*.skops"))
BOOSTING = ("lightgbm", "xgboost", "catboost")


def _marked(file: Path) -> Any:
    """A model as a parameter; a booster starts a process that imports its library, which is slow."""
    name = f"{file.parent.name}-{file.stem}"
    slow = any(library in file.stem for library in BOOSTING)
    return pytest.param(file, id=name, marks=[pytest.mark.slow] if slow else [])


@pytest.fixture(scope="module")
def table():
    """Units that none of the frozen models was fitted on."""
    return pd.read_csv(FIXTURES / "table.csv")


def _expected(file: Path, dtype: str) -> np.ndarray:
    """What the scikit-learn that wrote a model predicted with it."""
    boosting = any(file.stem.rpartition("_")[0].endswith(library) for library in BOOSTING)
    with np.load(file.with_name("expected_boosting.npz" if boosting else "expected.npz")) as frozen:
        return frozen[f"{file.stem}.{dtype}"]


@pytest.mark.parametrize("file", [_marked(file) for file in MODELS])
def test_a_frozen_model_predicts_as_under_the_scikit_learn_that_wrote_it(file, table):
    """Equal for input in float32, which models are given; within 1e-6 for float64, which they were not fitted on."""
    for library in BOOSTING:
        if library in file.stem:
            pytest.importorskip(library)
    estimator = load_estimator(file)
    found = estimator.predict_proba(table[list(estimator.columns)].to_numpy())
    np.testing.assert_allclose(found, _expected(file, "float32"), rtol=0, atol=5e-16)
    found = estimator.fitted.predict_proba(table[list(estimator.columns)])
    np.testing.assert_allclose(found, _expected(file, "float64"), rtol=0, atol=1e-6)


def test_every_release_from_1_3_on_is_frozen():
    """One folder of fixtures for each."""
    releases = {".".join(folder.name.split(".")[:2]) for folder in FIXTURES.iterdir() if folder.is_dir()}
    assert releases >= {f"1.{minor}" for minor in range(3, 10)}


@pytest.mark.parametrize("name", ["spikeinterface_sklearn132", "unitrefine_sklearn152", "unitrefine_sklearn161"])
def test_a_published_model_predicts_as_under_its_own_scikit_learn(shared_data, name):
    """All rows of the three published models, within 1e-6."""
    folder = shared_data / "published_models" / name
    expected = pd.read_csv(folder / "expected_probabilities.csv")[["p0", "p1"]]
    found = load_model(folder).class_probabilities(pd.read_csv(folder / "training_data.csv"))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_a_table_without_a_column_is_refused():
    """The columns that are missing are named."""
    model = load_model(FIXTURES / "1.6.1" / "median_standard_forest_2.skops")
    with pytest.raises(FeatureError, match="snr") as caught:
        model.class_probabilities(pd.read_csv(FIXTURES / "table.csv").drop(columns="snr"))
    assert caught.value.missing == ("snr",)


def test_infinite_and_too_large_values_are_missing():
    """As in UnitRefine's training: infinity, and what float32 cannot hold, are imputed."""
    file = FIXTURES / "1.6.1" / "median_standard_forest_2.skops"
    estimator = load_estimator(file)
    row = np.array([[1e5, 2.0, 5.0, 3e-4]])
    empty, infinite, large = row.copy(), row.copy(), row.copy()
    empty[0, 1], infinite[0, 1], large[0, 1] = np.nan, np.inf, 1e300
    found = estimator.predict_proba(np.concatenate([empty, infinite, large]))
    np.testing.assert_array_equal(found[1:], found[[0, 0]])


@pytest.mark.slow
def test_a_booster_of_a_later_xgboost_is_refused(tmp_path):
    """An older XGBoost would load it and predict something else."""
    pytest.importorskip("xgboost")
    schema, members = unpack(FIXTURES / "1.9.1" / "xgboost_3.skops")
    member = nodes(schema, "BytearrayNode")[0]["file"]
    version = b"i\x03i\x02i\x00}}"
    assert members[member].endswith(version)
    members[member] = members[member].removesuffix(version) + b"i\x63i\x02i\x00}}"
    file = tmp_path / "best_model.skops"
    file.write_bytes(pack(schema, members))
    with pytest.raises(ModelError, match=r"was written by XGBoost 99\.2\.0"):
        load_estimator(file)
