"""Options that several commands share, and what they mean."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nwb_unitrefine.cli._render import say
from nwb_unitrefine.records import CLASSES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

    from nwb_unitrefine.models import Model

__all__ = [
    "definition_option",
    "given_options",
    "load",
    "loading_options",
    "mapping_option",
    "model_option",
    "new_table_option",
    "one_or_two",
    "parse_labels",
    "parse_mapping",
    "require_there",
    "require_written",
    "source_options",
    "write_new_table",
]


def _keep(context: click.Context, option: click.Parameter, value: Any) -> None:
    """Keep how to load a model beside the command, which only wants the model."""
    assert option.name is not None
    context.meta[f"{__name__}.{option.name}"] = value


_LOADING = (
    click.option(
        "--allow-types",
        multiple=True,
        metavar="TYPE",
        expose_value=False,
        callback=_keep,
        help="A further class that the model may contain; its code runs.",
    ),
    click.option(
        "--labels",
        multiple=True,
        metavar="0=noise,1=neural",
        expose_value=False,
        callback=_keep,
        help="What the model's classes mean, where it does not state it: sua, mua, noise, neural; once for each model.",
    ),
    click.option(
        "--missing",
        type=click.Choice(["refuse", "impute", "ignore"]),
        default="refuse",
        show_default=True,
        expose_value=False,
        callback=_keep,
        help="What a published model does about features that no unit has; rules may ignore their thresholds.",
    ),
    click.option(
        "--decide",
        type=click.Choice(["balanced", "probable"]),
        expose_value=False,
        callback=_keep,
        help="The label is the class with the largest probability over its share in training, or the most probable "
        "one; by default as the model was validated.",
    ),
)


def _mention_remote(context: click.Context, option: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:  # noqa: ARG001
    """Tell that a name stands for a model on the Hub: it is other people's, and is fetched."""
    from nwb_unitrefine.models.places.registry import find_registered

    for name in value:
        model = None if name == "default" or Path(name).exists() else find_registered(name)
        if model is not None and model.is_remote:
            say(f"note: {name} is a model on the Hugging Face Hub, {model.source}", err=True)
    return value


_SOURCE = click.option(
    "--model",
    callback=_mention_remote,
    multiple=True,
    default=("default",),
    show_default="default",
    metavar="MODEL",
    help="default, a name (see model list), a folder, rules/NAME or a file of rules, or hf://OWNER/REPO[@REVISION]; "
    "twice: two models in a row.",
)


def model_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``--model``, and the options of how to load it, which `load` looks up."""
    for option in reversed((_SOURCE, *_LOADING)):
        command = option(command)
    return command


def loading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command that has a ``--model`` of its own the options of how to load it."""
    for option in reversed(_LOADING):
        command = option(command)
    return command


def load(sources: tuple[str, ...]) -> Model:
    """Load the model of `model_option`, or the cascade of two."""
    from nwb_unitrefine.models import load_model

    return load_model(one_or_two(sources), **given_options())


def require_there(sources: Sequence[str]) -> None:
    """Refuse the only source before anything is imported for it; of several, each is answered when its turn comes.

    Raises
    ------
    SourceError
        If nothing is there.
    """
    from nwb_unitrefine.storage.local_files import require_content
    from nwb_unitrefine.storage.remote.addresses import is_address

    if len(sources) == 1 and not is_address(sources[0]):
        require_content(Path(sources[0]), name=sources[0])


def one_or_two(sources: tuple[str, ...]) -> str | list[str]:
    """Put what ``--model`` was given as `load_model` wants it."""
    return sources[0] if len(sources) == 1 else list(sources)


def given_options() -> dict[str, Any]:
    """Return the arguments of `load_model` that the user gave, and no others."""
    kept = click.get_current_context().meta
    given = {name: kept.get(f"{__name__}.{name}") for name in ("allow_types", "labels", "missing", "decide")}
    given["labels"] = [parse_labels(text) for text in given["labels"] or ()]
    return {name: value for name, value in given.items() if value and value != "refuse"}


