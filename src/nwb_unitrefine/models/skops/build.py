"""From an audited ``.skops`` file to a fitted estimator of the installed scikit-learn.

skops itself goes from file to object in one step. Here the state of every estimator is translated to what the
installed scikit-learn expects in between (see `translate`), which is why this module reads the format on its own: the
kinds of node that hold data, and none of those that call something. It builds only what `audit` let pass, and
checks the few structures whose contents compiled code follows without looking (see `integrity`).
"""

from __future__ import annotations

import collections
import importlib
import itertools
import json
import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import MissingExtraError, ModelError, require_installed
from nwb_unitrefine.models.skops import integrity
from nwb_unitrefine.models.skops.archive import broken
from nwb_unitrefine.models.skops.audit import list_types
from nwb_unitrefine.models.skops.neighbours import NEAREST, SEARCH_TREES, with_search_tree
from nwb_unitrefine.models.skops.plain import Plain
from nwb_unitrefine.models.skops.translate import RETIRED, Retired, translate

if TYPE_CHECKING:
    from collections.abc import Callable

    from nwb_unitrefine.models.skops.archive import Archive

__all__ = ["construct", "construct_plain", "require_packages", "version_of"]

_OPTIONAL = ("lightgbm", "xgboost", "catboost")
_MODULES = {"_loss": "sklearn._loss._loss"}
"""Until scikit-learn 1.8, this compiled module did not state where it stands."""
MAX_PARTS = 5_000_000
"""Parts of a model, each counted as often as it is met: a part that is shared is visited from everywhere."""
MAX_NESTED = 20
"""Estimators inside estimators."""
_Node = dict[str, Any]


def construct(archive: Archive) -> Any:
    """Build what an audited archive holds.

    Parameters
    ----------
    archive : Archive
        One that `audit` let pass.

    Returns
    -------
    object
        The fitted estimator.

    Raises
    ------
    ModelError
        If the file contradicts itself.
    MissingExtraError
        If it needs LightGBM, XGBoost or CatBoost and that is not installed.
    """
    return _build(_Builder(archive), archive)


def construct_plain(archive: Archive) -> Any:
    """Read what an audited archive holds without building estimators, and without importing their library.

    Parameters
    ----------
    archive : Archive
        One that `audit` let pass.

    Returns
    -------
    Plain
        What `construct` would build, checked as there; parts are `Plain` too.

    Raises
    ------
    ModelError
        If the file contradicts itself.
    """
    return _build(_PlainBuilder(archive), archive)


def _build(builder: _Builder, archive: Archive) -> Any:
    """Build an archive's schema, and call what makes no sense damaged."""
    try:
        with warnings.catch_warnings():
            # Libraries warn of models that an older release of theirs wrote, which is what this is for.
            warnings.simplefilter("ignore")
            return builder.build(archive.schema)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError, MemoryError) as error:
        raise broken(archive.path, f"a node of its schema makes no sense ({type(error).__name__}: {error})") from error


