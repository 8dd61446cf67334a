"""Many sources: one after another, or as a study that can be interrupted; one that fails does not stop the rest."""

from __future__ import annotations

from nwb_unitrefine.batch.files import LabelResult, find_sources, label, label_many

__all__ = ["LabelResult", "find_sources", "label", "label_many"]
