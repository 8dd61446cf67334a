"""A model file is a stranger's: what is wrong with it is found before anything of it runs."""

from __future__ import annotations

import sys

import pytest

from helpers.bad_models import BAD, GOOD, _node, _with_node
from nwb_unitrefine.errors import ModelError, UntrustedModelError
from nwb_unitrefine.models.skops.archive import open_archive
from nwb_unitrefine.models.skops.audit import ESTIMATORS, list_types
from nwb_unitrefine.models.skops.estimator import load_estimator


@pytest.fixture
def canary(tmp_path, monkeypatch):
    """A file that is there once a module named ``canary`` was imported, or a class of it built."""
    song = tmp_path / "song"
    code = f"open({str(song)!r}, 'w').close()\nclass Canary:\n    fitted = True\n"
    (tmp_path / "canary.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    yield song
    sys.modules.pop("canary", None)


@pytest.mark.slow
@pytest.mark.parametrize("what", BAD)
def test_a_bad_file_is_refused_with_one_line_and_nothing_of_it_runs(what, tmp_path, canary):
    """Every kind of bad file ends in a `ModelError` of one line that names the file; the canary stays silent."""
    file = tmp_path / "best_model.skops"
    file.write_bytes(BAD[what]())
    with pytest.raises(ModelError) as caught:
        load_estimator(file)
    assert "\n" not in str(caught.value)
    assert str(file) in caught.value.message
    assert not canary.exists()
    assert not any(tmp_path.parent.rglob("evil*"))


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ("array of pickled objects", "holds pickled Python objects"),
        ("array shorter than it states", "not as long as its header states"),
        ("two members of one name", "have the same name"),
        ("path traversal", "has a member named"),
        ("reference outside", "refers to a member named"),
        ("zip bomb", "would unpack to"),
        ("truncated", "not a complete zip archive"),
        ("flipped bit", "is damaged"),
        ("protocol of the future", "written with skops protocol 99"),
        ("tree that leads back", "leads outside itself"),
        ("tree wider than its forest", "its model does not have"),
        ("no classifier", "not a classifier"),
    ],
)
def test_a_bad_file_is_refused_for_what_is_wrong_with_it(what, why, tmp_path):
    """Not by luck, for something that happens to follow."""
    file = tmp_path / "best_model.skops"
    file.write_bytes(BAD[what]())
    with pytest.raises(ModelError, match=why):
        load_estimator(file)


def test_there_are_at_least_twenty_kinds_of_bad_files():
    """The list above is not to shrink."""
    assert len(BAD) >= 20


def test_the_good_file_that_bad_ones_are_made_of_loads():
    """The refusals above are not those of a file that was bad before."""
    assert load_estimator(GOOD).classes == (0, 1)


def test_an_unknown_class_is_named_with_how_to_allow_it(tmp_path, canary):
    """The error carries the type, and its tip the option."""
    file = tmp_path / "best_model.skops"
    file.write_bytes(_with_node(_node("ObjectNode", "canary.Canary", content=None)))
    with pytest.raises(UntrustedModelError) as caught:
        load_estimator(file)
    assert caught.value.types == ("canary.Canary",)
    assert "allow_types=['canary.Canary']" in caught.value.tip
    assert not canary.exists()


def test_an_allowed_class_is_built(tmp_path, canary):
    """What was allowed by name runs; the same name allows nothing else."""
    file = tmp_path / "best_model.skops"
    file.write_bytes(_with_node(_node("ObjectNode", "canary.Canary", content=None)))
    estimator = load_estimator(file, allow_types=["canary.Canary"])
    assert type(estimator.fitted.steps[0][1].fill_value).__name__ == "Canary"
    assert canary.exists()


@pytest.mark.parametrize("loader", ["FunctionNode", "ConstructorFromReduceNode", "TypeNode", "MethodNode"])
def test_a_name_that_is_called_cannot_be_allowed(loader, tmp_path, canary):
    """`allow_types` is for classes that are built from state, not for what a file wants to have called."""
    file = tmp_path / "best_model.skops"
    file.write_bytes(_with_node(_node(loader, "canary.Canary", content={"func": "x", "obj": {}})))
    with pytest.raises(UntrustedModelError, match="cannot be allowed"):
        load_estimator(file, allow_types=["canary.Canary"])
    assert not canary.exists()


def test_types_are_listed_without_importing_anything(tmp_path, canary):
    """Looking is safe."""
    file = tmp_path / "best_model.skops"
    file.write_bytes(_with_node(_node("ObjectNode", "canary.Canary", content=None)))
    assert "canary.Canary" in list_types(open_archive(file))
    assert not canary.exists()


def test_everything_that_unitrefines_training_can_choose_is_allowed():
    """Imputers, scalers and classifiers of its search."""
    names = {kind.rpartition(".")[2] for kind in ESTIMATORS}
    assert names >= {
        *("SimpleImputer", "KNNImputer", "IterativeImputer", "HistGradientBoostingRegressor"),
        *("StandardScaler", "MinMaxScaler", "RobustScaler"),
        *("RandomForestClassifier", "AdaBoostClassifier", "GradientBoostingClassifier", "SVC", "LogisticRegression"),
        *("XGBClassifier", "CatBoostClassifier", "LGBMClassifier", "MLPClassifier"),
    }
