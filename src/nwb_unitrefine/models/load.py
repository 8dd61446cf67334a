"""Where a model comes from: the package, a folder, the Hugging Face Hub, or two of these in a row."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from packaging.version import InvalidVersion, Version

from nwb_unitrefine.errors import FeatureError, ModelError
from nwb_unitrefine.models.cascade import make_cascade
from nwb_unitrefine.models.folder import ModelFolder, read_folder
from nwb_unitrefine.models.hub import fetch, parse_address
from nwb_unitrefine.models.model import FittedModel, Missing, Model
from nwb_unitrefine.models.skops.estimator import Estimator, load_estimator
from nwb_unitrefine.records import ModelIdentity
from nwb_unitrefine.vocabulary import METRICS, NEW, OLD, resolve
from nwb_unitrefine.vocabulary.labels import KNOWN, meanings_of

__all__ = ["PACKAGED", "load_model", "recorded_options"]

_JOINT = " + "
"""Between the two sources of a cascade, as its identity names them."""

PACKAGED = Path(__file__).parent / "packaged"
"""Folder of the models that come with the package, one folder each."""

_NEW_NAMES_SINCE = Version("0.103.2")
"""The SpikeInterface that gave metrics the names and definitions of today."""


def load_model(
    source: str | Path | ModelIdentity | Model | Sequence[str | Path] = "default",
    *,
    revision: str | None = None,
    allow_types: Sequence[str] = (),
    labels: Mapping[str, str] | Sequence[Mapping[str, str]] | None = None,
    missing: Missing = "refuse",
) -> Model:
    """Load a model.

    Parameters
    ----------
    source : str, Path, ModelIdentity, Model or sequence of two sources
        ``"default"``, the one that comes with the package; a model folder, or a ``.skops`` file in one; a repository
        on the Hugging Face Hub, as ``"hf://owner/repo"`` or ``"owner/repo@revision"``; or two models of two classes,
        one that tells noise from neural and one that tells sua from mua, in either order. The identity of a model, as
        a file's history records it, is loaded from where it says; whether it is still the same, its digest tells.
        A model that is loaded already is returned as it is.
    revision : str, optional
        Branch, tag or commit of a repository; better a commit, which nobody can move.
    allow_types : sequence of str
        Classes that the model may hold besides those that are allowed anyway, by full name: their code runs.
    labels : mapping of str to str, or one for each of two sources, optional
        What the model's classes mean (sua, mua, noise, neural), where it does not say itself, or says it wrongly.
    missing : {"refuse", "impute"}
        What a model of others does about features that no unit of a source has: refuse, naming them, or have its
        imputer fill them in, which it was not validated for. Models with a manifest take whatever there is.

    Returns
    -------
    Model
        Its `feature_names` are what to compute for it, its `identity` is what to record of it.

    Raises
    ------
    ModelError
        If there is no model, or it is damaged.
    UntrustedModelError
        If it holds types that are not allowed; nothing of it was built.

    Examples
    --------
    >>> load_model("default").identity.name  # doctest: +SKIP
    'unitrefine-default'
    """
    if isinstance(source, ModelIdentity):
        return load_model(_recorded_source(source), allow_types=allow_types, labels=labels, missing=missing)
    if isinstance(source, Model):
        return source
    if missing not in get_args(Missing):
        raise ModelError(f"missing={missing!r} is unknown.", tip=f"One of: {', '.join(get_args(Missing))}.")
    if not isinstance(source, str | Path | Sequence):
        raise TypeError(f"A model is a name, a path, a loaded model or two of these, not a {type(source).__name__}.")
    if isinstance(source, str | Path):
        if labels is not None and not isinstance(labels, Mapping):
            if len(labels) != 1:
                raise ModelError(f"One model has one set of labels, not {len(labels)}.")
            labels = labels[0]
        return _load_one(source, revision=revision, allow_types=allow_types, labels=labels, missing=missing)
    if revision is not None:
        raise ModelError("Two models need a revision in each source: 'owner/repo@revision'.")
    return _load_pair(source, allow_types=allow_types, labels=labels, missing=missing)


def _load_pair(
    sources: Sequence[str | Path],
    *,
    allow_types: Sequence[str],
    labels: Mapping[str, str] | Sequence[Mapping[str, str]] | None,
    missing: Missing,
) -> Model:
    """Load two models, each with its own labels, and put them in a row."""
    if not all(isinstance(one, str | Path) for one in sources):
        raise TypeError("Two models in a row are given by their names or paths.")
    if len(sources) != 2:
        raise ModelError(f"A model is one source, or two in a row, not {len(sources)}.")
    each = [labels, labels] if labels is None or isinstance(labels, Mapping) else list(labels)
    if len(each) != len(sources):
        raise ModelError("Two models need labels for each.", tip="Say what the classes of each mean, in their order.")
    one, other = (
        _load_one(source, revision=None, allow_types=allow_types, labels=own, missing=missing)
        for source, own in zip(sources, each, strict=True)
    )
    return make_cascade(one, other)


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
        If the record does not say it as `FittedModel.options` does.
    """
    found: dict[str, Any] = {}
    if parameters.get("missing") in get_args(Missing):
        found["missing"] = parameters["missing"]
    if "labels" in parameters:
        try:
            found["labels"] = json.loads(str(parameters["labels"]))
        except (ValueError, RecursionError) as error:
            raise ModelError(f"The file records labels of its model that cannot be read: {error}.") from error
        each = found["labels"] if isinstance(found["labels"], list) else [found["labels"]]
        if not all(isinstance(one, dict) for one in each):
            raise ModelError("The file records labels of its model that are no labels.")
    return found


