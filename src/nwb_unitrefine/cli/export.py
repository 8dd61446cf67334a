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

    if Path(value).suffix.lower() not in EXPORT_SUFFIXES:
        raise click.BadParameter(f"{value!r} does not end in {', '.join(EXPORT_SUFFIXES)}.")
    return value


@click.command("export")
@click.argument("file")
@click.argument("output", callback=_require_known_kind)
@click.option("--overwrite", is_flag=True, help="Replace OUTPUT if it exists.")
@json_option
def command(file: str, output: str, *, overwrite: bool, as_json: bool) -> int:
    """Write a file's labels for another program.

    OUTPUT ends in .json for SpikeInterface's curation (format 2), in .tsv for Phy's cluster_group.tsv, or in .csv for a
    table with probabilities.
    """
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
