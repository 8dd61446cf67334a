"""Have hostile models loaded and asked to predict.

Each attempt runs in a process of its own with limits on time and memory. It held if the model was refused in one line,
or, where only numbers were changed, if it predicted::

    python tests/benchmarks/adversary_models.py
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))

import adversary

from helpers import hostile_models

if TYPE_CHECKING:
    from collections.abc import Iterator

FUZZED = 40


def attempts(folder: Path) -> Iterator[adversary.Attempt]:
    """Make all attempts, with files in a folder."""
    tried = hostile_models.attempts(fuzzed=FUZZED)
    for attempt, why in zip(tried, hostile_models.judge(tried, folder), strict=True):
        yield adversary.Attempt(attempt.area, attempt.name, not why, why)


if __name__ == "__main__":
    sys.exit(adversary.main(["models"]))
