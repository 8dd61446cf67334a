"""Make a model from labelled units, validate it on recordings that it has not seen, and write it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from nwb_unitrefine.learn.evaluate import cross_validate_hiding
from nwb_unitrefine.learn.input_sets import feature_groups, missing_tiers
from nwb_unitrefine.learn.labelled.minimum_data import check_dataset
from nwb_unitrefine.learn.learner import BoostedTrees
from nwb_unitrefine.learn.progress import Follow, unseen
from nwb_unitrefine.models.folder import require_free, write_folder

if TYPE_CHECKING:
    from nwb_unitrefine.learn.dataset import Dataset
    from nwb_unitrefine.learn.learner import FolderLearner, Learner
    from nwb_unitrefine.models import FittedModel
    from nwb_unitrefine.models.manifest import Evaluation

__all__ = ["Trained", "train_model"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trained:
    """A model that was just made.

    Parameters
    ----------
    model : FittedModel
        Ready to predict; its manifest holds the scores.
    path : Path or None
        Where it was written; None when it was not.
    warnings : tuple of str
        What a user should know before relying on it.
    """

    model: FittedModel
    path: Path | None
    warnings: tuple[str, ...]


def train_model(
    dataset: Dataset,
    *,
    output: str | Path | None = None,
    learner: FolderLearner | None = None,
    seed: int = 0,
    name: str = "",
    version: str = "1",
    description: str = "",
    command: str = "",
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
    learner : FolderLearner, optional
        How to make the model; by default `BoostedTrees`.
    seed : int
        Decides everything that is drawn; the same seed and dataset make the same model, to the last bit.
    name, version, description : str
        Of the model; its name is that of its folder by default.
    command : str
        What rebuilds it.
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
    model = (learner or BoostedTrees()).fit(dataset, seed=seed)
    assert model.manifest is not None
    evaluations = _validate(learner or BoostedTrees(), model, dataset, seed=seed, follow=follow) if validate else ()
    manifest = model.manifest.model_copy(
        update={
            "name": name or (Path(output).name if output is not None else "unnamed"),
            "version": version,
            "description": description or model.manifest.description,
            "evaluations": evaluations,
            "training": model.manifest.training.model_copy(update={"command": command}),
        }
    )
    model = replace(model, manifest=manifest, identity=replace(model.identity, name=manifest.name, revision=version))
    if output is None:
        return Trained(model=model, path=None, warnings=warnings)
    frame = dataset.in_order().to_frame()
    path = write_folder(
        output,
        estimator=model.estimator.fitted,
        manifest=manifest,
        training_data=frame if keep_training_data else None,
        labels=frame["label"] if keep_training_data else None,
        overwrite=overwrite,
    )
    return Trained(model=model, path=path, warnings=warnings)


def _validate(
    learner: Learner, model: FittedModel, dataset: Dataset, *, seed: int, follow: Follow
) -> tuple[Evaluation, ...]:
    """Score how well models made this way do on each kind of source that this one was made for."""
    groups = feature_groups(model.inputs)
    hidden = {
        f"without {', '.join(lacking)}" if lacking else "everything it takes": [
            name for group in lacking for name in groups[group]
        ]
        for lacking in missing_tiers(model.inputs)
    }
    scored = cross_validate_hiding(learner, dataset, hidden=hidden, seed=seed, follow=follow)
    return tuple(
        one.to_evaluation(features=[name for name in model.inputs if name not in lacking])
        for one, lacking in zip(scored, hidden.values(), strict=True)
    )
