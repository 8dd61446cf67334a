"""Boosted trees as arrays give scikit-learn's probabilities, to the last bit."""

from __future__ import annotations

import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier, VotingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from nwb_unitrefine.models.skops.archive import open_archive
from nwb_unitrefine.models.skops.audit import audit
from nwb_unitrefine.models.skops.boosted_trees import read_boosted_trees
from nwb_unitrefine.models.skops.estimator import load_fitted
from nwb_unitrefine.models.skops.reproducible import write_skops

PACKAGED = Path(str(files("nwb_unitrefine"))) / "models" / "packaged" / "default" / "best_model.skops"


def _table(seed: int, n_units: int = 400, n_features: int = 6) -> np.ndarray:
    """Numbers of several scales, some missing, some equal, as float32 like those of a file."""
    rng = np.random.default_rng(seed)
    table = np.round(rng.normal(size=(n_units, n_features)) * 10.0 ** rng.integers(-3, 4, n_features), 3)
    table[rng.random(table.shape) < 0.15] = np.nan
    return table.astype(np.float32)


def _labels(table: np.ndarray, n_classes: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    score = np.nan_to_num(table[:, 0]) + 0.5 * np.isnan(table[:, 1]) + rng.normal(size=len(table)) * 0.2
    return np.argsort(np.argsort(score)) * n_classes // len(table)


def _boosting(seed: int, **options: object) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(max_iter=6, random_state=seed, **options)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("shape", ["one", "pipeline", "voting", "weighted", "monotonic"])
def test_probabilities_are_scikit_learns_to_the_last_bit(tmp_path, seed, n_classes, shape):
    """Over tables with missing and equal values, other tables than those of the training, and one unit alone."""
    table = _table(seed)
    labels = _labels(table, n_classes, seed)
    members = [(str(i), _boosting(seed + i, max_leaf_nodes=5 + 10 * i)) for i in range(3)]
    model = {
        "one": _boosting(seed),
        "pipeline": make_pipeline(_boosting(seed, max_depth=3)),
        "voting": make_pipeline(VotingClassifier(members, voting="soft")),
        "weighted": VotingClassifier(members, voting="soft", weights=[0.2, 0.5, 0.3]),
        "monotonic": _boosting(seed, monotonic_cst=[1, 0, 0, 0, 0, 0] if n_classes == 2 else None),
    }[shape].fit(table, labels)
    path = tmp_path / "model.skops"
    write_skops(model, path)
    archive = open_archive(path)
    ours = read_boosted_trees(archive, audit(archive))
    assert ours is not None
    assert ours.classes_.tolist() == model.classes_.tolist()
    for new in (table, _table(seed + 100), table[:1], _table(seed + 7)[:3] * 1e6, np.full((2, 6), np.nan)):
        assert np.array_equal(ours.predict_proba(new), model.predict_proba(new))


def test_the_packaged_model_is_evaluated_so():
    """The default is such a model, and gives scikit-learn's probabilities."""
    archive = open_archive(PACKAGED)
    ours, theirs = read_boosted_trees(archive, audit(archive)), load_fitted(PACKAGED)
    table = pd.DataFrame(_table(3, n_features=ours.n_features_in_), columns=ours.feature_names_in_)
    assert np.array_equal(ours.predict_proba(table), theirs.predict_proba(table))


@pytest.mark.parametrize("kind", ["scaled", "forest", "hard", "mixed", "categories"])
def test_other_models_are_left_to_scikit_learn(tmp_path, kind):
    """What has another step, another estimator, another vote or splits by categories is not evaluated here."""
    table = np.nan_to_num(_table(0))
    table[:, 3] = np.arange(len(table)) % 4
    labels = _labels(table, 3, 0)
    forest = RandomForestClassifier(5, random_state=0)
    model = {
        "scaled": make_pipeline(StandardScaler(), _boosting(0)),
        "forest": forest,
        "hard": VotingClassifier([("a", _boosting(0)), ("b", _boosting(1))], voting="hard"),
        "mixed": VotingClassifier([("a", _boosting(0)), ("b", forest)], voting="soft"),
        "categories": _boosting(0, categorical_features=[3]),
    }[kind].fit(table, labels)
    path = tmp_path / "model.skops"
    write_skops(model, path)
    if kind == "categories":
        return  # refused on loading: a model of numbers takes no categories
    archive = open_archive(path)
    assert read_boosted_trees(archive, audit(archive)) is None


@pytest.mark.slow
def test_the_default_model_needs_no_scikit_learn_and_no_pandas():
    """The packaged model is loaded and predicts in a process that can import neither: both take long to import."""
    script = (
        "import sys; sys.modules['sklearn'] = sys.modules['pandas'] = None\n"
        "import numpy as np\n"
        "from nwb_unitrefine.models import load_model\n"
        "model = load_model('default')\n"
        "assert model.estimator.predict_proba(np.full((1, len(model.inputs)), np.nan)).shape == (1, 3)\n"
    )
    path = [entry for entry in sys.path if entry]
    script = f"import sys; sys.path[:0] = {path!r}\n{script}"
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
