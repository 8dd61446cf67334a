"""The nearest neighbours that numpy 1 picks when several are equally near.

A distance between metrics of very different sizes, computed in float32, is often exactly zero for several donors; which
of them `numpy.argpartition` puts first then decides what is imputed. numpy 2 partitions with vector instructions and
picks others. Models of a scikit-learn that only ran with numpy 1 are given what they would have got.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["select_nearest"]

_FEW = 3


def _select_rows(distances: NDArray[np.floating[Any]], count: int) -> NDArray[np.intp]:  # noqa: C901, PLR0912 -- one published loop
    """Introselect every row, as ``npysort/selection.cpp`` of numpy 1.26 does with its pivots from medians of three.

    numpy falls back to medians of medians after too many bad pivots, which takes an order that is made for it.
    """
    n_rows, n_donors = distances.shape
    nearest = np.empty((n_rows, count), dtype=np.intp)
    for row in range(n_rows):
        order = list(range(n_donors))
        # Missing distances come last, as infinite ones: no donor is infinitely far.
        keys = np.where(np.isnan(distances[row]), np.inf, distances[row]).tolist()
        low, high, place = 0, n_donors - 1, count - 1
        if place < _FEW:
            for i in range(count):
                smallest = i
                for j in range(i + 1, n_donors):
                    if keys[order[j]] < keys[order[smallest]]:
                        smallest = j
                order[i], order[smallest] = order[smallest], order[i]
            nearest[row] = order[:count]
            continue
        while low + 1 < high:
            left, right, middle = low + 1, high, low + (high - low) // 2
            if keys[order[high]] < keys[order[middle]]:
                order[high], order[middle] = order[middle], order[high]
            if keys[order[high]] < keys[order[low]]:
                order[high], order[low] = order[low], order[high]
            if keys[order[low]] < keys[order[middle]]:
                order[low], order[middle] = order[middle], order[low]
            order[middle], order[low + 1] = order[low + 1], order[middle]
            pivot = keys[order[low]]
            while True:
                left += 1
                while keys[order[left]] < pivot:
                    left += 1
                right -= 1
                while pivot < keys[order[right]]:
                    right -= 1
                if right < left:
                    break
                order[left], order[right] = order[right], order[left]
            order[low], order[right] = order[right], order[low]
            if right >= place:
                high = right - 1
            if right <= place:
                low = left
        if high == low + 1 and keys[order[high]] < keys[order[low]]:
            order[high], order[low] = order[low], order[high]
        nearest[row] = order[:count]
    return nearest


def select_nearest(distances: NDArray[np.floating[Any]], count: int) -> NDArray[np.intp]:
    """Return what ``numpy.argpartition(distances, count - 1, axis=1)[:, :count]`` is under numpy 1.

    Parameters
    ----------
    distances : array of float, shape (n_rows, n_donors)
    count : int
        How many to pick, at most `n_donors`.

    Returns
    -------
    array of int, shape (n_rows, count)

    References
    ----------
    Musser 1997, "Introspective sorting and selection algorithms"; ``npysort/selection.cpp`` of numpy 1.26.
    """
    if count == distances.shape[1]:
        # numpy has a way of its own for the last place: only the largest is moved there.
        return _all_but_largest_in_place(distances)
    return _select_rows(distances, count)


def _all_but_largest_in_place(distances: NDArray[np.floating[Any]]) -> NDArray[np.intp]:
    """Move the last of the largest to the end; what was there takes its place."""
    n_donors = distances.shape[1]
    order = np.tile(np.arange(n_donors), (len(distances), 1))
    missing = np.isnan(distances)
    ranked = np.where(missing, np.inf, distances)
    reverse = np.where(missing.any(axis=1, keepdims=True), missing, ranked == ranked.max(axis=1, keepdims=True))[
        :, ::-1
    ]
    largest = n_donors - 1 - reverse.argmax(axis=1)
    rows = np.arange(len(distances))
    order[rows, largest], order[:, -1] = n_donors - 1, largest
    return order
