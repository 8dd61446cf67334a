"""NWB extension for labels of sorted units with verifiable provenance.

Importing it registers the types, so that `pynwb` reads and writes them. A file that holds them can be read without it:
the specification is cached in the file.
"""

from __future__ import annotations

from pathlib import Path

from pynwb import get_class, load_namespaces

__all__ = ["SPEC_FOLDER", "CurationFeatures", "CurationModel", "CurationRun", "UnitCuration", "__version__"]

__version__ = "0.2.0"

_INSTALLED = Path(__file__).parent / "spec"
_IN_REPOSITORY = Path(__file__).parents[3] / "spec"

SPEC_FOLDER = _INSTALLED if _INSTALLED.is_dir() else _IN_REPOSITORY
"""Folder of the YAML specification."""

load_namespaces(str(SPEC_FOLDER / "ndx-unit-curation.namespace.yaml"))

CurationModel = get_class("CurationModel", "ndx-unit-curation")
CurationFeatures = get_class("CurationFeatures", "ndx-unit-curation")
CurationRun = get_class("CurationRun", "ndx-unit-curation")
UnitCuration = get_class("UnitCuration", "ndx-unit-curation")
