"""A model by its name: fetched once, it stays the same commit with the same digest until it is updated."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from nwb_unitrefine.errors import ModelError, WriteError
from nwb_unitrefine.journal.appearing import appearing
from nwb_unitrefine.journal.state_folder import state_folder
from nwb_unitrefine.models.cascade_folder import read_any_folder
from nwb_unitrefine.models.folder import appearing_folder
from nwb_unitrefine.models.places.hub import HubAddress, fetch, parse_address
from nwb_unitrefine.models.places.registry import find_registered
from nwb_unitrefine.records import ModelIdentity

if TYPE_CHECKING:
    from nwb_unitrefine.models.cascade_folder import CascadeFolder
    from nwb_unitrefine.models.folder import ModelFolder
    from nwb_unitrefine.models.places.registry import RegisteredModel

__all__ = ["Pin", "cached_folder", "fetch_named", "pin_model", "pin_place", "pinned", "pull_model"]


@dataclass(frozen=True, slots=True)
class Pin:
    """The commit that a name stands for on this machine.

    Parameters
    ----------
    source, revision, digest : str
        As of `ModelIdentity`.
    """

    source: str
    revision: str
    digest: str


def pin_place() -> Path:
    """Return where pins are kept."""
    return state_folder() / "model-pins.json"


def pinned(model: RegisteredModel) -> Pin | None:
    """Return the commit that a name stands for: what its list asks for, or what was fetched first; None before."""
    if model.revision:
        return Pin(model.source, model.revision, model.digest)
    pin = _read_pins().get(model.name)
    return pin if pin is not None and pin.source == model.source else None


def _read_pins() -> dict[str, Pin]:
    """Read all pins."""
    try:
        return {name: Pin(**pin) for name, pin in json.loads(pin_place().read_text(encoding="utf-8")).items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{pin_place()} cannot be read: it keeps the commits that names of models stand for.",
            tip="Remove it; the next use of a name then fetches the newest commit.",
        ) from error


def _write_pin(name: str, pin: Pin) -> None:
    """Add a pin, or replace it."""
    place = pin_place()
    pins = {**_read_pins(), name: pin}
    place.parent.mkdir(parents=True, exist_ok=True)
    with appearing(place, overwrite=True) as new:
        new.write_text(json.dumps({one: asdict(kept) for one, kept in pins.items()}, indent=1), encoding="utf-8")


def fetch_named(model: RegisteredModel, *, revision: str | None = None) -> tuple[ModelFolder | CascadeFolder, str]:
    """Fetch a model by its name, and remember which commit it was.

    Parameters
    ----------
    model : RegisteredModel
        One on the Hub.
    revision : str, optional
        Another commit than the one that the name stands for; nothing is then remembered.

    Returns
    -------
    folder : ModelFolder or CascadeFolder
    commit : str

    Raises
    ------
    ModelError
        If it cannot be fetched, or is not what was fetched before under this commit.
    """
    pin = pinned(model)
    wanted = revision or (pin.revision if pin is not None else None)
    path, commit = fetch(replace(_address(model), revision=wanted))
    folder = read_any_folder(path)
    if pin is not None and commit == pin.revision and pin.digest not in {"", folder.digest}:
        raise ModelError(
            f"{model.name} is not what was fetched before: its digest differs at the same commit, {commit[:7]}.",
            tip="Its copy in the Hub client's cache was changed or damaged: remove it and fetch it again.",
        )
    if pin is None and revision is None:
        with suppress(OSError, WriteError):  # where nothing can be remembered, the next use asks the Hub again
            _write_pin(model.name, Pin(model.source, commit, folder.digest))
    return folder, commit


def pin_model(name: str, *, update: bool = False) -> ModelIdentity:
    """Fetch a model by its name into the Hub client's cache, and keep its commit and digest for the name.

    Parameters
    ----------
    name : str
        As of `registered_models`.
    update : bool, optional
        Take the newest commit, also where the name stands for an earlier one.

    Returns
    -------
    ModelIdentity

    Raises
    ------
    ModelError
        If there is no such name, it is not on the Hub or cannot be fetched, or the list itself states its commit.
    """
    model = find_registered(name)
    if model is None or not model.is_remote:
        raise ModelError(
            f"{name} is not the name of a model on the Hub.", tip="nwb-unitrefine model list shows the names."
        )
    if update and model.revision:
        raise ModelError(f"The list of models states the commit of {name}.", tip="Change it there.")
    if update:
        path, commit = fetch(_address(model))
        folder = read_any_folder(path)
        _write_pin(name, Pin(model.source, commit, folder.digest))
    else:
        folder, commit = fetch_named(model)
    return ModelIdentity(name=name, source=model.source, revision=commit, digest=folder.digest, licence=folder.licence)


def cached_folder(model: RegisteredModel) -> ModelFolder | CascadeFolder | None:
    """Find a model in the Hub client's cache: the commit that its name stands for, else the newest; asks no server."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    if not model.is_remote:
        path = Path(model.source)
    else:
        pin = pinned(model)
        revision = pin.revision if pin is not None else None
        try:
            path = Path(snapshot_download(_address(model).repo_id, revision=revision, local_files_only=True))
        except (LocalEntryNotFoundError, OSError, ValueError):
            return None
    try:
        return read_any_folder(path)
    except ModelError:
        return None


def pull_model(source: str, folder: Path | str) -> Path:
    """Copy a model from the Hub into a folder of one's own, as it is there.

    Nothing of it is loaded; `load_model` does that, and refuses what it does not trust.

    Parameters
    ----------
    source : str
        ``"hf://owner/repo[@revision]"``, or the name of a published model.
    folder : Path or str
        The folder to make.

    Returns
    -------
    Path
        `folder`.

    Raises
    ------
    ModelError
        If there is no such model, or the folder already exists.
    """
    registered, target = find_registered(source), Path(folder)
    address = parse_address(source)
    if address is None and (registered is None or not registered.is_remote):
        raise ModelError(
            f"{source} is not an address on the Hub.", tip="Write hf://owner/repo, or hf://owner/repo@revision."
        )
    if target.exists():
        raise ModelError(f"{target} already exists.", tip="Choose another folder.")
    if address is not None:
        fetched, _ = fetch(address)
    else:
        assert registered is not None
        fetched = fetch_named(registered)[0].path
    with appearing_folder(target, overwrite=False) as place:
        shutil.copytree(fetched, place, dirs_exist_ok=True)  # the client's cache holds links to files of its own
    return target


def _address(model: RegisteredModel) -> HubAddress:
    """Return a model's address."""
    address = parse_address(model.source)
    assert address is not None
    return address
