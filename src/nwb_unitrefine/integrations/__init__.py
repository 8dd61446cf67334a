"""Ways into and out of other programs: conversion and labelling with neuroconv."""

from __future__ import annotations

from nwb_unitrefine.integrations.convert import Conversion, convert

__all__ = ["Conversion", "convert"]
