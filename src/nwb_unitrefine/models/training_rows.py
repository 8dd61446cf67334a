"""Which units a model was trained on: by file, by recording, and by the rows of the training table beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.models.cascade import Cascade
from nwb_unitrefine.models.folder import STEPS, TRAINING_DATA
from nwb_unitrefine.models.model import FittedModel

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from nwb_unitrefine.models.model import Model
    from nwb_unitrefine.records import Features

__all__ = ["records_training", "training_table", "was_trained_on"]

_FEWEST = 3
"""Two units may have the same one or two metrics by chance."""


def was_trained_on(
    model: Model, features: Features, *, recordings: NDArray[np.str_], file_ids: NDArray[np.str_]
) -> NDArray[np.bool_]:
    """Find the units that a model was trained on, or whose recording it was trained on.

    Parameters
    ----------
    model : Model
    features : Features
        As for its `predict`.
    recordings, file_ids : array of str, shape (n_units,)
        Of each unit: name of its recording, and object id of its NWB file (empty where there is none).

    Returns
    -------
    array of bool, shape (n_units,)
        True for units of a recording or file that the model's manifest names, and for those that stand in the training
        table beside it, with the same value of every metric that it takes.
    """
    found = np.isin(recordings, list(model.training_recordings))
    for step in _steps(model):
        if step.manifest is not None:
            found |= np.isin(file_ids, list(step.manifest.training.file_ids))
        found |= _among_rows(step, features)
    return found


def records_training(model: Model) -> bool:
    """Whether a model states what it was trained on, or has its training table beside it."""
    return bool(model.training_recordings) or any(training_table(step) is not None for step in _steps(model))


def _steps(model: Model) -> tuple[FittedModel, ...]:
    """Return a model, or both of two in a row; none of a set of rules."""
    return model.steps if isinstance(model, FittedModel | Cascade) else ()


def training_table(model: FittedModel) -> Path | None:
    """Find the training table beside a model; that of one of two steps is in the folder above.

    Parameters
    ----------
    model : FittedModel

    Returns
    -------
    Path or None
        None for a model that comes without it.
    """
    if not model.estimator.path.is_file():
        return None  # a model that was never written
    folder = model.estimator.path.parent
    places = (folder, *([folder.parent] if folder.name in STEPS else []))
    return next((place / TRAINING_DATA for place in places if (place / TRAINING_DATA).is_file()), None)


def _among_rows(model: FittedModel, features: Features) -> NDArray[np.bool_]:
    """Find units whose metrics are those of a row of the training table."""
    import pandas as pd

    nowhere = np.zeros(len(features), dtype=np.bool_)
    table = training_table(model)
    if table is None:
        return nowhere
    try:
        frame = pd.read_csv(table)
    except (OSError, ValueError):  # a stranger's file: without it, nothing is known
        return nowhere
    bare = tuple(name.partition("@")[0] for name in model.inputs)
    columns = [
        next((one for one in (column, name) if one in frame.columns), None)
        for column, name in zip(model.estimator.columns or bare, model.inputs, strict=True)
    ]
    if not columns or None in columns or not all(frame[one].dtype.kind in "fiub" for one in columns):
        return nowhere
    trained = {_bytes(row) for row in _as_stored(frame[columns].to_numpy(dtype=np.float64))}
    given = _as_stored(model.input_values(features))
    enough = np.isfinite(given).sum(axis=1) >= _FEWEST
    return np.asarray(enough & [_bytes(row) in trained for row in given])


def _as_stored(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Round as tables of metrics are rounded; infinite is missing."""
    with np.errstate(over="ignore"):
        stored = values.astype(np.float32)
    stored[~np.isfinite(stored)] = np.nan
    return stored


def _bytes(row: NDArray[np.float32]) -> bytes:
    """One row as a key; every NaN is the same, and so is zero of either sign."""
    return np.where(np.isnan(row), np.float32(np.nan), row + np.float32(0)).tobytes()
