"""Loading a model from the package, a folder or the Hugging Face Hub, or two of these in a row."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from nwb_unitrefine.errors import FeatureError, ModelError
from nwb_unitrefine.models.cascade import Cascade, make_cascade
from nwb_unitrefine.models.cascade_folder import is_cascade_folder, read_cascade
from nwb_unitrefine.models.folder import (
    MAX_HEAD_BYTES,
    STEPS,
    TRAINING_DATA,
    ModelFolder,
    read_folder,
    write_classes,
)
from nwb_unitrefine.models.manifest import DecisionRule
from nwb_unitrefine.models.model import FittedModel, Missing, Model
from nwb_unitrefine.models.places.locate import PACKAGED, ModelPlace, locate
from nwb_unitrefine.models.recorded import recorded_source
from nwb_unitrefine.models.rules import is_rule_source, load_rules
from nwb_unitrefine.models.skops.estimator import Estimator, load_estimator
from nwb_unitrefine.records import CLASSES, ModelIdentity
from nwb_unitrefine.vocabulary import OLD, definition_of, resolve
from nwb_unitrefine.vocabulary.labels import likely_meant
from nwb_unitrefine.vocabulary.model_classes import class_words, is_class_word, json_key

if TYPE_CHECKING:
    from nwb_unitrefine.models.adaptation import Adaptation
    from nwb_unitrefine.records import Features, Predictions

__all__ = ["PACKAGED", "describe_classes", "load_model", "predict"]

_KNOWN = (*CLASSES, "neural", "good", "bad")


def load_model(
    source: str | Path | ModelIdentity | Model | Sequence[str | Path] = "default",
    *,
    revision: str | None = None,
    allow_types: Sequence[str] = (),
    labels: Mapping[str, str] | Sequence[Mapping[str, str]] | None = None,
    missing: Missing = "refuse",
    decide: DecisionRule | None = None,
    adaptation: Adaptation | None = None,
) -> Model:
    """Load a model.

    Parameters
    ----------
    source : str, Path, ModelIdentity, Model or sequence of two sources
        ``"default"``, the one that comes with the package; the name of a published one, as ``"unitrefine-mouse"``
        (`registered_models` lists them; they are fetched from the Hub); thresholds, as ``"rules/bombcell"`` or a TOML
        or YAML file; a model folder, or a ``.skops`` file in one; a repository on the Hugging Face Hub, as
        ``"hf://owner/repo"`` or ``"owner/repo@revision"``; or two models, one of which divides a class of the other, as
        sua and mua divide neural, in either order. The identity of a model, as a file's history records it, is loaded
        from its recorded source; its digest shows whether it is still the same. A model that is loaded already is
        returned as it is.
    revision : str, optional
        Branch, tag or commit of a repository; better a commit, which nobody can move.
    allow_types : sequence of str
        Classes that the model may hold besides those that are allowed anyway, by full name: their code runs.
    labels : mapping of str to str, or one for each of two sources, optional
        Label of each of the model's classes (sua, mua, noise, neural, good, bad or a word of your own), where the
        folder does not state it, or states it wrongly.
    missing : {"refuse", "impute", "ignore"}
        What a model of others does about features that no unit of a source has: refuse, naming them, or have its
        imputer fill them in, which it was not validated for. Models with a manifest take whatever there is. Rules may
        leave the thresholds out: ``"ignore"``.
    decide : {"balanced", "probable"}, optional
        How probabilities become a label: the class whose probability rises most over its share in training, which
        serves rare classes as well as frequent ones, or the most probable class, which is right most often. By default
        the rule that the model was validated with. Two models in a row each decide so.
    adaptation : Adaptation, optional
        What people's labels changed about its boundary, as a run records it.

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
        recorded = recorded_source(source)
        return load_model(
            recorded, allow_types=allow_types, labels=labels, missing=missing, decide=decide, adaptation=adaptation
        )
    if isinstance(source, Model):
        return source
    _require_known("missing", missing, get_args(Missing))
    _require_known("decide", decide, (*get_args(DecisionRule), None))
    if not isinstance(source, str | Path | Sequence):
        raise TypeError(f"A model is a name, a path, a loaded model or two of these, not a {type(source).__name__}.")
    if isinstance(source, str | Path) and is_rule_source(source):
        given = {"revision": revision, "allow_types": allow_types, "labels": labels, "decide": decide}
        return _load_rules(source, missing, given)
    if isinstance(source, str | Path):
        place = locate(source, revision=revision)
        if is_cascade_folder(place.path):
            return _load_cascade(
                place, allow_types=allow_types, missing=missing, decide=decide, given=(labels, adaptation)
            )
        own = _of_one_model(labels)
        model = _load_found(place, allow_types=allow_types, labels=own, missing=missing)
        return replace(_deciding(model, decide), adaptation=adaptation)
    if revision is not None:
        raise ModelError("Two models need a revision in each source: 'owner/repo@revision'.")
    if adaptation is not None:
        raise ModelError("Two models in a row have no common probabilities that labels of people could move.")
    return _load_pair(source, allow_types=allow_types, labels=labels, missing=missing, decide=decide)


