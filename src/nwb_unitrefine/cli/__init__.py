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

COMMANDS = (
    "label",
    "features",
    "show",
    "history",
    "verify",
    "relabel",
    "explain",
    "report",
    "review",
    "suggest",
    "undo",
    "export",
    "recover",
    "train",
    "evaluate",
    "compare",
    "model",
    "predict",
    "inspect",
    "dandiset",
    "status",
    "convert",
    "demo",
)
"""Commands in the order of the help; `features` lives in ``features.py``, and so on."""

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
    """A group that imports a command's module only when that command, or the list of all, is asked for."""

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

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        commands = [(name, self.get_command(ctx, name)) for name in COMMANDS]
        with formatter.section("Commands"):
            formatter.write_dl([(name, one.get_short_help_str(limit=200)) for name, one in commands if one is not None])


@click.command(cls=_LazyCommands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
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
    except ValueError:  # it is no file
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
