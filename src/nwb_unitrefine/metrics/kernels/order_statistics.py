"""Order statistics in compiled code: numba's own median and sort take longer to compile than all that uses them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nwb_unitrefine.metrics.machine_code.compiled import inlined

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["median", "select"]


@inlined
def select(values: NDArray[np.float64], rank: int) -> float:
    """Value of that rank, 0 for the lowest (Hoare's quickselect). The order of `values` is changed."""
    start, stop = 0, len(values) - 1
    while start < stop:
        pivot = values[(start + stop) // 2]
        left, right = start, stop
        while left <= right:
            while values[left] < pivot:
                left += 1
            while values[right] > pivot:
                right -= 1
            if left <= right:
                values[left], values[right] = values[right], values[left]
                left += 1
                right -= 1
        if rank <= right:
            stop = right
        elif rank >= left:
            start = left
        else:
            break
    return float(values[rank])


@inlined
def median(values: NDArray[np.float64]) -> float:
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
