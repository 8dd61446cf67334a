"""What a stranger can hand over in files touches nothing outside them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import adversary


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_no_attempt_on_journals_links_names_modes_and_sizes_gets_through() -> None:
    """Every attempt ends in an error of one line, or in what was asked for, and in nothing else."""
    found = adversary.run("journal")
    assert len(found) >= 150
    assert [attempt for attempt in found if not attempt.held] == []
