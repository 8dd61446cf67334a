"""The numbers in the names of runs, ``"run_0001"`` and on: runs are in order of their numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

__all__ = ["in_order", "name_of_run", "next_name", "run_number", "run_order"]

_PREFIX = "run_"
_DIGITS = "0123456789"
_MOST_DIGITS = 18
"""A name with more is not a run's number; Python refuses to read numbers of thousands of digits."""


def name_of_run(number: int) -> str:
    """Return the name of a run.

    Parameters
    ----------
    number : int
        From 1.

    Examples
    --------
    >>> name_of_run(2), name_of_run(10_000)
    ('run_0002', 'run_10000')
    """
    return f"{_PREFIX}{number:04d}"


def run_number(name: str) -> int | None:
    """Return the number of a run, or None for a name without one.

    Parameters
    ----------
    name : str
        Of the run, or its number alone.
    """
    digits = name.removeprefix(_PREFIX)
    is_number = digits.isascii() and digits.isdecimal() and len(digits) <= _MOST_DIGITS
    return int(digits) if is_number else None


def run_order(name: str) -> tuple[str, int, str, str]:
    """Return the key that runs are sorted by: the number that a name ends in counts as a number.

    Names without one keep the order of text.

    Parameters
    ----------
    name : str
    """
    stem = name.rstrip(_DIGITS)
    number = name[len(stem) :].lstrip("0")
    return stem, len(number), number, name


def in_order(names: Iterable[str]) -> list[str]:
    """Sort names of runs, the oldest first.

    Parameters
    ----------
    names : iterable of str

    Examples
    --------
    >>> in_order(["run_10000", "run_2000", "run_9999"])
    ['run_2000', 'run_9999', 'run_10000']
    """
    return sorted(names, key=run_order)


def next_name(names: Collection[str], n_added: int) -> str:
    """Return the name of the run that is added next; one that was removed by hand leaves its number unused.

    Parameters
    ----------
    names : collection of str
        Of the runs that are there.
    n_added : int
        How many runs were ever added.

    Examples
    --------
    >>> next_name(["run_0001"], 1), next_name(["run_0001"], 2)
    ('run_0002', 'run_0003')
    """
    numbers = (number for name in names if (number := run_number(name)) is not None)
    return name_of_run(max([*numbers, n_added]) + 1)
