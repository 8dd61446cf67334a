"""Where a model is: in the package, in a folder, or on the Hugging Face Hub."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from nwb_unitrefine.errors import ModelError
from nwb_unitrefine.models.folder import ModelFolder
from nwb_unitrefine.models.places.hub import fetch, parse_address
from nwb_unitrefine.models.places.named import fetch_named
from nwb_unitrefine.models.places.registry import find_registered

__all__ = ["PACKAGED", "ModelPlace", "locate"]

PACKAGED = Path(__file__).parents[1] / "packaged"
"""Folder of the models that come with the package, one folder each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPlace:
    """Where a model is.

    Parameters
    ----------
    path : Path
        The folder or file on this machine.
    source, name, revision : str
        What to record of it; an empty name stands for that of the folder.
    file : str or None
        Name of the ``.skops`` file, where the folder has several.
    """

    path: Path
    source: str
    name: str = ""
    revision: str = ""
    file: str | None = None


def locate(source: str | Path, *, revision: str | None) -> ModelPlace:
    """Find a model's folder, and fetch it from the Hub where it is there.

    Parameters
    ----------
    source : str or Path
        A name, a folder, a file or an address, as of `load_model`.
    revision : str or None
        Branch, tag or commit of a repository.

    Raises
    ------
    ModelError
        If there is none, or it cannot be fetched.
    """
    is_packaged = isinstance(source, str) and source.isidentifier() and (PACKAGED / source).is_dir()
    is_name = isinstance(source, str) and not is_packaged and not Path(source).exists()
    registered = find_registered(str(source)) if is_name else None
    if registered is not None and registered.is_remote:
        folder, commit = fetch_named(registered, revision=revision)
        name = registered.source.rpartition("/")[2]
        where = registered.source
        file = folder.skops.name if isinstance(folder, ModelFolder) else None
        return ModelPlace(path=folder.path, source=where, name=name, revision=commit, file=file)
    if registered is not None:
        source = registered.source
    address = parse_address(str(source)) if is_name and registered is None else None
    if address is not None:
        if revision is not None and address.revision not in (None, revision):
            raise ModelError(f"{source} names a revision, and revision={revision!r} another.")
        address = replace(address, revision=address.revision or revision)
        path, commit = fetch(address)
        name = address.repo_id.partition("/")[2]
        where = str(replace(address, revision=None))
        return ModelPlace(path=path, source=where, name=name, revision=commit, file=address.file)
    if revision is not None:
        raise ModelError(f"{source} is not a repository, so it has no revision.", tip="Write hf://owner/repo.")
    if is_packaged:
        return ModelPlace(path=PACKAGED / source, source="packaged")
    path, where = Path(source).expanduser(), str(source)
    if not path.exists() and re.fullmatch(r"[\w.-]+/[\w.-]+", where):
        raise ModelError(f"There is no model at {path}.", tip=f"If it is on the Hub: hf://{where}")
    return ModelPlace(path=path, source=where)
