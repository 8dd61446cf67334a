"""Model files that no honest program wrote: each function spoils a good one in one way."""

from __future__ import annotations

import io
import json
import pickle
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

GOOD = Path(__file__).parents[1] / "models" / "fixtures" / "1.8.0" / "median_standard_forest_2.skops"
HIST = GOOD.with_name("hist_3.skops")
SVC = GOOD.with_name("knn_standard_svc_2.skops")
NETWORK = GOOD.with_name("mean_standard_network_3.skops")
PLAIN = {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode", "content": "1"}


class Canary:
    """Unpickling it would touch the file that tests look for."""

    def __reduce__(self) -> Any:
        """Run code on unpickling, as a malicious array does."""
        return (exec, ("import canary",))


def unpack(file: Path = GOOD) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Schema and members of a model file."""
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    return json.loads(members.pop("schema.json")), members


def pack(schema: Any, members: dict[str, bytes], *, compression: int = zipfile.ZIP_STORED) -> bytes:
    """Write a model file again."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
        archive.writestr("schema.json", schema if isinstance(schema, str | bytes) else json.dumps(schema))
    return buffer.getvalue()


def nodes(schema: Any, loader: str, kind: str = "") -> list[dict[str, Any]]:
    """All nodes of one kind."""
    found = []
    if isinstance(schema, dict):
        if schema.get("__loader__") == loader and schema["__class__"].endswith(kind):
            found.append(schema)
        for value in schema.values():
            found += nodes(value, loader, kind)
    elif isinstance(schema, list):
        for value in schema:
            found += nodes(value, loader, kind)
    return found


def npy(array: Any, **options: Any) -> bytes:
    """An array as numpy writes it."""
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


def _with_node(node: dict[str, Any]) -> bytes:
    """A model that holds one more node, as a parameter of its imputer."""
    schema, members = unpack()
    nodes(schema, "ObjectNode", "SimpleImputer")[0]["content"]["content"]["fill_value"] = node
    return pack(schema, members)


def _node(loader: str, kind: str, **more: Any) -> dict[str, Any]:
    module, _, name = kind.rpartition(".")
    return {"__loader__": loader, "__module__": module, "__class__": name, **more}


def _with_array(data: bytes) -> bytes:
    """A model one of whose arrays is something else."""
    schema, members = unpack()
    members[nodes(schema, "NdArrayNode", "ndarray")[-1]["file"]] = data
    return pack(schema, members)


def _with_member(name: str) -> bytes:
    schema, members = unpack()
    return pack(schema, {**members, name: b"x"})


def _with_schema(**changes: Any) -> bytes:
    schema, members = unpack()
    return pack({**schema, **changes}, members)


def _with_patched_zip(old: bytes, new: bytes, *, count: int) -> bytes:
    data = pack(*unpack())
    assert data.count(old) >= count
    return data.replace(old, new)


def _with_flag(offset_local: int, offset_central: int, value: bytes) -> bytes:
    """Set a field of the first member, in its own header and in the directory."""
    data = bytearray(pack(*unpack()))
    central = data.index(b"PK\x01\x02")
    data[offset_local : offset_local + len(value)] = value
    data[central + offset_central : central + offset_central + len(value)] = value
    return bytes(data)


def _with_tree(change: Any, *, file: Path = GOOD, field_node: str = "nodes") -> bytes:
    """A model one of whose trees was changed."""
    schema, members = unpack(file)
    holder = (
        nodes(schema, "TreeNode")[0]["content"]["content"]
        if file is GOOD
        else nodes(schema, "ObjectNode", "TreePredictor")[0]["content"]["content"]
    )
    member = holder[field_node]["file"]
    array = np.load(io.BytesIO(members[member])).copy()
    change(array)
    members[member] = npy(array)
    return pack(schema, members)


def _set(name: str, value: int) -> Any:
    def change(array: Any) -> None:
        array[name][0] = value

    return change


def _without_member() -> bytes:
    schema, members = unpack()
    members.popitem()
    return pack(schema, members)


def _with_reference(name: str) -> bytes:
    schema, members = unpack()
    nodes(schema, "NdArrayNode", "ndarray")[-1]["file"] = name
    return pack(schema, members)


def _duplicate() -> bytes:
    schema, members = unpack()
    buffer = io.BytesIO(pack(schema, members))
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "a") as archive:
        warnings.simplefilter("ignore")  # of the very thing that is wanted
        archive.writestr(next(iter(members)), b"other")
    return buffer.getvalue()


