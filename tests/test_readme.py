"""Every example of the README runs, and prints what the README says it prints."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from helpers.documents import ROOT, blocks, console_steps, make_shell, prints

if TYPE_CHECKING:
    from collections.abc import Callable
    from subprocess import CompletedProcess

README = (ROOT / "README.md").read_text()
BLOCKS = [(block.language, block.text) for block in blocks(README)]


def _console_steps() -> list[tuple[str, str]]:
    """Commands of the console blocks, each with the output that the README shows."""
    return [step for language, text in BLOCKS if language == "console" for step in console_steps(text)]


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], CompletedProcess[str]]:
    """Run a line in one folder for all examples."""
    return make_shell(tmp_path_factory.mktemp("readme"))


def test_the_readme_is_one_screen_and_begins_with_the_two_commands() -> None:
    """It has fewer than 130 lines, and its first two bash blocks install and run, and install and test."""
    assert len(README.splitlines()) < 130
    commands = [text for language, text in BLOCKS if language == "bash"][:2]
    assert "nwb-unitrefine demo" in commands[0]
    assert "pytest" in commands[1]


def test_links_of_the_readme_lead_somewhere() -> None:
    """Each file that the README links to, or shows, exists."""
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", README) if "://" not in link]
    assert [link for link in links if link and not (ROOT / link).exists()] == []


@pytest.mark.slow
def test_console_examples_print_what_the_readme_shows(shell) -> None:
    """Each command of the tour succeeds, in order, and prints what stands below it ("..." stands for anything)."""
    for command, expected in _console_steps():
        done = shell(command)
        assert done.returncode == 0, f"$ {command}\n{done.stdout}{done.stderr}"
        printed = done.stdout + done.stderr
        assert prints(expected, printed), f"$ {command}\n{printed}\nREADME says:\n{expected}"


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
