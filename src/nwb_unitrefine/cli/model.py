"""``nwb-unitrefine model``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from nwb_unitrefine.cli._explain_model import explain_model
from nwb_unitrefine.cli._groups import SuggestingGroup
from nwb_unitrefine.cli._model_tables import describe_model, print_model
from nwb_unitrefine.cli._options import load, loading_options, parse_labels
from nwb_unitrefine.cli._render import json_option, print_json, print_table, say

if TYPE_CHECKING:
    from nwb_unitrefine.model_list import ListedModel
    from nwb_unitrefine.models import RuleModel

__all__ = ["command"]


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
    from nwb_unitrefine.models import Cascade, FittedModel, RuleModel

    loaded = load(model or ("default",))
    if isinstance(loaded, RuleModel):
        _show_rules(loaded, as_json=as_json)
        return
    assert isinstance(loaded, FittedModel | Cascade)
    steps = loaded.steps
    if as_json:
        print_json({"model": loaded.identity, "steps": [describe_model(step) for step in steps]})
        return
    for step in steps:
        print_model(step)


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
@click.argument("source", metavar="NAME|hf://OWNER/REPO[@REVISION]")
@click.argument("folder", required=False)
@click.option("--update", is_flag=True, help="Let a name stand for the newest commit from now on.")
@json_option
def pull(*, source: str, folder: str | None, update: bool, as_json: bool) -> None:
    """Fetch a model from the Hugging Face Hub, without loading it.

    A NAME (see model list) is fetched into the Hub client's cache, and stands for this commit and digest from
    then on. With FOLDER, the model is copied there.
    """
    from nwb_unitrefine.models import pin_model, pull_model

    if folder is None or update:
        identity = pin_model(source, update=update)
        if as_json:
            print_json(identity)
        else:
            say(f"{source} is {identity.source}@{identity.revision}, a model on the Hugging Face Hub, from now on")
            say(f"{identity.digest}; licence: {identity.licence or 'not stated'}")
    if folder is not None:
        say(f"{source} is in {pull_model(source, folder)}", err=as_json)


@command.command("list")
@click.option("--for", "source", metavar="SOURCE", help="Find out for each model whether this gives what it needs.")
@json_option
def list_models(*, source: str | None, as_json: bool) -> None:
    """List the models that have a name: ours, rules, published ones, and those of your own list.

    Your own list is models.json among the settings of programs, or what NWB_UNITREFINE_MODELS names. Using a name
    fetches the model once; it then stands for the same commit until model pull NAME --update.
    """
    from nwb_unitrefine.model_list import list_models as listed_models

    found = listed_models(source)
    if as_json:
        print_json(found)
        return
    print_table(
        "Models by name",
        ["model", "kind", "distinguishes", "species", "probe", "needs", "licence", "in the cache", "stands for"],
        [
            [
                one.name,
                one.kind,
                one.task,
                one.species or "–",
                one.probe or "–",
                f"{len(one.needs)} features" if one.needs is not None else "unknown",
                one.licence or ("not stated" if one.needs is not None else "unknown"),
                "–" if one.kind != "Hub" else one.cached_revision[:7] or "no",
                "–" if one.kind != "Hub" else one.pinned_revision[:7] or "newest",
            ]
            for one in found
        ],
    )
    if source is not None:
        print_table(
            f"What {source} gives them",
            ["model", "enough", "missing"],
            [[one.name, one.fits, _missing(one)] for one in found],
        )
    for one in found:
        if one.note:
            say(f"note: {one.name}: {one.note}", err=True)


def _missing(one: ListedModel) -> str:
    """Name the first features that a source does not give a model."""
    if one.missing is None:
        return f"unknown: nwb-unitrefine model pull {one.name}" if one.kind == "Hub" and not one.note else "unknown"
    more = f" and {len(one.missing) - 4} more" if len(one.missing) > 4 else ""
    return ", ".join(one.missing[:4]) + more


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
