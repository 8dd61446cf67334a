"""Whether a Zarr store's ``.zmetadata``, which repeats its metadata in one place, still agrees with the store."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from nwb_unitrefine.errors import SourceError
from nwb_unitrefine.storage.zarr_guard import METADATA, parse
from nwb_unitrefine.storage.zarr_stores import FolderStore

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["require_current_metadata"]

CONSOLIDATED = ".zmetadata"


def require_current_metadata(folder: Path, *, name: str) -> None:
    """Refuse a store whose consolidated metadata describe another units table than the store has.

    Parameters
    ----------
    folder : Path
        A Zarr store of format 2; one without consolidated metadata passes.
    name : str
        What to call it in errors.

    Raises
    ------
    SourceError
        If they differ.
    """
    # A program that changes a store writes its own metadata, ours too; hdmf-zarr and whoever reads over a network go by
    # the consolidated ones. Where these differ there are two units tables, and labels of either would be taken for
    # labels of the other. To go by the store's own would hide that, so it is for the user to bring them together.
    store = FolderStore(folder)
    if CONSOLIDATED not in store:
        return
    repeated = parse(CONSOLIDATED, store[CONSOLIDATED]).get("metadata")
    if not isinstance(repeated, dict):
        raise TypeError(f"{CONSOLIDATED} is damaged: it holds no metadata")
    places = (f"units/{key}" for key in store.keys_below("units"))
    own = {key: parse(key, store[key]) for key in places if key.rpartition("/")[2] in METADATA}
    keys = own.keys() | {key for key in repeated if key.startswith("units/")}
    for key in sorted(keys):
        if _text(own.get(key)) != _text(repeated.get(key)):
            raise SourceError(
                f"The {CONSOLIDATED} of {name} is out of date: {key} is not what the store has there.",
                tip=f"If the store was copied whole, renew it in Python: zarr.consolidate_metadata({str(folder)!r})",
            )


def _text(document: Any) -> str:
    """A document in a form that compares equal for equal contents, NaN included."""
    return json.dumps(document, sort_keys=True)
