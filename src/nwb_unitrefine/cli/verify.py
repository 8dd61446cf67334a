"""``nwb-unitrefine verify``."""

from __future__ import annotations

import click

from nwb_unitrefine.cli._options import given_options, loading_options, one_or_two
from nwb_unitrefine.cli._render import json_option, print_json, print_table, say

__all__ = ["command"]


@click.command("verify")
@click.argument("file")
@click.option("--model", multiple=True, help="Check that the labels came from this model, given as for label.")
@loading_options
@click.option("--recompute", is_flag=True, help="Compute features and probabilities again and compare them.")
@json_option
def command(file: str, *, model: tuple[str, ...], recompute: bool, as_json: bool) -> int:
    """Check a file against its curation history.

    The spike times and other inputs must be those that were labelled, and the label columns those of the run in effect.
    The exit code is 1 if something is not.
    """
    from nwb_unitrefine.verification import verify

    source = one_or_two(model) if model else None
    outcome = verify(file, model=source, recompute=recompute, load_options=given_options())
    if as_json:
        print_json({"path": outcome.path, "run": outcome.run, "passed": outcome.passed, "checks": outcome.checks})
    else:
        rows = [["yes" if check.passed else "NO", check.what, check.detail] for check in outcome.checks]
        print_table(f"{file}: {outcome.run or 'no curation'}", ["passed", "check", "found"], rows)
        say("verified" if outcome.passed else "not verified")
    return int(not outcome.passed)
