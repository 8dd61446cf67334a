"""Label the sorted units of NWB files as single unit, multi-unit or noise.

The whole way in one call is `curate`; its steps are `read_units`, `compute_features`, `load_model`, `predict` and
`write_curation`. Importing this package pulls in nothing heavy: each name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nwb_unitrefine.metrics import compute_features
    from nwb_unitrefine.models import load_model, predict
    from nwb_unitrefine.pipeline import curate
    from nwb_unitrefine.read import read_units
    from nwb_unitrefine.write import write_curation

__all__ = ["compute_features", "curate", "load_model", "predict", "read_units", "write_curation"]

__version__ = version("nwb-unitrefine")

_HOMES = {
    "compute_features": "metrics",
    "curate": "pipeline",
    "load_model": "models",
    "predict": "models",
    "read_units": "read",
    "write_curation": "write",
}


def __getattr__(name: str) -> Any:
    """Load a public function from its home on first use, so that importing the package stays cheap."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
