"""What a file's history records of a model, as what loads the model again."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_args

from nwb_unitrefine.errors import ModelError
from nwb_unitrefine.models.adaptation import Adaptation
from nwb_unitrefine.models.manifest import DecisionRule
from nwb_unitrefine.models.model import Missing
from nwb_unitrefine.models.places.hub import parse_address
from nwb_unitrefine.models.rules import packaged_rules
from nwb_unitrefine.records.names import IN_A_ROW

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nwb_unitrefine.records import ModelIdentity

__all__ = ["recorded_options", "recorded_source"]

_DAMAGED = "The run was damaged or edited: `nwb-unitrefine verify FILE` lists every change."


def recorded_options(parameters: Mapping[str, object]) -> dict[str, Any]:
    """Turn what a run records of how its model was loaded into the arguments of `load_model`.

    Types that were allowed are not recorded: a file must not decide whose code runs.

    Parameters
    ----------
    parameters : mapping
        As of `Run`.

    Raises
    ------
    ModelError
        If the record is not what `FittedModel.options` gives.
    """
    found: dict[str, Any] = {}
    if parameters.get("missing") in get_args(Missing):
        found["missing"] = parameters["missing"]
    if parameters.get("decide") in get_args(DecisionRule):
        found["decide"] = parameters["decide"]
    if "adaptation" in parameters:
        found["adaptation"] = Adaptation.from_json(str(parameters["adaptation"]))
    if "labels" in parameters:
        try:
            found["labels"] = json.loads(str(parameters["labels"]))
        except (ValueError, RecursionError) as error:
            what = f"The file records meanings of its model's classes that cannot be read: {error}."
            raise ModelError(what, tip=_DAMAGED) from error
        each = found["labels"] if isinstance(found["labels"], list) else [found["labels"]]
        if not all(isinstance(one, dict) for one in each):
            raise ModelError("The file records meanings of its model's classes that are not words.", tip=_DAMAGED)
    return found


def recorded_source(identity: ModelIdentity) -> str | list[str]:
    """Turn the record of a model in a history back into its source, at the commit of that time.

    Parameters
    ----------
    identity : ModelIdentity
        As a file's history records it.
    """
    if identity.source == "packaged" and identity.name in packaged_rules():
        return identity.name
    sources = identity.source.split(IN_A_ROW)
    revisions = identity.revision.split(IN_A_ROW) if identity.revision else [""] * len(sources)
    found = []
    for source, revision in zip(sources, revisions, strict=True):
        address = parse_address(source)
        if address is not None and revision:
            found.append(str(replace(address, revision=revision)))
        else:
            found.append("default" if source == "packaged" else source)
    return found if len(found) > 1 else found[0]
