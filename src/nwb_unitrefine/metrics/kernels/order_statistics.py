"""Order statistics in compiled code: numba's own median and sort take longer to compile than all that uses them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nwb_unitrefine.metrics.machine_code.compiled import inlined

if TYPE_CHECKING:
    from nwb_unitrefine.metrics.machine_code.compiled import Floats
__all__ = ["median", "select"]


_MANY, _SAMPLE, _ASIDE = 600, 31, 3


@inlined
def select(values: Floats, rank: int) -> float:
    """Value of that rank, 0 for the lowest. The order of `values` is changed: none before the rank is larger.

    Hoare's quickselect with Lomuto's partition, which moves every value and branches on none: of values in random order
    a processor guesses half of the branches wrong, and each wrong guess costs as much as ten moves.
    """
    start, stop = 0, len(values)
    while stop - start > 1:
        pivot = _pivot(values, start, stop, rank)
        below = start
        for i in range(start, stop):
            value = values[i]
            values[i] = values[below]
            values[below] = value
            below += value < pivot
        if rank < below:
            stop = below
            continue
        if below > start:
            start = below
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
def _pivot(values: Floats, start: int, stop: int, rank: int) -> float:
    """Choose a value that parts ``values[start:stop]`` near a rank: the middle of three, or from a sample of many.

    The one from a sample is a little on the far side of the rank, so that most values are left out in every other round
    (Floyd and Rivest 1975).
    """
    n = stop - start
    if n < _MANY:
        first, middle, last = values[start], values[(start + stop) // 2], values[stop - 1]
        low, high = (first, middle) if first < middle else (middle, first)
        return float(low if last < low else high if last > high else last)
    for i in range(_SAMPLE):
        at = start + i
        other = start + i * (n // _SAMPLE)
        value = values[other]
        values[other] = values[at]
        while at > start and values[at - 1] > value:
            values[at] = values[at - 1]
            at -= 1
        values[at] = value
    place = (rank - start) * _SAMPLE // n
    place = place + _ASIDE if 2 * place < _SAMPLE else place - _ASIDE
    return float(values[start + place])


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
