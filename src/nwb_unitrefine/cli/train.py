"""``nwb-unitrefine train``."""

from __future__ import annotations

import re
import shlex
import sys
from typing import TYPE_CHECKING, Any

import click

from nwb_unitrefine.cli._learner_options import LearnerOptions, from_raw_option, learner_options
from nwb_unitrefine.cli._options import definition_option, mapping_option, parse_mapping
from nwb_unitrefine.cli._render import json_option, print_json, print_problems, print_table, say, show_progress
from nwb_unitrefine.records import CLASSES, RawOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nwb_unitrefine.learn import Dataset
    from nwb_unitrefine.learn.continuing import Parent
    from nwb_unitrefine.models.manifest import Evaluation, Round

__all__ = ["command", "label_options", "read_sources"]


def _require_regex(context: click.Context, option: click.Parameter, value: str | None) -> str | None:  # noqa: ARG001 - click's signature
    """Refuse a pattern that is none before anything is read."""
    try:
        re.compile(value or "")
    except re.error as error:
        raise click.BadParameter(f"{value!r} is not a regular expression: {error}.") from error
    return value


def label_options(function: click.decorators.FC) -> click.decorators.FC:
    """Add the options on the labels of a source."""
    for option in reversed(
        (
            click.option("--labels", metavar="TABLE", help="Ids and labels, for one source that has no labels itself."),
            click.option(
                "--label-column",
                metavar="NAME",
                help="Column that holds the labels; by default those that people set with relabel, else a known one.",
            ),
            click.option(
                "--task",
                metavar="TASK",
                help="What to distinguish: sua-mua-noise, noise-neural, sua-mua, sua-rest, or your labels, separated "
                "by commas.",
            ),
            mapping_option,
            definition_option,
            click.option(
                "--subject-pattern",
                metavar="REGEX",
                callback=_require_regex,
                help="Finds the subject in a recording's name, as '(mouse[0-9]+)'.",
            ),
        )
    ):
        function = option(function)
    return function


@click.command("train")
@click.argument("sources", nargs=-1, metavar="SOURCE...")
@click.option("--output", metavar="FOLDER", help="Model folder to write.")
@label_options
@click.option(
    "--add-to",
    multiple=True,
    metavar="DATA",
    help="Labelled data or model folder to add these labels to; with --continue-from, what that model was trained on, "
    "where it comes without.",
)
@click.option(
    "--continue-from",
    metavar="MODEL",
    help="Model folder, hf://OWNER/REPO or default, to add these labels to: its own training table and settings, with "
    "scores before and after.",
)
@click.option("--packaged", metavar="FOLDER", help="Rebuild the default model from the UnitRefine base dataset.")
@from_raw_option
@learner_options
@click.option(
    "--seed", default=0, type=click.IntRange(0, 2**32 - 1), show_default=True, help="Seed of all random draws."
)
@click.option("--licence", default="", help="SPDX identifier of the model's licence.")
@click.option("--no-validate", "validate", is_flag=True, default=True, flag_value=False, help="Leave out the scores.")
@click.option("--overwrite", is_flag=True, help="Replace a model folder that is there.")
@json_option
def command(
    *,
    sources: tuple[str, ...],
    output: str | None,
    labels: str | None,
    label_column: str | None,
    task: str | None,
    mapping: tuple[str, ...],
    definition: str | None,
    subject_pattern: str | None,
    add_to: tuple[str, ...],
    continue_from: str | None,
    packaged: str | None,
    from_raw: bool,
    seed: int,
    licence: str,
    validate: bool,
    overwrite: bool,
    as_json: bool,
    **choices: Any,
) -> int:
    """Train a model on labelled units: NWB files, sorter output, analyzers, or CSV tables of metrics.

    Scores come from subjects (or recordings) that are left out one after another, and are written into the model.
    """
    from nwb_unitrefine.learn import combine, train_model
    from nwb_unitrefine.learn.default_model import rebuild_default
    from nwb_unitrefine.learn.labelled.tasks import parse_task
    from nwb_unitrefine.learn.labelled.training_data import read_training_data

    if packaged is not None:
        if sources:
            raise click.UsageError("--packaged takes its own data: give no SOURCE with it.")
        say(f"written to {rebuild_default(packaged, output=output, overwrite=overwrite)}", err=as_json)
        return 0
    if not sources:
        raise click.UsageError("Give at least one SOURCE, or --packaged.")
    chosen = LearnerOptions(**choices)
    parent = _read_parent(continue_from, add_to, chosen, task=task) if continue_from is not None else None
    ranks = chosen.ranks if parent is None else any("rank_of_" in name for name in parent.dataset.names)
    dataset = read_sources(
        sources,
        labels=labels,
        label_column=label_column,
        mapping=mapping,
        classes=parse_task(task or "sua-mua-noise") if parent is None else parent.dataset.classes,
        definition=definition,
        subject_pattern=subject_pattern,
        licence=licence,
        ranks=ranks,
        from_raw=from_raw,
        quiet=as_json,
    )
    lineage: tuple[Round, ...] = ()
    if parent is None:
        others = [read_training_data(one, classes=dataset.classes, ranks=ranks) for one in add_to]
        dataset = combine([*others, dataset])
        learner = chosen.make(dataset)
    else:
        learner, seed = parent.learner, parent.seed
        say(f"learner: {learner.name}", err=True)
        dataset, lineage = _continued(parent, dataset, validate=validate)
    trained = train_model(
        dataset,
        output=output,
        learner=learner,
        lineage=lineage,
        seed=seed,
        command=_recorded_command(sys.argv[1:]),
        validate=validate,
        overwrite=overwrite,
        follow=show_progress,
    )
    manifest = trained.model.manifest
    assert manifest is not None
    if as_json:
        print_json({"path": trained.path, "warnings": trained.warnings, "manifest": manifest.model_dump(mode="json")})
        return 0
    for warning in trained.warnings:
        say(f"warning: {warning}", err=True)
    _print_scores(lineage, manifest.evaluations)
    say(f"written to {trained.path}" if trained.path else "not written: no --output")
    return 0


