"""The frame that every command stands in: help, exit codes, errors in one line, a fast start."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module

import pytest

from nwb_unitrefine.cli import COMMANDS, main


def test_help_lists_every_command_with_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    """The program's help names each command, and says in a whole sentence what it does."""
    assert main(["--help"]) == 0
    listed = " ".join(capsys.readouterr().out.partition("Commands:")[2].split())
    for name in COMMANDS:
        command = import_module(f"nwb_unitrefine.cli.{name.replace('-', '_')}").command
        sentence = command.get_short_help_str(limit=1000)
        assert sentence
        assert f"{name} {sentence}" in listed, name


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_each_command_says_what_it_does(name: str) -> None:
    """No option of any command is without help."""
    command = import_module(f"nwb_unitrefine.cli.{name.replace('-', '_')}").command
    assert [p.name for p in command.params if p.param_type_name == "option" and not p.help] == []


def test_refused_file_gives_one_line_a_tip_and_exit_code_1(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is not there is refused in one line that names it; there is no traceback."""
    missing = tmp_path / "nothing.nwb"
    assert main(["label", str(missing)]) == 1
    printed = capsys.readouterr().err.splitlines()
    assert [line for line in printed if line.startswith("error: ") and str(missing) in line]
    assert not [line for line in printed if "Traceback" in line]


def test_wrong_usage_gives_exit_code_2() -> None:
    """A command that does not exist, and one without its argument, are wrong usage."""
    assert main(["no-such-command"]) == 2
    assert main(["label"]) == 2


def test_import_of_the_package_and_help_pull_in_nothing_heavy() -> None:
    """Importing the package, or asking for help, imports none of the heavy libraries."""
    code = (
        "import sys, json, nwb_unitrefine, nwb_unitrefine.cli as cli\n"
        "cli.main(['--help'])\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    modules = set(json.loads(printed.splitlines()[-1]))
    heavy = {
        "sklearn",
        "pynwb",
        "hdmf",
        "h5py",
        "spikeinterface",
        "pandas",
        "scipy",
        "numba",
        "skops",
        "matplotlib",
        "rich",
    }
    assert modules & heavy == set()
