"""``nwb-unitrefine model explain``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click
import numpy as np

from nwb_unitrefine.cli._options import load, loading_options
from nwb_unitrefine.cli._render import json_option, print_json, print_table, say, show_progress
from nwb_unitrefine.errors import FeatureError, ModelError, SourceError, TrainingError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from nwb_unitrefine.explain import ShapValues
    from nwb_unitrefine.learn import Dataset, Scored
    from nwb_unitrefine.models import Cascade, FittedModel
    from nwb_unitrefine.records import Features

__all__ = ["explain_model"]


@click.command("explain")
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@click.option(
    "--data",
    multiple=True,
    metavar="SOURCE",
    help="Units to explain: files, tables or folders of tables; by default each model's training table.",
)
@click.option(
    "--cross-validate",
    "learned",
    is_flag=True,
    help="Without --data: score how each model was made, on its training table with subjects left out.",
)
@click.option("--figures", metavar="FOLDER", help="Draw importance, effects and scores there.")
@click.option(
    "--seed", default=0, type=click.IntRange(0, 2**32 - 1), show_default=True, help="Seed of the random draws."
)
@loading_options
@json_option
def explain_model(
    models: tuple[str, ...], *, data: tuple[str, ...], learned: bool, figures: str | None, seed: int, as_json: bool
) -> None:
    """Show which metrics drive a model, as SHAP values, and how right it is.

    Values are exact for trees and linear models, member by member for ensembles, and sampled for others. Of a folder
    with two models in a row, both are explained, the second on the units that reach it. Where the units of --data have
    labels, each model is scored on them: confusion matrices, and which of several models is best.
    """
    from nwb_unitrefine.explain import require_shap
    from nwb_unitrefine.learn.scoring.figures import draw_figures, require_matplotlib

    require_shap()
    if figures:
        require_matplotlib()
    if learned and data:
        raise click.UsageError("--cross-validate takes the models' own training tables: leave out --data.")
    loaded = [_loaded(source) for source in models]
    explained, scored = [], []
    for place, model in enumerate(loaded, start=1):
        labelled = _labelled(model, data)
        folder = f"model_{place}" if len(loaded) > 1 else ""
        explained += _explained(model, labelled, data, folder=folder, seed=seed)
        if (found := _score(model, labelled, data=data, learned=learned)) is not None:
            scored.append(found)
    files: list[Path] = []
    if figures:
        from nwb_unitrefine.explain import draw_explanations

        for one in explained:
            files += draw_explanations(one.values, folder=Path(figures, one.folder), title=one.model.identity.name)
        files += draw_figures(scored, folder=figures) if scored else ()
    if as_json:
        scores = [one.to_evaluation().model_dump(mode="json") for one in scored]
        print_json({"models": [_as_document(one.model, one.values) for one in explained], "scores": scores})
        return
    for one in explained:
        _print_importance(one.model, one.values)
    _print_scores(scored)
    if files:
        say(f"{len(files)} figures in {figures}")


class _Explained(NamedTuple):
    """One estimator, its SHAP values, and the folder for its figures."""

    model: FittedModel
    values: ShapValues
    folder: str


def _loaded(source: str) -> FittedModel | Cascade:
    """Load one model that has an estimator, or two in a row."""
    from nwb_unitrefine.models import Cascade, FittedModel

    model = load((source,))
    if isinstance(model, FittedModel | Cascade):
        return model
    raise ModelError(
        f"{source} is a set of rules, which is not an estimator.", tip=f"nwb-unitrefine explain SOURCE --model {source}"
    )


def _labelled(model: FittedModel | Cascade, data: tuple[str, ...]) -> Dataset | None:
    """Units with labels: those of the data, or the model's training table; None where there are no labels."""
    from nwb_unitrefine.learn import LabelRules, read_labelled
    from nwb_unitrefine.models.training_rows import training_table
    from nwb_unitrefine.records import CLASSES

    table = None if data else training_table(model.steps[0])
    places = list(data) if table is None else [str(table.parent)]
    if not places:
        raise FeatureError(f"{model.identity.name} comes without its training table.", tip="Name units with --data.")
    # A model of other words than ours is scored on the classes that both distinguish.
    for classes in dict.fromkeys((model.classes, CLASSES)):
        try:
            return read_labelled(places, rules=LabelRules(classes=tuple(classes)))
        except TrainingError:
            continue
        except SourceError:
            if data:
                raise
            return None  # a training table whose labels were not passed on
    return None


def _explained(
    model: FittedModel | Cascade, labelled: Dataset | None, data: tuple[str, ...], *, folder: str, seed: int
) -> list[_Explained]:
    """SHAP values of the labelled units, or else of all, for one model or both of two in a row."""
    from nwb_unitrefine.explain import shap_values
    from nwb_unitrefine.models import FittedModel
    from nwb_unitrefine.models.folder import STEPS

    if isinstance(model, FittedModel):
        return [_Explained(model, shap_values(model, _inputs(model, labelled, data), seed=seed), folder)]
    features = _features(model, labelled, data)
    reaches = np.concatenate([model.reaches_second(one) for one in features])
    found = []
    for step, rows, place in zip(model.steps, (np.ones_like(reaches), reaches), STEPS, strict=True):
        if not rows.any():
            say(f"note: {step.identity.name} is not explained: no unit reaches it", err=True)
            continue
        inputs = np.concatenate([step.input_values(one) for one in features])[rows]
        found.append(_Explained(step, shap_values(step, inputs, seed=seed), f"{folder}/{place}".lstrip("/")))
    return found


