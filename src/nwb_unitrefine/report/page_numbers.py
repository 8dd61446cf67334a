"""Numbers and ids as the page's JSON has them: rounded, without NaN, exact where JavaScript could not hold them."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["as_base64", "as_bytes_of_largest", "or_none", "plain_id", "rounded"]

_LARGEST_EXACT = 2**53 - 1
"""Largest whole number that JavaScript holds exactly."""


def plain_id(unit: Any) -> int | str:
    """Return a unit's id as JSON has it: a number where a browser can hold it, else text.

    Examples
    --------
    >>> plain_id(7), plain_id(2**53), plain_id("7a")
    (7, '9007199254740992', '7a')
    """
    if isinstance(unit, int | np.integer) and abs(int(unit)) <= _LARGEST_EXACT:
        return int(unit)
    return str(unit)


def rounded(
    values: NDArray[np.floating[Any]], decimals: int | None = None, *, significant: int | None = None
) -> list[float | None]:
    """Return numbers with as many digits as a page shows; None for what is not finite.

    Examples
    --------
    >>> rounded(np.array([0.12345, np.nan]), 2), rounded(np.array([12345.0]), significant=2)
    ([0.12, None], [12000.0])
    """
    if significant is not None:
        return [float(f"{value:.{significant}g}") if np.isfinite(value) else None for value in values.tolist()]
    return [or_none(value, decimals or 0) for value in values.tolist()]


def or_none(value: float, digits: int) -> float | None:
    """Return a number with so many digits after the point; None for one that is not finite."""
    return round(value, digits) if np.isfinite(value) else None


def as_base64(array: NDArray[Any]) -> str:
    """Return an array's bytes as text."""
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")


def as_bytes_of_largest(counts: NDArray[Any]) -> dict[str, Any]:
    """Return rows as bytes of each row's largest value: a picture needs no more."""
    largest = counts.max(axis=1, initial=0)
    scaled = np.rint(counts / np.where(largest > 0, largest, 1)[:, None] * 255).astype(np.uint8)
    return {
        "bytes": as_base64(scaled),
        "largest": rounded(largest.astype(np.float64), significant=4),
        "n": counts.shape[1],
    }
