"""``nwb-unitrefine label``."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from nwb_unitrefine.cli._agreement import agreement_document, print_agreement
from nwb_unitrefine.cli._exit_codes import EXIT_INTERRUPTED
from nwb_unitrefine.cli._options import given_options, model_option, one_or_two, require_written, source_options
from nwb_unitrefine.cli._remarks import weighing_remark
from nwb_unitrefine.cli._render import (
    describe_error,
    json_option,
    margins_of,
    print_json,
    print_problems,
    print_table,
    say,
    show_probability,
    show_progress,
)
from nwb_unitrefine.cli._sorter_ids import SORTER_ID, sorter_ids
from nwb_unitrefine.records import CLASSES, ProblemCode, RawOptions, SourceHints

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nwb_unitrefine.batch import LabelResult
    from nwb_unitrefine.records import Predictions, Problem

__all__ = ["command"]

FIRST_TIME = "labelling (the first run on a machine compiles for some seconds)"


@click.command("label")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@model_option
@click.option("--output", help="Write a labelled copy there (a folder, for several sources); change no source.")
@click.option("--units-only", is_flag=True, help="Make the copy a small file: subject, electrodes, units and labels.")
@click.option("--from-raw", is_flag=True, help="Compute what the model needs from raw traces, through SpikeInterface.")
@click.option("--adapt", is_flag=True, help="Move the model's boundary to the labels that people set in each file.")
@click.option(
    "--adapt-from",
    multiple=True,
    metavar="SOURCE",
    help="Move it to the labels that people set there, too: a labelled file or a table.",
)
@click.option("--dry-run", is_flag=True, help="Show the labels and write nothing.")
@click.option(
    "--columns",
    default="unitrefine",
    show_default=True,
    help="Columns to write: unitrefine, quality, or LABEL,PROBABILITY.",
)
@click.option(
    "--contamination-column", is_flag=True, help="Write the upper bound of contamination as a further column."
)
@click.option(
    "--overwrite-column",
    "overwrite_columns",
    multiple=True,
    metavar="NAME",
    help="Replace this column of another program.",
)
@click.option("--again", is_flag=True, help="Add a run to the history even where nothing changed.")
@click.option("--replace-human", is_flag=True, help="Replace labels that a person set, too.")
@source_options
@json_option
def command(
    sources: tuple[str, ...],
    *,
    model: tuple[str, ...],
    output: str | None,
    units_only: bool,
    from_raw: bool,
    adapt: bool,
    adapt_from: tuple[str, ...],
    dry_run: bool,
    columns: str,
    contamination_column: bool,
    overwrite_columns: tuple[str, ...],
    again: bool,
    replace_human: bool,
    as_json: bool,
    **hints: Any,
) -> int:
    """Label the units of files and write the labels into them.

    A SOURCE is an NWB file, a folder of NWB files, an address, or a sorter's output or SortingAnalyzer, which get
    tables beside them. A file that cannot be labelled is left as it was, and the others
    are labelled all the same; the exit code is then 1.
    """
    from nwb_unitrefine.batch import find_sources, label_many
    from nwb_unitrefine.write import WriteOptions

    require_written(overwrite_columns, columns, contamination=contamination_column)
    found = find_sources(sources)
    options = WriteOptions(
        columns=columns if "," not in columns else tuple(columns.split(",")),
        contamination_column=contamination_column,
        overwrite_columns=overwrite_columns,
        replace_human=replace_human,
        units_only=units_only,
        again=again,
    )
    labelling = label_many(
        found,
        model=one_or_two(model),
        output=output,
        dry_run=dry_run,
        raw=RawOptions(progress=False) if from_raw else None,
        hints=SourceHints(**hints),
        adapt=adapt,
        adapt_from=adapt_from,
        write_options=options,
        load_options=given_options(),
    )
    documents, rows, n_refused, n_left, interrupted = [], [], 0, 0, False
    # What is kept of each source is its line, not its spike times: there may be many sources.
    try:
        for result in show_progress(labelling, total=len(found), doing=FIRST_TIME):
            n_refused += result.error is not None
            if as_json:
                documents.append(_as_document(result))
                continue
            if result.error is not None:
                describe_error(result.error, where=result.source)
            elif len(found) == 1:
                _print_units(result)
            else:
                print_problems(_unlike_training(result), where=result.source)
            rows.append(_summary(result))
    except KeyboardInterrupt:
        interrupted = True
        n_left = len(found) - len(documents if as_json else rows)
        documents += [{"source": source, "error": "interrupted"} for source in found[len(documents) :]]
        rows += [_Line(source, None, 0, "–", "not labelled") for source in found[len(rows) :]]
    if as_json:
        print_json(documents)
    elif len(found) > 1:
        _print_sources(rows, n_refused=n_refused)
    if interrupted:
        say(f"Interrupted: {n_left} of {len(found)} sources are as they were.", err=True)
        return EXIT_INTERRUPTED
    return int(n_refused > 0)


def _as_document(result: LabelResult) -> dict[str, Any]:
    """One source as JSON: the prediction of every unit, what was written, or why it was refused."""
    document: dict[str, Any] = {"source": result.source, "seconds": result.seconds}
    if result.error is not None:
        return {**document, "error": str(result.error), "error_type": type(result.error).__name__}
    curation = result.curation
    assert curation is not None
    labels = result.labels
    assert labels is not None
    known = curation.contamination
    rows = labels.to_frame().reset_index().to_dict("records")
    return {
        **document,
        "read_as": curation.units.source,
        "model": curation.model,
        "notes": curation.features.notes,
        "rests_on": curation.rests_on,
        "problems": (*curation.units.problems, *curation.features.problems),
        "counts": _counts(labels.predictions),
        "agreement": agreement_document(curation.units, labels.predictions.labels, ours=labels.columns),
        "units": rows if known is None else [unit | known.of_unit(row) for row, unit in enumerate(rows)],
        "written": None if result.report is None else replace(result.report, labels=None),
    }


def _counts(predictions: Predictions) -> dict[str, int]:
    """Units of each label; those without one under an empty name are called unlabelled."""
    counts = Counter(label or "unlabelled" for label in predictions.labels.tolist())
    names = dict.fromkeys((*predictions.classes, *counts, "unlabelled"))
    return {name: counts[name] for name in (*(one for one in names if one != "unlabelled"), "unlabelled")}


def _print_units(result: LabelResult) -> None:
    """Every unit with its label, what else is known of them, and what was written."""
    curation = result.curation
    assert curation is not None
    labels = result.labels
    assert labels is not None
    predictions, spikes = labels.predictions, curation.units.spike_times_s.counts
    theirs, contamination = sorter_ids(curation.units), curation.contamination
    problems = (*curation.units.problems, *curation.features.problems)
    about_file = _unlike_training(result)
    print_problems(about_file)  # first: it decides whether the labels are worth reading
    print_table(
        f"{result.source}: {len(predictions)} units by {curation.model.name}",
        [
            "unit",
            *([] if theirs is None else [SORTER_ID]),
            "spikes",
            "label",
            *(f"p({name})" for name in predictions.classes),
            "margin",
            *([] if contamination is None else ["contamination"]),
            "remark",
        ],
        [
            [unit_id, *one, n_spikes, label or "–", *map(show_probability, row), show_probability(margin), *share, why]
            for unit_id, one, n_spikes, label, row, margin, share, why in zip(
                predictions.unit_ids.tolist(),
                [[]] * len(predictions) if theirs is None else [[one] for one in theirs],
                spikes.tolist(),
                predictions.labels.tolist(),
                predictions.probabilities.tolist(),
                margins_of(predictions),
                [[]] * len(predictions) if contamination is None else [[text] for text in contamination.texts()],
                predictions.reasons,
                strict=True,
            )
        ],
    )
    print_problems(problem for problem in problems if problem not in about_file)
    if weighed := weighing_remark(labels.of_programs(), model_name=curation.model.name):
        say(f"note: {weighed}", err=True)
    print_agreement(curation.units, predictions.labels, ours=labels.columns)
    _print_written(result, predictions)


def _print_written(result: LabelResult, predictions: Predictions) -> None:
    """One closing line: how many of each label, and what was written where."""
    counts = ", ".join(f"{count} {name}" for name, count in _counts(predictions).items() if count)
    n_uncertain = int(predictions.uncertain.sum())
    where = "nothing written"
    if result.report is not None:
        where = f"written to {' and '.join(map(str, result.report.tables or (result.report.path,)))}"
    if result.report is not None and not result.report.is_written:
        where = f"nothing changed in {result.report.path}, so nothing written (--again adds a run all the same)"
    if result.report is not None and result.report.n_kept:
        where += f"; labels kept that a person set: {result.report.n_kept}"
    if result.report is not None and result.report.n_gone:
        gone = f"note: units that a person had labelled and that are not in the file any more: {result.report.n_gone}"
        say(gone, err=True)
    if result.report is not None and result.report.other_names:
        say(
            f"note: the file has other names (hard links), which show the labels too: {result.report.other_names}",
            err=True,
        )
    if result.report is not None and result.report.left_out:
        say(f"note: not in the small file: columns {', '.join(result.report.left_out)}", err=True)
    assert result.curation is not None
    if result.curation.rests_on is not None:
        say(f"labels rest on {result.curation.rests_on.value}")
    say(f"{counts}; {n_uncertain} uncertain; {where}")


class _Line(NamedTuple):
    """What is kept of one of several sources."""

    source: str
    counts: dict[str, int] | None
    n_uncertain: int
    rests_on: str
    outcome: str
    unlike: bool = False


def _unlike_training(result: LabelResult) -> list[Problem]:
    """What makes the data of a source another kind than the model was trained on."""
    problems = () if result.curation is None else result.curation.features.problems
    return [problem for problem in problems if problem.code is ProblemCode.MODEL_OTHER_DATA]


def _summary(result: LabelResult) -> _Line:
    """Keep the counts of a source and what became of it."""
    labels = result.labels
    if labels is None:
        return _Line(result.source, None, 0, "–", "refused")
    written = "unchanged" if result.report is not None and not result.report.is_written else "written"
    done = "dry run" if result.report is None else written
    basis = result.curation.rests_on if result.curation is not None else None
    n_uncertain = int(labels.predictions.uncertain.sum())
    rests_on, unlike = basis.value if basis else "–", bool(_unlike_training(result))
    return _Line(result.source, _counts(labels.predictions), n_uncertain, rests_on, done, unlike)


def _print_sources(lines: Sequence[_Line], *, n_refused: int) -> None:
    """One row for each source, one column for each label that any of them has."""
    found = dict.fromkeys(name for line in lines for name in line.counts or ()) or dict.fromkeys(CLASSES)
    names = [*(name for name in found if name != "unlabelled"), "unlabelled"]
    with_data = ["data"] if any(line.unlike for line in lines) else []

    def row(line: _Line) -> list[object]:
        numbers: list[object] = ["–"] * (len(names) + 1)
        if line.counts is not None:
            numbers = [*(line.counts.get(name, 0) for name in names), line.n_uncertain]
        data = ["unlike training" if line.unlike else "" for _ in with_data]
        return [line.source, *numbers, line.rests_on, *data, line.outcome]

    headings = ["source", *names, "uncertain", "rests on", *with_data, "outcome"]
    print_table(f"{len(lines)} sources, {n_refused} refused", headings, map(row, lines))
