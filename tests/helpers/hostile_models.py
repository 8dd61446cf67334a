"""Model files and folders that pass for models until something follows what is in them.

Each attempt is a function that writes one file or folder. `judge` has all of them loaded and asked to predict, each in
a process of its own, so that one that crashes or hangs is one row.
"""

from __future__ import annotations

import copy
import hashlib
import io
import json
import os
import shutil
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from helpers.bad_models import BAD, GOOD, HIST, PLAIN, SVC, _node, nodes, npy, pack, unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

FIXTURES = GOOD.parents[1]
NEWEST = FIXTURES / "1.9.1"
LIGHTGBM, XGBOOST, CATBOOST = (NEWEST / f"{name}_3.skops" for name in ("lightgbm", "xgboost", "catboost"))
GRADIENT = FIXTURES / "1.8.0" / "median_standard_gradient_3.skops"
KNN = FIXTURES / "1.8.0" / "knn_minmax_network_2.skops"
VOTING = FIXTURES / "1.8.0" / "voting_3.skops"
NEAREST = FIXTURES / "1.8.0" / "median_standard_nearest_3.skops"
BRUTE = FIXTURES / "1.8.0" / "median_city_brute_3.skops"
BEST = FIXTURES / "1.8.0" / "median_best_forest_3.skops"
COMPONENTS = FIXTURES / "1.8.0" / "mean_standard_pca_logistic_3.skops"
PACKAGED = Path(__file__).parents[2] / "src" / "nwb_unitrefine" / "models" / "packaged" / "default"
PATHS = os.pathsep.join(sys.path)
REFUSED, PREDICTED, FAILED = 10, 11, 12


@dataclass(frozen=True, slots=True)
class Attempt:
    """One hostile model.

    Parameters
    ----------
    area, name : str
    write : function
        Writes it to a path: a ``.skops`` file, or a folder where `folder` is set.
    must_refuse : bool
        Whether a prediction is a failure as well; one that changed only numbers may predict.
    folder : bool
    """

    area: str
    name: str
    write: Callable[[Path], None]
    must_refuse: bool = True
    folder: bool = False


def json_node(value: Any) -> dict[str, Any]:
    """A plain value as skops writes it."""
    return {**PLAIN, "content": json.dumps(value)}


def attributes(schema: dict[str, Any], kind: str) -> dict[str, Any]:
    """State of the first estimator of a kind."""
    return nodes(schema, "ObjectNode", kind)[0]["content"]["content"]


def add(node: dict[str, Any], name: str, value: Any) -> None:
    """Give an estimator an attribute, with the type of its name beside it as skops has it."""
    content = node["content"]
    if name not in content["content"]:
        content["key_types"]["content"].append(copy.deepcopy(content["key_types"]["content"][0]))
    content["content"][name] = value


def edited(file: Path, change: Callable[[dict[str, Any], dict[str, bytes]], None]) -> Callable[[Path], None]:
    """A model with a change of its schema and members."""

    def write(path: Path) -> None:
        schema, members = unpack(file)
        change(schema, members)
        path.write_bytes(pack(schema, members))

    return write


def with_attribute(file: Path, kind: str, name: str, value: Any) -> Callable[[Path], None]:
    """A model one of whose estimators has another attribute."""
    node = value if isinstance(value, dict) and "__loader__" in value else json_node(value)
    return edited(file, lambda schema, _: add(nodes(schema, "ObjectNode", kind)[0], name, copy.deepcopy(node)))


def with_array(file: Path, kind: str, name: str, change: Callable[[Any], Any]) -> Callable[[Path], None]:
    """A model one of whose arrays is another."""

    def swap(schema: dict[str, Any], members: dict[str, bytes]) -> None:
        member = attributes(schema, kind)[name]["file"]
        array = np.load(io.BytesIO(members[member])).copy()
        changed = change(array)
        members[member] = npy(array if changed is None else changed)

    return edited(file, swap)


def with_foreign(file: Path, kind: str, name: str, donor: Path, part: str) -> Callable[[Path], None]:
    """A model one of whose parts comes from another model."""

    def swap(schema: dict[str, Any], members: dict[str, bytes]) -> None:
        other, more = unpack(donor)
        found = nodes(other, "ObjectNode", part)[0]
        renamed = json.loads(json.dumps(found), object_hook=_renamed)
        members.update({f"x{member}": data for member, data in more.items()})
        add(nodes(schema, "ObjectNode", kind)[0], name, renamed)

    return edited(file, swap)


