"""``nwb-unitrefine convert``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from nwb_unitrefine.cli._options import given_options, model_option, one_or_two, source_options
from nwb_unitrefine.cli._render import json_option, print_json, print_problems, say
from nwb_unitrefine.records import SourceHints

if TYPE_CHECKING:
    from nwb_unitrefine.integrations import Conversion

__all__ = ["command"]


@click.command("convert")
@click.argument("source")
@click.option("--output", required=True, metavar="FILE.nwb", help="NWB file to make.")
@click.option("--metadata", metavar="YAML", help="Metadata of the session, as neuroconv has them (YAML or JSON).")
@model_option
@click.option("--no-labels", is_flag=True, help="Convert, and do not label.")
@source_options
@click.option("--overwrite", is_flag=True, help="Replace the output where it is there.")
@json_option
def command(
    source: str,
    *,
    output: str,
    metadata: str | None,
    model: tuple[str, ...],
    no_labels: bool,
    overwrite: bool,
    as_json: bool,
    **hints: Any,
) -> None:
    """Make an NWB file of a sorter's output with neuroconv, and label its units.

    SOURCE is the folder (or the one file) that the sorter wrote. The metadata need at the least a session_start_time
    under NWBFile; what archives ask for besides and is missing is named.

    Unit ids are the sorter's (in Phy, the cluster ids) where these are whole numbers, so that `relabel --unit 57=noise`
    means cluster 57. Clusters without spikes are left out, and named.
    """
    from nwb_unitrefine.integrations import convert

    conversion = convert(
        source,
        output=output,
        hints=SourceHints(**hints),
        metadata=metadata,
        model=None if no_labels else one_or_two(model),
        overwrite=overwrite,
        load_options=given_options(),
    )
    if as_json:
        print_json(
            {
                "path": conversion.path,
                "interface": conversion.interface,
                "missing_metadata": conversion.missing,
                "problems": conversion.problems,
                "counts": _counts(conversion),
                "written": conversion.report,
            }
        )
        return
    counts = ", ".join(f"{count} {name}" for name, count in _counts(conversion).items())
    say(f"{conversion.path} made{': ' * bool(counts)}{counts}")
    if conversion.missing:
        say(f"Archives ask for metadata that were not given: {', '.join(conversion.missing)}.", err=True)
    problems = conversion.curation.units.problems if conversion.curation else ()
    print_problems((*conversion.problems, *problems))


def _counts(conversion: Conversion) -> dict[str, int]:
    """Units of each label; nothing where none were asked for."""
    if conversion.curation is None:
        return {}
    predictions = conversion.curation.predictions
    return {name: int((predictions.labels == name).sum()) for name in predictions.classes}