def _bomb() -> bytes:
    schema, members = unpack()
    return pack(schema, {**members, "bomb.bin": bytes(2**27)}, compression=zipfile.ZIP_DEFLATED)


def _deep() -> bytes:
    return pack('{"protocol": 2, "a": ' + "[" * 100_000 + "]" * 100_000 + "}", {})


def _nested_nodes() -> bytes:
    schema: dict[str, Any] = PLAIN
    for _ in range(300):
        schema = _node("ListNode", "builtins.list", content=[schema])
    return pack({**schema, "protocol": 2}, {})


def _alias() -> bytes:
    """Two nodes with one identity, the second of a type that is not allowed."""
    schema, members = unpack()
    content = nodes(schema, "ObjectNode", "SimpleImputer")[0]["content"]["content"]
    content["copy"]["__id__"] = 77
    content["fill_value"] = _node("ObjectNode", "canary.Canary", __id__=77, content=None)
    return pack(schema, members)


def _short_support_vectors() -> bytes:
    schema, members = unpack(SVC)
    state = nodes(schema, "ObjectNode", "SVC")[0]["content"]["content"]
    member = state["_n_support"]["file"]
    members[member] = npy(np.load(io.BytesIO(members[member])) + 1000)
    return pack(schema, members)


def _random_state() -> bytes:
    schema, members = unpack(NETWORK)
    state = nodes(schema, "RandomStateNode")[0]["content"]["content"]
    state["state"]["content"]["pos"]["content"] = "100000"
    return pack(schema, members)


def _too_few_key_types() -> bytes:
    schema, members = unpack()
    nodes(schema, "DictNode")[0]["key_types"]["content"].pop()
    return pack(schema, members)


def _only_a_scaler() -> bytes:
    schema, members = unpack()
    return pack({**nodes(schema, "ObjectNode", "StandardScaler")[0], "protocol": 2}, members)


def _small_forest_with_wide_tree() -> bytes:
    """A tree that looks at column 900, and says that it has as many; its forest has four."""
    schema, members = unpack()
    tree = nodes(schema, "TreeNode")[0]
    tree["__reduce__"]["args"]["content"][0] = {**PLAIN, "content": "1000"}
    member = tree["content"]["content"]["nodes"]["file"]
    array = np.load(io.BytesIO(members[member])).copy()
    array["feature"][0] = 900
    members[member] = npy(array)
    return pack(schema, members)


