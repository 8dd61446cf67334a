"""An option of the command line is a keyword of the Python function that the command calls, under the same name."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any

import click
import pytest

from nwb_unitrefine.cli import COMMANDS

LOADING = ("models.load_model",)
SOURCE = ("records.SourceHints",)
LEARNER = ("learn.choose_learner", "learn.Search")

FUNCTIONS: dict[str, tuple[str, ...]] = {
    "label": (*LOADING, *SOURCE, "label_many", "write.options.WriteOptions"),
    "features": (*SOURCE, "compute_features", "records.RawOptions"),
    "show": SOURCE,
    "history": ("write.redact",),
    "verify": (*LOADING, "verify"),
    "relabel": ("relabel", "write.import_labels"),
    "explain": (*LOADING, *SOURCE, "curate"),
    "report": (*LOADING, *SOURCE, "label_many", "report.write_page"),
    "review": (*LOADING, "review.ReviewedFile", "review.ask", "review.serve"),
    "undo": ("undo",),
    "export": ("write.export_labels",),
    "recover": ("journal.recover",),
    "train": ("learn.LabelRules", "learn.read_labelled", "learn.train_model", *LEARNER),
    "evaluate": ("learn.LabelRules", "learn.read_labelled", "learn.cross_validate", *LEARNER),
    "compare": (*LOADING, *SOURCE, "comparison.compare"),
    "model show": LOADING,
    "model explain": (*LOADING, "explain.shap_values", "explain.draw_explanations"),
    "model push": ("models.push_model",),
    "model pull": ("models.pull_model", "models.pin_model"),
    "model list": ("model_list.list_models",),
    "model describe": ("models.describe_classes",),
    "suggest": (*LOADING, *SOURCE, "learn.suggest.suggest_units"),
    "predict": (*LOADING, *SOURCE, "compute_features"),
    "convert": (*LOADING, *SOURCE, "integrations.convert"),
    "demo": ("demo.simulate_session",),
    "inspect": (*LOADING, *SOURCE),
    "dandiset plan": ("batch.dandisets.plan_dandiset",),
    "dandiset label": (
        *LOADING,
        *SOURCE,
        "batch.study.label_study",
        "batch.study.Workforce",
        "batch.tasks.TaskOptions",
    ),
    "dandiset summary": ("batch.tables.summary.summarize_study",),
    "dandiset check": (),
    "dandiset upload": ("batch.derivative.upload_study",),
    "status": (),
}
"""Functions and values whose keywords a command's options are, below ``nwb_unitrefine``."""

