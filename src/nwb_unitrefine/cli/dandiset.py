"""``nwb-unitrefine dandiset plan``, ``label``, ``check``, ``summary`` and ``upload``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from nwb_unitrefine.cli._exit_codes import EXIT_INTERRUPTED
from nwb_unitrefine.cli._groups import SuggestingGroup
from nwb_unitrefine.cli._options import given_options, model_option, source_options
from nwb_unitrefine.cli._render import json_option, print_json, say, show_progress
from nwb_unitrefine.records import SourceHints

__all__ = ["command"]

study_argument = click.argument("study", type=click.Path(path_type=Path))


@click.group("dandiset", cls=SuggestingGroup)
def command() -> None:
    """Label whole dandisets, or folders of files, in a study that can stop and go on.

    A study is a folder with a plan, a ledger of what is done, and the small files that were made.
    """


@command.command("plan")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@study_argument
@click.option("--instance", default="", metavar="NAME", help="DANDI instance, where it is not the public archive.")
@json_option
def plan(sources: tuple[str, ...], study: Path, *, instance: str, as_json: bool) -> int:
    """List what a study is about; again, to find what is new.

    A SOURCE is a dandiset (DANDI:000123, DANDI:000123@0.230223.0815), one with a path or pattern
    (DANDI:000123/sub-1/*.nwb), or a folder of files on this machine. Assets without units are skipped for their
    metadata.
    """
    from nwb_unitrefine.batch.dandisets import is_dandiset, plan_dandiset
    from nwb_unitrefine.batch.plan import plan_files, read_plan, write_plan

    entries: list[Any] = []
    for source in sources:
        if is_dandiset(source):
            entries += plan_dandiset(source, instance=instance)
        else:
            entries += plan_files([source], study=study)
    change = write_plan(study, {entry.id: entry for entry in entries}.values())
    planned = list(read_plan(study))
    n_skipped = sum(bool(entry.skip) for entry in planned)
    n_bytes = sum(entry.size_bytes for entry in planned if not entry.skip)
    found = {"n_planned": len(planned), "n_skipped": n_skipped, "bytes": n_bytes, **change._asdict()}
    if as_json:
        print_json(found)
        return 0
    say(
        f"{len(planned)} planned in {study} ({n_skipped} of them without units): {change.n_new} new, "
        f"{change.n_changed} changed, {change.n_gone} gone"
    )
    return 0


@command.command("label")
@study_argument
@model_option
@click.option(
    "--columns",
    default="unitrefine",
    show_default=True,
    help="Columns to write: unitrefine, quality, or LABEL,PROBABILITY.",
)
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Processes on this machine.")
@click.option("--scheduler", default="", metavar="ADDRESS", help="Dask scheduler (tcp://…), or local for one here.")
@click.option("--task-index", type=click.IntRange(min=0), default=0, metavar="I", help="Do share I of --of, from 0 on.")
@click.option("--of", type=click.IntRange(min=1), default=1, metavar="N", help="Number of shares.")
@click.option("--retry-failed", is_flag=True, help="Try again what was refused, and what was made and is gone.")
@click.option("--only-new", is_flag=True, help="Leave what was labelled before, though with another model or options.")
@click.option("--list", "list_only", is_flag=True, help="List what is still to be done, and do nothing.")
@source_options
@json_option
def label(
    study: Path,
    *,
    model: tuple[str, ...],
    columns: str,
    workers: int,
    scheduler: str,
    task_index: int,
    of: int,
    retry_failed: bool,
    only_new: bool,
    list_only: bool,
    as_json: bool,
    **hints: Any,
) -> int:
    """Label what is still to be done of a study, each file into a small file of the study.

    It can be interrupted, and goes on where it stopped; several runs at once share the work.
    """
    from nwb_unitrefine.batch.plan import require_study

    require_study(study)
    from nwb_unitrefine.batch.ledger import REFUSED
    from nwb_unitrefine.batch.study import Workforce, label_study, pending, study_options
    from nwb_unitrefine.batch.tasks import TaskOptions

    options = study_options(
        TaskOptions(
            model=model,
            load_options=tuple((name, json.dumps(value)) for name, value in given_options().items()),
            columns=columns if "," not in columns else tuple(columns.split(",")),
            hints=SourceHints(**hints),
        ),
        workers=1 if scheduler else workers,
    )
    workforce = Workforce(workers=workers, scheduler=scheduler, task_index=task_index, of=of)
    todo = pending(study.resolve(), options, retry_failed=retry_failed, only_new=only_new, share=(task_index, of))
    if list_only:
        listed = [entry.id for entry in todo]
        if as_json:
            print_json(listed)
        for name in () if as_json else listed:
            say(name)
        return 0
    total = sum(1 for _ in todo)
    lines = label_study(study, options, workforce=workforce, retry_failed=retry_failed, only_new=only_new)
    n_labelled = n_refused = 0
    interrupted = False
    try:
        for line in show_progress(lines, total=total, doing="labelling"):
            if line["outcome"] == REFUSED:
                n_refused += 1
                say(f"error: {line['id']}: {line['error']}", err=True)
            else:
                n_labelled += 1
    except KeyboardInterrupt:
        interrupted = True
    n_left = total - n_labelled - n_refused
    if as_json:
        print_json({"n_labelled": n_labelled, "n_refused": n_refused, "n_left": n_left})
    else:
        say(f"{n_labelled} labelled, {n_refused} refused, {n_left} left to this run or another")
    if interrupted:
        say("Interrupted: run the command again to go on.", err=True)
        return EXIT_INTERRUPTED
    return int(n_refused > 0)


@command.command("check")
@study_argument
@json_option
def check(study: Path, *, as_json: bool) -> int:
    """Validate the files that a study made, as dandi and nwbinspector do.

    Messages that a source gets, too, do not count. The exit code is 1 where there are others.
    """
    from nwb_unitrefine.batch.conformity import check_study
    from nwb_unitrefine.batch.derivative import made_files

    total = len(made_files(study))
    found = list(show_progress(check_study(study), total=total, doing="checking"))
    n_wrong = sum(bool(one.new) for one in found)
    if as_json:
        print_json(found)
        return int(n_wrong > 0)
    for one in found:
        for message in one.new:
            say(f"{one.path}: {message}")
        if one.not_compared:
            say(f"note: {one.path}: {one.not_compared}", err=True)
    say(f"{len(found)} files checked, {n_wrong} with messages that their source does not get")
    return int(n_wrong > 0)


@command.command("summary")
@study_argument
@click.option("--parquet", is_flag=True, help="Write the tables as Parquet, too.")
@json_option
def summary(study: Path, *, parquet: bool, as_json: bool) -> int:
    """Write tables of all units and sessions of a study, and a page that counts them."""
    from nwb_unitrefine.batch.tables.summary import summarize_study

    tables = summarize_study(study, parquet=parquet)
    if as_json:
        print_json(tables)
        return 0
    say(f"{tables.n_units} units of {tables.n_sessions} sessions in {', '.join(path.name for path in tables.paths)}")
    return 0


@command.command("upload")
@study_argument
@click.option("--to", required=True, metavar="DANDISET", help="Dandiset of one's own, as DANDI:000456.")
@click.option("--instance", default="", metavar="NAME", help="DANDI instance, such as dandi-sandbox.")
@click.option("--dry-run", is_flag=True, help="Compare with what is there, and upload nothing.")
@json_option
def upload(study: Path, *, to: str, instance: str, dry_run: bool, as_json: bool) -> int:
    """Upload the files that a study made into a dandiset of their own; again, only what changed.

    Assets that the units came from are never touched: their owners label the files in place and upload those. The
    variable DANDI_API_KEY holds your key.
    """
    from nwb_unitrefine.batch.derivative import upload_study

    done = upload_study(study, to, instance=instance, dry_run=dry_run)
    if as_json:
        print_json(done)
        return 0
    for name in (*done.new, *done.changed):
        say(name)
    what = "to upload" if dry_run else "uploaded"
    say(f"{len(done.new)} new and {len(done.changed)} changed {what} to {to}, {len(done.same)} are there as they are")
    say("Set on the dandiset, where it is not set yet:")
    say(json.dumps(done.metadata, indent=2, ensure_ascii=False))
    return 0