def _renamed(node: dict[str, Any]) -> dict[str, Any]:
    """Keep identities and members of two models apart."""
    if isinstance(node.get("__id__"), int):
        node["__id__"] += 10**15
    if isinstance(node.get("file"), str):
        node["file"] = f"x{node['file']}"
    return node


def _field(name: str, index: int, value: int) -> Callable[[Any], None]:
    def change(array: Any) -> None:
        array[name][index] = value

    return change


def tree_attempts() -> Iterator[Attempt]:
    """Trees that lead outside, back, or to features that are not there."""
    for field in ("left_child", "right_child", "feature"):
        for value in (-7, 4, 10**3, 10**9, 2**40):
            if field != "feature" and value == 4:
                continue

            def change(schema: Any, members: Any, field: str = field, value: int = value) -> None:
                member = nodes(schema, "TreeNode")[1]["content"]["content"]["nodes"]["file"]
                array = np.load(io.BytesIO(members[member])).copy()
                array[field][0] = value
                members[member] = npy(array)

            yield Attempt("trees", f"{field} = {value}", edited(GOOD, change))
    for field, values in (("left", (0, 10**6, 2**31)), ("right", (0, 10**6)), ("feature_idx", (-3, 4, 10**6))):
        for value in values:
            write = with_array(HIST, "TreePredictor", "nodes", _field(field, 0, value))
            yield Attempt("trees", f"histogram {field} = {value}", write)
    categorical = with_array(HIST, "TreePredictor", "nodes", _field("is_categorical", 0, 1))
    yield Attempt("trees", "histogram with categories", categorical)
    for name, value in (("n_features_in_", 900), ("n_features_in_", -1), ("n_features_in_", "4")):

        def widen(schema: Any, _: Any, name: str = name, value: Any = value) -> None:
            add(nodes(schema, "ObjectNode", "TreeClassifier")[-1], name, json_node(value))

        yield Attempt("trees", f"tree of {value!r} features", edited(GOOD, widen))


def container_attempts() -> Iterator[Attempt]:
    """Estimators that hold something else than what compiled code takes it for."""
    hist, forest, gradient = "HistGradientBoostingClassifier", "RandomForestClassifier", "GradientBoostingClassifier"
    empty = _node("ListNode", "builtins.list", content=[])
    foreign = (
        (HIST, hist, "_predictors", GOOD, forest),
        (HIST, hist, "_predictors", GRADIENT, gradient),
        (HIST, hist, "_preprocessor", GOOD, "StandardScaler"),
        (HIST, hist, "_bin_mapper", GOOD, forest),
        (GOOD, forest, "estimators_", HIST, hist),
        (GOOD, forest, "estimators_", GRADIENT, gradient),
        (GRADIENT, gradient, "estimators_", GOOD, forest),
        (GRADIENT, gradient, "init_", GOOD, forest),
        (SVC, "SVC", "support_vectors_", GOOD, forest),
        (KNN, "KNNImputer", "_fit_X", GOOD, forest),
    )
    for file, kind, name, donor, part in foreign:
        yield Attempt("containers", f"{kind}.{name} is a {part}", with_foreign(file, kind, name, donor, part))

    def list_of_foreign(schema: Any, members: Any) -> None:
        other, more = unpack(GOOD)
        found = json.loads(json.dumps(nodes(other, "ObjectNode", forest)[0]), object_hook=_renamed)
        members.update({f"x{member}": data for member, data in more.items()})
        stage = _node("ListNode", "builtins.list", content=[found])
        add(nodes(schema, "ObjectNode", hist)[0], "_predictors", _node("ListNode", "builtins.list", content=[stage]))

    yield Attempt("containers", "a forest among the trees of histogram boosting", edited(HIST, list_of_foreign))
    for file, kind, name in (
        (GOOD, forest, "estimators_"),
        (HIST, hist, "_predictors"),
        (GRADIENT, gradient, "estimators_"),
    ):
        for value in (3, "abc", {"a": 1}, [1, 2], None):
            node = empty if value is None else json_node(value)
            write = with_attribute(file, kind, name, node)
            # Histogram boosting without a single tree is a model of the class shares.
            harmless = file is HIST and value is None
            yield Attempt("containers", f"{kind}.{name} = {value or []!r}", write, must_refuse=not harmless)
    yield Attempt("containers", "still being fitted", with_attribute(HIST, hist, "_in_fit", value=True))
    yield Attempt("containers", "trees a class too many", edited(GRADIENT, _one_tree_less))


