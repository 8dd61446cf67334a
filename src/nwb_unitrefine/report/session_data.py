"""What a page shows of one session, as plain data: small enough for one file, in the order of the units table."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.explain import class_quantiles, explain, explain_decisions, telling_values
from nwb_unitrefine.history.runs import human_labels, runs_in_effect
from nwb_unitrefine.learn.scoring.scores import share_interval
from nwb_unitrefine.learn.suggest import MIN_SPIKES
from nwb_unitrefine.metrics.prepare.waveform_scale import infer_scale
from nwb_unitrefine.models import RuleModel
from nwb_unitrefine.read import compare_labels, existing_labels
from nwb_unitrefine.read.unit_places import unit_groups, unit_positions_um, unit_regions
from nwb_unitrefine.report.answers import answer_rounds
from nwb_unitrefine.report.model_data import evidence_data, feature_data, threshold_data
from nwb_unitrefine.report.page_numbers import as_base64, as_bytes_of_largest, or_none, plain_id, rounded
from nwb_unitrefine.report.spike_summaries import summarise
from nwb_unitrefine.report.texts import page_texts
from nwb_unitrefine.report.waveform_pictures import picture_waveforms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nwb_unitrefine.explain import Reasons
    from nwb_unitrefine.models import Model
    from nwb_unitrefine.records import Curation, Run, Units

__all__ = ["session_data", "with_history"]


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
        The one that predicted; without it, units have no reasons. For rules, every threshold is shown instead.
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
    explained = model is not None and not isinstance(model, RuleModel)
    reasons = explain(model, features, predictions) if model is not None and explained else None
    decisions = explain_decisions(model, features, predictions) if model is not None and explained else None
    summaries = summarise(units.spike_times_s)
    document = {
        "software": {"nwb-unitrefine": version("nwb-unitrefine")},
        "created": curation.created.isoformat(),
        "file": _file(units),
        "classes": list(predictions.classes),
        "model": {name: getattr(curation.model, name) for name in ("name", "revision", "digest", "licence")},
        "problems": [
            {
                "code": problem.code.value,
                "what": problem.what,
                "units": [plain_id(unit) for unit in problem.unit_ids[:50]],
                "n": len(problem.unit_ids),
            }
            for problem in (*units.problems, *features.problems)
        ],
        "notes": dict(features.notes),
        "rests_on": curation.rests_on.value if curation.rests_on is not None else "",
        "units": {
            **_units(curation, reasons, telling_values(reasons, features, quantiles) if reasons is not None else []),
            "decided": [decisions.unexpected(row) for row in range(len(units))] if decisions is not None else [],
        },
        "evidence": evidence_data(reasons),
        "thresholds": threshold_data(model.check(features)) if isinstance(model, RuleModel) else [],
        "features": feature_data(curation, quantiles),
        "waveforms": _waveforms(units),
        "spikes": {
            "autocorrelogram": as_bytes_of_largest(summaries.autocorrelograms),
            "intervals": as_bytes_of_largest(summaries.intervals),
            "rate": as_bytes_of_largest(summaries.rates_hz),
            "session_s": [round(value, 3) for value in summaries.session_s],
            "gaps_s": _gaps(units),
        },
        "agreement": _agreement(curation),
        "min_spikes": MIN_SPIKES,
        "texts": page_texts(curation),
    }
    return with_history(document, history, rounds=answer_rounds(history, model=model, features=features))


def with_history(
    document: Mapping[str, Any], history: Sequence[Run], *, rounds: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """Return session data with the runs of a file, the labels that people set in them, and how far these agree.

    Parameters
    ----------
    document : mapping
        As of `session_data`.
    history : sequence of Run
        The oldest first.
    rounds : sequence of mapping, optional
        As of `answer_rounds`.
    """
    held = human_labels(runs_in_effect(history))
    people = {plain_id(unit): (label, run.agent) for unit, (label, run) in held.items()}
    units = {
        **document["units"],
        "person": [people.get(unit, ("", ""))[0] for unit in document["units"]["id"]],
        "author": [people.get(unit, ("", ""))[1] for unit in document["units"]["id"]],
    }
    labels = {"people": units["person"]} if any(units["person"]) else {}
    found = [_agreement_with(name, "people", given, document["units"]["label"]) for name, given in labels.items()]
    ours = {run.label_column for run in history}  # no second opinion about these labels
    return {
        **document,
        "units": units,
        "history": [_run(run) for run in history],
        "rounds": list(rounds),
        "agreement": [*found, *(one for one in document["agreement"] if one["column"] not in {"people", *ours})],
    }


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
    ids = [plain_id(unit) for unit in units.unit_ids.tolist()]
    places = unit_positions_um(units)
    return {
        "id": ids,
        "spikes": units.spike_times_s.counts.tolist(),
        "label": predictions.labels.tolist(),
        "probability": [rounded(column, 3) for column in predictions.probabilities.T],
        "margin": [] if predictions.margins is None else rounded(predictions.margins, 3),
        "uncertain": predictions.uncertain.astype(int).tolist(),
        "remark": list(predictions.reasons),
        "reason": [reasons.sentence(row) for row in range(len(ids))] if reasons is not None else [],
        "telling": telling,
        "contamination": [] if curation.contamination is None else list(curation.contamination.texts()),
        "group": unit_groups(units),
        "depth_um": [] if places is None else rounded(places[:, 1], 1),
        "x_um": [] if places is None else rounded(places[:, 0], 1),
        "region": unit_regions(units),
    }


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
        "samples": as_base64(pictures.samples),
        "shape": list(pictures.samples.shape),
        "largest": rounded(pictures.largest, significant=4),
        "duration_ms": or_none(pictures.duration_ms, 4),
        "to_microvolts": scale.to_microvolts,
        "channels": [[place.get(row, -1) for row in rows] for rows in pictures.electrodes.tolist()],
        "electrodes": {
            "id": [plain_id(electrodes.ids[row]) for row in used.tolist()] if electrodes is not None else [],
            "x_um": rounded(positions[used, 0], 1) if positions is not None else [],
            "y_um": rounded(positions[used, 1], 1) if positions is not None else [],
        },
    }


def _gaps(units: Units) -> list[list[float]]:
    """When no unit was observed; empty where the file does not state it or there are very many."""
    if units.obs_intervals_s is None or not len(units.obs_intervals_s.values):
        return []
    intervals = units.obs_intervals_s.values
    intervals = intervals[np.argsort(intervals[:, 0], kind="stable")]
    until = np.maximum.accumulate(intervals[:, 1])
    here = np.flatnonzero(intervals[1:, 0] > until[:-1])
    gaps = [[round(float(until[i]), 3), round(float(intervals[i + 1, 0]), 3)] for i in here.tolist()]
    return gaps if len(gaps) <= 200 else []


def _agreement(curation: Curation) -> list[dict[str, Any]]:
    """How far the labels agree with each column of labels that the file has."""
    labels = curation.predictions.labels.tolist()
    return [
        _agreement_with(name, existing.who, existing.labels.tolist(), labels)
        for name, existing in existing_labels(curation.units).items()
    ]


def _agreement_with(name: str, who: str, given: list[str], labels: list[str]) -> dict[str, Any]:
    """How far labels agree with others of the same units."""
    agreement = compare_labels(np.array(given, dtype=np.str_), np.array(labels, dtype=np.str_))
    return {
        "column": name,
        "who": who,
        "n": agreement.n_units,
        "accuracy": or_none(agreement.accuracy, 3),
        "interval": [
            or_none(float(one), 3) for one in share_interval(np.trace(agreement.confusion), agreement.n_units)
        ],
        "kappa": or_none(agreement.kappa, 3),
        "classes": list(agreement.classes),
        "confusion": agreement.confusion.tolist(),
        "labels": given,
    }
