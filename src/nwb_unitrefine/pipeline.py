"""The whole way in one call: read, compute, predict."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from nwb_unitrefine.metrics import compute_features
from nwb_unitrefine.models import load_model, predict
from nwb_unitrefine.read import read_units
from nwb_unitrefine.records import Curation

if TYPE_CHECKING:
    from nwb_unitrefine.models import Model

__all__ = ["curate"]


def curate(source: Any, *, model: str | Path | Model = "default") -> Curation:
    """Label the units of a source; nothing is written.

    Parameters
    ----------
    source : str, Path or open file
        Whatever `read_units` takes.
    model : str, Path or Model, optional
        Whatever `load_model` takes, or a model that is already loaded, which is quicker for many sources.

    Returns
    -------
    Curation
        Units, features with their origins, predictions and the model's identity; `write_curation` puts it into a file.

    Raises
    ------
    SourceError
        If the source cannot be read, or has no units.
    ModelError
        If the model cannot be loaded.
    FeatureError
        If the model needs a feature that the source cannot give.
    """
    loaded = load_model(model) if isinstance(model, str | Path) else model
    units = read_units(source)
    features = compute_features(units, names=loaded.feature_names)
    return Curation(units=units, features=features, predictions=predict(loaded, features), model=loaded.identity)
