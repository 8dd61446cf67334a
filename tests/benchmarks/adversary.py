"""What an adversary gets through: every part of the campaign, one table.

    python tests/benchmarks/adversary.py                 # every part
    python tests/benchmarks/adversary.py journal models  # some

A part is a module ``adversary_<area>.py`` beside this one with a function ``attempts(folder)``, which gets an empty
folder to work in and yields an `Attempt` for everything that it tries. The exit code is 1 if one got through.
"""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Attempt:
    """One attempt.

    Parameters
    ----------
    area : str
        The kind, a row of the table.
    name : str
        What was tried.
    held : bool
        Whether the program withstood it.
    why : str
        What happened, where it did not.
    """

    area: str
    name: str
    held: bool
    why: str = ""


def rows(found: list[Attempt]) -> list[tuple[str, int, int, int]]:
    """Count by area: attempts, held, failed."""
    areas = dict.fromkeys(attempt.area for attempt in found)
    held = Counter(attempt.area for attempt in found if attempt.held)
    total = Counter(attempt.area for attempt in found)
    return [(area, total[area], held[area], total[area] - held[area]) for area in areas]


def run(part: str) -> list[Attempt]:
    """Run one part in a folder of its own."""
    if str(HERE) not in sys.path:
        sys.path.insert(0, str(HERE))
    module = importlib.import_module(f"adversary_{part}")
    with tempfile.TemporaryDirectory(prefix=f"adversary-{part}-") as folder:
        return [
            attempt if isinstance(attempt, Attempt) else Attempt(*vars(attempt).values())
            for attempt in module.attempts(Path(folder))
        ]


def main(arguments: list[str] | None = None) -> int:
    """Run the parts that are named, or all, and print the table."""
    warnings.simplefilter("ignore")
    named = sys.argv[1:] if arguments is None else arguments
    parts = named or sorted(place.stem.removeprefix("adversary_") for place in HERE.glob("adversary_*.py"))
    with tempfile.TemporaryDirectory(prefix="adversary-state-") as state:
        os.environ["XDG_STATE_HOME"] = state  # the secret of journals is not the user's
        found = [attempt for part in parts for attempt in run(part)]
    table = rows(found)
    total = ("all", *(sum(row[column] for row in table) for column in (1, 2, 3)))
    print(f"{'area':42} {'attempts':>8} {'held':>6} {'failed':>6}")
    for area, count, held, failed in (*table, total):
        print(f"{area:42} {count:8} {held:6} {failed:6}")
    for attempt in found:
        if not attempt.held:
            print(f"FAILED {attempt.area}: {attempt.name}: {attempt.why}")
    return int(any(not attempt.held for attempt in found))


if __name__ == "__main__":
    sys.exit(main())
