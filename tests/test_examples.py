"""Every example runs as its first lines say."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nwb_unitrefine.cli import main

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted(path.name for path in (ROOT / "examples").glob("*.py"))


@pytest.fixture(scope="module")
def labelled_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated session with labels, for the examples that read one."""
    path = tmp_path_factory.mktemp("examples") / "session.nwb"
    assert main(["demo", "--output", str(path)]) == 0
    return path


@pytest.mark.slow
@pytest.mark.parametrize("name", EXAMPLES)
def test_example_runs(name: str, labelled_file: Path, tmp_path: Path) -> None:
    """Each example ends without an error and prints something, given a labelled file where it takes one."""
    paths = [ROOT / "src", ROOT / "extensions/ndx-unit-curation/src/pynwb"]
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / name, str(labelled_file)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": ":".join(map(str, paths))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.slow
def test_single_units_that_a_person_vouched_for_are_kept(labelled_file: Path, tmp_path: Path) -> None:
    """A label that a person set has no probability, and is printed whatever a model says after it."""
    path = tmp_path / "a.nwb"
    shutil.copyfile(labelled_file, path)
    assert main(["relabel", str(path), "--unit", "0=sua", "--by", "me"]) == 0
    assert main(["label", str(path)]) == 0
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "keep_single_units.py", path], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("unit 0: 222 spikes, set by a person\n")
    assert "unit 3:" not in done.stdout
