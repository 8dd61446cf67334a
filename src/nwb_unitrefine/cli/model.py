"""``nwb-unitrefine model``."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from nwb_unitrefine.cli._explain_model import explain_model
from nwb_unitrefine.cli._groups import SuggestingGroup
from nwb_unitrefine.cli._options import load, loading_options, parse_labels
from nwb_unitrefine.cli._render import json_option, print_json, print_table, say

if TYPE_CHECKING:
    from nwb_unitrefine.models import FittedModel, Model, RuleModel

__all__ = ["command"]

_TELLING = ("balanced_accuracy", "macro_f1", "calibration_error", "accuracy_at_80")
"""Scores that fit on a line and say the most."""


@click.group("model", cls=SuggestingGroup)
def command() -> None:
    """Show, explain, share and fetch models."""


command.add_command(explain_model)


@command.command("show")
@click.argument("model", nargs=-1)
@loading_options
@json_option
def show(model: tuple[str, ...], *, as_json: bool) -> None:
    """Show what a model is, which features it needs, and how it was scored.

    MODEL is default (as without any), rules/NAME or a file of rules, a model folder, or hf://OWNER/REPO[@REVISION]; two
    of them are a cascade.
    """
    from nwb_unitrefine.models import RuleModel

    loaded = load(model or ("default",))
    if isinstance(loaded, RuleModel):
        _show_rules(loaded, as_json=as_json)
        return
    steps = _steps(loaded)
    if as_json:
        print_json({"model": loaded.identity, "steps": [_describe(step) for step in steps]})
        return
    for step in steps:
        _print(step)


@command.command("push")
@click.argument("folder")
@click.argument("repo_id", metavar="OWNER/REPO")
@click.option("--message", default="", help="Message of the commit.")
@click.option("--private", is_flag=True, help="Make a repository that is not there yet private.")
@click.option("--include-data", is_flag=True, help="Share training_data.csv and labels.csv as well.")
@json_option
def push(*, folder: str, repo_id: str, message: str, private: bool, include_data: bool, as_json: bool) -> None:
    """Share a model folder on the Hugging Face Hub, with a card that states what was measured."""
    from nwb_unitrefine.models import push_model

    identity = push_model(folder, repo_id, message=message, private=private, include_data=include_data)
    if as_json:
        print_json(identity)
    else:
        say(f"{identity.name} is at {identity.source}@{identity.revision}")


@command.command("pull")
@click.argument("source", metavar="hf://OWNER/REPO[@REVISION]")
@click.argument("folder")
def pull(*, source: str, folder: str) -> None:
    """Copy a model from the Hugging Face Hub into a folder, without loading it."""
    from nwb_unitrefine.models import pull_model

    say(f"{source} is in {pull_model(source, folder)}")


@command.command("list")
@json_option
def list_models(*, as_json: bool) -> None:
    """List the published models that have a name here; using one fetches it where it is not in the cache."""
    from nwb_unitrefine.models import registered_models

    found = [(model, model.cached_revision) for model in registered_models()]
    if as_json:
        print_json([{**asdict(model), "cached_revision": revision or None} for model, revision in found])
        return
    print_table(
        "Models by name (default comes with the package; the others are on the Hugging Face Hub)",
        ["model", "distinguishes", "species", "in the cache", "source"],
        [
            [model.name, model.task, model.species or "not stated", revision[:7] or "no", model.source]
            for model, revision in found
        ],
    )


@command.command("describe")
@click.argument("folder")
@click.option("--classes", required=True, metavar="0=noise,1=neural", help="Label of each of the model's classes.")
def describe(*, folder: str, classes: str) -> None:
    """Remember what the classes of a published model mean; its own files stay as they are."""
    from nwb_unitrefine.models import describe_classes

    say(f"written to {describe_classes(folder, parse_labels(classes))}")


def _show_rules(model: RuleModel, *, as_json: bool) -> None:
    """Show the thresholds of a rule set, in the order in which its classes are tried."""
    identity, rules = model.identity, model.rules
    if as_json:
        print_json({"model": identity, "rules": rules.model_dump(mode="json", exclude_none=True)})
        return
    print_table(
        identity.name,
        ["property", "value"],
        [
            ("published", rules.source or "not stated"),
            ("revision", identity.revision or "–"),
            ("digest", identity.digest),
            ("licence", identity.licence or "not stated"),
            ("passes", rules.passes),
            ("metrics that no unit has", rules.absent),
        ],
    )
    print_table(
        "A unit gets the first class whose thresholds (of one line, all) fail",
        ["class", "thresholds", "a missing value"],
        [
            (
                one.label,
                "; ".join(map(str, group)),
                ", ".join(dict.fromkeys(one.policy(threshold) for threshold in group)),
            )
            for one in rules.classes
            for group in one.groups
        ],
    )


def _steps(model: Model) -> list[FittedModel]:
    """The estimators of a model, in the order in which they decide."""
    from nwb_unitrefine.models import Cascade, FittedModel

    if isinstance(model, Cascade):
        return [model.first, model.second]
    assert isinstance(model, FittedModel)
    return [model]


def _describe(step: FittedModel) -> dict[str, Any]:
    """One estimator, for programs."""
    return {
        "identity": step.identity,
        "features": step.inputs,
        "classes": dict(zip(map(str, step.estimator.classes), step.class_labels, strict=True)),
        "estimator": step.estimator.kind,
        "written_by": step.estimator.written_by,
        "types": step.estimator.types,
        "manifest": step.manifest.model_dump(mode="json") if step.manifest is not None else None,
    }


def _print(step: FittedModel) -> None:
    """One estimator, for people."""
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
        names = [name for name in _TELLING if any(name in one.pooled for one in manifest.evaluations)]
        print_table(
            "Measured on what it had not seen (all of it: --json)",
            ["given", "apart", *(name.replace("_", " ") for name in names)],
            [
                [one.name, one.scheme, *(one.pooled.get(name, float("nan")) for name in names)]
                for one in manifest.evaluations
            ],
        )
