"""Checks of the trees in LightGBM's text and XGBoost's binary JSON, in time that grows with their size only.

Both libraries follow the numbers of a tree's children and features without looking, when they predict or already when
they load. A crafted file could lead them in circles or outside their memory. CatBoost's format is not public; its
models, like those of the two others, run in a process of their own (see `isolation`).
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import ModelError
from nwb_unitrefine.models.skops.archive import broken

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from nwb_unitrefine.models.skops.archive import Archive

__all__ = ["check_lightgbm", "check_xgboost"]

MAX_CLASSES = 100
MAX_DEPTH = 64
_END_OF_TREES = "end of trees"


def check_lightgbm(text: Any, *, archive: Archive) -> None:
    """Refuse LightGBM's text where its trees are not trees, or not at the offsets that it states.

    Parameters
    ----------
    text : str
        As ``Booster.model_to_string`` writes it.
    archive : Archive
        For messages.
    """
    if type(text) is not str or not text.isascii() or "\0" in text or not text.startswith("tree\n"):
        raise broken(archive.path, "a LightGBM model is not its text")
    head, tree_sign, rest = text.partition("\nTree=")
    trees, end, settings = ((tree_sign + rest)[1:]).partition(_END_OF_TREES)
    if not end:
        raise broken(archive.path, "the text of a LightGBM model has no end")
    header = _fields(head, archive=archive)
    n_features = _whole(header, "max_feature_idx", archive=archive) + 1
    per_round = _whole(header, "num_tree_per_iteration", archive=archive)
    n_classes = _whole(header, "num_class", archive=archive)
    if n_features < 1 or n_features != len(header.get("feature_names", "").split(" ")):
        raise broken(archive.path, "a LightGBM model has not as many features as names of features")
    if not 0 < n_classes <= MAX_CLASSES or per_round != n_classes:
        raise broken(archive.path, "a LightGBM model has not one tree for each class")
    if re.search(r"predict_disable_shape_check: *[^0\s\]]", settings):
        raise broken(archive.path, "a LightGBM model would not look at the size of its table")
    starts = [found.start() for found in re.finditer(r"^Tree=", trees, flags=re.MULTILINE)]
    if len(starts) % per_round:
        raise broken(archive.path, "a LightGBM model has not one tree for each class")
    if "tree_sizes" in header:
        sizes = _numbers(header, "tree_sizes", len(starts), archive=archive)
        if np.cumsum([0, *sizes])[:-1].tolist() != starts or int(sizes.sum()) > len(trees):
            raise broken(archive.path, "the trees of a LightGBM model are not at the offsets that its text states")
    for start, stop in zip(starts, [*starts[1:], len(trees)], strict=True):
        _check_lightgbm_tree(_fields(trees[start:stop], archive=archive), n_features=n_features, archive=archive)


def _fields(text: str, *, archive: Archive) -> dict[str, str]:
    """Take lines of ``name=value`` apart; two of one name would be read differently by others."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, sign, value = line.partition("=")
        if name in found:
            raise broken(archive.path, f"a LightGBM model has {name!r} twice")
        if sign:
            found[name] = value
    return found


def _whole(fields: Mapping[str, str], name: str, *, archive: Archive) -> int:
    """Read a whole number of a few digits."""
    if not re.fullmatch(r"-?\d{1,9}", fields.get(name, "")):
        raise broken(archive.path, f"a LightGBM model has no number {name!r}")
    return int(fields[name])


def _numbers(fields: Mapping[str, str], name: str, count: int, *, archive: Archive) -> NDArray[np.int64]:
    """Read as many whole numbers as there must be."""
    words = fields.get(name, "").split()
    if len(words) != count or not all(re.fullmatch(r"-?\d{1,9}", word) for word in words):
        raise broken(archive.path, f"a LightGBM tree has not {count} whole numbers {name!r}")
    return np.array(words, dtype=np.int64)


def _check_lightgbm_tree(fields: Mapping[str, str], *, n_features: int, archive: Archive) -> None:
    """A split's number is smaller than its children's; a leaf ``n`` is written as ``-n - 1``."""
    n_leaves = _whole(fields, "num_leaves", archive=archive)
    if fields.get("num_cat", "0") != "0" or fields.get("is_linear", "0") != "0":
        raise broken(archive.path, "a LightGBM tree has categories or linear leaves, and metrics need neither")
    if n_leaves < 1 or len(fields.get("leaf_value", "").split()) != n_leaves:
        raise broken(archive.path, "a LightGBM tree has not as many values as leaves")
    if n_leaves > 1:
        _check_lightgbm_splits(fields, n_leaves=n_leaves, n_features=n_features, archive=archive)


