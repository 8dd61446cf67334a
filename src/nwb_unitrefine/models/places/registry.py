"""Published models by name: lists that are data, ours and a lab's own.

Only what a name or repository states is in a list. Licence, features and classes of a model are known once it was
fetched, and unknown before.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from nwb_unitrefine.errors import ModelError

__all__ = ["RegisteredModel", "find_registered", "registered_models", "registry_of_the_lab"]

_LIST = Path(__file__).with_name("registry.json")
_VARIABLE = "NWB_UNITREFINE_MODELS"
_MAX_BYTES = 256 * 1024
_REPOSITORY = r"hf://[\w-][\w.-]*/[\w-][\w.-]*"
Text = Annotated[str, Field(max_length=200)]


class RegisteredModel(BaseModel):
    """One published model.

    Parameters
    ----------
    name : str
        What `load_model` takes for it.
    source : str
        ``"hf://owner/repo"``; in a lab's own list also a folder, relative to the list.
    task : str
        What it distinguishes, after its name.
    species, probe : str
        After its name or repository; empty where these state none.
    revision, digest : str
        Commit and digest that the list asks for; empty where it leaves them open.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.+-]{0,79}$")]
    source: Annotated[str, Field(min_length=1, max_length=1000)]
    task: Text = ""
    species: Text = ""
    probe: Text = ""
    revision: Annotated[str, Field(pattern=r"^([0-9a-f]{40})?$")] = ""
    digest: Annotated[str, Field(pattern=r"^(sha256:[0-9a-f]{64})?$")] = ""

    @property
    def is_remote(self) -> bool:
        """Whether it is on the Hugging Face Hub."""
        return self.source.startswith("hf://")


_ENTRIES = TypeAdapter(list[RegisteredModel])


def registry_of_the_lab() -> Path:
    """Return where a lab's own list is: what ``NWB_UNITREFINE_MODELS`` names, or ``models.json`` among the settings.

    The latter is ``~/.config/nwb-unitrefine/models.json`` on Linux. It is a JSON list of objects with the fields of
    `RegisteredModel`.
    """
    import platformdirs

    named = os.environ.get(_VARIABLE)
    if named:
        return Path(named).expanduser()
    return platformdirs.user_config_path("nwb-unitrefine", appauthor=False) / "models.json"


def registered_models() -> tuple[RegisteredModel, ...]:
    """List the models that have a name: the published ones, then those of the lab's own list.

    Raises
    ------
    ModelError
        If the lab's list is damaged, or has a name twice or one that is taken.

    Examples
    --------
    >>> [model.source for model in registered_models() if model.name == "unitrefine-mouse"]
    ['hf://AnoushkaJain3/UnitRefine-mice-sua-classifier']
    """
    return (*_published(), *_of_the_lab())


def find_registered(name: str) -> RegisteredModel | None:
    """Find a model by its name; None where no model has it."""
    published = next((model for model in _published() if model.name == name), None)
    return published or next((model for model in _of_the_lab() if model.name == name), None)


def _published() -> list[RegisteredModel]:
    """Read our list."""
    return _ENTRIES.validate_json(_LIST.read_bytes())


def _of_the_lab() -> list[RegisteredModel]:
    """Read the lab's list, where there is one."""
    import re

    place = registry_of_the_lab()
    if not place.is_file():
        if os.environ.get(_VARIABLE):
            raise ModelError(f"{_VARIABLE} names {place}, where there is no list of models.")
        return []
    try:
        with place.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise ModelError(f"{place} is larger than {_MAX_BYTES // 1024} kB, so it is not a list of models.")
        entries = _ENTRIES.validate_python(json.loads(content))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the list"
        raise ModelError(f"{place}: {where}: {first['msg']}.", tip="Each model has a name and a source.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{place} is not a list of models: {' '.join(str(error).split())}.") from error
    taken = {"default", *(model.name for model in _published())}
    for model in entries:
        if model.name in taken:
            raise ModelError(f"{place}: the name {model.name} is taken.", tip="Give each model a name of its own.")
        if model.is_remote and not re.fullmatch(_REPOSITORY, model.source):
            raise ModelError(f"{place}: {model.source!r} is not a repository.", tip="Write hf://OWNER/REPO.")
        taken.add(model.name)
    return [
        model if model.is_remote else model.model_copy(update={"source": str(place.parent / model.source)})
        for model in entries
    ]
