"""What `model show` prints about a model that was trained: what it is, its scores, and what these are worth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from nwb_unitrefine.cli._render import print_table, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nwb_unitrefine.models import FittedModel
    from nwb_unitrefine.models.appraisal import Appraisal
    from nwb_unitrefine.models.manifest import Evaluation

__all__ = ["describe_model", "print_model"]

_TELLING = ("balanced_accuracy", "macro_f1", "calibration_error", "accuracy_at_80")
"""Scores that fit on a line and say the most."""


def describe_model(step: FittedModel) -> dict[str, Any]:
    """Describe one estimator for programs."""
    return {
        "identity": step.identity,
        "features": step.inputs,
        "classes": dict(zip(map(str, step.estimator.classes), step.class_labels, strict=True)),
        "estimator": step.estimator.kind,
        "written_by": step.estimator.written_by,
        "types": step.estimator.types,
        "manifest": step.manifest.model_dump(mode="json") if step.manifest is not None else None,
        "appraisal": None if (found := _appraisal(step)) is None else found.model_dump(mode="json", exclude_none=True),
    }


def _appraisal(step: FittedModel) -> Appraisal | None:
    """What was measured about an estimator besides its own scores."""
    from nwb_unitrefine.models.appraisal import read_appraisal

    return read_appraisal(Path(step.estimator.path).parent, digest=step.identity.digest)


def print_model(step: FittedModel) -> None:
    """Print one estimator for people."""
    identity, estimator, manifest = step.identity, step.estimator, step.manifest
    classes = ", ".join(
        str(own) if str(own) == meaning else f"{own} = {meaning or '?'}"
        for own, meaning in zip(estimator.classes, step.class_labels, strict=True)
    )
    rows = [
        ("from", identity.source),
        ("revision", identity.revision or "–"),
        ("digest", identity.digest),
        ("licence", identity.licence or "not stated"),
        ("written by", f"scikit-learn {estimator.written_by}" if estimator.written_by else "not stated"),
        ("classes", classes),
        ("features", f"{len(step.inputs)}: {', '.join(step.inputs)}"),
    ]
    if manifest is not None:
        counts = ", ".join(f"{count:,} {name}" for name, count in manifest.training.n_units.items())
        kinds = ", ".join(dict.fromkeys(entry.calibration.kind for entry in manifest.calibrations))
        rows += [
            ("trained on", f"{counts}; {len(manifest.training.recordings)} recordings"),
            ("decides by", manifest.decision_rule),
            ("calibration", kinds),
            ("made by", manifest.training.command),
        ]
    print_table(identity.name, ["property", "value"], rows)
    if manifest is not None and manifest.evaluations:
        _print_evaluations(manifest.evaluations)
    if (appraisal := _appraisal(step)) is not None:
        _print_appraisal(appraisal)


def _print_evaluations(evaluations: Sequence[Evaluation]) -> None:
    """The model's own scores: of all units together, and by recording."""
    from nwb_unitrefine.models.card import by_recording, worded

    names = [name for name in _TELLING if any(name in one.pooled for one in evaluations)]
    print_table(
        "Measured on what it had not seen, all units together (all of it: --json)",
        ["given", "apart", *map(worded, names)],
        [[one.name, one.scheme, *(one.pooled.get(name, float("nan")) for name in names)] for one in evaluations],
    )
    first = evaluations[0]
    if len(first.recordings) > 1:
        print_table(
            f"By recording, {first.name}: {len(first.recordings)} recordings",
            ["score", "mean", "smallest", "largest"],
            [[worded(name), *found] for name, found in by_recording(first).items()],
        )


def _print_appraisal(appraisal: Appraisal) -> None:
    """Other ways and a person beside it, how far scores move, and what was not measured."""
    from nwb_unitrefine.models.card import worded

    rows = [(other.name, other.scores, other.difference) for other in appraisal.others]
    print_table(
        "Other ways on the same splits, with intervals of 95 %",
        ["way", "score", "its own", "this model minus it"],
        [
            [way, worded(name), str(value), str(difference.get(name, "–"))]
            for way, scores, difference in rows
            for name, value in scores.items()
        ],
    )
    if (person := appraisal.person) is not None:
        print_table(
            f"One person against {person.against}, {person.n_units:,} units of {', '.join(person.recordings)}",
            ["score", "the person", "this model"],
            [[worded(name), str(value), str(person.model.get(name, "–"))] for name, value in person.scores.items()],
        )
    print_table(
        "How far scores move",
        ["by", "score", "from", "to", "cases"],
        [
            [one.what, worded(one.score), min(one.values.values()), max(one.values.values()), len(one.values)]
            for one in appraisal.spreads
        ],
    )
    for spread in appraisal.spreads:
        if spread.note:
            say(f"{spread.what}: {spread.note}")
    for what in appraisal.not_measured:
        say(f"not measured: {what}")
    say(f"measured by: {appraisal.command}")
