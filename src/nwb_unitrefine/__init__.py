"""Label the sorted units of NWB files as single unit, multi-unit or noise.

`curate` reads a source, computes its features and predicts labels; `label` also writes them into the file, and
`label_many` does so for many files. The steps are functions too: `read_units`, `compute_features`, `load_model`,
`predict`, `write_curation`. `relabel` and `undo` correct labels, `verify` checks a file against its history, and
`read_history` returns that history; `redact` takes private text out of it. `SourceHints`, `RawOptions` and
`WriteOptions` hold options that several of them take. Every error that the package raises on purpose is in `errors`.

Importing this package loads nothing heavy: each name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    __version__: str
    from nwb_unitrefine import errors
    from nwb_unitrefine.batch import label, label_many
    from nwb_unitrefine.metrics import compute_features
    from nwb_unitrefine.models import load_model, predict
    from nwb_unitrefine.pipeline import curate
    from nwb_unitrefine.read import read_units
    from nwb_unitrefine.records import RawOptions, SourceHints
    from nwb_unitrefine.verification import verify
    from nwb_unitrefine.write import WriteOptions, read_history, redact, relabel, undo, write_curation

__all__ = [
    "RawOptions",
    "SourceHints",
    "WriteOptions",
    "compute_features",
    "curate",
    "errors",
    "label",
    "label_many",
    "load_model",
    "predict",
    "read_history",
    "read_units",
    "redact",
    "relabel",
    "undo",
    "verify",
    "write_curation",
]

_HOMES = {
    "RawOptions": "records",
    "SourceHints": "records",
    "WriteOptions": "write",
    "compute_features": "metrics",
    "curate": "pipeline",
    "label": "batch",
    "label_many": "batch",
    "load_model": "models",
    "predict": "models",
    "read_history": "write",
    "read_units": "read",
    "redact": "write",
    "relabel": "write",
    "undo": "write",
    "verify": "verification",
    "write_curation": "write",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its home on first use, so that importing the package stays cheap."""
    if name == "__version__":
        from importlib.metadata import version

        return version("nwb-unitrefine")
    if name == "errors":
        return import_module(f"{__name__}.errors")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """List the public names, loaded or not, for completion and `help`."""
    return sorted(["__version__", *__all__])
