"""Every example of the README runs, and prints what the README says it prints."""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)
CHECK = doctest.OutputChecker()
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def _console_steps() -> list[tuple[str, str]]:
    """Commands of the console blocks, each with the output that the README shows."""
    steps = []
    for language, text in BLOCKS:
        if language == "console":
            for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
                command, _, output = part.partition("\n")
                steps.append((command, output))
    return steps


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory):
    """Run a line in one folder for all examples, with this interpreter's scripts and this source tree."""
    folder = tmp_path_factory.mktemp("readme")
    scripts = folder / "bin"
    scripts.mkdir()
    for name, arguments in {"nwb-unitrefine": "-m nwb_unitrefine", "python": ""}.items():
        (scripts / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n')
        (scripts / name).chmod(0o755)
    paths = [ROOT / "src", ROOT / "extensions/ndx-unit-curation/src/pynwb"]
    environment = {
        **os.environ,
        "PATH": f"{scripts}:{os.environ['PATH']}",
        "PYTHONPATH": ":".join(map(str, paths)),
        "COLUMNS": "110",
    }

    def run(line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            line, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )

    return run


@pytest.mark.slow
def test_console_examples_print_what_the_readme_shows(shell) -> None:
    """Each command of the tour succeeds, in order, and prints what stands below it ("..." stands for anything)."""
    for command, expected in _console_steps():
        done = shell(command)
        assert done.returncode == 0, f"$ {command}\n{done.stdout}{done.stderr}"
        printed = done.stdout + done.stderr
        assert CHECK.check_output(expected, printed, FLAGS), f"$ {command}\n{printed}\nREADME says:\n{expected}"


@pytest.mark.slow
def test_python_examples_run(shell) -> None:
    """Each Python block runs, after the tour, on the files that the tour made."""
    for command, _ in _console_steps():
        shell(command)
    for language, text in BLOCKS:
        if language == "python":
            done = shell(f"python - <<'END'\n{text}\nEND")
            assert done.returncode == 0, f"{text}\n{done.stderr}"


@pytest.mark.slow
def test_the_extensions_read_example_runs_after_a_correction(shell) -> None:
    """The extension's own example reads a file whose newest run is a person's, and so has no features."""
    text = (ROOT / "extensions/ndx-unit-curation/README.md").read_text()
    example = re.search(r"^## Read\n+```python\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)
    assert example is not None
    shell("nwb-unitrefine demo --output session.nwb")
    shell("nwb-unitrefine relabel session.nwb --unit 3=noise --by me")
    done = shell(f"python - <<'END'\n{example[1]}\nprint(len(values), 'features')\nEND")
    assert done.returncode == 0, done.stderr
    assert "run_0002 human me" in done.stdout
    assert re.search(r"^[1-9]\d* features$", done.stdout, flags=re.MULTILINE)
