"""Classification by nearest neighbours: the table of neighbours is checked, and what searches it is built anew.

The compiled code of a search tree follows the indices in it without looking. The tree follows from the table and the
options, so none of it is taken from a file.
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.models.skops.archive import broken
from nwb_unitrefine.models.skops.plain import is_count

if TYPE_CHECKING:
    from nwb_unitrefine.models.skops.archive import Archive

__all__ = ["NEAREST", "SEARCH_TREES", "check_nearest", "with_search_tree"]

NEAREST = "sklearn.neighbors._classification.KNeighborsClassifier"

_DISTANCES = ("euclidean", "l2", "manhattan", "cityblock", "l1", "chebyshev", "minkowski")
SEARCH_TREES = frozenset(
    {
        "sklearn.neighbors._kd_tree.KDTree",
        "sklearn.neighbors._ball_tree.BallTree",
        *(
            f"sklearn.metrics._dist_metrics.{name}Distance{bits}"
            for name in ("Euclidean", "Manhattan", "Chebyshev", "Minkowski")
            for bits in ("", "64")
        ),
    }
)
"""Trees and their distances, which may stand in a file and are not read."""

MAX_ROWS = 1_000_000


def check_nearest(state: dict[str, Any], *, archive: Archive) -> None:
    """Refuse a table of neighbours that does not fit its labels, or a distance that is not one of numbers.

    Raises
    ------
    ModelError
    """
    if "_fit_X" not in state:
        return  # not fitted: the pattern that an ensemble keeps
    options = state["effective_metric_params_"], state["metric_params"] or {}
    powers = [state["p"], *(each.get("p", 1) for each in options)]
    known = (
        all(state[name] in _DISTANCES for name in ("metric", "effective_metric_"))
        and all(type(each) is dict and each.keys() <= {"p", "w"} and each.get("w") is None for each in options)
        and all(type(power) in (int, float) and isfinite(power) and power >= 1 for power in powers)
        and state["weights"] in ("uniform", "distance", None)
    )
    if not known:
        raise broken(archive.path, "nearest neighbours are found by an unknown distance")
    table, labels, classes = state["_fit_X"], state["_y"], state["classes_"]
    fits = (
        all(type(each) is np.ndarray for each in (table, labels, classes))
        and table.dtype in (np.float32, np.float64)
        and labels.dtype == np.int64
        and table.ndim == 2
        and 0 < len(table) <= MAX_ROWS
        and table.shape[1] == state["n_features_in_"]
        and bool(np.isfinite(table).all())
        and labels.shape == (len(table),)
        and classes.ndim == 1
        and int(labels.min()) >= 0
        and int(labels.max()) < len(classes)
        and is_count(state["n_neighbors"], limit=len(table))
        and is_count(state["leaf_size"], limit=MAX_ROWS)
        and type(state["n_samples_fit_"]) is int
        and state["n_samples_fit_"] == len(table)
        and state["outputs_2d_"] is False
        and state["_fit_method"] in ("kd_tree", "ball_tree", "brute")
    )
    if not fits:
        raise broken(archive.path, "the parts of a table of neighbours are not of one size")


def with_search_tree(state: dict[str, Any]) -> dict[str, Any]:
    """Return the state of fitted nearest neighbours with a search tree of their table, as fitting makes it.

    Parameters
    ----------
    state : dict
        One that `check_nearest` let pass.
    """
    if "_fit_X" not in state:
        return state
    from sklearn.neighbors import BallTree, KDTree

    made = {"kd_tree": KDTree, "ball_tree": BallTree}.get(state["_fit_method"])
    table = np.ascontiguousarray(state["_fit_X"])
    power = {name: value for name, value in state["effective_metric_params_"].items() if value is not None}
    distance = {"metric": state["effective_metric_"], **power}
    tree = None if made is None else made(table, leaf_size=int(state["leaf_size"]), **distance)
    return {**state, "_fit_X": table, "_tree": tree}
