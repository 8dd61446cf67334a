"""Nearest neighbours: the search tree of a file is left unread, and one is built as fitting builds it."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np
import pytest

from helpers.bad_models import nodes, pack, unpack
from helpers.hostile_models import BRUTE, FIXTURES, NEAREST
from nwb_unitrefine.models.skops.archive import open_archive
from nwb_unitrefine.models.skops.audit import list_types
from nwb_unitrefine.models.skops.estimator import load_estimator
from nwb_unitrefine.models.skops.neighbours import SEARCH_TREES

if TYPE_CHECKING:
    from pathlib import Path

TABLE = np.random.default_rng(0).normal(size=(40, 4)) * 10


@pytest.mark.parametrize("content", [None, "garbage", {"a": 1}])
def test_the_search_tree_of_a_file_is_not_read(tmp_path: Path, content: object) -> None:
    """Whatever stands in its place, the probabilities are the same to the last bit."""
    schema, members = unpack(NEAREST)
    (tree,) = nodes(schema, "ObjectNode", "KDTree")
    tree["content"] = content
    file = tmp_path / "best_model.skops"
    file.write_bytes(pack(schema, members))
    found = load_estimator(file).predict_proba(TABLE)
    np.testing.assert_array_equal(found, load_estimator(NEAREST).predict_proba(TABLE))


def test_a_search_tree_is_built_only_for_its_table(tmp_path: Path) -> None:
    """Elsewhere in a model it is nothing that could search."""
    tree = copy.deepcopy(nodes(unpack(NEAREST)[0], "ObjectNode", "KDTree")[0])
    schema, members = unpack(BRUTE)
    nodes(schema, "ObjectNode", "KNeighborsClassifier")[0]["content"]["content"]["_tree"] = {**tree, "content": None}
    file = tmp_path / "best_model.skops"
    file.write_bytes(pack(schema, members))
    assert load_estimator(file).fitted[-1]._tree is None
    np.testing.assert_array_equal(load_estimator(file).predict_proba(TABLE), load_estimator(BRUTE).predict_proba(TABLE))


@pytest.mark.parametrize("name", ["median_standard_nearest_3", "median_ball_3", "median_whitened_nearest_2"])
def test_every_release_names_its_search_tree_as_is_known(name: str) -> None:
    """Trees and distances of scikit-learn 1.3 to 1.9 are those that are left unread."""
    for file in FIXTURES.glob(f"*/{name}.skops"):
        kinds = {kind for kind in list_types(open_archive(file)) if "_tree." in kind or "_dist_metrics" in kind}
        assert kinds
        assert kinds <= SEARCH_TREES


def test_a_function_stays_a_name() -> None:
    """What scored the features is not imported, and not called."""
    assert load_estimator(FIXTURES / "1.8.0" / "median_best_forest_3.skops").fitted[1].score_func == "f_classif"
