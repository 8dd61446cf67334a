"""``nwb-unitrefine recover``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from nwb_unitrefine.cli._render import json_option, print_json, say

if TYPE_CHECKING:
    from nwb_unitrefine.journal import JournalSummary

__all__ = ["command"]

_STATES = {
    "before": "as it was before the write",
    "after": "as it is after the write",
    "neither": "half written, or was changed since",
}


@click.command("recover")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--undo", is_flag=True, help="Take the interrupted write back instead of finishing it.")
@click.option("--show", is_flag=True, help="List what the journal would change, and change nothing.")
@click.option("--trust", is_flag=True, help="Apply a journal of yours that another machine or account wrote.")
@json_option
def command(files: tuple[str, ...], *, undo: bool, show: bool, trust: bool, as_json: bool) -> int:
    """Finish or undo a write that was interrupted.

    A FILE is the NWB file itself, or the journal beside it. Other commands finish your own writes when they open the
    file. A journal that came with a file, or that another user or machine wrote, is applied only with --trust.
    """
    from nwb_unitrefine.journal import recover, summarize_journal

    if show:
        if undo or trust:
            raise click.UsageError("--show changes nothing: leave --undo and --trust out.")
        summaries = {file: summarize_journal(file) for file in files}
        if as_json:
            print_json(list(summaries.values()))
        else:
            for file, summary in summaries.items():
                _print_summary(file, summary)
        return 0
    outcomes = [recover(file, undo=undo, trusted=trust) for file in files]
    if as_json:
        print_json(outcomes)
    else:
        for outcome in outcomes:
            say(f"{outcome.path.name}: {outcome.outcome.value}")
    return 0


def _print_summary(file: str, summary: JournalSummary | None) -> None:
    """Print what a journal would change."""
    if summary is None:
        say(f"{file}: no journal that has changed it, or would")
        return
    writer = "you, on this machine" if summary.is_own else "another user, or you on another machine"
    whole = "" if summary.is_whole else "; the journal is damaged"
    say(f"{summary.path.name}: a write by {writer}, of {summary.written}{whole}")
    say(f"  the file is {_STATES[summary.state]}")
    for place in summary.places:
        say(f"  {place}")
