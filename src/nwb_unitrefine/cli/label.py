"""``nwb-unitrefine label``."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from nwb_unitrefine.cli.agreement import agreement_document, print_agreement
from nwb_unitrefine.cli.options import load, model_option
from nwb_unitrefine.cli.render import describe_error, json_option, make_console, print_json, print_problems, print_table
from nwb_unitrefine.records import CLASSES

if TYPE_CHECKING:
    from nwb_unitrefine.batch import Outcome
    from nwb_unitrefine.records import Curation

__all__ = ["command"]


@click.command("label")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@model_option
@click.option("--output", help="Write a labelled copy there (a folder, for several sources); change no source.")
@click.option("--dry-run", is_flag=True, help="Show the labels and write nothing.")
@click.option(
    "--columns",
    default="unitrefine",
    show_default=True,
    help="Columns to write: unitrefine, quality, or LABEL,PROBABILITY.",
)
@click.option(
    "--overwrite-column", "overwrite", multiple=True, metavar="NAME", help="Replace this column of another program."
)
@click.option("--replace-human", is_flag=True, help="Replace labels that a person set, too.")
@json_option
def command(
    sources: tuple[str, ...],
    *,
    model: tuple[str, ...],
    output: str | None,
    dry_run: bool,
    columns: str,
    overwrite: tuple[str, ...],
    replace_human: bool,
    as_json: bool,
) -> int:
    """Label the units of files and write the labels into them.

    A SOURCE is an NWB file, or a folder of NWB files. A file that cannot be labelled is left as it was, and the others
    are labelled all the same; the exit code is then 1.
    """
    from rich.progress import Progress

    from nwb_unitrefine.batch import find_sources, label_sources

    found = find_sources(sources)
    options = {
        "columns": columns if "," not in columns else tuple(columns.split(",")),
        "overwrite_columns": overwrite,
        "replace_human": replace_human,
    }
    labelling = label_sources(found, model=load(model), output=output, dry_run=dry_run, write_options=options)
    outcomes = []
    with Progress(console=make_console(stderr=True), transient=True, disable=len(found) == 1) as progress:
        for outcome in progress.track(labelling, total=len(found), description="label"):
            outcomes.append(outcome)
            if outcome.error is not None and not as_json:
                describe_error(outcome.error, where=outcome.source)
    if as_json:
        print_json([_as_document(outcome) for outcome in outcomes])
    elif len(found) == 1 and outcomes[0].curation is not None:
        _print_units(outcomes[0].curation)
        print_agreement(outcomes[0].curation.units, outcomes[0].curation.predictions.labels, ours=_ours(outcomes[0]))
        _print_written(outcomes[0])
    elif len(found) > 1:
        _print_summary(outcomes)
    return int(any(outcome.error is not None for outcome in outcomes))


def _as_document(outcome: Outcome) -> dict[str, Any]:
    """One source as JSON: what was said of every unit, what was written, or why it was refused."""
    document: dict[str, Any] = {"source": outcome.source, "seconds": outcome.seconds}
    if outcome.error is not None:
        return {**document, "error": str(outcome.error), "error_type": type(outcome.error).__name__}
    curation = outcome.curation
    assert curation is not None
    return {
        **document,
        "read_as": curation.units.source,
        "model": curation.model,
        "notes": curation.features.notes,
        "problems": (*curation.units.problems, *curation.features.problems),
        "counts": _counts(curation),
        "agreement": agreement_document(curation.units, curation.predictions.labels, ours=_ours(outcome)),
        "units": curation.predictions.to_frame().reset_index().to_dict("records"),
        "written": outcome.report,
    }


def _ours(outcome: Outcome) -> set[str]:
    """Columns that held labels of ours before, which say nothing about agreement with anybody else."""
    return set() if outcome.report is None else set(outcome.report.columns) - set(outcome.report.replaced)


def _counts(curation: Curation) -> dict[str, int]:
    """Units of each label; those without one under an empty name are called unlabelled."""
    counts = Counter(label or "unlabelled" for label in curation.predictions.labels.tolist())
    return {name: counts[name] for name in (*CLASSES, "unlabelled")}


def _print_units(curation: Curation) -> None:
    """Every unit with its label, for one source."""
    predictions, spikes = curation.predictions, curation.units.spike_times_s.counts
    print_table(
        f"{curation.units.source.uri}: {len(predictions)} units by {curation.model.name}",
        ["unit", "spikes", "label", *(f"p({name})" for name in CLASSES), "remark"],
        [
            [unit_id, n_spikes, label or "–", *(f"{p:.2f}" for p in row), reason]
            for unit_id, n_spikes, label, row, reason in zip(
                predictions.unit_ids.tolist(),
                spikes.tolist(),
                predictions.labels.tolist(),
                predictions.probabilities.tolist(),
                predictions.reasons,
                strict=True,
            )
        ],
    )
    print_problems((*curation.units.problems, *curation.features.problems))


def _print_written(outcome: Outcome) -> None:
    """One closing line: how many of each label, and what was written where."""
    assert outcome.curation is not None
    counts = ", ".join(f"{count} {name}" for name, count in _counts(outcome.curation).items() if count)
    n_uncertain = int(outcome.curation.predictions.uncertain.sum())
    where = "nothing written" if outcome.report is None else f"written to {outcome.report.path}"
    click.echo(f"{counts}; {n_uncertain} uncertain; {where}")


def _print_summary(outcomes: list[Outcome]) -> None:
    """One row a source, for several."""
    rows: list[list[object]] = []
    for outcome in outcomes:
        if outcome.curation is None:
            rows.append([outcome.source, *["–"] * (len(CLASSES) + 2), f"refused: {outcome.error}"])
            continue
        counts = _counts(outcome.curation)
        uncertain = int(outcome.curation.predictions.uncertain.sum())
        done = "dry run" if outcome.report is None else "written"
        rows.append([outcome.source, *counts.values(), uncertain, done])
    refused = sum(outcome.error is not None for outcome in outcomes)
    print_table(
        f"{len(outcomes)} sources, {refused} refused", ["source", *CLASSES, "unlabelled", "uncertain", "outcome"], rows
    )