def _one_tree_less(schema: Any, _: Any) -> None:
    """Gradient boosting whose stages have one tree less than it has classes."""
    stages = attributes(schema, "GradientBoostingClassifier")["estimators_"]
    shape = stages["shape"]["content"]
    shape[1] = json_node(json.loads(shape[1]["content"]) - 1)
    stages["content"] = [row[:-1] if isinstance(row, list) else row for row in stages["content"]]


def kernel_attempts() -> Iterator[Attempt]:
    """Support vector machines of another kernel or of parts of other sizes."""
    for value in ("precomputed", "unknown", "", None, 3):
        yield Attempt("kernels", f"kernel = {value!r}", with_attribute(SVC, "SVC", "kernel", value))
    for value in ("one_class", "epsilon_svr", "nu_svr"):
        yield Attempt("kernels", f"implementation {value}", with_attribute(SVC, "SVC", "_impl", value))
    yield Attempt("kernels", "sparse", with_attribute(SVC, "SVC", "_sparse", value=True))
    changes: dict[str, tuple[str, Callable[[Any], Any]]] = {
        "fewer vectors": ("support_vectors_", lambda array: array[:-3]),
        "wider vectors": ("support_vectors_", lambda array: np.c_[array, array]),
        "vectors of integers": ("support_vectors_", lambda array: array.astype(np.int64)),
        "flat vectors": ("support_vectors_", lambda array: array.ravel()),
        "fewer weights": ("_dual_coef_", lambda array: array[:, :-3]),
        "negative counts": ("_n_support", lambda array: array * -1),
        "huge counts": ("_n_support", lambda array: array * 0 + 2**30),
        "no intercept": ("_intercept_", lambda array: array[:0]),
        "one sigmoid more": ("_probA", lambda array: np.r_[array, array]),
        "fewer indices": ("support_", lambda array: array[:-3]),
    }
    for name, (member, change) in changes.items():
        yield Attempt("kernels", name, with_array(SVC, "SVC", member, change))
    for value in ("euclidean", "precomputed", "minkowski"):
        yield Attempt("kernels", f"distance {value}", with_attribute(KNN, "KNNImputer", "metric", value))
    yield Attempt("kernels", "narrow neighbours", with_array(KNN, "KNNImputer", "_fit_X", lambda array: array[:, :1]))


def neighbour_attempts() -> Iterator[Attempt]:
    """Tables of neighbours whose labels, sizes or distances are others than those that were fitted."""
    kind = "KNeighborsClassifier"
    arrays: dict[str, tuple[str, Callable[[Any], Any]]] = {
        "labels outside": ("_y", lambda array: array * 0 + 10**9),
        "one class more": ("_y", lambda array: array + 1),
        "negative labels": ("_y", lambda array: array - 1),
        "labels of fractions": ("_y", lambda array: array / 2),
        "small labels": ("_y", lambda array: array.astype(np.int8)),
        "fewer labels": ("_y", lambda array: array[:-3]),
        "labels in columns": ("_y", lambda array: array.reshape(-1, 1)),
        "no class": ("classes_", lambda array: array[:0]),
        "fewer neighbours": ("_fit_X", lambda array: array[:-3]),
        "narrow neighbours": ("_fit_X", lambda array: array[:, :2]),
        "flat neighbours": ("_fit_X", lambda array: array.ravel()),
        "neighbours of integers": ("_fit_X", lambda array: array.astype(np.int64)),
        "neighbours of the other byte order": ("_fit_X", lambda array: array.astype(array.dtype.newbyteorder(">"))),
        "neighbours that are not numbers": ("_fit_X", lambda array: array * np.nan),
    }
    values: dict[str, tuple[Any, ...]] = {
        "n_samples_fit_": (10**9, -1, "90", 90.0, True),
        "n_neighbors": (10**6, 91, 0, -5, 2.5, None),
        "metric": ("precomputed", "cosine", "nan_euclidean", 3),
        "effective_metric_": ("precomputed", "haversine", "hamming", None),
        "effective_metric_params_": ({"func": 1}, {"w": [1, 2]}, {"p": 0}, [], None),
        "metric_params": ({"V": [[1]]}, [1]),
        "p": (0, -1, float("nan"), float("inf"), "2", 10**400),
        "weights": ("other", 1, ["uniform"]),
        "_fit_method": ("other", None),
        "leaf_size": (0, -1, 10**12, "30"),
        "outputs_2d_": (True, 0),
        "n_features_in_": (3, 400),
    }
    for file in (NEAREST, BRUTE):
        way = file.stem.split("_")[1]
        for name, (member, change) in arrays.items():
            yield Attempt("neighbours", f"{way}: {name}", with_array(file, kind, member, change))
        for name, given in values.items():
            for value in given:
                yield Attempt("neighbours", f"{way}: {name} = {value!r:.20}", with_attribute(file, kind, name, value))
        column_order = with_array(file, kind, "_fit_X", np.asfortranarray)
        yield Attempt("neighbours", f"{way}: another order in memory", column_order, must_refuse=False)
        foreign = with_foreign(file, kind, "_fit_X", GOOD, "RandomForestClassifier")
        yield Attempt("neighbours", f"{way}: a forest for a table", foreign)
        for jobs in (10**6, -(10**6)):
            yield Attempt(
                "neighbours", f"{way}: {jobs} jobs", with_attribute(file, kind, "n_jobs", jobs), must_refuse=False
            )
    score = _node("FunctionNode", "sklearn.feature_selection._univariate_selection.f_classif", content="x")
    yield Attempt("neighbours", "a function for weights", with_attribute(NEAREST, kind, "weights", score))
    yield Attempt("neighbours", "a tree for weights", with_foreign(NEAREST, kind, "weights", NEAREST, "KDTree"))


