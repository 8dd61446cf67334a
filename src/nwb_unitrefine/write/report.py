"""What a write did."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nwb_unitrefine.records.display import Displayed, Summary, plural

if TYPE_CHECKING:
    from pathlib import Path

    from nwb_unitrefine.records import LabelsInEffect

__all__ = ["WriteReport"]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class WriteReport(Displayed):
    """What a write did.

    Parameters
    ----------
    path : Path
        The file that now has the labels.
    run : str
        Name of the run that was added to its history; empty where nothing changed and none was, or for tables.
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
    other_names : int
        Hard links to the file, such as snapshots that `cp -al` and rsync make: they show the change, too.
    labels : LabelsInEffect or None
        The labels in effect after the write, and who set each; None after `undo`.
    tables : tuple of Path
        Every table that was written, for a sorter's output or an analyzer; empty for an NWB file.
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
    other_names: int = 0
    labels: LabelsInEffect | None = field(default=None, compare=False)
    tables: tuple[Path, ...] = ()

    @property
    def is_written(self) -> bool:
        """Whether there was anything to write: labelling again with nothing changed adds no run."""
        return self.n_changed > 0 or bool(self.run) or self.bytes_written > 0

    def summary(self) -> Summary:
        """Return what `repr` and a notebook show."""
        return Summary(
            title=f"{self.path}: {plural(self.n_units, 'unit')} labelled" + (f" as {self.run}" if self.run else ""),
            facts=(
                ("columns", ", ".join(self.columns)),
                ("changed", plural(self.n_changed, "label")),
                ("kept", f"{plural(self.n_kept, 'label')} that a person set" if self.n_kept else ""),
                ("gone", f"{plural(self.n_gone, 'unit')} that a person had labelled" if self.n_gone else ""),
                ("replaced", ", ".join(self.replaced)),
                ("left out", ", ".join(self.left_out)),
                ("tables", ", ".join(map(str, self.tables))),
                ("written", plural(self.bytes_written, "byte")),
            ),
        )
