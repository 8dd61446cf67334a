"""``nwb-unitrefine undo``."""

from __future__ import annotations

import click

from nwb_unitrefine.cli._render import json_option, print_json, say

__all__ = ["command"]


@click.command("undo")
@click.argument("file")
@click.option("--by", default="", help="Who decided.")
@click.option("--note", default="", help="Why.")
@click.option("--dry-run", is_flag=True, help="Check everything and write nothing.")
@json_option
def command(file: str, *, by: str, note: str, dry_run: bool, as_json: bool) -> int:
    """Take back the newest labels: those of the run before are in effect again.

    The history keeps both. Undoing the first run takes the label columns away.
    """
    from nwb_unitrefine.write import undo

    report = undo(file, by=by, note=note, dry_run=dry_run)
    if as_json:
        print_json(report)
    else:
        done = "nothing written" if dry_run else f"written as {report.run}"
        say(f"{report.n_changed} of {report.n_units} units have another label than before; {done}")
    return 0
