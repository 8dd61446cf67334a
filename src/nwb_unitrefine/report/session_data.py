"""What a page shows of one session, as plain data: small enough for one file, in the order of the units table."""

from __future__ import annotations

import base64
from importlib.metadata import version
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.explain import class_quantiles, evidence_of, explain, telling_values
from nwb_unitrefine.history.runs import human_labels, runs_in_effect
from nwb_unitrefine.learn.suggest import MIN_SPIKES
from nwb_unitrefine.metrics.prepare.waveform_scale import infer_scale
from nwb_unitrefine.read import compare_labels, existing_labels
from nwb_unitrefine.report.spike_summaries import summarise
from nwb_unitrefine.report.texts import page_texts
from nwb_unitrefine.report.unit_places import unit_groups, unit_positions_um, unit_regions
from nwb_unitrefine.report.waveform_pictures import picture_waveforms
from nwb_unitrefine.vocabulary import METRICS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from nwb_unitrefine.explain import ClassQuantiles, Reasons
    from nwb_unitrefine.models import Model
    from nwb_unitrefine.records import Curation, Run, Units

__all__ = ["FORMAT", "session_data", "with_history"]

FORMAT = 1
"""Version of this data: a page refuses what it does not know."""

_QUANTILE_LEVELS = (5, 25, 50, 75, 95)
"""What the strips beside each metric show of the training units."""


def session_data(
    curation: Curation,
    *,
    model: Model | None = None,
    history: Sequence[Run] = (),
) -> dict[str, Any]:
    """Collect what a page shows.

    Parameters
    ----------
    curation : Curation
    model : Model, optional
        The one that predicted; without it, units have no reasons.
    history : sequence of Run, optional
        Runs of the file, the oldest first: labels that a person set are shown, and columns that a run wrote are not
        compared with these labels.

    Returns
    -------
    dict
        Of texts, numbers, lists and dicts, ready for JSON. No folder, address or name of a machine is in it.
    """
    units, predictions, features = curation.units, curation.predictions, curation.features
    quantiles = class_quantiles(model) if model is not None else None
    reasons = explain(model, features, predictions) if model is not None else None
    summaries = summarise(units.spike_times_s)
    document = {
        "format": FORMAT,
        "software": {"nwb-unitrefine": version("nwb-unitrefine")},
        "created": curation.created.isoformat(),
        "file": _file(units),
        "classes": list(predictions.classes),
        "model": {name: getattr(curation.model, name) for name in ("name", "revision", "digest", "licence")},
        "problems": [
            {
                "what": problem.what,
                "units": [_plain(unit) for unit in problem.unit_ids[:50]],
                "n": len(problem.unit_ids),
            }
            for problem in (*units.problems, *features.problems)
        ],
        "notes": dict(features.notes),
        "rests_on": curation.rests_on.value if curation.rests_on is not None else "",
        "units": _units(curation, reasons, telling_values(reasons, features, quantiles) if reasons is not None else []),
        "evidence": _evidence(reasons),
        "features": _features(curation, quantiles),
        "waveforms": _waveforms(units),
        "spikes": {
            "autocorrelogram": _bytes_of(summaries.autocorrelograms),
            "intervals": _bytes_of(summaries.intervals),
            "rate": _bytes_of(summaries.rates_hz),
            "session_s": [round(value, 3) for value in summaries.session_s],
            "gaps_s": _gaps(units),
        },
        "agreement": _agreement(curation, frozenset(run.label_column for run in history)),
        "min_spikes": MIN_SPIKES,
        "texts": page_texts(curation),
    }
    return with_history(document, history)


def with_history(document: Mapping[str, Any], history: Sequence[Run]) -> dict[str, Any]:
    """Return session data with the runs of a file, and the labels that people set in them.

    Parameters
    ----------
    document : mapping
        As of `session_data`.
    history : sequence of Run
        The oldest first.
    """
    held = human_labels(runs_in_effect(history))
    people = {unit: (label, run.agent) for unit, (label, run) in held.items()}
    units = {
        **document["units"],
        "person": [people.get(unit, ("", ""))[0] for unit in document["units"]["id"]],
        "author": [people.get(unit, ("", ""))[1] for unit in document["units"]["id"]],
    }
    return {**document, "units": units, "history": [_run(run) for run in history]}


def _run(run: Run) -> dict[str, Any]:
    """One line of the history."""
    return {
        "name": run.name,
        "kind": run.kind.value,
        "agent": run.agent,
        "created": run.created.isoformat(),
        "note": run.note,
        "n": int(len(run.predictions) if run.changed is None else run.changed.sum()),
        "undoes": run.undoes,
    }


def _file(units: Units) -> dict[str, Any]:
    """Name the file by what it states of itself, and never by a folder or an address."""
    source = units.source
    return {
        "name": PurePath(source.uri.split("?")[0]).name,
        "kind": source.kind,
        "nwb_version": source.nwb_version,
        "object_id": source.object_id,
        "session_id": source.session_id,
        "subject_id": source.subject_id,
        "start": source.session_start_time,
        "n_spikes": len(units.spike_times_s.values),
        "dialect": source.dialect,
    }


def _units(curation: Curation, reasons: Reasons | None, telling: list[str]) -> dict[str, Any]:
    """One list for each property, in the order of the units table."""
    units, predictions = curation.units, curation.predictions
    ids = [_plain(unit) for unit in units.unit_ids.tolist()]
    places = unit_positions_um(units)
    return {
        "id": ids,
        "spikes": units.spike_times_s.counts.tolist(),
        "label": predictions.labels.tolist(),
        "probability": [_rounded(column, 3) for column in predictions.probabilities.T],
        "margin": [] if predictions.margins is None else _rounded(predictions.margins, 3),
        "uncertain": predictions.uncertain.astype(int).tolist(),
        "remark": list(predictions.reasons),
        "reason": [reasons.sentence(row) for row in range(len(ids))] if reasons is not None else [],
        "telling": telling,
        "group": unit_groups(units),
        "depth_um": [] if places is None else _rounded(places[:, 1], 1),
        "x_um": [] if places is None else _rounded(places[:, 0], 1),
        "region": unit_regions(units),
    }