def selection_attempts() -> Iterator[Attempt]:
    """Scores and components of other sizes, and functions that are not those of a selection."""
    changes: dict[str, tuple[Path, str, str, Callable[[Any], Any]]] = {
        "fewer scores": (BEST, "SelectKBest", "scores_", lambda array: array[:2]),
        "more scores": (BEST, "SelectKBest", "scores_", lambda array: np.r_[array, array]),
        "scores in rows": (BEST, "SelectKBest", "scores_", lambda array: array.reshape(1, -1)),
        "scores of text": (BEST, "SelectKBest", "scores_", lambda array: array.astype(str)),
        "fewer components": (COMPONENTS, "PCA", "components_", lambda array: array[:1]),
        "narrow components": (COMPONENTS, "PCA", "components_", lambda array: array[:, :2]),
        "many components": (COMPONENTS, "PCA", "components_", lambda array: np.tile(array, (1000, 1))),
        "flat components": (COMPONENTS, "PCA", "components_", lambda array: array.ravel()),
        "components of integers": (COMPONENTS, "PCA", "components_", lambda array: array.astype(np.int64)),
        "a short mean": (COMPONENTS, "PCA", "mean_", lambda array: array[:2]),
        "no variance": (COMPONENTS, "PCA", "explained_variance_", lambda array: array[:0]),
    }
    for name, change in changes.items():
        yield Attempt("selections", name, with_array(*change))
    for most in (-1, "most", 2.5, 10**9, None):
        yield Attempt("selections", f"k = {most!r}", with_attribute(BEST, "SelectKBest", "k", most))
    yield Attempt("selections", "whitened by a word", with_attribute(COMPONENTS, "PCA", "whiten", "x"))
    yield Attempt(
        "selections",
        "a forest for components",
        with_foreign(COMPONENTS, "PCA", "components_", GOOD, "RandomForestClassifier"),
    )
    for function in ("os.system", "sklearn.datasets._base.load_files", "sklearn.utils._testing.f_classif"):
        node = _node("FunctionNode", function, content="f_classif")
        yield Attempt("selections", f"function {function}", with_attribute(BEST, "SelectKBest", "score_func", node))


def _with_text(change: Callable[[str], str]) -> Callable[[Path], None]:
    def swap(schema: Any, _: Any) -> None:
        state = attributes(schema, "Booster")
        node = state.get("_handle") or state["handle"]
        node["content"] = json.dumps(change(json.loads(node["content"])))

    return edited(LIGHTGBM, swap)


