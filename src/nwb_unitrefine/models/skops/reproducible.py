"""Write a ``.skops`` file whose bytes depend on the estimator alone.

skops names nodes and members by memory address and stamps them with the time of day, so that one and the same
estimator gives another file every time, and no digest can show that a model was rebuilt. Here addresses become the
order in which they are met, and times a constant; what the file means, and who can read it, stays as it was.
"""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["write_skops"]

_SCHEMA = "schema.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip archive can hold."""


def write_skops(estimator: Any, path: Path) -> None:
    """Write a fitted estimator: the same bytes for the same estimator.

    Parameters
    ----------
    estimator : fitted estimator
    path : Path
        The ``.skops`` file to make; replaced if it is there.
    """
    import skops.io

    with zipfile.ZipFile(io.BytesIO(skops.io.dumps(estimator))) as written:
        schema = json.loads(written.read(_SCHEMA))
        names = _rename(schema)
        members = {new: written.read(old) for old, new in names.items()}
    members[_SCHEMA] = json.dumps(schema, indent=1).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in members.items():
            entry = zipfile.ZipInfo(name, date_time=_EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)


def _rename(schema: dict[str, Any]) -> dict[str, str]:
    """Number the nodes and members of a schema in the order in which they stand; return the members' new names."""
    numbers: dict[int, int] = {}
    names: dict[str, str] = {}
    pending: list[Any] = [schema]
    while pending:
        node = pending.pop()
        if isinstance(node, list):
            pending.extend(reversed(node))
            continue
        if not isinstance(node, dict):
            continue
        if "__id__" in node:
            node["__id__"] = numbers.setdefault(node["__id__"], len(numbers) + 1)
        if isinstance(node.get("file"), str):
            old = node["file"]
            suffix = old.rpartition(".")[2]
            node["file"] = names.setdefault(old, f"{len(names) + 1}.{suffix}")
        pending.extend(reversed(list(node.values())))
    return names
