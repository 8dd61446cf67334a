"""What a write did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["WriteReport"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteReport:
    """What a write did.

    Parameters
    ----------
    path : Path
        The file that now has the labels.
    run : str
        Name of the run that was added to its history.
    columns : tuple of str
        Columns of the units table that were written.
    replaced : tuple of str
        Those of them that another program had written; the run keeps their old values.
    n_units : int
        Rows of the units table.
    n_changed : int
        Units whose label is another than before; all with a label, the first time.
    n_kept : int
        Units that kept the label a person gave them.
    n_gone : int
        Units that a person had labelled and that are not in the table any more.
    bytes_written : int
        Written into the file; 0 for a dry run.
    left_out : tuple of str
        Columns of the source that a small file with units alone does not have.
    """

    path: Path
    run: str
    columns: tuple[str, ...]
    n_units: int
    n_changed: int
    n_kept: int = 0
    n_gone: int = 0
    replaced: tuple[str, ...] = ()
    bytes_written: int = 0
    left_out: tuple[str, ...] = ()
