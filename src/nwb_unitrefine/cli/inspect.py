"""``nwb-unitrefine inspect``."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from nwb_unitrefine.cli._options import load, model_option, require_there, source_options
from nwb_unitrefine.cli._render import json_option, print_json, say, show_progress
from nwb_unitrefine.errors import SourceError
from nwb_unitrefine.records import SourceHints
from nwb_unitrefine.records.display import plural

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nwb_unitrefine.batch.findings import Finding

__all__ = ["command"]

FEW = 8


@click.command("inspect")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@model_option
@source_options
@json_option
def command(sources: tuple[str, ...], *, model: tuple[str, ...], as_json: bool, **hints: Any) -> int:
    """Report what is wrong with the units of files, and how to mend it; nothing is written.

    Messages have the form of nwbinspector's: importance, location, units. Units that may be one neuron are pointed
    out, not merged. The exit code is 1 where a file cannot be read or a problem is critical.
    """
    from nwb_unitrefine.batch import find_sources
    from nwb_unitrefine.batch.findings import IMPORTANCE

    found = find_sources(sources)
    findings = list(_findings(found, model=model, hints=SourceHints(**hints)))
    counts = Counter(finding.importance for finding in findings)
    if as_json:
        print_json({"n_sources": len(found), "counts": counts, "findings": findings})
    else:
        for importance in ("ERROR", *IMPORTANCE.values()):
            of_this = [finding for finding in findings if finding.importance == importance]
            if of_this:
                say(importance)
            for finding in of_this:
                _print(finding)
        say(", ".join([plural(len(found), "source"), *(f"{number} {name}" for name, number in counts.items())]))
    return int(counts["ERROR"] + counts["CRITICAL"] > 0)


def _findings(sources: list[str], *, model: tuple[str, ...], hints: SourceHints) -> Iterator[Finding]:
    """Yield what is wrong with each source; what labels is loaded only where there is one to be read."""
    from nwb_unitrefine.batch.findings import finding_of_refusal, findings_of

    there = []
    for source in sources:
        try:
            require_there([source])
        except SourceError as error:
            yield finding_of_refusal(source, error)
        else:
            there.append(source)
    if not there:
        return
    from nwb_unitrefine.batch import label_many

    labelling = label_many(there, model=load(model), dry_run=True, hints=hints)
    for result in show_progress(labelling, total=len(there), doing="inspecting"):
        if result.curation is not None:
            yield from findings_of(result.curation)
        elif result.error is not None:
            yield finding_of_refusal(result.source, result.error)


def _print(finding: Any) -> None:
    """One finding in two or three lines."""
    units = [str(unit) for unit in finding.unit_ids[:FEW]] + ["…"] * (len(finding.unit_ids) > FEW)
    where = f"{finding.source} {finding.location}".strip() + (f" (units {', '.join(units)})" if units else "")
    say(f"  {finding.code}  {where}")
    say(f"    {finding.message}")
    if finding.remedy:
        say(f"    mend: {finding.remedy}")