def _evidence(reasons: Reasons | None) -> dict[str, Any]:
    """How each kind of evidence moves the probability of each unit's own label."""
    if reasons is None:
        return {"names": [], "changes": [], "note": ""}
    own = reasons.toward_label()
    return {
        "names": [evidence.name for evidence in reasons.evidence],
        "note": reasons.note,
        "changes": [_rounded(own[:, column], 3) for column in range(own.shape[1])],
    }


def _features(curation: Curation, quantiles: ClassQuantiles | None) -> dict[str, Any]:
    """Values of every feature with what it is, and how it spreads among training units of each class."""
    features = curation.features
    described = []
    for column, name in enumerate(features.names):
        metric = METRICS.get(name.partition("@")[0])
        known = quantiles.values.get(name, {}) if quantiles is not None else {}
        described.append(
            {
                "name": name,
                "unit": metric.unit if metric is not None else "",
                "about": metric.definition if metric is not None else "",
                "evidence": evidence_of(name).name,
                "values": _rounded(features.values[:, column], significant=4),
                "quantiles": {
                    label: _rounded(np.interp(_QUANTILE_LEVELS, quantiles.levels, values), significant=4)
                    for label, values in known.items()
                    if quantiles is not None
                },
            }
        )
    return {"columns": described, "levels": list(_QUANTILE_LEVELS)}


def _waveforms(units: Units) -> dict[str, Any] | None:
    """Waveform pictures, with the electrodes they were on."""
    pictures = picture_waveforms(units)
    if pictures is None:
        return None
    used = np.unique(pictures.electrodes[pictures.electrodes >= 0])
    electrodes = units.electrodes
    used = used[used < len(electrodes.ids)] if electrodes is not None else used[:0]
    positions = electrodes.positions_um if electrodes is not None else None
    scale = infer_scale(units.waveforms.declared_unit if units.waveforms else "", 2 * pictures.largest)
    place = {row: number for number, row in enumerate(used.tolist())}
    return {
        "samples": _base64(pictures.samples),
        "shape": list(pictures.samples.shape),
        "largest": _rounded(pictures.largest, significant=4),
        "duration_ms": _or_none(pictures.duration_ms, 4),
        "to_microvolts": scale.to_microvolts,
        "channels": [[place.get(row, -1) for row in rows] for rows in pictures.electrodes.tolist()],
        "electrodes": {
            "id": [_plain(electrodes.ids[row]) for row in used.tolist()] if electrodes is not None else [],
            "x_um": _rounded(positions[used, 0], 1) if positions is not None else [],
            "y_um": _rounded(positions[used, 1], 1) if positions is not None else [],
        },
    }


def _gaps(units: Units) -> list[list[float]]:
    """When no unit was observed; empty where the file does not say or there are very many."""
    if units.obs_intervals_s is None or not len(units.obs_intervals_s.values):
        return []
    intervals = units.obs_intervals_s.values
    intervals = intervals[np.argsort(intervals[:, 0], kind="stable")]
    until = np.maximum.accumulate(intervals[:, 1])
    here = np.flatnonzero(intervals[1:, 0] > until[:-1])
    gaps = [[round(float(until[i]), 3), round(float(intervals[i + 1, 0]), 3)] for i in here.tolist()]
    return gaps if len(gaps) <= 200 else []


def _agreement(curation: Curation, ours: frozenset[str]) -> list[dict[str, Any]]:
    """How far the labels agree with each column of labels that the file has."""
    found = []
    for name, existing in existing_labels(curation.units).items():
        if name in ours:
            continue
        agreement = compare_labels(existing.labels, curation.predictions.labels)
        found.append(
            {
                "column": name,
                "who": existing.who,
                "n": agreement.n_units,
                "accuracy": _or_none(agreement.accuracy, 3),
                "kappa": _or_none(agreement.kappa, 3),
                "classes": list(agreement.classes),
                "confusion": agreement.confusion.tolist(),
                "labels": existing.labels.tolist(),
            }
        )
    return found


def _bytes_of(counts: NDArray[Any]) -> dict[str, Any]:
    """Rows as bytes of each row's largest value: a picture needs no more."""
    largest = counts.max(axis=1, initial=0)
    scaled = np.rint(counts / np.where(largest > 0, largest, 1)[:, None] * 255).astype(np.uint8)
    return {
        "bytes": _base64(scaled),
        "largest": _rounded(largest.astype(np.float64), significant=4),
        "n": counts.shape[1],
    }


def _base64(array: NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")


def _rounded(
    values: NDArray[np.floating[Any]], decimals: int | None = None, *, significant: int | None = None
) -> list[float | None]:
    """Numbers with as many digits as a page shows; JSON has no NaN."""
    if significant is not None:
        return [_or_none(value, significant, exact=False) for value in values.tolist()]
    return [_or_none(value, decimals or 0) for value in values.tolist()]


def _or_none(value: float, digits: int, *, exact: bool = True) -> float | None:
    if not np.isfinite(value):
        return None
    return round(value, digits) if exact else float(f"{value:.{digits}g}")


def _plain(unit: Any) -> int | str:
    """A unit's id as JSON has it."""
    return int(unit) if isinstance(unit, int | np.integer) else str(unit)
