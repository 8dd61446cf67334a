"""``nwb-unitrefine suggest``."""

from __future__ import annotations

from typing import Any

import click

from nwb_unitrefine.cli._options import load, model_option, require_there, source_options
from nwb_unitrefine.cli._render import json_option, print_json, print_table, say, show_number
from nwb_unitrefine.records import SourceHints

__all__ = ["command"]


@click.command("suggest")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--n", default=20, type=click.IntRange(1), show_default=True, help="How many units to suggest.")
@click.option(
    "--seed", default=0, type=click.IntRange(0, 2**32 - 1), show_default=True, help="Seed of the random draw."
)
@model_option
@source_options
@json_option
def command(
    sources: tuple[str, ...], *, n: int, seed: int, model: tuple[str, ...], as_json: bool, **hints: Any
) -> None:
    """Suggest which units to label next: close calls and units at random, evenly over the files.

    Units that a person has labelled and units with few spikes are left out. Label them with `review` or `relabel`, then
    run `label --adapt`.
    """
    require_there(sources)
    from nwb_unitrefine.batch import find_sources
    from nwb_unitrefine.errors import ModelError
    from nwb_unitrefine.learn.suggest import candidates_of, suggest_units
    from nwb_unitrefine.models import RuleModel
    from nwb_unitrefine.pipeline import curate
    from nwb_unitrefine.read import read_label_authors

    found = find_sources(sources)
    loaded = load(model)
    if isinstance(loaded, RuleModel):
        raise ModelError(
            f"{loaded.identity.name} is a set of rules: without probabilities, no unit is a closer call than another.",
            tip="Take a model that gives probabilities: the default, or one of your own.",
        )
    curations = [curate(source, model=loaded, hints=SourceHints(**hints)) for source in found]
    candidates = [candidates_of(one, read_label_authors(one.units.source).by_people) for one in curations]
    rows: list[dict[str, Any]] = []
    for file, row, is_close in suggest_units(candidates, n=n, seed=seed):
        predictions = curations[file].predictions
        rows.append(
            {
                "source": curations[file].units.source.uri,
                "unit": predictions.unit_ids.tolist()[row],
                "spikes": int(candidates[file].n_spikes[row]),
                "label": str(predictions.labels[row]),
                "margin": float(candidates[file].margins[row]),
                "why": "close call" if is_close else "at random",
            }
        )
    if as_json:
        print_json(rows)
        return
    headings = ["source", "unit", "spikes", "label", "margin", "why"]
    shown = [[*(row[name] for name in headings[:4]), show_number(row["margin"]), row["why"]] for row in rows]
    print_table(f"{len(rows)} units to label next", headings, shown)
    if len(rows) < n:
        say(
            f"note: no more than {len(rows)} units are left that nobody has labelled and that have enough spikes",
            err=True,
        )
