"""Read the units of whatever holds them: NWB files, sorter output, analyzers."""

from __future__ import annotations

from nwb_unitrefine.read.sources import read_units

__all__ = ["read_units"]
