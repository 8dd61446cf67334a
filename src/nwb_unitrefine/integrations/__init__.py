"""Ways into and out of other programs: conversion with neuroconv, labels within a conversion.

`label_session` and `UnitRefineInterface` are loaded when they are first asked for, and pynwb or neuroconv with them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from nwb_unitrefine.integrations.convert import Conversion, convert
from nwb_unitrefine.integrations.mean_waveforms import mean_waveforms

if TYPE_CHECKING:
    from nwb_unitrefine.integrations.neuroconv_interface import SpikeTimesOnlyWarning, UnitRefineInterface
    from nwb_unitrefine.integrations.session import label_session

__all__ = ["Conversion", "SpikeTimesOnlyWarning", "UnitRefineInterface", "convert", "label_session", "mean_waveforms"]

_HOMES = {
    "SpikeTimesOnlyWarning": "neuroconv_interface",
    "UnitRefineInterface": "neuroconv_interface",
    "label_session": "session",
}


def __getattr__(name: str) -> Any:
    """Load what needs another program's library on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