def _check_lightgbm_splits(fields: Mapping[str, str], *, n_leaves: int, n_features: int, archive: Archive) -> None:
    """As of `_check_lightgbm_tree`, for a tree of more than one leaf."""
    n_splits = n_leaves - 1
    if len(fields.get("threshold", "").split()) != n_splits:
        raise broken(archive.path, "a LightGBM tree has not one threshold for each split")
    if np.any(_numbers(fields, "decision_type", n_splits, archive=archive) & 1):
        raise broken(archive.path, "a LightGBM tree has categories, and metrics are numbers")
    feature = _numbers(fields, "split_feature", n_splits, archive=archive)
    if np.any((feature < 0) | (feature >= n_features)):
        raise broken(archive.path, "a LightGBM tree asks for a feature that it does not have")
    children = [_numbers(fields, name, n_splits, archive=archive) for name in ("left_child", "right_child")]
    for child in children:
        if np.any((child >= n_splits) | (child < -n_leaves) | ((child >= 0) & (child <= np.arange(n_splits)))):
            raise broken(archive.path, "a LightGBM tree leads outside itself, or back")
    if len(np.unique(children)) != 2 * n_splits:
        raise broken(archive.path, "a part of a LightGBM tree has two parents")


def check_xgboost(data: Any, *, archive: Archive) -> None:
    """Refuse XGBoost's binary JSON where its trees are not trees, or where a later XGBoost wrote it.

    Parameters
    ----------
    data : bytes or bytearray
        As ``Booster.__getstate__`` writes it: universal binary JSON with the model and its configuration.
    archive : Archive
        For messages.

    Raises
    ------
    ModelError
        If a later major release wrote it, which the installed one would load and predict wrongly with.
    """
    try:
        document, end = _read_value(bytes(data), 0, depth=0)
        _require(end == len(data), "it goes on after its end")
        _check_xgboost_document(document.get("Model", document), archive=archive)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, struct.error, OverflowError) as error:
        why = f"{type(error).__name__}: {error}"[:200]
        raise broken(archive.path, f"an XGBoost model makes no sense ({why})") from error


def _check_xgboost_document(model: Mapping[str, Any], *, archive: Archive) -> None:
    """Compare the counts that a model states with its trees."""
    _check_xgboost_version(model["version"], archive=archive)
    learner = model["learner"]
    booster = learner["gradient_booster"]
    _require(booster["name"] in ("gbtree", "dart"), "it is not a forest of trees")
    forest = (booster["gbtree"] if booster["name"] == "dart" else booster)["model"]
    n_features = int(learner["learner_model_param"]["num_feature"])
    n_classes = max(1, int(learner["learner_model_param"]["num_class"]))
    trees, groups = forest["trees"], np.asarray(forest["tree_info"])
    _require(
        int(forest["gbtree_model_param"]["num_trees"]) == len(trees), "it has another number of trees than it states"
    )
    of_classes = len(groups) == len(trees) and not np.any((groups < 0) | (groups >= n_classes))
    _require(of_classes, "a tree is for a class that it does not have")
    for tree in trees:
        _check_xgboost_tree(tree, n_features=n_features)


def _require(condition: object, why: str) -> None:
    """Raise what `check_xgboost` reports."""
    if not condition:
        raise ValueError(why)


def _check_xgboost_version(version: Any, *, archive: Archive) -> None:
    """Refuse what the installed XGBoost would load and predict wrongly with: a booster of a later major release."""
    import xgboost

    if int(version[0]) > int(xgboost.__version__.partition(".")[0]):
        written = ".".join(str(int(part)) for part in version)
        raise ModelError(
            f"{archive.path} was written by XGBoost {written}; XGBoost {xgboost.__version__} cannot read it correctly.",
            tip="Install XGBoost in that version or a later one.",
        )