def _recorded_command(arguments: Sequence[str]) -> str:
    """Write the command into the model without folders of this machine: a model is shared."""
    from nwb_unitrefine.records import private_parts, recorded_name

    words = []
    for argument in arguments:
        shown = argument
        for part in private_parts(argument):
            shown = shown.replace(part, recorded_name(part))
        words.append(shown)
    return shlex.join(["nwb-unitrefine", *words])


def _read_parent(folder: str, add_to: tuple[str, ...], chosen: LearnerOptions, *, task: str | None) -> Parent:
    """Read the model to be continued, which brings its own settings."""
    from nwb_unitrefine.learn.continuing import read_parent

    if task or chosen.is_given:
        raise click.UsageError("--continue-from keeps the task, metrics and learner of the model.")
    if len(add_to) > 1:
        raise click.UsageError("With --continue-from, --add-to names what that model was trained on: give it once.")
    return read_parent(folder, data=next(iter(add_to), None))


def _continued(parent: Parent, dataset: Dataset, *, validate: bool) -> tuple[Dataset, tuple[Round, ...]]:
    """Add labelled units to a model's training table, and score its learner before and after."""
    from nwb_unitrefine.learn.continuing import compare_rounds, continue_dataset

    found = continue_dataset(parent.dataset, dataset)
    say(f"{found.added} units added, {found.corrected} corrected, {found.unchanged} as before", err=True)
    newest = compare_rounds(
        parent.learner, found, parent=parent.digest, seed=parent.seed, validate=validate, follow=show_progress
    )
    return found.dataset, (*parent.lineage, newest)


def _print_scores(lineage: tuple[Round, ...], evaluations: tuple[Evaluation, ...]) -> None:
    """Scores before and after the newest round, and those of each kind of source."""
    for newest in (one for one in lineage[-1:] if one.scored_units):
        rows = [[name.replace("_", " "), value, newest.after[name]] for name, value in newest.before.items()]
        print_table(f"{newest.scored_units} units, held out", ["score", "before", "after"], rows)
    for one in evaluations:
        print_table(
            f"{one.name}: {one.scheme}",
            ["recording", "subject", "units", "balanced accuracy", "calibration error"],
            [
                [part.recording, part.subject, part.n_units]
                + [part.scores.get(name, float("nan")) for name in ("balanced_accuracy", "calibration_error")]
                for part in one.recordings
            ],
        )


def read_sources(
    sources: tuple[str, ...],
    *,
    labels: str | None,
    label_column: str | None,
    mapping: tuple[str, ...],
    definition: str | None,
    subject_pattern: str | None,
    classes: Sequence[str] = CLASSES,
    licence: str = "",
    ranks: bool = False,
    from_raw: bool = False,
    quiet: bool = False,
) -> Dataset:
    """Read labelled units and show what became of each label."""
    from nwb_unitrefine.learn import LabelRules, read_labelled

    dataset = read_labelled(
        sources,
        rules=LabelRules(
            labels=labels, label_column=label_column, mapping=parse_mapping(mapping, classes), classes=tuple(classes)
        ),
        definition=definition,
        subject_pattern=subject_pattern,
        licence=licence,
        ranks=ranks,
        raw=RawOptions(progress=False) if from_raw else None,
        follow=show_progress,
    )
    if not quiet:
        print_problems(dataset.problems)
        read_as = ", ".join(f"{old or '(empty)'} → {new or 'left out'}" for old, new in dataset.label_mapping.items())
        counts = ", ".join(f"{dataset.counts[name]} {name}" for name in dataset.classes)
        say(f"labels: {read_as}; {counts}, of {len(set(dataset.recordings.tolist()))} recordings")
    return dataset