def _load_rules(source: str | Path, missing: Missing, given: Mapping[str, object]) -> Model:
    """Load rules, which state their classes themselves and decide by themselves."""
    if missing == "impute" or any(given.values()):
        raise ModelError(f"{source} is a set of rules, which takes no option but missing='ignore'.")
    return load_rules(source, ignore_absent=missing == "ignore")


def _require_known(name: str, value: object, known: Sequence[object]) -> None:
    """Refuse a misspelt option."""
    if value not in known:
        words = ", ".join(str(one) for one in known if one is not None)
        raise ModelError(f"{name}={value!r} is unknown.", tip=f"One of: {words}.")


def _of_one_model(labels: Mapping[str, str] | Sequence[Mapping[str, str]] | None) -> Mapping[str, str] | None:
    """Take the labels of one model out of a list of one."""
    if labels is None or isinstance(labels, Mapping):
        return labels
    if len(labels) != 1:
        raise ModelError(f"One model has one set of labels, not {len(labels)}.")
    return labels[0]


def _load_pair(
    sources: Sequence[str | Path],
    *,
    allow_types: Sequence[str],
    labels: Mapping[str, str] | Sequence[Mapping[str, str]] | None,
    missing: Missing,
    decide: DecisionRule | None,
) -> Model:
    """Load two models, each with its own labels and deciding by the same rule, and put them in a row."""
    if any(isinstance(one, str | Path) and is_rule_source(one) for one in sources):
        raise ModelError("Rules cannot be one of two models in a row.", tip="Give them alone; compare takes several.")
    if not all(isinstance(one, str | Path) for one in sources):
        raise TypeError("Two models in a row are given by their names or paths.")
    if len(sources) != 2:
        raise ModelError(f"A model is one source, or two in a row, not {len(sources)}.")
    each = [labels, labels] if labels is None or isinstance(labels, Mapping) else list(labels)
    if len(each) != len(sources):
        raise ModelError("Two models need labels for each.", tip="Say what the classes of each mean, in their order.")
    found = [
        _load_found(locate(source, revision=None), allow_types=allow_types, labels=own, missing=missing)
        for source, own in zip(sources, each, strict=True)
    ]
    one, other = (_deciding(model, decide) for model in found)
    return make_cascade(one, other)


def _deciding(model: FittedModel, rule: DecisionRule | None) -> FittedModel:
    """Have a model decide by another rule than its own."""
    if rule == "balanced" and model.manifest is None:
        raise ModelError(
            f"{model.identity.name} does not record the share of each class in training, so decide='balanced' is not "
            "possible.",
            tip="Leave out the option: the most probable class is taken.",
        )
    return replace(model, decide=rule)


def predict(model: Model | str | Path | Sequence[str | Path], features: Features) -> Predictions:
    """Label every unit.

    Parameters
    ----------
    model : Model, str, Path or two of these
        A model, or whatever `load_model` takes.
    features : Features
        Those of ``model.feature_names``, in any order; further ones are ignored.

    Returns
    -------
    Predictions
        A probability of each of `CLASSES` for every unit. Units without spikes or without any feature get no label,
        and the reason.

    Raises
    ------
    ModelError
        If the model cannot be loaded or does not distinguish sua, mua and noise.
    FeatureError
        If it needs features that are missing.
    """
    return load_model(model).predict(features)


def describe_classes(folder: str | Path, classes: Mapping[str, str]) -> Path:
    """Remember beside a published model what its classes mean; its own files stay as they are.

    Parameters
    ----------
    folder : str or Path
        A model folder on this machine that has no manifest.
    classes : mapping of str to str
        Label of each of its classes, as ``{"0": "noise", "1": "neural"}``.

    Returns
    -------
    Path
        ``classes.json`` in the folder: `load_model` reads it from now on.

    Raises
    ------
    ModelError
        If the folder is not a model or has a manifest, or if a class is unknown, left out or labelled impossibly.
    """
    found = read_folder(Path(folder).expanduser())
    if found.manifest is not None:
        raise ModelError(f"{found.path} has a manifest, which states its classes.")
    estimator = load_estimator(found.skops)
    labels = _checked(classes)
    _require_classes(estimator, labels)
    absent = [json_key(one) for one in estimator.classes if json_key(one) not in labels]
    if absent or len(set(labels.values())) != len(labels):
        what = f"no label for class {absent[0]!r}" if absent else "the same label for two classes"
        raise ModelError(f"There is {what} of {found.path}.")
    return write_classes(found.path, labels)


