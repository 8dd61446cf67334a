"""``nwb-unitrefine evaluate``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from nwb_unitrefine.cli._learner_options import LearnerOptions, from_raw_option, learner_options
from nwb_unitrefine.cli._options import load, require_there
from nwb_unitrefine.cli._render import json_option, print_json, print_table, say, show_progress
from nwb_unitrefine.cli.train import label_options, read_sources
from nwb_unitrefine.records import CLASSES

if TYPE_CHECKING:
    from nwb_unitrefine.learn import Dataset, Learner, Scored
    from nwb_unitrefine.learn.adapted_scores import AdaptedScores
    from nwb_unitrefine.models import Model

__all__ = ["command"]


@click.command("evaluate")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--model", multiple=True, metavar="MODEL", help="Model to score; twice: two models in a row.")
@click.option(
    "--cross-validate", "learned", is_flag=True, help="Score instead the models that train makes, leaving subjects out."
)
@click.option("--recipe", is_flag=True, help="Score UnitRefine's recipe beside it, on the same splits.")
@label_options
@from_raw_option
@learner_options
@click.option(
    "--adapt",
    type=click.IntRange(1),
    multiple=True,
    metavar="N",
    help="Also score with N labels of each recording, drawn 30 times.",
)
@click.option("--figures", metavar="FOLDER", help="Draw confusion matrix, reliability and coverage there.")
@click.option(
    "--seed",
    default=0,
    type=click.IntRange(0, 2**32 - 1),
    show_default=True,
    help="Seed of the random draws in training.",
)
@json_option
def command(
    *,
    sources: tuple[str, ...],
    model: tuple[str, ...],
    learned: bool,
    recipe: bool,
    labels: str | None,
    label_column: str | None,
    task: str | None,
    mapping: tuple[str, ...],
    definition: str | None,
    subject_pattern: str | None,
    from_raw: bool,
    adapt: tuple[int, ...],
    figures: str | None,
    seed: int,
    as_json: bool,
    **choices: Any,
) -> int:
    """Score a model on labelled units, or a way to make models by leaving subjects out.

    Without --task, labels are read as the classes of the model. Options on how models are made are those of train.
    """
    chosen = LearnerOptions(**choices)
    if chosen.is_given and not learned:
        raise click.UsageError("Options on how models are made need --cross-validate.")
    require_there(sources)
    from nwb_unitrefine.learn import evaluate
    from nwb_unitrefine.learn.adapted_scores import score_adapted
    from nwb_unitrefine.learn.labelled.tasks import parse_task
    from nwb_unitrefine.learn.scoring.figures import draw_figures, require_matplotlib

    if figures is not None:
        require_matplotlib()
    loaded = load(model or ("default",)) if model or not (learned or recipe) else None
    classes = CLASSES if loaded is None else loaded.classes
    dataset = read_sources(
        sources,
        labels=labels,
        label_column=label_column,
        mapping=mapping,
        classes=parse_task(task) if task else classes,
        definition=definition,
        subject_pattern=subject_pattern,
        ranks=chosen.ranks or _takes_ranks(loaded),
        from_raw=from_raw,
        quiet=as_json,
    )
    scored = _cross_validated(dataset, [chosen.make(dataset)] if learned else [], recipe=recipe, seed=seed)
    if loaded is not None:
        scored.insert(0, evaluate(loaded, dataset))
    if figures is not None:
        for file in draw_figures(scored, folder=figures):
            say(f"drawn: {file}", err=True)
    gained = [[score_adapted(one, n_labels=n_labels, seed=seed) for n_labels in adapt] for one in scored]
    if as_json:
        documents = [
            {**one.to_evaluation().model_dump(mode="json"), **({"adapted": each} if each else {})}
            for one, each in zip(scored, gained, strict=True)
        ]
        print_json(documents)
        return 0
    _print(scored)
    for one, each in zip(scored, gained, strict=True):
        _print_adapted(one.name, each)
    return 0


def _takes_ranks(model: Model | None) -> bool:
    """Whether a model takes ranks of metrics within their recording."""
    from nwb_unitrefine.vocabulary import find_metric

    names = () if model is None else model.feature_names
    return any(metric.rank_of for name in names if (metric := find_metric(name)))


def _print_adapted(name: str, gained: list[AdaptedScores]) -> None:
    """What labels of the recording itself gain on its other units; nothing where none were drawn."""
    if not gained:
        return
    rows = []
    for one in gained:
        gain, low, high = one.gain("balanced_accuracy")
        others = (f"{one.gain(score)[0]:+.3f}" for score in ("accuracy", "calibration_error"))
        rows.append([one.n_labels, f"{gain:+.3f} ({low:+.3f} to {high:+.3f})", *others])
    headings = ["labels", "balanced accuracy, 95 % interval", "accuracy", "calibration error"]
    print_table(f"{name}: gain from labels of the recording, {gained[0].draws} draws", headings, rows)


def _cross_validated(dataset: Dataset, learners: list[Learner], *, recipe: bool, seed: int) -> list[Scored]:
    """Leave subjects out, for learners and UnitRefine's recipe."""
    from nwb_unitrefine.learn import UnitRefineRecipe, cross_validate

    everyone = [*learners, *([UnitRefineRecipe()] if recipe else [])]
    return [cross_validate(learner, dataset, seed=seed, follow=show_progress) for learner in everyone]


def _print(scored: list[Scored]) -> None:
    """Scores side by side, and what stands behind them."""
    pooled = [one.pooled for one in scored]
    rows = [[name.replace("_", " "), *(scores[name] for scores in pooled)] for name in pooled[0]]
    means = [one.mean("balanced_accuracy") for one in scored]
    rows.insert(1, ["… mean of recordings", *(mean for mean, _, _ in means)])
    several = len(set(scored[0].dataset.recordings.tolist())) > 1
    rows.insert(2, ["… 95 % interval", *(f"{low:.3f} to {high:.3f}" if several else "–" for _, low, high in means)])
    print_table(f"{scored[0].scheme}, {len(scored[0].dataset)} units", ["score", *(one.name for one in scored)], rows)
    for one in scored:
        confusion = [
            [
                name,
                *(
                    int(((one.dataset.labels == name) & (one.labels == column)).sum())
                    for column in range(len(one.classes))
                ),
            ]
            for name in one.classes
        ]
        print_table(f"{one.name}: labels (rows) and predictions", ["", *one.classes], confusion)
