"""Many sources, one after another; one that fails does not stop the rest."""

from __future__ import annotations

from nwb_unitrefine.batch.files import Outcome, find_sources, label_source, label_sources

__all__ = ["Outcome", "find_sources", "label_source", "label_sources"]
