"""``nwb-unitrefine predict``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from nwb_unitrefine.cli._options import (
    definition_option,
    load,
    model_option,
    new_table_option,
    source_options,
    write_new_table,
)
from nwb_unitrefine.cli._remarks import missing_features, missing_remark, weighing_remark
from nwb_unitrefine.cli._render import (
    json_option,
    margins_of,
    print_json,
    print_problems,
    print_table,
    say,
    show_probability,
)

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["command"]


@click.command("predict")
@click.argument("source")
@model_option
@definition_option
@new_table_option("Write the predictions there as well.")
@source_options
@json_option
def command(
    source: str,
    *,
    model: tuple[str, ...],
    definition: str | None,
    output: Path | None,
    as_json: bool,
    **hints: Any,
) -> None:
    """Predict labels and write none: for a table of metrics, above all.

    SOURCE is a CSV with one row per unit and one column per metric, as SpikeInterface, UnitRefine or
    `features --output` writes it, or anything else that has units.
    """
    from nwb_unitrefine.metrics import compute_features
    from nwb_unitrefine.models import predict
    from nwb_unitrefine.pipeline import distrust
    from nwb_unitrefine.read import read_units
    from nwb_unitrefine.vocabulary.common_classes import incomplete_classes

    units = read_units(source, **hints)
    loaded = load(model)
    features = compute_features(units, names=loaded.feature_names, definition=definition, of_model=True)
    about_model = incomplete_classes(loaded.classes, model_name=loaded.identity.name)
    problems = (*units.problems, *features.problems, *about_model)
    predictions = distrust(predict(loaded, features), problems)
    frame = predictions.to_frame()
    if output is not None:
        write_new_table(frame, output)
    remarks = [
        remark
        for remark in (missing_remark(features), weighing_remark(predictions, model_name=loaded.identity.name))
        if remark
    ]
    if as_json:
        print_json(
            {
                "source": source,
                "model": loaded.identity,
                "missing": missing_features(features),
                "remarks": remarks,
                "problems": problems,
                "units": frame.reset_index().to_dict("records"),
            }
        )
        return
    print_table(
        f"{source}: {len(frame)} units by {loaded.identity.name}",
        ["unit", "label", *(f"p({name})" for name in predictions.classes), "margin", "remark"],
        [
            [
                unit_id,
                label or "–",
                *map(show_probability, row),
                show_probability(margin),
                reason,
            ]
            for unit_id, label, row, margin, reason in zip(
                predictions.unit_ids.tolist(),
                predictions.labels.tolist(),
                predictions.probabilities.tolist(),
                margins_of(predictions),
                predictions.reasons,
                strict=True,
            )
        ],
    )
    print_problems(problems)
    for remark in remarks:
        say(f"note: {remark}", err=True)
    if missing_features(features):
        say("  tip: `nwb-unitrefine features SOURCE --model M` exports what a model needs.", err=True)
