"""Make a model from labelled units, validate it on recordings that it has not seen, and write it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nwb_unitrefine.learn.contamination.choose_learner import choose_learner
from nwb_unitrefine.learn.evaluate import cross_validate_hiding
from nwb_unitrefine.learn.fitted_once import remembering_fits
from nwb_unitrefine.learn.input_sets import feature_groups, missing_tiers
from nwb_unitrefine.learn.labelled.minimum_data import check_dataset
from nwb_unitrefine.learn.learner_settings import learner_settings
from nwb_unitrefine.learn.progress import Follow, unseen
from nwb_unitrefine.models.cascade import Cascade
from nwb_unitrefine.models.cascade_folder import write_cascade
from nwb_unitrefine.models.folder import require_free, write_folder
from nwb_unitrefine.models.model import FittedModel
from nwb_unitrefine.records import ModelIdentity

if TYPE_CHECKING:
    from nwb_unitrefine.learn.dataset import Dataset
    from nwb_unitrefine.learn.learner import FolderLearner, Learner
    from nwb_unitrefine.learn.unitrefine.two_steps import TwoSteps
    from nwb_unitrefine.models.manifest import Evaluation, Round

__all__ = ["Trained", "train_model"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trained:
    """A model that was just made.

    Parameters
    ----------
    model : FittedModel or Cascade
        Ready to predict; its manifest holds the scores.
    path : Path or None
        Where it was written; None when it was not.
    warnings : tuple of str
        What a user should know before relying on it.
    """

    model: FittedModel | Cascade
    path: Path | None
    warnings: tuple[str, ...]


@remembering_fits()
def train_model(
    dataset: Dataset,
    *,
    output: str | Path | None = None,
    learner: FolderLearner | TwoSteps | None = None,
    seed: int = 0,
    name: str = "",
    version: str = "1",
    description: str = "",
    command: str = "",
    lineage: tuple[Round, ...] = (),
    validate: bool = True,
    keep_training_data: bool = True,
    overwrite: bool = False,
    follow: Follow = unseen,
) -> Trained:
    """Train a model.

    Parameters
    ----------
    dataset : Dataset
    output : str or Path, optional
        Model folder to write.
    learner : FolderLearner or TwoSteps, optional
        How to make the model; by default `choose_learner`: that of the packaged default where the data allow it.
    seed : int
        Decides everything that is drawn; the same seed and dataset make the same model, to the last bit.
    name, version, description : str
        Of the model; its name is that of its folder by default.
    command : str
        What rebuilds it.
    lineage : tuple of Round
        How it was continued; see `learn.continuing`.
    validate : bool
        Whether to score the learner on subjects (recordings, random parts) left out, for each kind of source, and write
        the scores into the manifest and the card. Takes a few times as long as training.
    keep_training_data : bool
        Whether the folder holds the labelled units, as UnitRefine's do; leave them out where the data may not be passed
        on.
    overwrite : bool
        Whether to replace a model folder that is there. Nothing else is replaced.
    follow : Follow, optional
        As of `cross_validate`, for the scores.

    Returns
    -------
    Trained

    Raises
    ------
    TrainingError
        If a class has too few units.
    ModelError
        If there is something at `output` that may not be replaced; nothing was trained then.
    """
    if output is not None:
        require_free(output, overwrite=overwrite)
    warnings = check_dataset(dataset)
    for warning in warnings:
        _log.warning("%s", warning)
    learner = learner or choose_learner(dataset)
    model = learner.fit(dataset, seed=seed)
    name = name or (Path(output).name if output is not None else "unnamed")
    evaluations = _validate(learner, model, dataset, seed=seed, follow=follow) if validate else ()
    model = _named(model, name, version=version, description=description, command=command, evaluations=evaluations)
    settings = learner_settings(learner) if keep_training_data else {}
    model = _with_lineage(model, lineage, settings)
    if output is None:
        return Trained(model=model, path=None, warnings=warnings)
    frame = dataset.in_order().to_frame()
    data: dict[str, Any] = {"training_data": frame, "labels": frame["label"]} if keep_training_data else {}
    if isinstance(model, Cascade):
        path = write_cascade(output, model, overwrite=overwrite, **data)
    else:
        assert model.manifest is not None
        path = write_folder(
            output, estimator=model.estimator.fitted, manifest=model.manifest, overwrite=overwrite, **data
        )
    return Trained(model=model, path=path, warnings=warnings)


def _named(
    model: FittedModel | Cascade,
    name: str,
    *,
    version: str,
    description: str,
    command: str,
    evaluations: tuple[Evaluation, ...],
) -> FittedModel | Cascade:
    """Complete the manifest of a model."""
    assert model.manifest is not None
    changes = {
        "name": name,
        "version": version,
        "description": description or model.manifest.description,
        "evaluations": evaluations,
        "training": model.manifest.training.model_copy(update={"command": command}),
    }
    if isinstance(model, FittedModel):
        return _changed(model, changes)
    first, second = (_changed(step, {**changes, **_of_step(step, name)}) for step in model.steps)
    manifest = model.manifest.model_copy(update=changes)
    identity = ModelIdentity(name=name, source="memory", revision=version, digest="", licence=manifest.licence)
    return replace(model, manifest=manifest, own_identity=identity, first=first, second=second)


def _with_lineage(
    model: FittedModel | Cascade, lineage: tuple[Round, ...], settings: dict[str, Any]
) -> FittedModel | Cascade:
    """Record how a model was continued, and how it can be."""
    assert model.manifest is not None
    training = model.manifest.training.model_copy(update={"learner": settings})
    changes = {"lineage": lineage, "training": training}
    if isinstance(model, FittedModel):
        return _changed(model, changes)
    return replace(model, manifest=model.manifest.model_copy(update=changes))


def _of_step(step: FittedModel, name: str) -> dict[str, Any]:
    """What the manifest of one of two steps records."""
    assert step.manifest is not None
    return {
        "name": f"{name}, {' or '.join(step.classes)}",
        "description": "One of two models in a row; the folder above has the scores of both together.",
        "evaluations": (),
        "training": step.manifest.training,
    }


def _changed(model: FittedModel, changes: dict[str, Any]) -> FittedModel:
    """Change fields of a model's manifest, and the identity with them."""
    assert model.manifest is not None
    manifest = model.manifest.model_copy(update=changes)
    identity = replace(model.identity, name=manifest.name, revision=manifest.version)
    return replace(model, manifest=manifest, identity=identity)


def _validate(
    learner: Learner, model: FittedModel | Cascade, dataset: Dataset, *, seed: int, follow: Follow
) -> tuple[Evaluation, ...]:
    """Score how well models made this way do on each kind of source that this one was made for."""
    steps = model.steps
    inputs = tuple(dict.fromkeys(name for step in steps for name in step.inputs))
    groups = feature_groups(inputs)
    hidden = {
        f"without {', '.join(lacking)}" if lacking else "everything it takes": [
            name for group in lacking for name in groups[group]
        ]
        for lacking in missing_tiers(inputs)
    }
    scored = cross_validate_hiding(learner, dataset, hidden=hidden, seed=seed, follow=follow)
    return tuple(
        one.to_evaluation(features=[name for name in inputs if name not in lacking])
        for one, lacking in zip(scored, hidden.values(), strict=True)
    )
