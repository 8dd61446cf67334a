"""``nwb-unitrefine export``."""

from __future__ import annotations

import click

from nwb_unitrefine.errors import SourceError

__all__ = ["command"]


@click.command("export")
@click.argument("file")
@click.argument("output")
def command(file: str, output: str) -> int:
    """Write a file's labels for another program.

    OUTPUT ends in .json for SpikeInterface's curation (format 2), in .tsv for Phy's cluster_group.tsv, or in .csv for a
    table with probabilities.
    """
    from nwb_unitrefine.write import effective_chain, export_labels, read_history

    chain = effective_chain(read_history(file))
    if not chain:
        raise SourceError(f"{file} has no labels to export.", tip=f"Label it first: nwb-unitrefine label {file}")
    click.echo(f"labels of {chain[-1].name} written to {export_labels(chain[-1], output)}")
    return 0
