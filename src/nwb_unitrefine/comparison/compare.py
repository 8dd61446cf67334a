"""Label the same units with several models and rules, and put them beside people's labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from nwb_unitrefine.comparison.result import Comparison, Labelling
from nwb_unitrefine.comparison.units import read_parts
from nwb_unitrefine.errors import ModelError, SourceError
from nwb_unitrefine.models import RuleModel, load_model
from nwb_unitrefine.models.rules import is_rule_source
from nwb_unitrefine.models.training_rows import records_training, was_trained_on
from nwb_unitrefine.records.names import IN_A_ROW

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from nwb_unitrefine.comparison.result import Kind
    from nwb_unitrefine.comparison.units import Part
    from nwb_unitrefine.models import Model
    from nwb_unitrefine.records import SourceHints

__all__ = ["compare"]


def compare(
    sources: Sequence[str | Path],
    *,
    models: Sequence[str | Path | Model] = (),
    missing: Collection[Literal["impute", "ignore"]] = (),
    allow_types: Sequence[str] = (),
    mapping: Mapping[str, str] | None = None,
    hints: SourceHints | None = None,
) -> Comparison:
    """Compare how models, rules and people label the same units.

    Every person in the curation history of a file counts by their own labels, also where another one overruled
    it. Columns of labels that the file has from elsewhere, and tables, are labellings, too.

    Parameters
    ----------
    sources : sequence of str or Path
        Whatever `read_units` takes; CSV files of metrics with labels; tables of labels alone, each of one curator.
    models : sequence of str, Path or Model, optional
        Whatever `load_model` takes for one model, rules among them; ``"A + B"`` stands for two models in a row.
    missing : collection of {"impute", "ignore"}, optional
        Let published models impute features that no unit has; let rules ignore such thresholds. Refused by default.
    allow_types : sequence of str, optional
        As of `load_model`.
    mapping : mapping of str to str, optional
        What words of tables mean, as of `import_labels`.
    hints : SourceHints, optional
        What sources do not state.

    Returns
    -------
    Comparison

    Raises
    ------
    SourceError
        If a source cannot be read, or there are fewer than two labellings.
    ModelError
        If a model cannot be loaded.
    FeatureError
        If a model needs features that a source does not have.
    """
    parts = read_parts([str(source) for source in sources], mapping=mapping, hints=hints)
    loaded = [_load(model, missing=missing, allow_types=allow_types) for model in models]
    if loaded and any(part.features is None for part in parts):
        raise SourceError("Tables of labels have no metrics.", tip="Name the file that they belong to as well.")
    names = _names(loaded)
    labellings = [_by_model(model, name, parts) for model, name in zip(loaded, names, strict=True)]
    for name, kind in dict.fromkeys(key for part in parts for key in part.labels):
        empty = [np.full(len(part.unit_ids), "") for part in parts]
        labels = [part.labels.get((name, kind), none) for part, none in zip(parts, empty, strict=True)]
        labellings.append(_labelling(name, kind, np.concatenate(labels)))
    if len(labellings) < 2:
        known = labellings[0].name if labellings else "nobody"
        raise SourceError(
            f"There is nothing to compare: only {known} labels these units.",
            tip="Name models (--model, repeatable), or tables of labels.",
        )
    return Comparison(
        sources=np.concatenate([np.full(len(part.unit_ids), part.source) for part in parts]),
        recordings=np.concatenate([part.recordings for part in parts]),
        unit_ids=np.concatenate([part.unit_ids for part in parts]),
        labellings=tuple(labellings),
        notes=tuple(_notes(loaded, labellings)),
    )


def _load(model: str | Path | Model, *, missing: Collection[str], allow_types: Sequence[str]) -> Model:
    """Load a model or rules with those options that it takes."""
    if isinstance(model, str) and IN_A_ROW in model and not Path(model).exists():
        steps = model.split(IN_A_ROW)
        return load_model(steps, allow_types=allow_types, missing="impute" if "impute" in missing else "refuse")
    if isinstance(model, str | Path):
        if is_rule_source(model):
            return load_model(model, missing="ignore" if "ignore" in missing else "refuse")
        return load_model(model, allow_types=allow_types, missing="impute" if "impute" in missing else "refuse")
    return load_model(model)


def _names(models: Sequence[Model]) -> list[str]:
    """Name models, and refuse two that are the same."""
    digests = [model.identity.digest for model in models]
    if len(set(digests)) != len(digests):
        raise ModelError("A model is given twice.", tip="Compare different models.")
    names = [model.identity.name for model in models]
    return [
        f"{name} ({model.identity.source})" if names.count(name) > 1 else name
        for name, model in zip(names, models, strict=True)
    ]


def _by_model(model: Model, name: str, parts: Sequence[Part]) -> Labelling:
    """Label all units with a model."""
    labels, margins, seen = [], [], []
    for part in parts:
        assert part.features is not None
        features = part.features(model.feature_names)
        predictions = model.predict(features)
        seen.append(was_trained_on(model, features, recordings=part.recordings, file_ids=part.file_ids))
        labels.append(predictions.labels)
        margins.append(np.full(len(predictions), np.nan) if predictions.margins is None else predictions.margins)
    return Labelling(
        name=name,
        kind="rule" if isinstance(model, RuleModel) else "model",
        labels=np.concatenate(labels),
        margins=np.concatenate(margins),
        trained_on=np.concatenate(seen),
    )


def _labelling(name: str, kind: Kind, labels: np.ndarray[tuple[int], np.dtype[np.str_]]) -> Labelling:
    """Make a labelling of labels that were there before."""
    nothing = np.zeros(len(labels), np.bool_)
    return Labelling(name=name, kind=kind, labels=labels, margins=np.full(len(labels), np.nan), trained_on=nothing)


def _notes(models: Sequence[Model], labellings: Sequence[Labelling]) -> list[str]:
    """Say what limits the scores."""
    notes = []
    for model, labelling in zip(models, labellings, strict=False):
        if labelling.trained_on.any():
            n_seen = int(labelling.trained_on.sum())
            notes.append(f"{labelling.name} was trained on {n_seen} of these units: not compared with people there.")
        elif labelling.kind == "model" and not records_training(model):
            notes.append(f"{labelling.name} does not record what it was trained on: these units may be among it.")
    return notes
