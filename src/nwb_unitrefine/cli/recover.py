"""``nwb-unitrefine recover``."""

from __future__ import annotations

import click

from nwb_unitrefine.cli._render import json_option, print_json, say

__all__ = ["command"]


@click.command("recover")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--undo", is_flag=True, help="Take the interrupted write back instead of finishing it.")
@json_option
def command(files: tuple[str, ...], *, undo: bool, as_json: bool) -> int:
    """Finish or undo a write that was interrupted.

    A FILE is the NWB file itself, or the journal that lies beside it. Other commands do this by themselves when they
    open the file.
    """
    from nwb_unitrefine.write import recover

    outcomes = [recover(file, undo=undo) for file in files]
    if as_json:
        print_json(outcomes)
    else:
        for outcome in outcomes:
            say(f"{outcome.path.name}: {outcome.outcome.value}")
    return 0
