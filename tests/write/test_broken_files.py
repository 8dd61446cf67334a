"""The small form of the broken files: every one is labelled, or refused in one line and left as it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_broken_file_is_labelled_or_refused_and_left_alone() -> None:
    """No way of breaking a file leads to a traceback, or to a change of a file that is refused."""
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT / "extensions/ndx-unit-curation/src/pynwb")])
    command = [sys.executable, ROOT / "tests" / "benchmarks" / "broken_files.py", "--count", "66", "--seed", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": path})
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["fault"] == 0
    assert found["refused"] > 20
    assert found["labelled"] > 20
