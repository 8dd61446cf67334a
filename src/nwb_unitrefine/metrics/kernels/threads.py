"""Compiled loops on all cores: they let go of the interpreter's lock, so that plain threads are enough."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["by_units"]

T = TypeVar("T")

_MOST = 8


def by_units(work: Callable[[slice, slice], T], offsets: NDArray[np.int64]) -> list[T]:
    """Run `work` on parts of the units side by side, and return what each part gave, in order.

    Parameters
    ----------
    work : callable
        Takes the units of a part, and the items (spikes or channels) that belong to them, as slices. Its results for a
        unit must not depend on the other units.
    offsets : array of int64, shape (n_units + 1,)
        The items of unit ``i`` are number ``offsets[i]`` to ``offsets[i + 1] - 1``.

    Examples
    --------
    >>> by_units(lambda units, items: items.stop - items.start, np.array([0, 2, 5]))
    [5]
    """
    n_units = len(offsets) - 1
    n_parts = min(_usable_cores(), _MOST, max(n_units // 8, 1))
    shares = np.linspace(0, offsets[-1], n_parts + 1)[1:-1]
    cuts = [0, *np.searchsorted(offsets, shares).tolist(), n_units]
    parts = [(slice(start, stop), slice(int(offsets[start]), int(offsets[stop]))) for start, stop in pairwise(cuts)]
    if n_parts == 1:
        return [work(*parts[0])]
    with ThreadPoolExecutor(n_parts) as pool:
        return list(pool.map(work, *zip(*parts, strict=True)))


def _usable_cores() -> int:
    """Cores that this process may use; ``NUMBA_NUM_THREADS`` sets a limit, as for any compiled loop."""
    limit = os.environ.get("NUMBA_NUM_THREADS", "")
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(available, int(limit)) if limit.isdigit() and int(limit) > 0 else available