def _features(model: FittedModel | Cascade, labelled: Dataset | None, data: tuple[str, ...]) -> list[Features]:
    """Metrics of the labelled units, or else of all units of each source."""
    from nwb_unitrefine.metrics import compute_features
    from nwb_unitrefine.read import read_units

    if labelled is not None:
        return [labelled.to_features(model.feature_names)]
    if not data:
        raise FeatureError(f"The training table of {model.identity.name} has no labels.", tip="Name units with --data.")
    return [compute_features(read_units(source), names=model.feature_names, of_model=True) for source in data]


def _inputs(model: FittedModel, labelled: Dataset | None, data: tuple[str, ...]) -> NDArray[np.float64]:
    """Rows to explain, in the order of the model's inputs."""
    import pandas as pd

    from nwb_unitrefine.models.training_rows import training_table

    columns = list(model.estimator.columns or model.inputs)
    table = None if data else training_table(model)
    frame = None if table is None else pd.read_csv(table)
    if frame is None or (labelled is not None and not set(columns) <= set(frame.columns)):
        # Of the data; or of a table of ours, which has the names of the vocabulary.
        return np.concatenate([model.input_values(one) for one in _features(model, labelled, data)])
    if absent := [name for name in columns if name not in frame.columns]:
        raise FeatureError(f"The training table has no column {absent[0]!r}.", tip="Name units with --data.")
    return frame[columns].to_numpy(dtype=np.float64)


def _score(
    model: FittedModel | Cascade, labelled: Dataset | None, *, data: tuple[str, ...], learned: bool
) -> Scored | None:
    """Scores on units that the model was not trained on; None, with a note, where there are none."""
    from nwb_unitrefine.learn import cross_validate, evaluate
    from nwb_unitrefine.learn.learner_settings import recorded_learner

    name = model.identity.name
    try:
        if labelled is not None and data:
            return evaluate(model, labelled)
        if labelled is not None and learned:
            return cross_validate(recorded_learner(model), labelled, name=name, follow=show_progress)
    except (TrainingError, FeatureError) as error:
        say(f"note: {name} is not scored: {error}", err=True)
        return None
    if data:
        say(f"note: {name} is not scored: the units have no labels", err=True)
    return None


def _as_document(model: FittedModel, values: ShapValues) -> dict[str, object]:
    """One model's importances, as JSON."""
    importance = values.importance()
    return {
        "model": model.identity,
        "method": values.method,
        "scale": values.scale,
        "n_units": values.values.shape[1],
        "importance": [
            {
                "feature": values.features[i],
                "classes": dict(zip(values.classes, importance[:, i].mean(axis=0).tolist(), strict=True)),
                "members": importance[:, i].sum(axis=1).tolist(),
            }
            for i in _order(values)
        ],
    }


def _order(values: ShapValues) -> list[int]:
    """Places of the features, the most important first."""
    return [int(i) for i in np.argsort(-values.importance().mean(axis=0).sum(axis=1), kind="stable")]


def _print_importance(model: FittedModel, values: ShapValues) -> None:
    """One model's metrics, the most important first."""
    importance = values.importance()
    ensemble = len(importance) > 1
    print_table(
        f"{model.identity.name}: mean absolute SHAP value ({values.scale}) on {values.values.shape[1]:,} units",
        ["metric", *values.classes, *(["range of members"] if ensemble else [])],
        [
            [
                values.features[i],
                *(f"{one:.3f}" for one in importance[:, i].mean(axis=0)),
                *([_range(importance[:, i].sum(axis=1))] if ensemble else []),
            ]
            for i in _order(values)
        ],
    )


def _range(sums: NDArray[np.float64]) -> str:
    """Smallest and largest importance among the members of an ensemble."""
    return f"{sums.min():.3f} to {sums.max():.3f}"


def _print_scores(scored: Sequence[Scored]) -> None:
    """Confusion matrices, and the models in the order of their balanced accuracy."""
    from nwb_unitrefine.learn import compare
    from nwb_unitrefine.learn.scoring.scores import share_interval

    for one in scored:
        counts = [[int(((one.dataset.targets == i) & (one.labels == j)).sum()) for j in range(len(one.classes))]
                  for i in range(len(one.classes))]  # fmt: skip
        right = int((one.dataset.targets == one.labels).sum())
        low, high = share_interval(right, len(one.labels))
        about = f"{len(one.labels):,} units, {right / len(one.labels):.3f} ({low:.3f} to {high:.3f}) right"
        rows = [[name, *each] for name, each in zip(one.classes, counts, strict=True)]
        print_table(f"{one.name}: labels (rows) and predictions; {about}", ["", *one.classes], rows)
    if len(scored) < 2:
        return
    ranked = sorted(scored, key=lambda one: -one.pooled["balanced_accuracy"])
    rows = []
    for one in ranked:
        pooled = one.pooled
        behind = ""
        if one is not ranked[0] and one.classes == ranked[0].classes:
            mean, least, most = compare(one, ranked[0])
            several = len(set(one.dataset.recordings.tolist())) > 1
            behind = f"{mean:+.3f} ({least:+.3f} to {most:+.3f})" if several else f"{mean:+.3f}"
        rows.append([one.name, len(one.labels), *(pooled[key] for key in ("balanced_accuracy", "accuracy")), behind])
    headings = ["model", "units", "balanced accuracy", "accuracy", "against the first, mean of recordings"]
    print_table("The best first", headings, rows)
