"""Every model that has a name: what it needs, what of it is on this machine, and whether a source can give it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from nwb_unitrefine.errors import UnitRefineError
from nwb_unitrefine.metrics import compute_features
from nwb_unitrefine.models import FittedModel, RuleModel, load_model, registered_models
from nwb_unitrefine.models.folder import ModelFolder
from nwb_unitrefine.models.places.named import cached_folder, pinned
from nwb_unitrefine.models.rules import packaged_rules
from nwb_unitrefine.read import read_source

if TYPE_CHECKING:
    from nwb_unitrefine.models import Model
    from nwb_unitrefine.models.places.registry import RegisteredModel
    from nwb_unitrefine.records import Features, SourceHints

__all__ = ["ListedModel", "list_models"]

Fits = Literal["yes", "in part", "no", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedModel:
    """One model that has a name.

    Parameters
    ----------
    name : str
    kind : {"packaged", "rules", "Hub", "folder"}
    source : str
        Where it is, or where its thresholds were published.
    task : str
        What it distinguishes.
    species, probe : str
        Empty where they are not stated.
    licence : str
        Empty where it is not stated, or the model was not fetched yet.
    cached_revision, pinned_revision : str
        Commit in the Hub client's cache, and commit that the name stands for; empty where there is none.
    needs : tuple of str or None
        Features that it takes; None before it was fetched, or if it cannot be loaded.
    missing : tuple of str or None
        Those that no unit of the source has; None without a source, or where the needs are unknown.
    fits : {"yes", "in part", "no", "unknown"}
        Whether the source gives what it needs; ``"in part"``: it labels units without some features.
    note : str
        Why it cannot be loaded.
    """

    name: str
    kind: Literal["packaged", "rules", "Hub", "folder"]
    source: str
    task: str
    species: str = ""
    probe: str = ""
    licence: str = ""
    cached_revision: str = ""
    pinned_revision: str = ""
    needs: tuple[str, ...] | None = None
    missing: tuple[str, ...] | None = None
    fits: Fits = "unknown"
    note: str = ""


def list_models(source: Any = None, *, hints: SourceHints | None = None) -> tuple[ListedModel, ...]:
    """List the models that have a name. The Hub is not asked.

    Parameters
    ----------
    source : optional
        Whatever `read_units` takes: find out for each model whether this gives what it needs.
    hints : SourceHints, optional
        What the source does not state.

    Returns
    -------
    tuple of ListedModel
        The packaged model, rules, published models, and those of the lab's own list.

    Raises
    ------
    SourceError
        If the source cannot be read.
    ModelError
        If the lab's own list is damaged.
    """
    listed: list[tuple[ListedModel, Model | None]] = []
    for name in ("default", *packaged_rules()):
        model = load_model(name)
        listed.append((_of_the_package(name, model), model))
    listed += [_registered(model) for model in registered_models()]
    if source is None:
        return tuple(entry for entry, _ in listed)
    units = read_source(source, hints=hints)
    names = dict.fromkeys(name for entry, _ in listed for name in entry.needs or ())
    features = compute_features(units, names=tuple(name for name in names if _is_known(name)))
    return tuple(_with_source(entry, model, features) for entry, model in listed)


def _is_known(name: str) -> bool:
    """Whether the vocabulary has a feature; a published model may have metrics of its own."""
    from nwb_unitrefine.errors import FeatureError
    from nwb_unitrefine.vocabulary import resolve

    try:
        resolve(name)
    except FeatureError:
        return False
    return True


def _of_the_package(name: str, model: Model) -> ListedModel:
    """Describe a model that comes with the package."""
    return ListedModel(
        name=name,
        kind="rules" if isinstance(model, RuleModel) else "packaged",
        source=model.rules.source if isinstance(model, RuleModel) else "packaged",
        task=", ".join(model.classes),
        licence=model.identity.licence,
        needs=_needs(model),
    )


def _registered(entry: RegisteredModel) -> tuple[ListedModel, Model | None]:
    """Describe a model of a list, by its copy on this machine if there is one."""
    pin, folder = pinned(entry), cached_folder(entry)
    listed = ListedModel(
        name=entry.name,
        kind="Hub" if entry.is_remote else "folder",
        source=entry.source,
        task=entry.task,
        species=entry.species,
        probe=entry.probe,
        pinned_revision=pin.revision if pin is not None else "",
    )
    if folder is None:
        return listed, None
    listed = replace(listed, licence=folder.licence, cached_revision=folder.path.name if entry.is_remote else "")
    try:
        model = load_model(folder.skops if isinstance(folder, ModelFolder) else folder.path)
    except UnitRefineError as error:
        return replace(listed, note=str(error)), None
    return replace(listed, needs=_needs(model)), model


def _needs(model: Model) -> tuple[str, ...]:
    """Features that a model is given."""
    if isinstance(model, RuleModel):
        return tuple(dict.fromkeys(one.feature for _, one in model.rules.thresholds()))
    return model.inputs if isinstance(model, FittedModel) else model.feature_names


def _with_source(entry: ListedModel, model: Model | None, features: Features) -> ListedModel:
    """Add whether a source gives what a model needs."""
    if model is None or entry.needs is None:
        return entry
    given = {name for column, name in enumerate(features.names) if np.isfinite(features.values[:, column]).any()}
    missing = tuple(name for name in entry.needs if name not in given)
    takes_less = (
        model.rules.absent == "ignored"
        if isinstance(model, RuleModel)
        else isinstance(model, FittedModel) and model.manifest is not None
    )
    fits: Fits = "yes" if not missing else "in part" if takes_less and len(missing) < len(entry.needs) else "no"
    return replace(entry, missing=missing, fits=fits)
