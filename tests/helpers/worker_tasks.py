"""Tasks for worker processes, which have to import them by name."""

from __future__ import annotations

import os
import signal
from pathlib import Path

__all__ = ["die_once", "double"]


def double(number: int) -> int:
    return 2 * number


def die_once(place: str) -> str:
    """Kill the worker the first time, if the task says so."""
    path = Path(place)
    if path.name == "always" or (path.name == "once" and not path.exists()):
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return path.name
