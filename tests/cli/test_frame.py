"""The frame that every command stands in: help, exit codes, errors in one line, a fast start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nwb_unitrefine.cli import COMMANDS, main
from nwb_unitrefine.cli._render import print_problems, print_table
from nwb_unitrefine.records import Problem, ProblemCode

if TYPE_CHECKING:
    import click


def test_help_lists_every_command_with_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    """The program's help names each command, and says in a whole sentence what it does."""
    assert main(["--help"]) == 0
    listed = " ".join(capsys.readouterr().out.partition("Commands:")[2].split())
    for name in COMMANDS:
        command = import_module(f"nwb_unitrefine.cli.{name.replace('-', '_')}").command
        sentence = command.get_short_help_str(limit=1000)
        assert sentence
        assert f"{name} {sentence}" in listed, name


def test_every_option_of_each_command_states_what_it_does() -> None:
    """No option of any command is without help."""
    for name, command in _all_commands():
        assert [p.name for p in command.params if p.param_type_name == "option" and not p.help] == [], name


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
        "numpy",
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


def test_a_reader_that_goes_away_is_no_refusal(tmp_path) -> None:
    """With its output closed by the reader, a command ends as other programs do, and without a word."""
    table = tmp_path / "metrics.csv"
    table.write_text("unit_id,firing_rate,num_spikes\n" + "".join(f"{unit},3.5,900\n" for unit in range(20)))
    reader, writer = os.pipe()
    os.close(reader)
    for arguments in (["features", str(table)], ["features", str(table), "--json"], ["--help"]):
        command = [sys.executable, "-m", "nwb_unitrefine", *arguments]
        done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
        assert done.returncode == 141, done.stderr
        assert "error" not in done.stderr
    os.close(writer)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_output_that_cannot_be_written_is_one_line(tmp_path) -> None:
    """A full disk behind standard output is no fault of the program, and is said in one line."""
    table = tmp_path / "metrics.csv"
    table.write_text("unit_id,firing_rate\n0,3.5\n")
    command = [sys.executable, "-m", "nwb_unitrefine", "features", str(table)]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines() == ["error: what was found cannot be written: No space left on device."]


def test_tables_break_no_name(capsys: pytest.CaptureFixture[str]) -> None:
    """What is not a terminal gets each row in one line, however long."""
    name, remark = "a_name_that_is_long_" * 5, "many words " * 30
    print_table("Title", ["name", "number", "remark"], [[name, 1.0, remark.strip()]])
    assert capsys.readouterr().out.splitlines()[2].split() == [name, "1", *remark.split()]


@pytest.mark.parametrize(
    "arguments",
    [
        ["demo", "--seed", "-1"],
        ["train", "x.csv", "--seed", "-1"],
        ["train", "x.csv", "--search", "--draws", "0"],
        ["train", "x.csv", "--search", "--jobs", "0"],
        ["train", "x.csv", "--packaged", "folder"],
        ["evaluate", "x.csv", "--seed", "-1"],
        ["label", "x.nwb", "--sampling-rate-hz", "-3"],
        ["label", "x.nwb", "--overwrite-column", "nosuch"],
        ["label", "x.nwb", "--columns", "nosuch"],
        ["label", "x.nwb", "--columns", "a,b,c,d"],
        ["label", "x.nwb", "--labels", "0"],
        ["relabel", "x.nwb", "--by", "me", "--columns", "spike_times,b", "--unit", "1=sua"],
        ["relabel", "x.nwb", "--by", "me", "--unit", "sua"],
        ["export", "x.nwb", "labels.xlsx"],
        ["train", "x.csv", "--mapping", "good"],
        ["train", "x.csv", "--subject-pattern", "("],
        ["features", "x.nwb", "--jobs", "many"],
    ],
)
def test_options_that_mean_nothing_are_wrong_usage(arguments: list[str]) -> None:
    """A number out of range, or an option that would be ignored, is said before anything is done."""
    assert main(arguments) == 2


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["lable", "x.nwb"], "Did you mean label?"),
        (["relable"], "Did you mean relabel?"),
        (["model", "shwo"], "Did you mean show?"),
        (["label", "x.nwb", "--ouput", "y"], "Did you mean --output?"),
        (["xyzzy"], "Commands are label,"),
    ],
)
def test_a_misspelt_name_is_answered_with_the_one_that_was_meant(
    arguments: list[str], meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A command or option that does not exist is wrong usage, and the nearest one is named."""
    assert main(arguments) == 2
    assert meant in capsys.readouterr().err.replace("'", "")  # versions of click differ in the quotes


def test_one_idea_has_one_option_name() -> None:
    """Replacing is --overwrite and the number of processes --jobs, in whatever command."""
    names = {name for _, command in _all_commands() for option in command.params for name in option.opts}
    assert {"--overwrite", "--jobs"} < names
    assert not names & {"--force", "--n-jobs", "--n_jobs", "--njobs", "-f", "--replace"}


def _all_commands() -> list[tuple[str, click.Command]]:
    """Every command with its name as typed, those of groups included."""
    found: list[tuple[str, click.Command]] = []
    for name in COMMANDS:
        command = import_module(f"nwb_unitrefine.cli.{name.replace('-', '_')}").command
        found.append((name, command))
        found += [(f"{name} {inner}", one) for inner, one in getattr(command, "commands", {}).items()]
    return found


def test_the_demo_is_made_where_it_can_be(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder that is not there, or that is in the way even of --overwrite, is refused in one line."""
    (tmp_path / "folder").mkdir()
    for output, why in ((tmp_path / "none" / "d.nwb", "no folder"), (tmp_path / "folder", "exists already")):
        assert main(["demo", "--output", str(output), "--overwrite"]) == 1
        assert why in capsys.readouterr().err
    assert (tmp_path / "folder").is_dir()


@pytest.mark.slow
@pytest.mark.parametrize("command", ["history", "verify", "undo", "export"])
def test_what_keeps_no_history_states_where_its_labels_are(tmp_path, command: str, capsys) -> None:
    """A sorter's folder has tables beside it, and a table of metrics is one for `predict`."""
    (tmp_path / "phy").mkdir()
    table = tmp_path / "metrics.csv"
    table.write_text("unit_id,firing_rate\n0,3.5\n")
    further = [str(tmp_path / "out.csv")] if command == "export" else []
    for place, tip in ((tmp_path / "phy", "tables beside it"), (table, "predict")):
        assert main([command, str(place), *further]) == 1
        assert tip in capsys.readouterr().err
    for options in ([], ["--output", str(tmp_path / "copy.csv")]):
        assert main(["label", str(table), *options]) == 1
        assert "predict" in capsys.readouterr().err


def test_what_makes_labels_worse_is_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    """Remarks are notes; what was left out, or should not be relied on, is a warning."""
    print_problems([Problem(ProblemCode.RECORDING_GAPS, "One."), Problem(ProblemCode.OBS_INTERVALS_UNUSABLE, "Two.")])
    assert capsys.readouterr().err == "note: One.\nwarning: Two.\n"
