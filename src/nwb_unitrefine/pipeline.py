"""The whole way in one call: read, compute, predict."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import ModelError
from nwb_unitrefine.explain.suitability import unlike_training
from nwb_unitrefine.history.authors import LabelAuthors
from nwb_unitrefine.history.runs import runs_in_effect
from nwb_unitrefine.metrics import compute_features, compute_from_raw
from nwb_unitrefine.models import Cascade, FittedModel, RuleModel, load_model, predict
from nwb_unitrefine.models.adaptation import Placed
from nwb_unitrefine.read import read_label_authors, read_source
from nwb_unitrefine.read.context import MS_PER_SECOND, STATED
from nwb_unitrefine.records import CLASSES, CONTAMINATION, Basis, Curation, Problem, ProblemCode, RunKind, Severity
from nwb_unitrefine.vocabulary import Need, find_metric, rank_name
from nwb_unitrefine.vocabulary.common_classes import incomplete_classes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from nwb_unitrefine.models import Model
    from nwb_unitrefine.records import Features, Predictions, RawOptions, Run, SourceHints, Units

__all__ = ["adapt_as_recorded", "adapt_model", "curate", "distrust"]


def curate(
    source: Any,
    *,
    model: str | Path | Model | Sequence[str | Path] = "default",
    raw: RawOptions | None = None,
    hints: SourceHints | None = None,
    adapt: bool = False,
    adapt_from: Sequence[str | Path] = (),
) -> Curation:
    """Label the units of a source; nothing is written.

    Parameters
    ----------
    source : str, Path or open file
        Whatever `read_units` takes.
    model : str, Path, Model or two of these, optional
        Whatever `load_model` takes; a model that is already loaded is quicker for many sources.
    raw : RawOptions, optional
        How to compute what the model needs, and the file does not have, from the raw traces; by default that is left
        missing.
    hints : SourceHints, optional
        What the source does not state.
    adapt : bool, optional
        Move the model's boundary to where the labels lie that people set in the source. The run records how, so that
        `verify` does the same. Fewer than five labels, or labels of one class, change nothing, and are reported.
    adapt_from : sequence of str or Path, optional
        Further sources (or tables) with labels of people to take for it.

    Returns
    -------
    Curation
        Units, features with their origins, predictions and the model's identity; `write_curation` puts it into a file.
        The features are those of the model, and the contamination that refractory violations show.

    Raises
    ------
    SourceError
        If the source cannot be read, or has no units.
    ModelError
        If the model cannot be loaded.
    FeatureError
        If the model needs a feature that the source cannot give.
    """
    units = read_source(source, hints=hints)  # first: what cannot be read is refused at once, a model takes seconds
    loaded = load_model(model)
    from_raw = None if raw is None else compute_from_raw(units, raw)
    beside = CONTAMINATION if units.spike_times_s.values.size else ()
    names = tuple(dict.fromkeys((*loaded.feature_names, *beside)))
    features = compute_features(units, names=names, raw=from_raw, of_model=True)
    if adapt or adapt_from:
        own = read_label_authors(units.source) if adapt else LabelAuthors()
        loaded, remark = adapt_model(loaded, features, own.by_people, people=own.people, others=adapt_from)
        features = replace(features, problems=(*features.problems, remark))
    plain = predict(loaded, features)
    about_model = incomplete_classes(loaded.classes, model_name=loaded.identity.name)
    unlike = unlike_training(loaded, units, features, plain)
    features = replace(features, problems=(*features.problems, *about_model, *unlike))
    predictions = distrust(plain, (*units.problems, *features.problems))
    return Curation(
        units=units,
        features=features,
        predictions=predictions,
        model=loaded.identity,
        parameters={**_parameters(loaded, raw), **_stated(units)},
        rests_on=_basis(features),
        kind=RunKind.RULE if isinstance(loaded, RuleModel) else RunKind.MODEL,
    )


def adapt_model(
    model: Model,
    features: Features,
    labels: Mapping[Any, str],
    *,
    people: Mapping[Any, str],
    others: Sequence[str | Path] = (),
) -> tuple[Model, Problem]:
    """Move a model's boundary to people's labels, and report what that changed.

    Parameters
    ----------
    model : Model
        One that records the share of each class in training.
    features : Features
        Of the units to label.
    labels : mapping of unit id to str
        Labels that people gave to some of these units.
    people : mapping of unit id to str
        Who they are.
    others : sequence of str or Path, optional
        Further sources (or tables) with labels of people.

    Returns
    -------
    tuple of Model and Problem
        With fewer than five labels, or labels of one class, the model as it is.

    Raises
    ------
    ModelError
        If the model cannot be adapted.
    """
    from nwb_unitrefine.learn.adaptation import fit_adaptation, too_few

    if model.classes != CLASSES:
        raise ModelError(
            f"{model.identity.name} distinguishes {', '.join(model.classes)}; only models of sua, mua and noise are "
            "adapted, for which the gain was measured.",
            tip="Use the default model, or train one of these three classes.",
        )
    if isinstance(model, RuleModel | Cascade):
        what = "is a set of rules, which has" if isinstance(model, RuleModel) else "is two models in a row, which have"
        raise ModelError(
            f"{model.identity.name} {what} no common probabilities that labels of people could move.",
            tip="Use the default model, or one that nwb-unitrefine train made without --cascade.",
        )
    if not isinstance(model, FittedModel) or model.manifest is None:
        raise ModelError(
            f"{model.identity.name} does not record the share of each class in training, so it cannot be adapted.",
            tip="Use a model of this program: the default, or one that nwb-unitrefine train made.",
        )
    plain = replace(model, adaptation=None)
    start = plain.predict(features)
    units = Placed.of(start.probabilities, names=plain.inputs, values=plain.input_values(features))
    given = np.array([labels.get(unit_id, "") for unit_id in features.unit_ids.tolist()], dtype=object)
    rows = np.flatnonzero(np.isfinite(start.probabilities).all(axis=1) & np.isin(given, CLASSES))
    labelled, targets = units.take(rows), [CLASSES.index(label) for label in given[rows]]
    by_whom = Counter(people[unit_id] for unit_id in features.unit_ids[rows].tolist())
    if others:
        elsewhere, more = _labelled_elsewhere(plain, others)
        labelled, targets = labelled.and_then(elsewhere), targets + more
        by_whom["people in other files"] += len(more)
    wanted = np.array(targets, dtype=np.intp)
    if why := too_few(wanted):
        what = f"The labels are those of the model as it is: {why}."
        return plain, Problem(ProblemCode.LABELS_NOT_ADAPTED, what)
    adaptation = fit_adaptation(
        labelled, wanted, everywhere=units, priors=np.array([plain.class_priors[name] for name in CLASSES])
    )
    changed = replace(plain, adaptation=adaptation).predict(features).labels != start.labels
    adaptation = replace(adaptation, by_whom=dict(by_whom.most_common()), n_changed=int(changed.sum()))
    what = f"The model was {adaptation} of {len(features)}."
    return replace(plain, adaptation=adaptation), Problem(ProblemCode.LABELS_ADAPTED, what)


def _labelled_elsewhere(model: FittedModel, sources: Sequence[str | Path]) -> tuple[Placed, list[int]]:
    """Read units that people labelled in other sources, placed among the units of their own recordings."""
    from nwb_unitrefine.learn.labelled.sources import read_labelled

    data = read_labelled(list(sources), ranks=True)
    probabilities = model.predict(data.to_features(model.feature_names)).probabilities
    places = {name: data.names.index(rank) for name in model.inputs if (rank := rank_name(name)) in data.names}
    known = np.flatnonzero(np.isfinite(probabilities).all(axis=1))
    placed = Placed.from_ranks(probabilities, {name: data.values[:, place] for name, place in places.items()})
    return placed.take(known), data.targets[known].tolist()


def adapt_as_recorded(model: Model, history: Sequence[Run]) -> Model:
    """Return a model with the boundary that the file's labels in effect come from.

    Parameters
    ----------
    model : Model
    history : sequence of Run
        Of the file, the oldest first.

    Returns
    -------
    Model
        The model as it is, where the newest run of a model is another model's or was not adapted.
    """
    from nwb_unitrefine.models.recorded import recorded_options

    runs = [run for run in runs_in_effect(history) if run.kind is not RunKind.HUMAN and run.model is not None]
    if not runs or not isinstance(model, FittedModel) or runs[-1].model is None:
        return model
    recorded = recorded_options(runs[-1].parameters).get("adaptation")
    if recorded is None or runs[-1].model.digest != model.identity.digest:
        return model
    return replace(model, adaptation=recorded)


def _parameters(model: Model, raw: RawOptions | None) -> dict[str, str | float | int | bool]:
    """Collect what decided the outcome besides model and data, so that `verify` can do the same again."""
    options: dict[str, str | float | int | bool] = dict(model.options)
    if raw is None:
        return options
    return {**options, "from_raw": True, **raw.parameters()}


def _stated(units: Units) -> dict[str, str | float]:
    """Collect what the user stated about an NWB file, under the names of `SourceHints`."""
    stated: dict[str, str | float] = {}
    if units.stored_per_second != 1.0:
        stated["spike_times_in"] = "ms" if units.stored_per_second == MS_PER_SECOND else "samples"
    if units.sampling_rate_from == STATED and units.sampling_rate_hz:
        stated["sampling_rate_hz"] = units.sampling_rate_hz
    return stated


def _basis(features: Features) -> Basis:
    """Find the richest kind of feature that any unit has."""
    metrics = [find_metric(name) for name in _names_with_values(features)]
    needs = {need for metric in metrics if metric is not None for need in metric.needs}
    if Need.CHANNELS in needs:
        return Basis.MANY_CHANNELS
    if Need.WAVEFORM in needs:
        return Basis.ONE_CHANNEL
    return Basis.SPIKE_TIMES if needs else Basis.NOTHING


def _names_with_values(features: Features) -> list[str]:
    """Names of the features that some unit has."""
    present = np.isfinite(features.values)
    return [name for column, name in enumerate(features.names) if present[:, column].any()]


def distrust(predictions: Predictions, problems: Iterable[Problem]) -> Predictions:
    """Flag the labels of units whose data is not sound: a model sees the features, not what they were computed from."""
    uncertain, reasons = predictions.uncertain.copy(), list(predictions.reasons)
    rows = {unit_id: row for row, unit_id in enumerate(predictions.unit_ids.tolist())}
    for problem in problems:
        if problem.severity is not Severity.CRITICAL:
            continue
        for row in [rows[unit_id] for unit_id in problem.unit_ids] or range(len(predictions)):
            if predictions.labels[row]:
                uncertain[row] = True
                reasons[row] = "; ".join(filter(None, [reasons[row], problem.what]))
    return replace(predictions, uncertain=uncertain, reasons=tuple(reasons))
