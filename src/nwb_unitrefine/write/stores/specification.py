"""The text of the extension's specification, as NWB files cache it."""

from __future__ import annotations

import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from nwb_unitrefine.errors import MissingExtraError
from nwb_unitrefine.history.tree import NAMESPACE

__all__ = ["cached_specification"]


@cache
def cached_specification() -> tuple[str, dict[str, str]]:
    """Return the extension's version and the JSON texts that a file keeps of it, by name.

    The YAML is read from the installed extension without importing it: that would import pynwb, which takes longer
    than a whole write.
    """
    import yaml

    safe = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's takes a tenth of the time

    def read(name: str) -> Any:
        return yaml.load((folder / name).read_text(encoding="utf-8"), Loader=safe)  # noqa: S506 - both are safe loaders

    folder = _specification_folder()
    namespaces = read(f"{NAMESPACE}.namespace.yaml")
    (namespace,) = namespaces["namespaces"]
    texts = {}
    for part in namespace["schema"]:
        if "source" in part:
            types = read(part["source"])
            part["source"] = part["source"].removesuffix(".yaml")
            texts[part["source"]] = _compact(types)
    texts["namespace"] = _compact(namespaces)
    return namespace["version"], texts


def _specification_folder() -> Path:
    """Find the YAML in this package's copy of the extension, beside the installed extension, or in the repository.

    The own copy comes first: a run is written as this version writes it, whichever extension is installed beside it.
    """
    own = Path(__file__).parents[2] / "ndx_unit_curation" / "spec"
    if own.is_dir():
        return own
    found = find_spec("ndx_unit_curation")
    if found is None or found.origin is None:
        raise MissingExtraError("ndx-unit-curation", extra="all", purpose="to record how labels were made")
    package = Path(found.origin).parent
    folders = [package / "spec", package.parents[2] / "spec"]
    return next(folder for folder in folders if folder.is_dir())


def _compact(document: object) -> str:
    """Write JSON as hdmf caches it."""
    return json.dumps(document, separators=(",", ":"))
