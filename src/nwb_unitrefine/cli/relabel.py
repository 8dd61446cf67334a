"""``nwb-unitrefine relabel``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from nwb_unitrefine.cli._options import mapping_option, parse_mapping, require_written
from nwb_unitrefine.cli._render import json_option, print_json, say

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["command"]


@click.command("relabel")
@click.argument("file")
@click.option("--unit", "units", multiple=True, metavar="ID=LABEL", help="Label of one unit, as 12=noise; repeatable.")
@click.option("--labels", help="Table of labels: CSV, Phy's cluster_group.tsv, or a curation JSON.")
@mapping_option
@click.option("--by", required=True, help="Who decided.")
@click.option("--note", default="", help="Why.")
@click.option("--columns", help="Columns to write: unitrefine, quality, or LABEL,PROBABILITY. [default: as before]")
@click.option("--overwrite-column", "overwrite_columns", multiple=True, help="Another program's column to replace.")
@click.option("--again", is_flag=True, help="Add a run to the history even where nothing changed.")
@click.option("--dry-run", is_flag=True, help="Check everything and write nothing.")
@json_option
def command(
    file: str,
    *,
    units: tuple[str, ...],
    labels: str | None,
    mapping: tuple[str, ...],
    by: str,
    note: str,
    columns: str | None,
    overwrite_columns: tuple[str, ...],
    again: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Set labels that a person decided on.

    A model's later run keeps them. The history shows who set which label, when and why.
    """
    from nwb_unitrefine.write import relabel

    if columns is not None:
        require_written(overwrite_columns, columns)
    wanted = _one_each(_pairs(units))
    if labels:
        wanted = _of_table(labels, file, mapping, by=by) | wanted
    report = relabel(
        file,
        wanted,
        by=by,
        note=note,
        columns=columns.split(",") if columns and "," in columns else columns,
        overwrite_columns=overwrite_columns,
        again=again,
        dry_run=dry_run,
    )
    if as_json:
        print_json(report)
    else:
        done = f"written as {report.run}" if report.run else "nothing written"
        if not dry_run and not report.run:
            done = "nothing changed, so nothing written (--again adds a run all the same)"
        say(f"{report.n_changed} of {report.n_units} units have another label than before; {done}")
    return 0


def _of_table(labels: str, file: str, mapping: tuple[str, ...], *, by: str) -> dict[int, str]:
    """Read a table's labels; those that are a model's predictions still are nobody's decision."""
    from nwb_unitrefine.history.runs import human_labels
    from nwb_unitrefine.read.curations import unedited_predictions
    from nwb_unitrefine.write import import_labels, read_history, runs_in_effect
    from nwb_unitrefine.write.stores.open import read_store

    with read_store(file) as store:
        unit_ids = store.read("id").tolist()
    chain = runs_in_effect(read_history(file))
    known = chain[-1].predictions if chain else None
    classes = known.classes if known is not None else ()
    meanings = parse_mapping(mapping, classes, own_words=True)
    found = import_labels(labels, unit_ids=unit_ids, mapping=meanings, words=classes)
    if unedited := found.keys() & unedited_predictions(labels):
        say(f"note: {len(unedited)} of its labels are a model's predictions still, and are left out", err=True)
        return {unit: label for unit, label in found.items() if unit not in unedited}
    in_effect = {} if known is None else dict(zip(known.unit_ids.tolist(), known.labels.tolist(), strict=True))
    by_people = human_labels(chain)
    if same := [unit for unit, label in found.items() if in_effect.get(unit) == label and unit not in by_people]:
        what = "are those that a model or rule had set"
        say(f"note: {len(same)} of its {len(found)} labels {what}; they count as decided by {by} from now on", err=True)
    return found


def _pairs(units: Iterable[str]) -> Iterable[tuple[int, str]]:
    """Take ``12=noise`` apart."""
    for unit in units:
        number, equals, label = unit.partition("=")
        if not equals or not re.fullmatch(r"-?[0-9]{1,19}", number.strip()):
            raise click.BadParameter(f"{unit!r} is not of the form 12=noise.", param_hint="--unit")
        yield int(number), label.strip()


def _one_each(pairs: Iterable[tuple[int, str]]) -> dict[int, str]:
    """Refuse two labels for one unit: it is unknown which counts."""
    labels: dict[int, str] = {}
    for unit, label in pairs:
        if labels.setdefault(unit, label) != label:
            raise click.BadParameter(f"unit {unit} is given both {labels[unit]!r} and {label!r}.", param_hint="--unit")
    return labels
