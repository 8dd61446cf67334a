"""Order statistics in compiled code: numba's own median and sort take longer to compile than all that uses them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nwb_unitrefine.metrics.machine_code.compiled import inlined

if TYPE_CHECKING:
    from nwb_unitrefine.metrics.machine_code.compiled import Floats
__all__ = ["median", "select"]


@inlined
def select(values: Floats, rank: int) -> float:
    """Value of that rank, 0 for the lowest. The order of `values` is changed: none before the rank is larger.

    Hoare's quickselect with Lomuto's partition, which moves every value and branches on none: of values in random order
    a processor guesses half of the branches wrong, and each wrong guess costs as much as ten moves.
    """
    start, stop = 0, len(values)
    while stop - start > 1:
        first, middle, last = values[start], values[(start + stop) // 2], values[stop - 1]
        low, high = (first, middle) if first < middle else (middle, first)
        pivot = low if last < low else high if last > high else last
        below = start
        for i in range(start, stop):
            value = values[i]
            values[i] = values[below]
            values[below] = value
            below += value < pivot
        if rank < below:
            stop = below
            continue
        through = below
        for i in range(below, stop):
            value = values[i]
            values[i] = values[through]
            values[through] = value
            through += value <= pivot
        if rank < through or through == below:  # the latter for a NaN
            return float(pivot)
        start = through
    return float(values[start])


@inlined
def median(values: Floats) -> float:
    """Median, the mean of the two middle values where their number is even. The order of `values` is changed."""
    n = len(values)
    middle = select(values, n // 2)
    if n % 2:
        return middle
    below = values[0]  # everything before the rank selected is no larger
    for i in range(1, n // 2):
        if values[i] > below:
            below = values[i]
    return float(0.5 * (below + middle))
