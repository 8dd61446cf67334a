"""The settings of a learner, as a model records them so that it can be continued."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

from nwb_unitrefine.errors import TrainingError
from nwb_unitrefine.learn.contamination.choose_learner import default_learner
from nwb_unitrefine.learn.contamination.contamination_aware import ContaminationAware
from nwb_unitrefine.learn.contamination.shared_vote import SharedVote
from nwb_unitrefine.learn.learner import BoostedTrees
from nwb_unitrefine.learn.unitrefine.search import Search
from nwb_unitrefine.learn.unitrefine.two_steps import TwoSteps
from nwb_unitrefine.models.model import FittedModel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from _typeshed import DataclassInstance

    from nwb_unitrefine.learn.learner import FolderLearner
    from nwb_unitrefine.models import Model

__all__ = ["learner_from_settings", "learner_settings", "recorded_learner"]

_KINDS: dict[str, Callable[..., FolderLearner]] = {
    "boosted trees": BoostedTrees,
    "contamination-aware": ContaminationAware,
    "shared vote": SharedVote,
    "search": Search,
}
"""Learners by what a manifest calls them."""


def learner_settings(learner: object) -> dict[str, Any]:
    """Describe a learner so that `learner_from_settings` makes it again; empty for one that is not known there.

    Examples
    --------
    >>> learner_from_settings(learner_settings(BoostedTrees(rounds=7))).rounds
    7
    """
    if type(learner) is TwoSteps:
        return {"kind": "two steps", "step": learner_settings(learner.step)}
    kind = next((name for name, one in _KINDS.items() if type(learner) is one), None)
    return {} if kind is None else {"kind": kind, **asdict(cast("DataclassInstance", learner))}


def learner_from_settings(settings: Mapping[str, Any]) -> FolderLearner | TwoSteps:
    """Make the learner that a manifest describes.

    Raises
    ------
    TrainingError
        If it describes none that is known here.
    """
    kind = settings.get("kind")
    fields: dict[str, Any] = {
        name: tuple(one) if isinstance(one, list) else one for name, one in settings.items() if name != "kind"
    }
    try:
        if kind == "two steps":
            step = learner_from_settings(settings["step"])
            return TwoSteps(step=cast("FolderLearner", step))
        if kind in _KINDS:
            return _KINDS[kind](**fields)
    except (KeyError, TypeError) as error:
        raise TrainingError("The model records settings that no learner has.") from error
    raise TrainingError(
        "The model does not record how it was made, so it cannot be continued with the same settings.",
        tip="Train another model, and give this one's folder to --add-to.",
    )


def recorded_learner(model: Model) -> FolderLearner | TwoSteps:
    """Make the learner of a model: the one that its manifest describes, or that of the packaged default.

    Raises
    ------
    TrainingError
        If it records none.
    """
    if model.identity.source == "packaged" and isinstance(model, FittedModel):
        return default_learner()
    manifest = getattr(model, "manifest", None)
    return learner_from_settings({} if manifest is None else manifest.training.learner)
