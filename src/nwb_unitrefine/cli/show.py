"""``nwb-unitrefine show``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from nwb_unitrefine.cli._agreement import agreement_document, print_agreement
from nwb_unitrefine.cli._columns import column_words, columns_document, print_columns
from nwb_unitrefine.cli._options import source_options
from nwb_unitrefine.cli._render import json_option, print_json, print_problems, print_table, say
from nwb_unitrefine.cli._sorter_ids import SORTER_ID, sorter_ids
from nwb_unitrefine.errors import SourceError
from nwb_unitrefine.history.runs import human_labels
from nwb_unitrefine.records import CLASSES, CONTAMINATION, CONTAMINATION_UPPER, Contamination, RunKind
from nwb_unitrefine.records.contamination import shown_contamination
from nwb_unitrefine.vocabulary.common_classes import incomplete_classes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from numpy.typing import NDArray

    from nwb_unitrefine.records import Problem, Run, Units

__all__ = ["command"]

UNLABELLED = "unlabelled"


@click.command("show")
@click.argument("source")
@click.option(
    "--label", "labels", multiple=True, metavar="LABEL", help="Units of this label alone; unlabelled for those without."
)
@click.option("--certain", is_flag=True, help="Units that have a label and are not marked as uncertain.")
@click.option(
    "--contamination-below",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    help="Units whose share of foreign spikes is below this with 95 % confidence, by refractory violations.",
)
@click.option(
    "--sort",
    type=click.Choice(["spikes", "label", "probability"]),
    help="Order of the units: most spikes, or most probable label, first; by default as in the file.",
)
@source_options
@json_option
def command(
    source: str,
    *,
    labels: tuple[str, ...],
    certain: bool,
    contamination_below: float | None,
    sort: str | None,
    as_json: bool,
    **hints: Any,
) -> None:
    """Show a file's units, their labels and its curation history; before it is labelled, what its columns hold."""
    from nwb_unitrefine.read import read_units
    from nwb_unitrefine.write import read_history, runs_in_effect

    units = read_units(source, **hints)
    keeps_history = units.source.kind.startswith("nwb") and units.source.is_main_table
    history = read_history(source) if keeps_history and Path(source).exists() else ()
    chain = runs_in_effect(history)
    current = chain[-1] if chain else None
    ours = {run.label_column for run in history}
    rows = _rows(units, chain)
    rows = _with_contamination(rows, units, chain, needed=contamination_below is not None)
    if contamination_below is not None:
        rows = _below(rows, contamination_below)
    rows = _chosen(rows, labels=labels, certain=certain, sort=sort)
    problems = (*units.problems, *_about_model(chain))
    if as_json:
        document = {"source": units.source, "problems": problems, "units": rows, "runs": history}
        document |= {"columns": columns_document(units, ours=_written(history))}
        print_json(document | {"agreement": agreement_document(units, _labels(units, current), ours=ours)})
        return
    _print_source(units)
    _print_rows(rows, of=len(units))
    if not chain:
        say()
        print_columns(units, ours=_written(history))
        say()
    print_agreement(units, _labels(units, current), ours=ours)
    if history:
        _print_history(history)
    else:
        say(f"No curation yet: nwb-unitrefine label {source}")
    print_problems(problems)


def _about_model(chain: Sequence[Run]) -> list[Problem]:
    """What the newest run by a program has no class for."""
    newest = next((run for run in reversed(chain) if run.kind is not RunKind.HUMAN), None)
    return [] if newest is None else incomplete_classes(newest.predictions.classes, model_name=newest.agent)


def _print_source(units: Units) -> None:
    """What the source was taken for, in two lines."""
    source = units.source
    looks = f", looks like {source.dialect}" if source.dialect else ""
    version = f" {source.nwb_version}" if source.nwb_version else ""
    say(f"{source.uri}: {source.kind}{version}{looks}")
    waveforms = "no mean waveforms"
    if units.waveforms is not None:
        _, n_samples, n_channels = units.waveforms.mean.shape
        waveforms = f"mean waveforms of {n_samples} samples on {n_channels} channel{'s' * (n_channels > 1)}"
    say(f"{len(units)} units, {units.spike_times_s.values.size} spikes, {waveforms}")
    say()


def _rows(units: Units, chain: Sequence[Run]) -> list[dict[str, object]]:
    """One row a unit: its spikes, and its label with the probability or who set it, joined by unit id."""
    rows: list[dict[str, object]] = [
        {"unit": unit_id, "spikes": count}
        for unit_id, count in zip(units.unit_ids.tolist(), units.spike_times_s.counts.tolist(), strict=True)
    ]
    if (theirs := sorter_ids(units)) is not None:
        rows = [{"unit": row["unit"], SORTER_ID: one} | row for row, one in zip(rows, theirs, strict=True)]
    if not chain:
        words = column_words(units)
        return [row | {name: column[place] for name, column in words.items()} for place, row in enumerate(rows)]
    newest, held = chain[-1].predictions, human_labels(chain)
    place = {unit_id: number for number, unit_id in enumerate(newest.unit_ids.tolist())}
    for row in rows:
        number = place.get(row["unit"])
        if number is None:
            row |= {"label": "–", "probability": np.nan, "uncertain": True, "remark": "not in the newest run"}
            continue
        label, run = held.get(int(newest.unit_ids[number]), ("", None))
        row["label"] = newest.labels[number] or "–"
        row["probability"] = np.nan if label else float(newest.confidence[number])
        row["uncertain"] = bool(newest.uncertain[number])
        row["remark"] = newest.reasons[number] or (f"set by {run.agent}" if label and run is not None else "")
    return rows


