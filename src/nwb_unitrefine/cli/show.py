"""``nwb-unitrefine show``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from nwb_unitrefine.cli._agreement import agreement_document, print_agreement
from nwb_unitrefine.cli._render import json_option, print_json, print_problems, print_table, say
from nwb_unitrefine.cli._sorter_ids import SORTER_ID, sorter_ids
from nwb_unitrefine.history.runs import human_labels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from nwb_unitrefine.records import Run, Units

__all__ = ["command"]


@click.command("show")
@click.argument("source")
@json_option
def command(source: str, *, as_json: bool) -> None:
    """Show a file's units, their labels and its curation history."""
    from nwb_unitrefine.read import read_units
    from nwb_unitrefine.write import read_history, runs_in_effect

    units = read_units(source)
    history = read_history(source) if units.source.kind.startswith("nwb") and Path(source).exists() else ()
    chain = runs_in_effect(history)
    current = chain[-1] if chain else None
    ours = {run.label_column for run in history}
    if as_json:
        labels = _labels(units, current)
        document = {"source": units.source, "problems": units.problems, "units": _rows(units, chain), "runs": history}
        print_json(document | {"agreement": agreement_document(units, labels, ours=ours)})
        return
    _print_source(units)
    rows = _rows(units, chain)
    print_table("Units", list(rows[0]), [list(row.values()) for row in rows])
    print_agreement(units, _labels(units, current), ours=ours)
    if history:
        _print_history(history)
    else:
        say(f"No curation yet: nwb-unitrefine label {source}")
    print_problems(units.problems)


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
        return rows
    said, held = chain[-1].predictions, human_labels(chain)
    place = {unit_id: number for number, unit_id in enumerate(said.unit_ids.tolist())}
    for row in rows:
        number = place.get(row["unit"])
        if number is None:
            row |= {"label": "–", "probability": np.nan, "remark": "not in the newest run"}
            continue
        label, run = held.get(int(said.unit_ids[number]), ("", None))
        row["label"] = said.labels[number] or "–"
        row["probability"] = np.nan if label else float(said.confidence[number])
        row["remark"] = said.reasons[number] or (f"set by {run.agent}" if label and run is not None else "")
    return rows


def _labels(units: Units, current: Run | None) -> NDArray[np.str_]:
    """The newest run's label of each unit, joined by unit id; empty where it says nothing."""
    said = (
        {}
        if current is None
        else dict(zip(current.predictions.unit_ids.tolist(), current.predictions.labels.tolist(), strict=True))
    )
    return np.array([said.get(unit_id, "") for unit_id in units.unit_ids.tolist()], dtype=str)


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
                run.note,
            ]
            for run in history
        ],
    )
