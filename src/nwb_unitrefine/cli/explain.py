"""``nwb-unitrefine explain``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from nwb_unitrefine.cli._options import load, model_option, source_options
from nwb_unitrefine.cli._remarks import weighing_remark
from nwb_unitrefine.cli._render import json_option, print_json, print_table, say, show_number, show_probability
from nwb_unitrefine.errors import SourceError
from nwb_unitrefine.records import SourceHints

if TYPE_CHECKING:
    from nwb_unitrefine.explain import Decisions, Reasons
    from nwb_unitrefine.models import RuleModel
    from nwb_unitrefine.records import Curation, Units

__all__ = ["command"]


@click.command("explain")
@click.argument("source")
@model_option
@click.option("--unit", "unit_ids", multiple=True, metavar="ID", help="Unit to explain; repeatable. [default: all]")
@source_options
@json_option
def command(
    source: str,
    *,
    model: tuple[str, ...],
    unit_ids: tuple[str, ...],
    as_json: bool,
    **hints: Any,
) -> None:
    """Show the evidence for and against the label of each unit, and by which scores it was decided.

    A kind of evidence, as refractory violations, is hidden from the model; the change of the label's probability is
    what it contributes. Contributions do not add up: two kinds of evidence that agree can each be missed without loss.
    For rules, it is every threshold with the unit's value.
    """
    from nwb_unitrefine.explain import class_quantiles, explain, explain_decisions, telling_values
    from nwb_unitrefine.models import RuleModel
    from nwb_unitrefine.pipeline import curate
    from nwb_unitrefine.read import read_source

    units = read_source(source, hints=SourceHints(**hints))
    rows = _rows(units, unit_ids)  # first: a unit that is none is refused before a model is loaded
    loaded = load(model)
    curation = curate(units, model=loaded)
    if isinstance(loaded, RuleModel):
        _explain_rules(curation, loaded, rows, as_json=as_json)
        return
    reasons = explain(loaded, curation.features, curation.predictions)
    telling = telling_values(reasons, curation.features, class_quantiles(loaded))
    decisions = explain_decisions(loaded, curation.features, curation.predictions)
    if as_json:
        print_json([{**_as_document(curation, reasons, decisions, row), "telling": telling[row]} for row in rows])
    elif unit_ids:
        for row in rows:
            _print_unit(curation, reasons, decisions, row, telling[row])
        say(f"note: {reasons.note} Changes do not add up.", err=True)
    else:
        ids = curation.predictions.unit_ids.tolist()
        print_table(
            f"{source}: evidence for each label",
            ["unit", "label", "probability", "reason"],
            [[ids[row], *_labelled(curation, row), reasons.sentence(row)] for row in rows],
        )
        if weighed := weighing_remark(curation.predictions, model_name=loaded.identity.name):
            say(f"note: {weighed}", err=True)


def _rows(units: Units, unit_ids: tuple[str, ...]) -> list[int]:
    """Rows of the units that were asked for, all where none was."""
    known = {str(unit): row for row, unit in enumerate(units.unit_ids.tolist())}
    if unknown := [unit for unit in unit_ids if unit not in known]:
        raise SourceError(f"There is no unit {unknown[0]}.", tip="nwb-unitrefine show lists the units of a source.")
    return [known[unit] for unit in unit_ids] if unit_ids else list(known.values())


def _explain_rules(curation: Curation, model: RuleModel, rows: list[int], *, as_json: bool) -> None:
    """Every threshold of a rule set, for one unit, or those that fail, for several."""
    predictions, checked = curation.predictions, model.check(curation.features)
    frame = checked.to_frame()
    each = [frame.iloc[row * len(checked.thresholds) : (row + 1) * len(checked.thresholds)] for row in rows]
    if as_json:
        documents = []
        for row, own in zip(rows, each, strict=True):
            document = {"unit": predictions.unit_ids[row].item(), "label": str(predictions.labels[row])}
            thresholds = own.drop(columns="unit_id").to_dict("records")
            documents.append(document | {"remark": predictions.reasons[row], "thresholds": thresholds})
        print_json(documents)
        return
    table = [
        [unit, str(predictions.labels[row]) or "–", *line]
        for row, own in zip(rows, each, strict=True)
        for unit, *line in own.itertuples(index=False)
        if len(rows) == 1 or line[-1] == "failed"
    ]
    headings = ["unit", "label", "class", "threshold", "value", "outcome"]
    print_table(f"{model.identity.name}: thresholds" + " that failed" * (len(rows) > 1), headings, table)
    n_failed, n_left_out = checked.failed[rows].sum(axis=0).tolist(), checked.left_out[rows].sum(axis=0).tolist()
    names = map(str, checked.thresholds)
    print_table(
        f"Of {len(rows)} units, how many fail each threshold",
        ["class", "threshold", "fail", "not checked"],
        list(zip(checked.classes, names, n_failed, n_left_out, strict=True)),
    )


def _labelled(curation: Curation, row: int) -> tuple[str, str]:
    """A unit's label and its probability."""
    predictions = curation.predictions
    return str(predictions.labels[row]) or "–", show_probability(float(predictions.confidence[row]))


def _as_document(curation: Curation, reasons: Reasons, decisions: Decisions, row: int) -> dict[str, Any]:
    """One unit as JSON: its label, each class's probability and how each kind of evidence changes it."""
    predictions, features = curation.predictions, curation.features
    return {
        "unit": predictions.unit_ids[row].item(),
        "label": str(predictions.labels[row]),
        "probabilities": dict(zip(predictions.classes, predictions.probabilities[row].tolist(), strict=True)),
        "decision": decisions.document(row),
        "remark": predictions.reasons[row],
        **({} if curation.contamination is None else curation.contamination.of_unit(row)),
        "reason": reasons.sentence(row),
        "note": reasons.note,
        "evidence": [
            {
                "name": evidence.name,
                "changes": dict(zip(reasons.classes, reasons.changes[row, place].tolist(), strict=True)),
                "features": {
                    name: float(features.values[row, features.names.index(name)]) for name in reasons.features[place]
                },
            }
            for place, evidence in enumerate(reasons.evidence)
        ],
    }


def _print_unit(curation: Curation, reasons: Reasons, decisions: Decisions, row: int, telling: str) -> None:
    """One unit: its sentence, and a table of the evidence with the values behind it."""
    predictions, features = curation.predictions, curation.features
    label, probability = _labelled(curation, row)
    say(f"unit {predictions.unit_ids[row]}: {label}, probability {probability}")
    if decided := decisions.sentence(row):
        say(decided)
    if curation.contamination is not None and (share := curation.contamination.texts()[row]):
        say(f"contamination: {share}, from refractory violations")
    if predictions.reasons[row]:
        say(f"uncertain: {predictions.reasons[row]}")
    if sentence := reasons.sentence(row):
        say(f"{sentence} {telling[:1].upper()}{telling[1:]}.") if telling else say(sentence)
    table = []
    for evidence, change in reasons.ranked(row):
        names = reasons.features[reasons.evidence.index(evidence)]
        values = [
            f"{name.partition('@')[0]} {show_number(float(features.values[row, features.names.index(name)]))}"
            for name in names
        ]
        table.append([evidence.name, f"{change:+.2f}", ", ".join(values)])
    print_table(f"change of the probability of {label}", ["evidence", "change", "values"], table)