class _Builder:
    """One pass over one schema: which nodes were built, and under which scikit-learn the current one was written."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._built: dict[Any, tuple[Any, int]] = {}
        self._parts = 0
        self._nested = 0
        self._written_by = ""
        self._builders: dict[str, Callable[[_Node], Any]] = {
            "JsonNode": lambda node: json.loads(node["content"]),
            "ListNode": lambda node: [self.build(item) for item in node["content"]],
            "SetNode": lambda node: {self.build(item) for item in node["content"]},
            "TupleNode": self._tuple,
            "DictNode": self._dict,
            "DefaultDictNode": self._defaultdict,
            "SliceNode": lambda node: slice(*(node["content"][part] for part in ("start", "stop", "step"))),
            "BytesNode": lambda node: self._archive.read_bytes(node["file"]),
            "BytearrayNode": lambda node: bytearray(self._archive.read_bytes(node["file"])),
            "NdArrayNode": self._array,
            "DTypeNode": lambda node: self.build(node["content"]).dtype,
            "RandomStateNode": self._random_state,
            # Histogram gradient boosting keeps the generator that it was fitted with and never draws from it again.
            "RandomGeneratorNode": lambda _: np.random.default_rng(0),
            "TypeNode": _find,
            "TreeNode": self._tree,
            "LossNode": self._loss,
            "FunctionNode": lambda node: node["__class__"],  # its name: predicting calls none
            "ObjectNode": self._object,
        }

    def build(self, node: _Node) -> Any:
        """Build one node, or return what was built for the same object elsewhere in the schema."""
        identity = node.get("__id__")
        if identity in self._built:
            value, parts = self._built[identity]
        else:
            outer, self._parts = self._parts, 1
            value = self._builders[node["__loader__"]](node)
            parts, self._parts = self._parts, outer
            if isinstance(identity, int):
                self._built[identity] = value, parts
        self._parts += parts
        if self._parts > MAX_PARTS:
            raise broken(self._archive.path, "it repeats its parts millions of times")
        return value

    def _tuple(self, node: _Node) -> Any:
        """A tuple, or scikit-learn's one named tuple."""
        items = tuple(self.build(item) for item in node["content"])
        return items if node["__class__"] == "tuple" else _find(node)(*items)

    def _dict(self, node: _Node) -> Any:
        """A dictionary: JSON has made text of its keys, and their types stand beside them."""
        types = self.build(node["key_types"])
        content = node["content"]
        if len(types) != len(content):
            raise broken(self._archive.path, "a dictionary has not as many key types as keys")
        made = self._empty(node)
        for kind, (key, value) in zip(types, content.items(), strict=True):
            made[_as_key(kind, key)] = self.build(value)
        return made

    def _empty(self, node: _Node) -> Any:
        """An empty dictionary of the kind that the node names."""
        return _find(node)()

    def _defaultdict(self, node: _Node) -> Any:
        """LightGBM keeps its scores in one."""
        made: Any = collections.defaultdict(self.build(node["content"]["default_factory"]))
        made.update(self.build(node["content"]["main"]))
        return made

    def _array(self, node: _Node) -> Any:
        """An array, a numpy scalar, or an array of objects written as a list."""
        if node["type"] == "json":
            items = [self.build(item) for item in node["content"]]
            shape = tuple(int(length) for length in self.build(node["shape"]))
            size = math.prod(shape)
            if min(shape, default=1) < 0 or size > MAX_PARTS:
                raise broken(self._archive.path, "an array of objects has an impossible shape")
            flat = items if len(shape) == 1 else _flatten(items, depth=len(shape), most=size)
            if size != len(flat):
                raise broken(self._archive.path, "an array of objects is not as large as its shape states")
            array = np.empty(shape, dtype=object)
            array.ravel()[:] = np.fromiter(flat, dtype=object, count=len(flat))
            return array
        if node["type"] != "numpy":
            raise broken(self._archive.path, f"an array has the unknown type {node['type']!r}")
        array = self._archive.read_array(node["file"])
        return array if node["__class__"] == "ndarray" else _find(node)(array)

    def _random_state(self, node: _Node) -> np.random.RandomState:
        """A random generator, as some estimators keep theirs."""
        state = self.build(node["content"])
        integrity.check_random_state(state, archive=self._archive)
        made = np.random.RandomState()
        made.set_state(state)
        return made

    def _tree(self, node: _Node) -> Any:
        """A decision tree, whose compiled code follows the indices in it."""
        from sklearn.tree._tree import Tree

        n_features, n_classes, n_outputs = self.build(node["__reduce__"]["args"])
        _, state = translate("sklearn.tree._tree.Tree", self.build(node["content"]), written_by=self._written_by)
        integrity.check_tree(state, n_features=n_features, n_classes=n_classes, archive=self._archive)
        tree = Tree(n_features, n_classes, n_outputs)
        tree.__setstate__(state)
        return tree

    def _loss(self, node: _Node) -> Any:
        """A compiled loss function; the state of those that predict is their arguments."""
        return _find(node)(*self.build(node["__reduce__"]["args"]))

    def _object(self, node: _Node) -> Any:
        """An estimator or a part of one: translate its state, then give it to an empty instance."""
        kind = f"{node['__module__']}.{node['__class__']}"
        if kind in SEARCH_TREES:
            return Plain(kind, None)
        outer = self._written_by
        self._nested += 1
        if self._nested > MAX_NESTED:
            raise broken(self._archive.path, "its estimators are nested too deeply")
        self._written_by = version_of(node) or outer
        state = self.build(node["content"]) if node.get("content") is not None else None
        if kind in RETIRED:
            made: Any = Retired(kind, state)
        else:
            kind, state = translate(kind, state, written_by=self._written_by)
            integrity.check_estimator(kind, state, archive=self._archive)
            made = self._made(kind, state)
        self._written_by = outer
        self._nested -= 1
        return made

    def _made(self, kind: str, state: Any) -> Any:
        """Give the state to an empty instance."""
        module, _, name = kind.rpartition(".")
        state = with_search_tree(state) if kind == NEAREST else state
        return _instance(_find({"__module__": module, "__class__": name}), state)