def _load_found(
    place: ModelPlace, *, allow_types: Sequence[str], labels: Mapping[str, str] | None, missing: Missing
) -> FittedModel:
    """Load one model from its folder."""
    if missing == "ignore":
        raise ModelError("missing='ignore' is for rules.", tip="Models take missing='refuse' or 'impute'.")
    if is_cascade_folder(place.path):
        raise ModelError(f"{place.source} is two models in a row already.", tip="Give it alone.")
    folder = read_folder(place.path, file=place.file)
    model = _fit_out(
        folder,
        name=place.name or folder.path.resolve().name,
        source=place.source,
        revision=place.revision,
        allow_types=allow_types,
        labels=labels,
    )
    return replace(model, missing=missing)


def _load_cascade(
    place: ModelPlace,
    *,
    allow_types: Sequence[str],
    missing: Missing,
    decide: DecisionRule | None,
    given: tuple[object, ...],
) -> Cascade:
    """Load both models of a folder that holds two in a row."""
    if any(given):
        raise ModelError(f"{place.source} is two models in a row, which take no labels and no adaptation.")
    folder = read_cascade(place.path)
    steps = []
    for step in STEPS:
        inner = replace(place, path=place.path / step, source=f"{place.source}/{step}", file=None)
        steps.append(_deciding(_load_found(inner, allow_types=allow_types, labels=None, missing=missing), decide))
    identity = ModelIdentity(
        name=folder.manifest.name,
        source=place.source,
        revision=place.revision or folder.manifest.version,
        digest=folder.digest,
        licence=folder.licence,
    )
    return replace(make_cascade(*steps), manifest=folder.manifest, own_identity=identity)


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
        class_labels: tuple[str | None, ...] = manifest.classes
    else:
        inputs = _vocabulary_names(estimator, folder)
        labels = labels or folder.described_classes or None
        _require_classes(estimator, labels or {})
        words = class_words(estimator.classes, folder.info.get("label_conversion", {}))
        overrides = _checked(labels)
        class_labels = tuple(
            overrides.get(json_key(one), word) for one, word in zip(estimator.classes, words, strict=True)
        )
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
        class_labels=class_labels,
        manifest=manifest,
        label_overrides=_checked(labels),
    )


def _digest(folder: ModelFolder, labels: Mapping[str, str] | None) -> str:
    """Digest of the folder and of the labels that the user gave its classes."""
    if not labels:
        return folder.digest
    both = json.dumps([folder.digest, sorted(_checked(labels).items())])
    return f"sha256:{hashlib.sha256(both.encode()).hexdigest()}"


def _checked(labels: Mapping[str, str] | None) -> dict[str, str]:
    """Refuse a label that is none, or that is a slip of a known one."""
    for own, label in (labels or {}).items():
        meant = likely_meant(label, _KNOWN) if is_class_word(label) else ""
        if meant or not is_class_word(label):
            tip = f"Did you mean {meant}?" if meant else f"One of {', '.join(_KNOWN)}, or a word of your own."
            raise ModelError(f"Label {own!r} cannot mean {label!r}.", tip=tip)
    return {str(own): label for own, label in (labels or {}).items()}


def _require_classes(estimator: Estimator, labels: Mapping[str, str]) -> None:
    """Refuse a label for a class that the model does not have."""
    classes = [json_key(one) for one in estimator.classes]
    if strange := [str(own) for own in labels if str(own) not in classes]:
        raise ModelError(f"{estimator.path} has no class {strange[0]!r}.", tip=f"It has: {', '.join(classes)}.")


def _columns_of_table(folder: ModelFolder, *, n_inputs: int) -> tuple[str, ...]:
    """Name the inputs of an estimator that was fitted on bare numbers after the training table beside it."""
    table = folder.path / TRAINING_DATA
    if not table.is_file():
        return ()
    with table.open(encoding="utf-8-sig") as stream:
        header = next(csv.reader([stream.readline(MAX_HEAD_BYTES)]), [])
    names = tuple(name for name in header if name.casefold() not in {"", "unnamed: 0", "unit_id", "cluster_id"})
    return names if len(names) == n_inputs else ()


def _vocabulary_names(estimator: Estimator, folder: ModelFolder) -> tuple[str, ...]:
    """Name an estimator's inputs as the vocabulary does, by the SpikeInterface whose metrics it was trained on."""
    columns = estimator.columns or _columns_of_table(folder, n_inputs=estimator.n_inputs)
    if not columns:
        raise ModelError(
            f"{estimator.path} does not state the names of its {estimator.n_inputs} features.",
            tip=f"Fit it on a table with named columns or put that table beside it, as {TRAINING_DATA}.",
        )
    release = folder.info.get("requirements", {}).get("spikeinterface")
    # Models whose folder and columns leave it open are of the years when SpikeInterface had only the old definitions.
    definition = definition_of(columns, release=str(release)) or OLD
    names = []
    for column in columns:
        try:
            names.append(resolve(f"{column}@{definition}").name)
        except FeatureError:
            # A user's own metric: it can be given, under this name, but not computed.
            names.append(column)
    return tuple(names)
