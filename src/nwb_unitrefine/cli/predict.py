"""``nwb-unitrefine predict``."""

from __future__ import annotations

from pathlib import Path

import click

from nwb_unitrefine.cli.options import load, model_option
from nwb_unitrefine.cli.render import json_option, print_json, print_table
from nwb_unitrefine.records import CLASSES

__all__ = ["command"]


@click.command("predict")
@click.option("--features", "table", required=True, metavar="CSV", help="One row a unit, one column a metric.")
@model_option
@click.option("--output", metavar="CSV", help="Write the predictions there as well.")
@json_option
def command(*, table: str, model: tuple[str, ...], output: str | None, as_json: bool) -> None:
    """Predict labels from a table of metrics, as SpikeInterface or UnitRefine export it."""
    from nwb_unitrefine.metrics import compute_features
    from nwb_unitrefine.models import predict
    from nwb_unitrefine.read import read_units

    loaded = load(model)
    frame = predict(loaded, compute_features(read_units(table), names=loaded.feature_names)).to_frame()
    if output is not None:
        frame.to_csv(Path(output))
    if as_json:
        print_json({"source": table, "model": loaded.identity, "units": frame.reset_index().to_dict("records")})
        return
    print_table(
        f"{table}: {len(frame)} units by {loaded.identity.name}",
        ["unit", "label", *(f"p({name})" for name in CLASSES), "remark"],
        [
            [row.Index, row.label or "–", *(f"{getattr(row, f'p_{name}'):.2f}" for name in CLASSES), row.reason]
            for row in frame.itertuples()
        ],
    )