class _PlainBuilder(_Builder):
    """The same pass, which leaves objects as their state."""

    def _empty(self, node: _Node) -> Any:  # noqa: ARG002 - any kind of dictionary is as good
        return {}

    def _made(self, kind: str, state: Any) -> Any:
        return Plain(kind, state)

    def _loss(self, node: _Node) -> Any:
        return Plain(f"{node['__module__']}.{node['__class__']}", self.build(node["__reduce__"]["args"]))


def require_packages(archive: Archive) -> None:
    """Refuse a model whose library is not installed, before a process is started for it.

    Raises
    ------
    MissingExtraError
    """
    for package in _OPTIONAL:
        if any(kind.startswith(f"{package}.") for kind in list_types(archive)):
            require_installed(package, extra="boosting", purpose="to use this model")


def version_of(node: _Node) -> str:
    """Read which scikit-learn wrote the estimator of a node, before anything is built; empty if that is not stated."""
    try:
        written_by = json.loads(node["content"]["content"]["_sklearn_version"]["content"])
    except (KeyError, TypeError):
        return ""
    return written_by if isinstance(written_by, str) else ""


def _find(node: _Node) -> Any:
    """Import an allowed type; only here are names turned into types."""
    module: str = node["__module__"]
    module = _MODULES.get(module, module)
    try:
        return getattr(importlib.import_module(module), node["__class__"])
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if package in _OPTIONAL and error.name == package:
            raise MissingExtraError(package, extra="boosting", purpose="to use this model") from error
        raise ModelError(
            f"The model needs {module}.{node['__class__']}, which is not there: {error}.",
            tip="Install the package it is from, in the version that the model was made with.",
        ) from error


def _instance(kind: Any, state: Any) -> Any:
    """Make an object from its state, without calling its constructor."""
    made: Any = kind.__new__(kind)
    if state is None:
        return made
    if hasattr(made, "__setstate__"):
        made.__setstate__(state)
    else:
        made.__dict__.update(state)
    return made


def _as_key(kind: Any, key: str) -> Any:
    """Turn a key back into what it was; ``bool("False")`` would be true."""
    if kind is bool or kind is np.bool_:
        return key in ("True", "true")
    return kind(key)


def _flatten(items: list[Any], *, depth: int, most: int) -> list[Any]:
    """Undo the nesting of an array of objects with several axes; stop where there are more than there can be."""
    for _ in range(depth - 1):
        if len(items) > most:
            break
        items = list(itertools.islice(itertools.chain.from_iterable(items), most + 1))
    return items
