"""Read the units of whatever holds them: NWB files, sorter output, analyzers."""

from __future__ import annotations

from nwb_unitrefine.read.decisions import Decisions, read_decisions
from nwb_unitrefine.read.http_ranges import Patience
from nwb_unitrefine.read.labels import Agreement, ExistingLabels, compare_labels, existing_labels
from nwb_unitrefine.read.sorters import Sorter, find_sorter
from nwb_unitrefine.read.sources import read_units

__all__ = [
    "Agreement",
    "Decisions",
    "ExistingLabels",
    "Patience",
    "Sorter",
    "compare_labels",
    "existing_labels",
    "find_sorter",
    "read_decisions",
    "read_units",
]
