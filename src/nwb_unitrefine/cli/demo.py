"""``nwb-unitrefine demo``."""

from __future__ import annotations

from pathlib import Path

import click

from nwb_unitrefine.cli._render import json_option, print_json, print_table, say
from nwb_unitrefine.records import CLASSES

__all__ = ["command"]


@click.command("demo")
@click.option("--output", default="demo.nwb", show_default=True, metavar="FILE", help="The session to make.")
@click.option(
    "--seed", default=0, type=click.IntRange(min=0), show_default=True, help="Another seed makes another session."
)
@click.option("--overwrite", is_flag=True, help="Replace FILE if it exists.")
@json_option
def command(*, output: str, seed: int, overwrite: bool, as_json: bool) -> None:
    """Make a small NWB session with known ground truth, label it, and compare the labels with it."""
    from nwb_unitrefine.batch import label
    from nwb_unitrefine.demo import simulate_session

    path = Path(output)
    if overwrite and (path.is_file() or path.is_symlink()):
        path.unlink()
    truth = simulate_session(path, seed=seed)
    result = label(path)
    assert result.curation is not None
    labels = result.curation.predictions.labels
    confusion = [[int(((truth == true) & (labels == name)).sum()) for name in CLASSES] for true in CLASSES]
    if as_json:
        print_json(
            {"file": path, "classes": CLASSES, "confusion": confusion, "agreement": float((truth == labels).mean())}
        )
        return
    print_table(
        f"{path}: {len(truth)} simulated units, labelled in {result.seconds:.1f} s",
        ["simulated as", *(f"labelled {name}" for name in CLASSES)],
        [[true, *row] for true, row in zip(CLASSES, confusion, strict=True)],
    )
    say(f"{int((truth == labels).sum())} of {len(truth)} agree. Look further: nwb-unitrefine show {path}")
