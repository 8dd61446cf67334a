"""``nwb-unitrefine status``."""

from __future__ import annotations

from pathlib import Path

import click

from nwb_unitrefine.cli._render import json_option, print_json, print_table, say

__all__ = ["command"]


@click.command("status")
@click.argument("study", type=click.Path(path_type=Path))
@json_option
def command(study: Path, *, as_json: bool) -> int:
    """Count what is done of a study of many files, and what is not.

    STUDY is a folder that `dandiset plan` made.
    """
    from nwb_unitrefine.batch.plan import require_study

    require_study(study)
    from nwb_unitrefine.batch.study import study_status

    status = study_status(study)
    if as_json:
        print_json(status)
        return 0
    rows: list[tuple[str, object]] = [
        ("labelled", status.n_labelled),
        ("refused", status.n_refused),
        ("waiting", status.n_waiting),
        ("without units", status.n_skipped),
    ]
    print_table(f"{study}: {status.n_planned} files planned", ["files", "number"], rows)
    if status.labels:
        say()
        print_table("Units", ["label", "number"], list(status.labels.items()))
    if status.refusals:
        say()
        print_table("Refused", ["reason", "files"], list(status.refusals.items()))
    return 0
