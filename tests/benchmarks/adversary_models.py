"""Have hostile models loaded and asked to predict: what held, by area.

Run: ``python tests/benchmarks/adversary_models.py``. Each attempt runs in a process of its own with limits on time and
memory. It held if the model was refused in one line, or, where only numbers were changed, if it predicted.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2] / "src")]

from helpers.hostile_models import attempts, judge  # noqa: E402 - a script finds its helpers itself

FUZZED = 40


def attack_models(*, fuzzed: int = FUZZED) -> tuple[list[tuple[str, int, int, int]], list[str]]:
    """Make all attempts.

    Returns
    -------
    rows : list of (area, attempts, held, failed)
    failures : list of str
        One line for each attempt that got through.
    """
    tried = attempts(fuzzed=fuzzed)
    with tempfile.TemporaryDirectory() as folder:
        failures = judge(tried, Path(folder))
    counts = Counter(attempt.area for attempt in tried)
    failed = Counter(attempt.area for attempt, failure in zip(tried, failures, strict=True) if failure)
    lines = [f"{attempt.area}: {attempt.name}: {failure}" for attempt, failure in zip(tried, failures, strict=True)]
    rows = [(area, count, count - failed[area], failed[area]) for area, count in counts.items()]
    return rows, [line for line, failure in zip(lines, failures, strict=True) if failure]


if __name__ == "__main__":
    rows, failures = attack_models()
    print(f"{'area':32}{'attempts':>10}{'held':>10}{'failed':>10}")
    for area, *numbers in [*rows, ("all", *(sum(row[column] for row in rows) for column in (1, 2, 3)))]:
        print(f"{area:32}" + "".join(f"{number:>10}" for number in numbers))
    print("\n".join(failures))
    sys.exit(bool(failures))
