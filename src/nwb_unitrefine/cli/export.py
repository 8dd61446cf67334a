"""``nwb-unitrefine export``."""

from __future__ import annotations

from pathlib import Path

import click

from nwb_unitrefine.cli._render import json_option, print_json, say
from nwb_unitrefine.errors import SourceError

__all__ = ["command"]


def _require_known_kind(context: click.Context, option: click.Parameter, value: str) -> str:  # noqa: ARG001 - click's signature
    """Refuse a name of no known kind before the file is read."""
    from nwb_unitrefine.write import EXPORT_SUFFIXES

    if context.params.get("format_") == "analyzer":
        return value
    if Path(value).suffix.lower() not in EXPORT_SUFFIXES:
        raise click.BadParameter(f"{value!r} does not end in {', '.join(EXPORT_SUFFIXES)}.")
    return value


@click.command("export")
@click.argument("file")
@click.argument("output", callback=_require_known_kind)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["labels", "analyzer"]),
    default="labels",
    show_default=True,
    is_eager=True,
    help="labels: a table by the ending of OUTPUT; analyzer: a SortingAnalyzer folder without a recording.",
)
@click.option("--overwrite", is_flag=True, help="Replace OUTPUT if it exists.")
@json_option
def command(file: str, output: str, *, format_: str, overwrite: bool, as_json: bool) -> int:
    """Write a file's labels, or its units, for another program.

    OUTPUT ends in .json for SpikeInterface's curation (format 2), in .tsv for Phy's cluster_group.tsv, or in .csv for a
    table with probabilities. With --format analyzer it is a folder that SpikeInterface and spikeinterface-gui open; the
    curation comes back through `relabel --labels`.
    """
    if format_ == "analyzer":
        return _export_analyzer(file, output, overwrite=overwrite, as_json=as_json)
    from nwb_unitrefine.write import export_labels, read_history, runs_in_effect

    chain = runs_in_effect(read_history(file))
    if not chain:
        raise SourceError(f"{file} has no labels to export.", tip=f"Label it first: nwb-unitrefine label {file}")
    run, written = chain[-1], export_labels(chain[-1], output, overwrite=overwrite)
    if as_json:
        print_json({"path": written, "run": run.name, "n_units": len(run.predictions)})
    else:
        say(f"labels of {run.name} written to {written}")
    return 0


def _export_analyzer(file: str, output: str, *, overwrite: bool, as_json: bool) -> int:
    """Write the units, with their labels as a property."""
    from nwb_unitrefine.read import read_units
    from nwb_unitrefine.write import export_analyzer, read_history, runs_in_effect

    units = read_units(file)
    is_nwb = units.source.kind.startswith("nwb-") and Path(file).exists()
    chain = runs_in_effect(read_history(file)) if is_nwb else ()
    properties = {}
    if chain:
        by_id = dict(zip(chain[-1].predictions.unit_ids.tolist(), chain[-1].predictions.labels.tolist(), strict=True))
        properties["unitrefine_label"] = [by_id.get(unit, "") for unit in units.unit_ids.tolist()]
    written = export_analyzer(units, output, properties=properties, overwrite=overwrite)
    if as_json:
        print_json({"path": written, "n_units": len(units)})
    else:
        say(f"{len(units)} units written to {written}")
    return 0
