"""Published models by name: a list that is data, and what of it is on this machine.

Only what a name or repository states is in the list. Licence, features and classes of a model are known once it was
fetched, and unknown before.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["RegisteredModel", "find_registered", "registered_models"]

_LIST = Path(__file__).with_name("registry.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredModel:
    """One published model.

    Parameters
    ----------
    name : str
        What `load_model` takes for it.
    source : str
        ``"hf://owner/repo"``.
    task : str
        What it distinguishes, after its name.
    species : str
        After its name; empty where that states none.
    """

    name: str
    source: str
    task: str
    species: str = ""

    @property
    def cached_revision(self) -> str:
        """Commit of the newest copy in the Hub client's cache; empty where there is none. The Hub is not asked."""
        from huggingface_hub import try_to_load_from_cache

        for file in ("best_model.skops", "model_info.json"):
            found = try_to_load_from_cache(self.source.removeprefix("hf://"), file)
            if isinstance(found, str):
                return Path(found).parent.name
        return ""


@cache
def registered_models() -> tuple[RegisteredModel, ...]:
    """List the published models that have a name here.

    Examples
    --------
    >>> [model.source for model in registered_models() if model.name == "unitrefine-mouse"]
    ['hf://AnoushkaJain3/UnitRefine-mice-sua-classifier']
    """
    return tuple(RegisteredModel(**entry) for entry in json.loads(_LIST.read_text(encoding="utf-8")))


def find_registered(name: str) -> RegisteredModel | None:
    """Find a published model by its name; None where no model has it."""
    return next((model for model in registered_models() if model.name == name), None)