def _with_contamination(
    rows: list[dict[str, object]], units: Units, chain: Sequence[Run], *, needed: bool
) -> list[dict[str, object]]:
    """Add the estimate of the share of foreign spikes and its interval, under the names that `label --json` has.

    As the newest run by a program records them. Where units are chosen by them they are `needed`, and computed from the
    spikes that the file has now, which can be others than those that were labelled.
    """
    recorded = next((run for run in reversed(chain) if run.contamination is not None), None)
    if needed:
        from nwb_unitrefine.metrics import compute_features

        known, unit_ids = Contamination.of(compute_features(units, names=CONTAMINATION)), units.unit_ids
    elif recorded is not None:
        known, unit_ids = recorded.contamination, recorded.predictions.unit_ids
    else:
        return rows
    assert known is not None
    of_unit = {unit_id: known.of_unit(place) for place, unit_id in enumerate(unit_ids.tolist())}
    unknown = dict.fromkeys(("contamination", "contamination_lower", CONTAMINATION_UPPER), np.nan)
    return [row | of_unit.get(row["unit"], unknown) for row in rows]


def _below(rows: list[dict[str, object]], share: float) -> list[dict[str, object]]:
    """Keep units whose upper bound is below a share; what is not known is not below."""
    return [row for row in rows if isinstance(upper := row[CONTAMINATION_UPPER], float) and upper < share]


def _chosen(
    rows: list[dict[str, object]], *, labels: Collection[str], certain: bool, sort: str | None
) -> list[dict[str, object]]:
    """Keep the rows that were asked for, in the order that was asked for; labels that people set count as certain."""
    if (labels or certain or sort in {"label", "probability"}) and rows and "label" not in rows[0]:
        raise SourceError("No unit has a label yet to choose or sort by.", tip="Label the file first.")
    present = dict.fromkeys(str(row["label"]) for row in rows if "label" in row)
    order = [*dict.fromkeys((*CLASSES, *sorted({*present} - {"–"}))), "–"]
    if unknown := [label for label in labels if label not in {*order, UNLABELLED} - {"–"}]:
        raise click.BadParameter(
            f"{unknown[0]!r} is not a label here: {', '.join((*order[:-1], UNLABELLED))}.", param_hint="--label"
        )
    wanted = {"–" if label == UNLABELLED else label for label in labels}
    kept = [
        row
        for row in rows
        if (not wanted or row["label"] in wanted) and not (certain and (row["uncertain"] or row["label"] == "–"))
    ]
    keys: dict[str, Callable[[dict[str, Any]], Any]] = {
        "spikes": lambda row: -row["spikes"],
        "label": lambda row: order.index(row["label"]),
        "probability": lambda row: (row["label"] == "–", -np.nan_to_num(row["probability"], nan=1.0)),
    }
    return sorted(kept, key=keys[sort]) if sort in keys else kept


def _print_rows(rows: Sequence[dict[str, object]], *, of: int) -> None:
    """One line a unit; whether it is uncertain is in its remark."""
    if not rows:
        say(f"None of the {of} units matches.")
        return
    shown = [_with_contamination_as_text(row) for row in rows]
    headings = [name for name in shown[0] if name != "uncertain"]
    title = "Units" if len(rows) == of else f"{len(rows)} of {of} units"
    print_table(title, headings, [[row[name] for name in headings] for row in shown])


def _with_contamination_as_text(row: dict[str, Any]) -> dict[str, object]:
    """A row with estimate and interval of its contamination in one cell, before the remark as in `label`."""
    bounds = [row[name] for name in row if name.startswith("contamination")]
    rest = {name: value for name, value in row.items() if not name.startswith("contamination")}
    if not bounds:
        return rest
    remark = {"remark": rest.pop("remark")} if "remark" in rest else {}
    return rest | {"contamination": shown_contamination(*bounds)} | remark


def _written(history: Sequence[Run]) -> set[str]:
    """Columns that runs wrote."""
    return {
        name for run in history for name in (run.label_column, run.probability_column, run.uncertain_column) if name
    }


def _labels(units: Units, current: Run | None) -> NDArray[np.str_]:
    """The newest run's label of each unit, joined by unit id; empty where it has none."""
    labels = (
        {}
        if current is None
        else dict(zip(current.predictions.unit_ids.tolist(), current.predictions.labels.tolist(), strict=True))
    )
    return np.array([labels.get(unit_id, "") for unit_id in units.unit_ids.tolist()], dtype=str)


def _print_history(history: Sequence[Run]) -> None:
    """One row a run, the oldest first."""
    say()
    print_table(
        "History",
        ["run", "when", "by", "units", "note"],
        [
            [
                run.name,
                f"{run.created:%Y-%m-%d %H:%M}",
                f"{run.agent} ({run.kind.value})",
                len(run.predictions) if run.changed is None else int(run.changed.sum()),
                run.remark,
            ]
            for run in history
        ],
    )
