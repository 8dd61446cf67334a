"""``nwb-unitrefine history``."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from nwb_unitrefine.cli._render import json_option, print_json, print_table, say
from nwb_unitrefine.errors import ModelError, SourceError
from nwb_unitrefine.records.display import plural

if TYPE_CHECKING:
    from nwb_unitrefine.records import Run

__all__ = ["command"]


@click.command("history")
@click.argument("file")
@click.option("--diff", nargs=2, metavar="RUN RUN", help="Show the units whose label differs between two runs.")
@click.option("--redact", is_flag=True, help="Take folders, addresses and secrets out of the history.")
@click.option("--by", default="", help="With --redact: who decided.")
@json_option
def command(file: str, *, diff: tuple[str, str] | None, redact: bool, by: str, as_json: bool) -> int:
    """Show who or what labelled the units of a file, and when.

    Runs that were taken back are listed and not in effect. A RUN of --diff is named as in the list: run_0002, or 2.
    """
    from nwb_unitrefine.write import diff_runs, read_history, runs_in_effect

    if redact:
        return _redact(file, by=by, as_json=as_json)
    history = read_history(file)
    if diff is not None:
        changes = diff_runs(_find(history, diff[0], file), _find(history, diff[1], file))
        if as_json:
            print_json(changes)
        else:
            rows = [[change.unit_id, change.old or "–", change.new or "–"] for change in changes]
            print_table(f"{file}: {len(changes)} labels differ", ["unit", *diff], rows)
        return 0
    in_effect = {run.name for run in runs_in_effect(history)}
    if as_json:
        print_json([_as_document(run, in_effect=run.name in in_effect) for run in history])
    else:
        rows = [_as_row(run, in_effect=run.name in in_effect) for run in history]
        print_table(
            f"{file}: {plural(len(history), 'run')}",
            ["run", "when", "kind", "by", "labels", "decided", "effect", "note"],
            rows,
        )
    return 0


def _redact(file: str, *, by: str, as_json: bool) -> int:
    """Take private text out of the history, and list the fields."""
    from nwb_unitrefine.write import redact

    report = redact(file, by=by)
    if as_json:
        print_json(report)
        return 0
    for one in report.redactions:
        say(f"redacted: {f'{one.run}/' if one.run else ''}{one.field}")
    done = f"written as {report.run}" if report.run else "nothing private found; nothing written"
    say(f"{len(report.redactions)} fields redacted; {done}")
    if report.in_unused_space:
        say(f"note: the text is still in unused space of {file}; `h5repack` writes a file without it", err=True)
    return 0


def _find(history: tuple[Run, ...], name: str, file: str) -> Run:
    """Find a run by its name or number."""
    from nwb_unitrefine.history.run_numbers import run_number

    wanted = run_number(name)
    for run in history:
        if run.name == name or (wanted is not None and run_number(run.name) == wanted):
            return run
    raise SourceError(f"{file} has no run {name}.", tip=f"It has: {', '.join(r.name for r in history) or 'none'}.")


def _as_row(run: Run, *, in_effect: bool) -> list[object]:
    """One line about a run."""
    counts = Counter(run.predictions.labels.tolist())
    labels = (
        ", ".join(
            f"{counts[name]} {name}"
            for name in dict.fromkeys((*run.predictions.classes, *counts))
            if name and counts[name]
        )
        or "none"
    )
    return [
        run.name,
        f"{run.created:%Y-%m-%d %H:%M}",
        run.kind.value,
        f"{run.agent} {run.model.revision}".strip() if run.model else run.agent,
        labels,
        len(run.predictions) if run.changed is None else int(run.changed.sum()),
        "yes" if in_effect else "no",
        " ".join(filter(None, [run.remark, _adaptation(run)])),
    ]


def _adaptation(run: Run) -> str:
    """What labels of people changed about the run's model; empty where nothing."""
    if "adaptation" not in run.parameters:
        return ""
    from nwb_unitrefine.models.adaptation import Adaptation

    try:
        return str(Adaptation.from_json(str(run.parameters["adaptation"])))
    except ModelError as error:
        return error.message


def _as_document(run: Run, *, in_effect: bool) -> dict[str, Any]:
    """One run as JSON."""
    return {
        "run": run.name,
        "in_effect": in_effect,
        "kind": run.kind,
        "agent": run.agent,
        "created": run.created,
        "model": run.model,
        "software": run.software,
        "inputs": run.inputs,
        "parameters": run.parameters,
        "columns": [name for name in (run.label_column, run.probability_column) if name],
        "undoes": run.undoes,
        "note": run.note,
        "units": run.predictions.to_frame().reset_index().to_dict("records"),
    }