def _recorded_source(identity: ModelIdentity) -> str | list[str]:
    """Turn what a history says of a model back into what it was loaded from, at the commit that it was then."""
    sources = identity.source.split(_JOINT)
    revisions = identity.revision.split(_JOINT) if identity.revision else [""] * len(sources)
    found = []
    for source, revision in zip(sources, revisions, strict=True):
        address = parse_address(source)
        if address is not None and revision:
            found.append(str(replace(address, revision=revision)))
        else:
            found.append("default" if source == "packaged" else source)
    return found if len(found) > 1 else found[0]


def _load_one(
    source: str | Path,
    *,
    revision: str | None,
    allow_types: Sequence[str],
    labels: Mapping[str, str] | None,
    missing: Missing,
) -> FittedModel:
    """Find one model's folder, wherever it is, and load it."""
    address = parse_address(source) if isinstance(source, str) and not Path(source).exists() else None
    if address is not None:
        if revision is not None and address.revision not in (None, revision):
            raise ModelError(f"{source} names a revision, and revision={revision!r} another.")
        address = replace(address, revision=address.revision or revision)
        path, commit = fetch(address)
        folder = read_folder(path, file=address.file)
        where = str(replace(address, revision=None))
        name = address.repo_id.partition("/")[2]
        model = _fit_out(folder, name=name, source=where, revision=commit, allow_types=allow_types, labels=labels)
        return replace(model, missing=missing)
    if revision is not None:
        raise ModelError(f"{source} is no repository, so it has no revision.", tip="Write hf://owner/repo.")
    if isinstance(source, str) and source.isidentifier() and (PACKAGED / source).is_dir():
        path, where = PACKAGED / source, "packaged"
    else:
        path, where = Path(source).expanduser(), str(source)
        if not path.exists() and re.fullmatch(r"[\w.-]+/[\w.-]+", where):
            raise ModelError(f"There is no model at {path}.", tip=f"If it is on the Hub: hf://{where}")
    folder = read_folder(path)
    name = folder.path.resolve().name
    model = _fit_out(folder, name=name, source=where, revision="", allow_types=allow_types, labels=labels)
    return replace(model, missing=missing)


def _fit_out(
    folder: ModelFolder,
    *,
    name: str,
    source: str,
    revision: str,
    allow_types: Sequence[str],
    labels: Mapping[str, str] | None,
) -> FittedModel:
    """Load a folder's estimator and find out what its inputs and classes are."""
    estimator = load_estimator(folder.skops, allow_types=allow_types)
    manifest = folder.manifest
    if manifest is not None:
        if len(manifest.features) != estimator.n_inputs or len(manifest.classes) != len(estimator.classes):
            raise ModelError(f"{folder.path}: the manifest and the estimator do not have the same features or classes.")
        inputs: tuple[str, ...] = manifest.input_names
        meanings: tuple[str | None, ...] = manifest.classes
    else:
        inputs = _vocabulary_names(estimator, folder)
        meanings = meanings_of(estimator.classes, _checked(labels) or folder.info.get("label_conversion", {}))
    identity = ModelIdentity(
        name=manifest.name if manifest is not None else name,
        source=source,
        revision=revision or (manifest.version if manifest is not None else ""),
        digest=_digest(folder, labels),
        licence=folder.licence,
    )
    return FittedModel(
        identity=identity,
        estimator=estimator,
        inputs=inputs,
        meanings=meanings,
        manifest=manifest,
        said=_checked(labels),
    )


def _digest(folder: ModelFolder, labels: Mapping[str, str] | None) -> str:
    """Digest of the folder, and of what its user said that its classes mean."""
    if not labels:
        return folder.digest
    said = json.dumps([folder.digest, sorted(_checked(labels).items())])
    return f"sha256:{hashlib.sha256(said.encode()).hexdigest()}"


def _checked(labels: Mapping[str, str] | None) -> dict[str, str]:
    """Refuse a meaning that is none."""
    for label, meaning in (labels or {}).items():
        if meaning not in KNOWN:
            raise ModelError(f"Label {label!r} cannot mean {meaning!r}.", tip=f"One of: {', '.join(KNOWN)}.")
    return {str(label): meaning for label, meaning in (labels or {}).items()}


def _vocabulary_names(estimator: Estimator, folder: ModelFolder) -> tuple[str, ...]:
    """Name an estimator's inputs as the vocabulary does, by the SpikeInterface whose metrics it was trained on."""
    columns = estimator.columns
    if not columns:
        raise ModelError(
            f"{estimator.path} does not say the names of its {estimator.n_inputs} features.",
            tip="Fit it on a table with named columns and save it again.",
        )
    definition = _definition(columns, folder)
    names = []
    for column in columns:
        try:
            names.append(resolve(f"{column}@{definition}").name)
        except FeatureError:
            # A metric of somebody's own: it can be given, under this name, but not computed.
            names.append(column)
    return tuple(names)


def _definition(columns: tuple[str, ...], folder: ModelFolder) -> str:
    """Which definition of its metrics a published model was trained on."""
    said = folder.info.get("requirements", {}).get("spikeinterface")
    try:
        return NEW if Version(str(said)) >= _NEW_NAMES_SINCE else OLD
    except InvalidVersion:
        only_new = any(column in METRICS and METRICS[column].definitions == (NEW,) for column in columns)
        return NEW if only_new else OLD