def _flip() -> bytes:
    data = bytearray(pack(*unpack()))
    data[len(data) // 2] ^= 0x01
    return bytes(data)


def _objects() -> bytes:
    return npy(np.array([Canary()], dtype=object), allow_pickle=True)


BAD = {
    "text": lambda: b"this is no model",
    "empty": lambda: b"",
    "pickle": lambda: pickle.dumps(Canary()),
    "truncated": lambda: pack(*unpack())[:-5000],
    "flipped bit": _flip,
    "no schema": lambda: pack("", {}).replace(b"schema.json", b"schema.jsoN"),
    "schema is not JSON": lambda: pack("{", {}),
    "schema is a list": lambda: pack("[]", {}),
    "schema nested too deeply": _deep,
    "nodes nested too deeply": _nested_nodes,
    "no protocol": lambda: _with_schema(protocol=None),
    "protocol is a boolean": lambda: _with_schema(protocol=True),
    "protocol is negative": lambda: _with_schema(protocol=-1),
    "protocol of the future": lambda: _with_schema(protocol=99),
    "path traversal": lambda: _with_member("../../evil.npy"),
    "absolute path": lambda: _with_member("/etc/cron.d/evil"),
    "windows path": lambda: _with_member("..\\evil.npy"),
    "two members of one name": _duplicate,
    "zip bomb": _bomb,
    "encrypted": lambda: _with_flag(6, 8, b"\x01\x00"),
    "unusual compression": lambda: _with_flag(8, 10, b"\x0e\x00"),
    "size that is not true": lambda: _with_flag(22, 24, b"\x01\x00\x00\x00"),
    "member missing": _without_member,
    "reference outside": lambda: _with_reference("../../../../etc/passwd"),
    "reference to the schema": lambda: _with_reference("schema.json"),
    "array of pickled objects": lambda: _with_array(_objects()),
    "array that is none": lambda: _with_array(b"nothing"),
    "array shorter than it states": lambda: _with_array(npy(np.zeros(8))[:-8]),
    "array with an absurd shape": lambda: _with_array(npy(np.zeros(8)).replace(b"(8,)", b"(-8,)")),
    "unknown class": lambda: _with_node(_node("ObjectNode", "canary.Canary", content=None)),
    "unknown class under a known identity": _alias,
    "unknown type": lambda: _with_node(_node("TypeNode", "canary.Canary")),
    "function": lambda: _with_node(_node("FunctionNode", "os.system")),
    "builtin as a type": lambda: _with_node(_node("TypeNode", "builtins.eval")),
    "method": lambda: _with_node(_node("MethodNode", "canary.Canary", content={"func": "run", "obj": PLAIN})),
    "partial": lambda: _with_node(_node("PartialNode", "functools.partial", content={})),
    "operator": lambda: _with_node(_node("OperatorFuncNode", "operator.methodcaller", attrs=PLAIN)),
    "constructor": lambda: _with_node(_node("ConstructorFromReduceNode", "canary.Canary", content=PLAIN)),
    "reduce": lambda: _with_node(_node("ReduceNode", "canary.Canary", content=PLAIN)),
    "loss that is none": lambda: _with_node(_node("LossNode", "canary.Canary", __reduce__={"args": PLAIN})),
    "tree as an object": lambda: _with_node(_node("ObjectNode", "sklearn.tree._tree.Tree", content=None)),
    "dictionary of a class": lambda: _with_node(_node("DictNode", "canary.Canary", content={}, key_types=PLAIN)),
    "list of a class": lambda: _with_node(_node("ListNode", "canary.Canary", content=[])),
    "tuple of a class": lambda: _with_node(_node("TupleNode", "canary.Canary", content=[])),
    "array of a class": lambda: _with_node(_node("NdArrayNode", "canary.Canary", type="numpy", file="x.npy")),
    "sparse matrix": lambda: _with_node(_node("SparseMatrixNode", "scipy.sparse.csr_matrix", file="x.npz")),
    "loader without a type": lambda: _with_node({"__loader__": "ObjectNode"}),
    "node without content": lambda: _with_node(
        {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode"}
    ),
    "fewer key types than keys": _too_few_key_types,
    "tree that leads outside": lambda: _with_tree(_set("right_child", 10**6)),
    "tree that leads back": lambda: _with_tree(_set("left_child", 0)),
    "tree with a negative feature": lambda: _with_tree(_set("feature", -5)),
    "tree with a feature too many": lambda: _with_tree(_set("feature", 4)),
    "tree wider than its forest": _small_forest_with_wide_tree,
    "histogram tree that leads outside": lambda: _with_tree(_set("left", 10**6), file=HIST),
    "histogram tree with a feature too many": lambda: _with_tree(_set("feature_idx", 400), file=HIST),
    "support vectors that are not there": _short_support_vectors,
    "random state outside its words": _random_state,
    "no classifier": _only_a_scaler,
}
"""What is wrong, and a function that makes such a file."""
