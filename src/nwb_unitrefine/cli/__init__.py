"""The command ``nwb-unitrefine``: thin commands over the functions that a Python user calls.

Each command is one module of this package with a click command named ``command``; it is imported when it is run or
asked for help, so that every command starts fast. What a command finds goes to standard output, as tables for people
or, with ``--json``, as one JSON document for programs; progress and remarks go to standard error.

Exit codes: 0 done; 1 a source was refused, or a check said no; 2 wrong usage; 70 a fault in this program.
"""

from __future__ import annotations

import logging
import os
import sys
from importlib import import_module

import click

from nwb_unitrefine.errors import UnitRefineError

__all__ = ["main"]

COMMANDS = {
    "label": "Label the units of files and write the labels into them.",
    "features": "Compute the features of a file's units and say where each comes from.",
    "show": "Show a file's units, their labels and its curation history.",
    "history": "Show who or what labelled the units of a file, and when.",
    "verify": "Check a file against its curation history.",
    "relabel": "Set labels that a person decided on.",
    "undo": "Take back the newest labels.",
    "export": "Write a file's labels for another program.",
    "recover": "Finish or undo a write that was interrupted.",
    "train": "Train a model on labelled units.",
    "evaluate": "Score a model on labelled units.",
    "model": "Show, share and fetch models.",
    "predict": "Predict labels from a table of metrics.",
    "demo": "Make a small session with known truth, label it, and compare.",
}
"""Name of each command and its one line of help; `features` lives in ``features.py``, and so on."""

EXIT_REFUSED = 1
EXIT_USAGE = 2
EXIT_FAULT = 70


class _LazyCommands(click.Group):
    """A group that imports a command's module only when that command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"{__name__}.{cmd_name.replace('-', '_')}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - as above
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=_LazyCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="nwb-unitrefine")
@click.option("--debug", is_flag=True, help="Show the traceback of an error, and log what happens.")
def _app(*, debug: bool) -> None:
    """Label the sorted units of NWB files as single unit, multi-unit or noise."""
    logging.basicConfig(level=logging.ERROR, format="%(name)s: %(message)s")
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
        return 130
    except BrokenPipeError:
        # The reader of our output went away, as `head` does; Python would complain once more on exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - the last door: a user gets a line, never a traceback
        return _report(error, debug="--debug" in arguments)
    return outcome if isinstance(outcome, int) else 0


def _report(error: Exception, *, debug: bool) -> int:
    """Turn an error into its line, so that a refusal and a fault look different and neither is a traceback."""
    from nwb_unitrefine.cli.render import describe_error

    if debug:
        import traceback

        traceback.print_exception(error)
    describe_error(error)
    return EXIT_REFUSED if isinstance(error, UnitRefineError) else EXIT_FAULT
