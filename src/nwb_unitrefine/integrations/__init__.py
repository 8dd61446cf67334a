"""Ways into and out of other programs: conversion with neuroconv, labels within a conversion.

The interface for an ``NWBConverter`` is `nwb_unitrefine.integrations.UnitRefineInterface`; it needs neuroconv, and is
loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nwb_unitrefine.integrations.convert import Conversion, convert
from nwb_unitrefine.integrations.session import label_session

if TYPE_CHECKING:
    from nwb_unitrefine.integrations.neuroconv_interface import UnitRefineInterface

__all__ = ["Conversion", "UnitRefineInterface", "convert", "label_session"]


def __getattr__(name: str) -> Any:
    """Load the interface, and neuroconv with it, on first use."""
    if name != "UnitRefineInterface":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from nwb_unitrefine.integrations.neuroconv_interface import UnitRefineInterface

    return UnitRefineInterface
