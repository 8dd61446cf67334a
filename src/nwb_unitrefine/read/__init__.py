"""Read the units of whatever holds them: NWB files, sorter output, analyzers."""

from __future__ import annotations

from nwb_unitrefine.history.authors import LabelAuthors, read_label_authors
from nwb_unitrefine.read.existing_labels import (
    Agreement,
    ExistingLabels,
    compare_labels,
    existing_labels,
    find_labels,
    label_candidates,
)
from nwb_unitrefine.read.sorters.catalogue import Sorter, find_sorter
from nwb_unitrefine.read.sources import read_source, read_units
from nwb_unitrefine.storage.remote.http_ranges import Patience

__all__ = [
    "Agreement",
    "ExistingLabels",
    "LabelAuthors",
    "Patience",
    "Sorter",
    "compare_labels",
    "existing_labels",
    "find_labels",
    "find_sorter",
    "label_candidates",
    "read_label_authors",
    "read_source",
    "read_units",
]
