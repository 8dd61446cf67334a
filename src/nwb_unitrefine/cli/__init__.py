"""The command ``nwb-unitrefine``: thin commands over the functions that a Python user calls.

Each command is one module of this package with a click command named ``command``; heavy libraries are imported when it
is run, so that every command, and the help, starts fast. What a command finds goes to standard output, as tables for
people or, with ``--json``, as one JSON document for programs; progress and remarks go to standard error.

Exit codes: 0 done; 1 a source was refused, a check failed, or what was found cannot be written; 2 wrong usage; 70 a
fault in this program; 130 interrupted with Ctrl-C; 141 whoever read the output went away, as `head` does.
"""

from __future__ import annotations

import errno
import logging
import os
import sys
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from nwb_unitrefine.cli._exit_codes import EXIT_FAULT, EXIT_INTERRUPTED, EXIT_READER_LEFT, EXIT_REFUSED
from nwb_unitrefine.cli._groups import SuggestingGroup
from nwb_unitrefine.errors import UnitRefineError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["main"]

COMMANDS = {
    "label": "Label the units of files and write the labels into them.",
    "features": "Compute the features of a file's units and list the origin of each.",
    "show": "Show a file's units, their labels and its curation history; before it is labelled, what its columns hold.",
    "history": "Show who or what labelled the units of a file, and when.",
    "verify": "Check a file against its curation history.",
    "relabel": "Set labels that a person decided on.",
    "explain": "Show the evidence for and against the label of each unit, and by which scores it was decided.",
    "report": "Show units, labels and the reasons for them on one page that needs no network.",
    "review": "Review labels in a browser: units by keys, the least certain first.",
    "suggest": "Suggest which units to label next: close calls and units at random, evenly over the files.",
    "undo": "Take back the newest labels: those of the run before are in effect again.",
    "export": "Write a file's labels, or its units, for another program.",
    "recover": "Finish or undo a write that was interrupted.",
    "train": "Train a model on labelled units: NWB files, sorter output, analyzers, or CSV tables of metrics.",
    "evaluate": "Score a model on labelled units, or a way to make models by leaving subjects out.",
    "compare": "Show where models, rules and people agree about the same units, and where they differ.",
    "model": "Show, explain, share and fetch models.",
    "predict": "Predict labels and write none: for a table of metrics, above all.",
    "inspect": "Report what is wrong with the units of files, and how to mend it; nothing is written.",
    "dandiset": "Label whole dandisets, or folders of files, in a study that can stop and go on.",
    "status": "Count what is done of a study of many files, and what is not.",
    "convert": "Make an NWB file of a sorter's output with neuroconv, and label its units.",
    "demo": "Make a small NWB session with known ground truth, label it, and compare the labels with it.",
}
"""Commands in the order of the help, and the line of each, so that none is imported for it; `features` lives in
``features.py``, and so on."""

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


class _ReaderLeftError(Exception):
    """Whoever read our output went away, as `head` does."""


@contextmanager
def _reader_noticed() -> Iterator[None]:
    """Keep a broken pipe from click, which exits with 1 then, as if a source was refused."""
    try:
        yield
    except BrokenPipeError as error:
        raise _ReaderLeftError from error


class _LazyCommands(SuggestingGroup):
    """A group that imports a command's module only when that command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"{__name__}.{cmd_name.replace('-', '_')}").command
        return command

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with _reader_noticed():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        with _reader_noticed():
            return super().invoke(ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - as above
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=_LazyCommands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="nwb-unitrefine")
@click.option("--debug", is_flag=True, help="Show the traceback of an error, and log what happens.")
def _app(*, debug: bool) -> None:
    """Label the sorted units of NWB files as single unit, multi-unit or noise."""
    handler = logging.StreamHandler()
    handler.setLevel(logging.DEBUG if debug else logging.ERROR)  # some libraries, as Dask, give their loggers a level
    logging.basicConfig(level=logging.ERROR, format="%(name)s: %(message)s", handlers=[handler])
    logging.getLogger("nwb_unitrefine").setLevel(logging.DEBUG if debug else logging.ERROR)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    arguments : list of str, optional
        What follows ``nwb-unitrefine``; by default, the process's own.

    Returns
    -------
    int
        The exit code: see the package's docstring.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        outcome = _app.main(args=arguments, prog_name="nwb-unitrefine", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        click.echo("Interrupted.", err=True)
        return EXIT_INTERRUPTED
    except (_ReaderLeftError, BrokenPipeError):
        _write_no_more()
        return EXIT_READER_LEFT
    except Exception as error:  # noqa: BLE001 - the last door: a user gets a line, never a traceback
        if isinstance(error, OSError) and error.errno in FULL and _output_fails():
            _write_no_more()
            click.echo(f"error: what was found cannot be written: {error.strerror or error}.", err=True)
            return EXIT_REFUSED
        return _report(error, debug="--debug" in arguments)
    return outcome if isinstance(outcome, int) else 0


def _output_fails() -> bool:
    """Whether it is standard output that is full: no error names what could not be written."""
    try:
        os.write(sys.stdout.fileno(), b"\n")
    except ValueError:  # it is not a file
        return False
    except OSError:
        return True
    return False


def _write_no_more() -> None:
    """Python would complain once more on exit, of what it still has to write."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _report(error: Exception, *, debug: bool) -> int:
    """Turn an error into its line, so that a refusal and a fault look different and neither is a traceback."""
    from nwb_unitrefine.cli._render import describe_error

    if debug:
        import traceback

        traceback.print_exception(error)
    describe_error(error)
    return EXIT_REFUSED if isinstance(error, UnitRefineError) else EXIT_FAULT