EXCEPTIONS: dict[str, dict[str, str]] = {
    "label": {"from_raw": "`raw=RawOptions()`"},
    "features": {
        "model": "names=load_model(…).feature_names",
        "output": "a table of what is returned",
        "from_raw": "raw=compute_from_raw(units)",
    },
    "show": {
        "label": "rows of the table",
        "certain": "rows of the table",
        "contamination_below": "compute_features(units, names=['contamination_upper'])",
        "sort": "order of the table",
    },
    "history": {"diff": "diff_runs(one, other)", "redact": "calls redact"},
    "relabel": {"unit": "labels={12: 'noise'}"},
    "explain": {"unit": "rows of what is returned"},
    "report": {"open": "opens a browser"},
    "review": {
        "no_browser": "opens no browser",
        "export_answers": "prints the answers that are kept",
        "train_to": "output= of Learning",
    },
    "export": {"format": "analyzer calls export_analyzer"},
    "model explain": {
        "data": "rows to explain",
        "figures": "folder= of draw_explanations",
        "cross_validate": "calls cross_validate",
    },
    "recover": {"show": "calls summarize_journal", "trust": "trusted=True: the file's journal is trusted by its name"},
    "train": {
        "add_to": "combine([read_training_data(…), …])",
        "packaged": "calls rebuild_default",
        "cascade": "learner=TwoSteps()",
        "continue_from": "continue_dataset(read_parent(folder).dataset, …)",
        "from_raw": "read_labelled(…, raw=RawOptions())",
        "ratios_and_ranks": "read_labelled(…, ranks=True), choose_learner(dataset, relative=True)",
        "search": "learner=Search()",
        "task": "rules=LabelRules(classes=parse_task(task))",
    },
    "evaluate": {
        "adapt": "score_adapted(scored, n_labels=20)",
        "model": "calls evaluate(model, dataset)",
        "task": "rules=LabelRules(classes=parse_task(task))",
        "cascade": "TwoSteps()",
        "cross_validate": "calls cross_validate",
        "from_raw": "read_labelled(…, raw=RawOptions())",
        "ratios_and_ranks": "read_labelled(…, ranks=True), choose_learner(dataset, relative=True)",
        "search": "Search()",
        "recipe": "cross_validate(UnitRefineRecipe(), dataset)",
        "figures": "draw_figures(scored, folder=…)",
    },
    "compare": {"all_units": "rows that are printed"},
    "model list": {"for": "source=, as for is a word of Python's own"},
    "predict": {"output": "a table of what is returned"},
    "convert": {"no_labels": "model=None"},
    "dandiset label": {"list": "calls pending"},
    "demo": {"output": "simulate_session(path)", "overwrite": "a file that is there is removed before"},
}
"""Options that are not keywords, and what Python users write instead."""

LOADED = {"model"}
"""What `load_model` takes as its first argument."""


def _commands() -> dict[str, click.Command]:
    """Every command and subcommand by its words."""
    found: dict[str, click.Command] = {}
    for name in COMMANDS:
        command = import_module(f"nwb_unitrefine.cli.{name.replace('-', '_')}").command
        inner = getattr(command, "commands", {})
        found |= {f"{name} {word}": one for word, one in inner.items()} or {name: command}
    return found


def _keywords(dotted: str) -> set[str]:
    """Names of the arguments of a function or value."""
    module, _, name = f"nwb_unitrefine.{dotted}".rpartition(".")
    found: Any = getattr(import_module(module), name)
    return set(inspect.signature(found).parameters)


def _options(command: click.Command) -> list[click.Option]:
    """Options without the one that only chooses how results are printed."""
    return [one for one in command.params if isinstance(one, click.Option) and one.name != "as_json"]


def test_every_command_is_compared() -> None:
    """A new command has to name the functions that it calls."""
    assert set(FUNCTIONS) == set(_commands())


@pytest.mark.parametrize("words", FUNCTIONS)
def test_an_option_is_a_keyword(words: str) -> None:
    """It has the keyword's name, its singular where it is repeatable, or ``--no-`` before a switch that is on.

    Each exception is needed: one that has become a keyword has to leave the list.
    """
    keywords = set().union(*(_keywords(name) for name in FUNCTIONS[words]))
    if "models.load_model" in FUNCTIONS[words]:
        keywords |= LOADED
    unknown = set()
    for option in _options(_commands()[words]):
        word = option.opts[-1].removeprefix("--").replace("-", "_")
        names = {word} | ({f"{word}s"} if option.multiple else set()) | {word.removeprefix("no_")}
        if not names & keywords & {word, option.name}:
            unknown.add(word)
    assert unknown == set(EXCEPTIONS.get(words, {})), words


@pytest.mark.parametrize("words", FUNCTIONS)
def test_a_command_takes_each_of_its_options(words: str) -> None:
    """No two options share a name inside, and the function of the command has a place for each."""
    command = _commands()[words]
    names = [one.name for one in command.params if one.expose_value]
    assert len(names) == len(set(names))
    callback = inspect.unwrap(command.callback)  # type: ignore[arg-type]  # every command has one
    parameters = inspect.signature(callback).parameters.values()
    if not any(one.kind is one.VAR_KEYWORD for one in parameters):
        assert {one.name for one in parameters} == set(names)