def lightgbm_attempts() -> Iterator[Attempt]:
    """Text of LightGBM that leads in circles or outside."""
    changes = {
        "circle": ("left_child=2 -2 -1", "left_child=0 -2 -1"),
        "circle of two": ("right_child=1 -3 -4", "right_child=1 0 -4"),
        "child outside": ("left_child=2 -2 -1", "left_child=999999 -2 -1"),
        "leaf outside": ("left_child=2 -2 -1", "left_child=2 -999999 -1"),
        "one parent too many": ("left_child=2 -2 -1", "left_child=2 -2 -2"),
        "feature outside": ("split_feature=1 3 2", "split_feature=1 3000000 2"),
        "negative feature": ("split_feature=1 3 2", "split_feature=1 -30 2"),
        "too few children": ("left_child=2 -2 -1", "left_child=2"),
        "more leaves than values": ("num_leaves=4", "num_leaves=400000"),
        "no leaves": ("num_leaves=4", "num_leaves=0"),
        "negative leaves": ("num_leaves=4", "num_leaves=-4"),
        "categories": ("num_cat=0", "num_cat=1000"),
        "categorical split": ("decision_type=10 10 8", "decision_type=1 10 8"),
        "linear leaves": ("is_linear=0", "is_linear=1"),
        "sizes outside": ("tree_sizes=548", "tree_sizes=99999999"),
        "negative sizes": ("tree_sizes=548", "tree_sizes=-548"),
        "features without names": ("max_feature_idx=3", "max_feature_idx=3000000"),
        "classes without trees": ("num_class=3", "num_class=3000"),
        "trees for no class": ("num_tree_per_iteration=3", "num_tree_per_iteration=0"),
        "no end": ("end of trees", "end of rees"),
        "number of many digits": ("num_leaves=4", f"num_leaves={'4' * 5000}"),
        "not a tree": ("tree\n", "dart\n"),
    }
    for name, (old, new) in changes.items():
        yield Attempt("boosters", f"LightGBM: {name}", _with_text(lambda text, o=old, n=new: text.replace(o, n, 1)))
    yield Attempt("boosters", "LightGBM: cut short", _with_text(lambda text: text[: len(text) // 2]))
    yield Attempt("boosters", "LightGBM: zero bytes", _with_text(lambda text: text.replace("Tree=1", "Tr\0e=1", 1)))


def _with_bytes(file: Path, change: Callable[[bytearray], bytes]) -> Callable[[Path], None]:
    def swap(schema: Any, members: dict[str, bytes]) -> None:
        held = [node["file"] for loader in ("BytearrayNode", "BytesNode") for node in nodes(schema, loader)]
        member = max(held, key=lambda name: len(members[name]))
        members[member] = bytes(change(bytearray(members[member])))

    return edited(file, swap)


def _set_integer(name: bytes, index: int, value: int) -> Callable[[bytearray], bytes]:
    """Set one number of a typed array in XGBoost's binary JSON."""

    def change(data: bytearray) -> bytes:
        place = data.index(name + b"[$l#L") + len(name) + 5 + 8
        data[place + 4 * index : place + 4 * index + 4] = struct.pack(">i", value)
        return bytes(data)

    return change


def _tree_for_no_class(data: bytearray) -> bytes:
    """The second tree of XGBoost is for class 77."""
    return bytes(data).replace(b"i\x00i\x01i\x02", b"i\x00i\x4di\x02", 1)


def xgboost_attempts() -> Iterator[Attempt]:
    """Binary JSON of XGBoost that leads in circles or outside."""
    for name in (b"left_children", b"right_children"):
        for value in (0, 1, 10**6, -9, 2**31 - 1):
            yield Attempt(
                "boosters",
                f"XGBoost: {name.decode()} = {value}",
                _with_bytes(XGBOOST, _set_integer(name, 0, value)),
                must_refuse=not (name == b"left_children" and value == 1),
            )
    for value in (4, -1, 10**6):
        write = _with_bytes(XGBOOST, _set_integer(b"split_indices", 0, value))
        yield Attempt("boosters", f"XGBoost: feature {value}", write)
    yield Attempt("boosters", "XGBoost: tree for no class", _with_bytes(XGBOOST, _tree_for_no_class))
    yield Attempt("boosters", "XGBoost: cut short", _with_bytes(XGBOOST, lambda data: data[: len(data) // 2]))
    yield Attempt("boosters", "XGBoost: something else", _with_bytes(XGBOOST, lambda data: b"\0" * len(data)))
    deep = _with_bytes(XGBOOST, lambda _: b"[" * 100_000)
    yield Attempt("boosters", "XGBoost: nested too deeply", deep)
    absurd = _with_bytes(XGBOOST, lambda data: data.replace(b"[$l#L" + b"\0" * 7, b"[$l#L\x7f" + b"\0" * 6, 1))
    yield Attempt("boosters", "XGBoost: array of 2^62", absurd)


def fuzzed_attempts(count: int) -> Iterator[Attempt]:
    """Boosters with a few bytes of theirs changed at random: they may predict, and must not take anything with them."""
    rng = np.random.default_rng(0)
    for number in range(count):
        file = (XGBOOST, CATBOOST)[number % 2]
        seed = int(rng.integers(2**31))

        def change(data: bytearray, seed: int = seed) -> bytes:
            own = np.random.default_rng(seed)
            for place in own.integers(0, len(data), 6).tolist():
                data[place] = int(own.integers(256))
            return bytes(data)

        name = f"{file.stem.partition('_')[0]} with changed bytes, seed {seed}"
        yield Attempt("boosters, changed at random", name, _with_bytes(file, change), must_refuse=False)


def bomb_attempts() -> Iterator[Attempt]:
    """Small files that stand for more than a machine holds."""

    def shared(depth: int) -> dict[str, Any]:
        node = _node("ListNode", "builtins.list", content=[PLAIN], __id__=1)
        for level in range(2, depth + 2):
            again = _node("ListNode", "builtins.list", content=[], __id__=level - 1)
            node = _node("ListNode", "builtins.list", content=[node, again], __id__=level)
        return node

    forest = "RandomForestClassifier"
    yield Attempt("bombs", "2^40 shared leaves", with_attribute(GOOD, forest, "estimators_", shared(40)))
    yield Attempt("bombs", "2^40 leaves anywhere", with_attribute(GOOD, "SimpleImputer", "fill_value", shared(40)))

    def nested_votes(schema: Any, _: Any) -> None:
        votes = nodes(schema, "ObjectNode", "VotingClassifier")[0]
        inner = copy.deepcopy(votes)
        for level in range(30):
            outer = copy.deepcopy(votes)
            inner["__id__"] = 10**12 + level
            again = {**inner, "content": None}
            state = outer["content"]["content"]
            state["estimators_"] = _node("ListNode", "builtins.list", content=[inner, again])
            inner = outer
        votes["content"] = inner["content"]

    yield Attempt("bombs", "2^30 votes", edited(VOTING, nested_votes))

    def array_of(shape: list[int]) -> dict[str, Any]:
        lengths = _node("TupleNode", "builtins.tuple", content=[json_node(one) for one in shape])
        return _node("NdArrayNode", "numpy.ndarray", type="json", content=[], shape=lengths)

    for shape in ([10**12], [10**6, 10**6], [-1], [2**63], [0, 10**18]):
        write = with_attribute(GOOD, "SimpleImputer", "fill_value", array_of(shape))
        yield Attempt("bombs", f"array of shape {shape}", write, must_refuse=shape[0] != 0)

    def widening(schema: Any, _: Any) -> None:
        steps = nodes(schema, "ObjectNode", "Pipeline")[0]["content"]["content"]["steps"]["content"]
        pair = [_node("TupleNode", "builtins.tuple", content=[json_node(n), json_node("passthrough")]) for n in "ab"]
        listed = _node("ListNode", "builtins.list", content=pair)
        state = {"transformer_list": listed, "transformer_weights": json_node(None), "n_jobs": json_node(None)}
        texts = [_node("TypeNode", "builtins.str") for _ in state]
        types = _node("ListNode", "builtins.list", content=texts)
        content = _node("DictNode", "builtins.dict", content=state, key_types=types)
        union = _node("ObjectNode", "sklearn.pipeline.FeatureUnion", content=content)
        step = [_node("TupleNode", "builtins.tuple", content=[json_node(f"u{n}"), union]) for n in range(40)]
        steps[:0] = step

    yield Attempt("bombs", "2^40 columns", edited(GOOD, widening))
    digits = {**PLAIN, "content": "9" * 5000}
    yield Attempt("bombs", "number of 5,000 digits", with_attribute(GOOD, "SimpleImputer", "fill_value", digits))
    version = with_attribute(GOOD, "SimpleImputer", "_sklearn_version", "1." + "9" * 5000)
    yield Attempt("bombs", "version of 5,000 digits", version, must_refuse=False)
    for jobs in (10**6, -(10**6)):
        write = with_attribute(GOOD, forest, "n_jobs", jobs)
        yield Attempt("bombs", f"{jobs} processes", write, must_refuse=False)


def folder_attempts() -> Iterator[Attempt]:
    """Folders whose other files are the weapon."""

    def with_file(name: str, content: bytes, *, must_refuse: bool) -> Attempt:
        def write(path: Path) -> None:
            path.mkdir()
            shutil.copyfile(GOOD, path / "best_model.skops")
            (path / "model_info.json").write_text('{"label_conversion": {"0": "good", "1": "noise"}}')
            (path / name).write_bytes(content)

        about = content[:24].decode("ascii", "replace").replace("\n", " ")
        return Attempt("folders", f"{name}: {about}… ({len(content):,} bytes)", write, must_refuse, folder=True)

    head = b"---\n"
    for content in (
        head + b"license:\n" * 60_000,
        head + b"license: mit\n" * 60_000,
        head + b"a: &a [*a, *a]\nlicense: mit\n---\n",
        head + b"\xff\xfe\x00license: mit\n---\n",
        head + b"license: " + b"x" * 10**6 + b"\n---\n",
        head * 100_000,
    ):
        yield with_file("README.md", content, must_refuse=False)
    for content in (
        b"9" * 5000,
        b'{"label_conversion": {"0": ' + b"9" * 5000 + b"}}",
        b"[" * 100_000,
        b"\xff\xfe",
        b'{"label_conversion": []}',
        b'{"requirements": "x"}',
        b" " * 2**25,
    ):
        yield with_file("model_info.json", content, must_refuse=True)
    version = b'{"requirements": {"spikeinterface": "0.' + b"9" * 5000 + b'"}}'
    yield with_file("model_info.json", version, must_refuse=False)
    for content in (b"{", b"9" * 5000, b"[" * 100_000, b'{"name": "' + b"x" * 2**25 + b'"}', b"\xff"):
        yield with_file("manifest.json", content, must_refuse=True)


def cascade_attempts() -> Iterator[Attempt]:
    """Folders that pass for two models in a row."""

    def written(path: Path, change: Callable[[Path, dict[str, Any]], None]) -> None:
        document: dict[str, Any] = {
            "name": "two steps",
            "version": "1",
            "classes": ["sua", "mua", "noise"],
            "training": json.loads((PACKAGED / "manifest.json").read_bytes())["training"],
        }
        for step in ("first", "second"):
            shutil.copytree(PACKAGED, path / step)
        names = [place.relative_to(path).as_posix() for place in path.rglob("*") if place.is_file()]
        document["files"] = {name: f"sha256:{hashlib.sha256((path / name).read_bytes()).hexdigest()}" for name in names}
        change(path, document)
        (path / "cascade.json").write_text(json.dumps(document))

    def outside(path: Path, _: dict[str, Any]) -> None:
        shutil.move(path / "second", path.with_name(f"{path.name}-outside"))
        (path / "second").symlink_to(path.with_name(f"{path.name}-outside"))

    def in_itself(path: Path, document: dict[str, Any]) -> None:
        shutil.rmtree(path / "first")
        (path / "first").symlink_to(path)
        document["files"] = {name: value for name, value in document["files"].items() if "second" in name}

    def nested(path: Path, _: dict[str, Any]) -> None:
        (path / "first" / "cascade.json").write_text("{}")

    changes: dict[str, Callable[[Path, dict[str, Any]], None]] = {
        "two models that divide nothing": lambda _, __: None,
        "a step that is changed": lambda path, _: (path / "second" / "best_model.skops").write_bytes(b"x"),
        "a step that is a pipe": lambda path, _: _piped(path / "first" / "manifest.json"),
        "a step behind a link": outside,
        "a step that is the folder itself": in_itself,
        "a step that has two steps": nested,
        "files outside": lambda _, document: document["files"].update({"../../../etc/passwd": "sha256:" + "0" * 64}),
        "no digests": lambda _, document: document["files"].clear(),
        "digests that are none": lambda _, document: document.update(files={"first/manifest.json": "\x1b[2J"}),
        "a million files": lambda _, document: document.update(
            files={f"first/{number}": "sha256:" + "0" * 64 for number in range(10**6)}
        ),
        "a million classes": lambda _, document: document.update(classes=[str(one) for one in range(10**6)]),
        "one class twice": lambda _, document: document.update(classes=["sua", "sua"]),
        "a version to come": lambda _, document: document.update(schema_version=2),
    }
    for name, change in changes.items():
        yield Attempt("two models", name, lambda path, change=change: written(path, change), folder=True)
    for content in (b"", b"{", b"9" * 5000, b"[" * 100_000, b'{"name": "' + b"x" * 2**25 + b'"}', b"\xff\xfe", b"null"):

        def write(path: Path, content: bytes = content) -> None:
            path.mkdir()
            (path / "cascade.json").write_bytes(content)

        yield Attempt("two models", f"cascade.json: {content[:12]!r}… ({len(content):,} bytes)", write, folder=True)


def _piped(place: Path) -> None:
    """Put a pipe in the place of a file."""
    place.unlink()
    os.mkfifo(place)


def file_attempts() -> Iterator[Attempt]:
    """Every kind of file that `bad_models` knows."""
    for name, make in BAD.items():
        yield Attempt("archives and types", name, lambda path, make=make: path.write_bytes(make()))


def attempts(*, fuzzed: int) -> list[Attempt]:
    """All of them."""
    return [
        *file_attempts(),
        *tree_attempts(),
        *container_attempts(),
        *kernel_attempts(),
        *neighbour_attempts(),
        *selection_attempts(),
        *lightgbm_attempts(),
        *xgboost_attempts(),
        *fuzzed_attempts(fuzzed),
        *bomb_attempts(),
        *folder_attempts(),
        *cascade_attempts(),
    ]


def judge(tried: Iterable[Attempt], folder: Path, *, seconds: int = 60) -> list[str]:
    """Return what became of each attempt: empty if it held, else how it failed."""
    tried = list(tried)
    jobs = []
    for number, attempt in enumerate(tried):
        path = folder / (f"{number}" if attempt.folder else f"{number}.skops")
        attempt.write(path)
        jobs.append(str(path))
    command = [sys.executable, __file__, str(seconds), *jobs]
    environment = {**os.environ, "PYTHONPATH": PATHS, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    outcomes = json.loads(done.stdout.splitlines()[-1])
    return [_failure(attempt, *outcome) for attempt, outcome in zip(tried, outcomes, strict=True)]


def _failure(attempt: Attempt, code: int, signal: int, detail: str) -> str:
    """Say how an attempt got through; empty if it did not."""
    if signal:
        return f"ended by signal {signal}"
    if code == REFUSED or (code == PREDICTED and not attempt.must_refuse):
        return ""
    return "it predicted" if code == PREDICTED else f"internal error: {detail}"


def _try(path: str, seconds: int) -> tuple[int, int, str]:
    """Load and predict in a child of this process; return its exit code, its signal and what it says."""
    import resource
    import signal

    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        resource.setrlimit(resource.RLIMIT_AS, (8 * 2**30, 8 * 2**30))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.alarm(seconds)
        code, detail = _load_and_predict(path)
        os.write(writer, detail.encode(errors="replace")[:2000])
        os._exit(code)
    os.close(writer)
    _, status = os.waitpid(child, 0)
    with os.fdopen(reader, "rb") as stream:
        detail = stream.read().decode()
    ended = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    return (0 if ended else os.WEXITSTATUS(status)), ended, detail


def _load_and_predict(path: str) -> tuple[int, str]:
    """What a user does with a model."""
    from nwb_unitrefine.errors import ModelError
    from nwb_unitrefine.models import load_model
    from nwb_unitrefine.models.skops.estimator import load_estimator

    table = np.random.default_rng(0).normal(size=(40, 4)) * 10
    try:
        estimator = load_model(path).estimator if Path(path).is_dir() else load_estimator(Path(path))
        estimator.predict_proba(table[:, : max(1, estimator.n_inputs)])
    except ModelError as error:
        return (REFUSED, "") if "\n" not in str(error) else (FAILED, "more than one line")
    except BaseException as error:  # noqa: BLE001 - whatever else it is, it is a failure
        return FAILED, f"{type(error).__name__}: {error}"
    return PREDICTED, ""


def _main() -> None:
    """Try each path that is given."""
    import sklearn.ensemble  # noqa: F401 - once for all children

    import nwb_unitrefine.models.skops.estimator  # noqa: F401 - once for all children

    seconds, *paths = sys.argv[1:]
    print(json.dumps([_try(path, int(seconds)) for path in paths]))  # noqa: T201


if __name__ == "__main__":
    _main()
