"""Many sources: one after another, or as a study that can be interrupted; one that fails does not stop the rest.

What labels is loaded when it is first used: a plan, or a source that is not there, needs none of it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from nwb_unitrefine.batch.found_sources import find_sources

if TYPE_CHECKING:
    from nwb_unitrefine.batch.files import LabelResult, label, label_many

__all__ = ["LabelResult", "find_sources", "label", "label_many"]


def __getattr__(name: str) -> Any:
    """Load what labels on first use."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.files"), name)
