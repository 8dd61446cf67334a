"""``nwb-unitrefine review``."""

from __future__ import annotations

from pathlib import Path

import click

from nwb_unitrefine.cli._options import load, model_option, require_there
from nwb_unitrefine.cli._render import say

__all__ = ["command"]


@click.command("review")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@model_option
@click.option("--by", metavar="NAME", help="Who answers; asked for where it is not given.")
@click.option("--words", default="", metavar="WORD,WORD", help="Further labels to answer with, as axon,non_soma.")
@click.option("--blind", is_flag=True, help="Hide the model's label of a unit until it is answered.")
@click.option(
    "--n", type=click.IntRange(1), help="Begin with so many units that are worth an answer, evenly over files."
)
@click.option(
    "--train-to",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="Offer to train the model of --model further with the answers, and to write it there.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port to serve on; by default one that is free.")
@click.option("--no-browser", is_flag=True, help="Print the address and open no browser.")
@click.option("--export-answers", is_flag=True, help="Print the answers that are kept, as CSV, and do nothing else.")
def command(
    files: tuple[str, ...],
    *,
    model: tuple[str, ...],
    by: str | None,
    words: str,
    blind: bool,
    n: int | None,
    train_to: Path | None,
    port: int,
    no_browser: bool,
    export_answers: bool,
) -> int:
    """Review labels in a browser: units by keys, the least certain first.

    Answers are kept on the disk at the key press. Writing them makes one run of the history, as `relabel` does. The
    page also adapts the model to the answers, scores it on them and trains it further, and shows what that changes
    before anything is written.
    The server listens on this machine alone and stops with Ctrl-C.
    """
    if not export_answers:
        require_there(files)
    from nwb_unitrefine.batch import find_sources
    from nwb_unitrefine.review import Learning, ReviewedFile, ask, require_server, serve

    found = [Path(path) for path in find_sources(files)]
    if export_answers:
        _export(found)
        return 0
    require_server()
    by = by or click.prompt("Who answers")
    loaded = load(model)
    further = [word.strip() for word in words.split(",") if word.strip()]
    reviewed = [ReviewedFile(path, model=loaded, by=by, words=further, blind=blind) for path in found]

    if train_to is not None and len(model) > 1:
        raise click.UsageError("--train-to trains one model: give --model once.")
    learning = Learning(found, model=loaded, parent=model[0] if train_to is not None else None, output=train_to)
    if n is not None:
        ask(reviewed, n=n)

    def ready(address: str) -> None:
        say(f"Review {len(reviewed)} files at {address}" if len(reviewed) > 1 else f"Review at {address}")
        if not no_browser:
            click.launch(address)

    serve(reviewed, port=port, ready=ready, learning=learning)
    pending = sum(len(file.answers.pending()) for file in reviewed)
    if pending:
        say(f"{pending} answers are kept and not yet written: run review again to write them.")
    return 0


def _export(files: list[Path]) -> None:
    """Print the answers about files, which may have changed since they were given."""
    from nwb_unitrefine.review import Answers, answers_as_csv, answers_path

    for path in files:
        answers = Answers(answers_path(path))
        click.echo(answers_as_csv(answers.pending()), nl=False)
        answers.close()