def _check_xgboost_tree(tree: Mapping[str, Any], *, n_features: int) -> None:
    """A leaf has no children; every other node has two of its own, and the root is nobody's child."""
    left, right = (np.asarray(tree[f"{side}_children"], dtype=np.int64) for side in ("left", "right"))
    count = len(left)
    arrays = ("split_indices", "split_conditions", "default_left", "parents", "base_weights")
    if not count or any(len(tree[name]) != count for name in arrays) or len(right) != count:
        raise ValueError("a tree has not one entry for each node")
    if int(tree["tree_param"]["num_nodes"]) != count or int(tree["tree_param"].get("size_leaf_vector", 1)) > 1:
        raise ValueError("a tree has another number of nodes than it states")
    if np.any(np.asarray(tree.get("split_type", [0]))) or len(tree.get("categories", ())):
        raise ValueError("a tree has categories, and metrics are numbers")
    split = left != -1
    if np.any(split != (right != -1)):
        raise ValueError("a node has one child")
    children = np.concatenate([left[split], right[split]])
    if np.any((children <= 0) | (children >= count)) or len(np.unique(children)) != len(children):
        raise ValueError("a tree leads outside itself, or a node has two parents")
    # Each node is at most one node's child and the root is none's, so what the root does not reach is a circle.
    reached = np.zeros(count, dtype=bool)
    front = np.array([0])
    while front.size:
        reached[front] = True
        inner = front[split[front]]
        front = np.concatenate([left[inner], right[inner]])
    if not reached[children].all():
        raise ValueError("a tree has a circle")
    feature = np.asarray(tree["split_indices"], dtype=np.int64)[split]
    if np.any((feature < 0) | (feature >= n_features)):
        raise ValueError("a tree asks for a feature that it does not have")


_SIZES = {"i": ">i1", "U": ">u1", "I": ">i2", "l": ">i4", "L": ">i8", "d": ">f4", "D": ">f8"}
"""Numbers of universal binary JSON, as numpy reads them."""
_CONSTANTS = {"Z": None, "T": True, "F": False}


def _read_number(data: bytes, place: int, marker: str) -> tuple[Any, int]:
    """Read one number."""
    kind = np.dtype(_SIZES[marker])
    return np.frombuffer(data, kind, 1, place)[0].item(), place + kind.itemsize


def _read_length(data: bytes, place: int) -> tuple[int, int]:
    """Read how long what follows is; no longer than the data."""
    length, place = _read_number(data, place + 1, chr(data[place]))
    if not isinstance(length, int) or not 0 <= length <= len(data):
        raise ValueError("a part is longer than the whole")
    return length, place


def _read_text(data: bytes, place: int) -> tuple[str, int]:
    """Read text, its length first."""
    length, place = _read_length(data, place)
    return data[place : place + length].decode("utf-8"), place + length


def _read_value(data: bytes, place: int, *, depth: int) -> tuple[Any, int]:
    """Read one value of universal binary JSON (draft 12), as XGBoost writes it.

    Source: https://ubjson.org/type-reference/
    """
    if depth > MAX_DEPTH:
        raise ValueError("it is nested too deeply")
    marker, place = chr(data[place]), place + 1
    if marker in _CONSTANTS:
        return _CONSTANTS[marker], place
    if marker in _SIZES:
        return _read_number(data, place, marker)
    if marker == "S":
        return _read_text(data, place)
    if marker == "{":
        return _read_object(data, place, depth=depth)
    if marker == "[":
        return _read_array(data, place, depth=depth)
    raise ValueError(f"unknown marker {marker!r}")


def _read_object(data: bytes, place: int, *, depth: int) -> tuple[dict[str, Any], int]:
    """Read names and values up to the closing brace; XGBoost writes no lengths of objects."""
    found: dict[str, Any] = {}
    while data[place] != ord("}"):
        name, place = _read_text(data, place)
        if name in found:
            raise ValueError(f"{name!r} stands twice")
        found[name], place = _read_value(data, place, depth=depth + 1)
    return found, place + 1


def _read_array(data: bytes, place: int, *, depth: int) -> tuple[Any, int]:
    """Read an array: of numbers of one type, of a stated length, or up to the closing bracket."""
    if data[place] == ord("$"):
        kind = np.dtype(_SIZES[chr(data[place + 1])])
        if data[place + 2] != ord("#"):
            raise ValueError("an array of one type has no length")
        length, place = _read_length(data, place + 3)
        return np.frombuffer(data, kind, length, place), place + length * kind.itemsize
    items = []
    if data[place] == ord("#"):
        length, place = _read_length(data, place + 1)
        for _ in range(length):
            item, place = _read_value(data, place, depth=depth + 1)
            items.append(item)
        return items, place
    while data[place] != ord("]"):
        item, place = _read_value(data, place, depth=depth + 1)
        items.append(item)
    return items, place + 1