def parse_labels(text: str) -> dict[str, str]:
    """Read ``0=noise,1=neural``."""
    pairs = [pair.partition("=") for pair in text.split(",")]
    if not all(sign and label.strip() and meaning.strip() for label, sign, meaning in pairs):
        raise click.BadParameter(f"{text!r} is not of the form 0=noise,1=neural", param_hint="labels of classes")
    return {label.strip(): meaning.strip() for label, _, meaning in pairs}


mapping_option = click.option(
    "--mapping",
    multiple=True,
    metavar="WORD=LABEL",
    help="What a word for a label means: sua, mua, noise, a class of --task, or nothing to leave it out; repeatable.",
)


def parse_mapping(
    pairs: tuple[str, ...], classes: Sequence[str] = CLASSES, *, own_words: bool = False
) -> dict[str, str]:
    """Read ``fair=mua``, as `mapping_option` has it; with `own_words`, a word may also stand for itself."""
    from nwb_unitrefine.vocabulary.model_classes import is_class_word

    known = dict.fromkeys((*classes, *CLASSES))
    mapping: dict[str, str] = {}
    for pair in pairs:
        word, equals, label = (part.strip() for part in pair.rpartition("="))
        if not equals:
            raise click.BadParameter(f"{pair!r} is not a word and its meaning, as fair=mua.", param_hint="--mapping")
        if label not in (*known, "") and not (own_words and label == word and is_class_word(word)):
            raise click.BadParameter(
                f"{word!r} cannot mean {label!r}: {', '.join(known)} or nothing.", param_hint="--mapping"
            )
        mapping[word] = label
    return mapping


definition_option = click.option(
    "--definition",
    type=click.Choice(["0.105", "0.101"]),
    help="SpikeInterface that a CSV's metrics are of, where their names do not state it.",
)


def _refuse_existing(context: click.Context, option: click.Parameter, value: Path | None) -> Path | None:  # noqa: ARG001
    """Look before anything is computed: what is there may be the source itself."""
    if value is not None and (value.exists() or not value.parent.is_dir()):
        from nwb_unitrefine.errors import WriteError

        if value.exists():
            raise WriteError(f"{value} exists already.", tip="Remove it, or name another output.")
        raise WriteError(f"{value} cannot be written: there is no folder {value.parent}.", tip="Make the folder first.")
    return value


def new_table_option(about: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command ``--output`` for a CSV, which must not be there yet."""
    kind = click.Path(path_type=Path)
    return click.option("--output", metavar="CSV", type=kind, callback=_refuse_existing, help=about)


def write_new_table(frame: pd.DataFrame, output: Path) -> None:
    """Write a table that is there whole or not at all."""
    from nwb_unitrefine.journal.appearing import appearing
    from nwb_unitrefine.records.csv_text import to_csv

    with appearing(output) as place:
        place.write_text(to_csv(frame), encoding="utf-8")


def require_written(overwrite: tuple[str, ...], columns: str, *, contamination: bool = False) -> None:
    """Refuse to replace a column that is not written: the option would have no effect."""
    from nwb_unitrefine.errors import WriteError
    from nwb_unitrefine.write.columns import column_names

    try:
        names = column_names(columns if "," not in columns else tuple(columns.split(",")), contamination=contamination)
    except WriteError as error:
        raise click.BadParameter(str(error), param_hint="--columns") from error
    if others := [name for name in overwrite if name not in names.all]:
        raise click.BadParameter(
            f"{others[0]!r} is not written; what is written is {', '.join(map(repr, names.all))}.",
            param_hint="--overwrite-column",
        )


def source_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of `SourceHints`, under the same names."""
    for option in (
        click.option(
            "--units", metavar="PATH", help="NWB file: path of the units table, where it is not /units; read only."
        ),
        click.option(
            "--spike-times-in",
            type=click.Choice(["seconds", "ms", "samples"]),
            help="Unit of the stored spike times, where it is not what the format prescribes.",
        ),
        click.option(
            "--gain-uv",
            type=click.FloatRange(min=0, min_open=True),
            help="Sorter output: µV of one count, where the folder does not state it.",
        ),
        click.option(
            "--sampling-rate-hz",
            type=click.FloatRange(min=0, min_open=True),
            help="Sampling rate of the recording, where the source does not state it.",
        ),
        click.option("--sorter", metavar="NAME", help="Sorter output: which sorter, where several match."),
    ):
        command = option(command)
    return command
