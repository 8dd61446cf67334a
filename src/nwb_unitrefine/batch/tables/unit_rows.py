"""What a study's tables hold of one session and of each of its units."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.batch.findings import find_problems, location_of_units
from nwb_unitrefine.read import compare_labels, existing_labels
from nwb_unitrefine.read.unit_places import unit_groups, unit_positions_um, unit_regions

if TYPE_CHECKING:
    from nwb_unitrefine.records import Curation, Problem

__all__ = ["describe_session", "unit_rows"]


def describe_session(curation: Curation) -> dict[str, Any]:
    """Return what is known of a session, as JSON holds it.

    Parameters
    ----------
    curation : Curation

    Returns
    -------
    dict
        Subject, session, numbers of units and of each label, what the labels rest on, how far each column of labels
        agrees, and the problems.
    """
    units, predictions, source = curation.units, curation.predictions, curation.units.source
    agreement = {}
    for name, existing in existing_labels(units).items():
        found = compare_labels(existing.labels, predictions.labels)
        if found.n_units:
            agreement[name] = {"who": existing.who, "n_units": found.n_units, "accuracy": round(found.accuracy, 4)}
    counts = Counter(label or "unlabelled" for label in predictions.labels.tolist())
    return {
        "subject": source.subject_id,
        "session": source.session_id or source.identifier,
        "start_time": source.session_start_time,
        "format": source.kind,
        "dialect": source.dialect,
        "location": location_of_units(source),
        "n_units": len(units),
        "n_spikes": int(units.spike_times_s.values.size),
        "labels": dict(counts),
        "n_uncertain": int(predictions.uncertain.sum()),
        "n_out_of_range": sum("outside the training range" in reason for reason in predictions.reasons),
        "rests_on": "" if curation.rests_on is None else curation.rests_on.value,
        "agreement": agreement,
        "problems": [_as_document(problem) for problem in find_problems(curation)],
    }


def unit_rows(curation: Curation) -> list[dict[str, Any]]:
    """Return a row for each unit, as JSON holds it: place, label, probabilities, and the labels that it had.

    Parameters
    ----------
    curation : Curation
    """
    units, predictions = curation.units, curation.predictions
    n_units, places = len(units), unit_positions_um(units)
    regions, groups = unit_regions(units) or [""] * n_units, unit_groups(units) or [""] * n_units
    spans = _spans_s(curation)
    before = {name: existing.labels.tolist() for name, existing in existing_labels(units).items()}
    return [
        {
            "unit_id": unit_id,
            "region": regions[row],
            "electrode_group": groups[row],
            "depth_um": None if places is None or np.isnan(places[row, 1]) else round(float(places[row, 1]), 1),
            "n_spikes": int(units.spike_times_s.counts[row]),
            "span_s": spans[row],
            "label": predictions.labels[row].item(),
            **{
                f"probability_{name}": None if np.isnan(value) else round(value, 4)
                for name, value in zip(predictions.classes, predictions.probabilities[row].tolist(), strict=True)
            },
            "uncertain": bool(predictions.uncertain[row]),
            "reason": predictions.reasons[row],
            **{f"label_in_{name}": labels[row] for name, labels in before.items()},
        }
        for row, unit_id in enumerate(units.unit_ids.tolist())
    ]


def _spans_s(curation: Curation) -> list[float]:
    """Time from the first to the last spike of each unit."""
    return [round(float(train[-1] - train[0]), 3) if len(train) else 0.0 for train in curation.units.spike_times_s]


def _as_document(problem: Problem) -> dict[str, Any]:
    """A problem as JSON holds it."""
    return {
        "code": problem.code.value,
        "severity": problem.severity.value,
        "what": problem.what,
        "n_units": len(problem.unit_ids),
    }
