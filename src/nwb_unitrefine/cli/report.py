"""``nwb-unitrefine report``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nwb_unitrefine.cli._options import load, model_option, require_there, source_options
from nwb_unitrefine.cli._render import describe_error, json_option, make_console, print_json, say
from nwb_unitrefine.records import SourceHints

if TYPE_CHECKING:
    from nwb_unitrefine.batch import LabelResult
    from nwb_unitrefine.models import Model
    from nwb_unitrefine.report import ReportRow

__all__ = ["command"]


@click.command("report")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@model_option
@click.option(
    "--output", type=click.Path(path_type=Path), default=Path("report.html"), show_default=True, help="Page to write."
)
@click.option("--overwrite", is_flag=True, help="Replace pages that exist.")
@click.option("--open", "open_page", is_flag=True, help="Open the page in a browser.")
@source_options
@json_option
def command(
    sources: tuple[str, ...],
    *,
    model: tuple[str, ...],
    output: Path,
    overwrite: bool,
    open_page: bool,
    as_json: bool,
    **hints: Any,
) -> int:
    """Show units, labels and the reasons for them on one page that needs no network.

    Several files get a page each, in a folder beside OUTPUT, and an overview that links to them. Nothing is written
    into a file: labels that are not in it yet are those that `label` would write, with the
    boundary that --adapt moved for this file.
    """
    require_there(sources)
    from rich.progress import Progress

    from nwb_unitrefine.batch import find_sources, label_many
    from nwb_unitrefine.journal.appearing import require_place
    from nwb_unitrefine.report import write_overview

    found = find_sources(sources)
    require_place(output, overwrite=overwrite)
    loaded = load(model)
    labelling = label_many(found, model=loaded, dry_run=True, hints=SourceHints(**hints))
    pages = output.with_name(f"{output.stem}_pages")
    rows: list[ReportRow] = []
    with Progress(console=make_console(stderr=True), transient=True) as progress:
        for result in progress.track(labelling, total=len(found), description="reading files"):
            if result.error is not None:
                describe_error(result.error, where=result.source)
            single = len(found) == 1
            place = output if single else pages / f"{len(rows) + 1:03d}_{Path(result.source).stem}.html"
            rows.append(_page(result, loaded, place, overwrite=overwrite, link="" if single else pages.name))
    if len(found) > 1:
        write_overview(rows, output, overwrite=overwrite)
    n_refused = sum(bool(row.refusal) for row in rows)
    if as_json:
        print_json({"output": str(output), "files": rows})
    elif n_refused < len(rows):
        say(
            f"{len(rows) - n_refused} of {len(rows)} files shown in {output}"
            if len(found) > 1
            else f"written: {output}"
        )
    if open_page and n_refused < len(rows):
        click.launch(str(output))
    return int(n_refused > 0)


def _page(result: LabelResult, model: Model, place: Path, *, overwrite: bool, link: str) -> ReportRow:
    """Write one file's page, and return its row of the overview."""
    from nwb_unitrefine.pipeline import adapt_as_recorded, curate
    from nwb_unitrefine.report import ReportRow, session_data, write_page
    from nwb_unitrefine.write import read_history

    if result.error is not None or result.curation is None:
        return ReportRow(Path(result.source).name, "", {}, 0, refusal=str(result.error))
    source = result.curation.units.source
    keeps_history = source.kind.startswith("nwb-") and source.is_main_table and Path(source.uri).exists()
    history = read_history(source.uri) if keeps_history else ()
    curation, adapted = result.curation, adapt_as_recorded(model, history)
    if adapted is not model:
        curation = curate(curation.units, model=adapted)
    data = session_data(curation, model=adapted, history=history)
    place.parent.mkdir(exist_ok=True)
    write_page(data, place, overwrite=overwrite)
    labels = [person or label for person, label in zip(data["units"]["person"], data["units"]["label"], strict=True)]
    counts = Counter(label for label in labels if label)
    return ReportRow(
        data["file"]["name"],
        f"{link}/{place.name}" if link else place.name,
        {name: counts[name] for name in data["classes"]},
        sum(data["units"]["uncertain"]),
    )
