"""A fitted estimator out of a ``.skops`` file, ready to be given a table."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import ModelError
from nwb_unitrefine.models.skops.archive import open_archive
from nwb_unitrefine.models.skops.audit import audit, list_types
from nwb_unitrefine.models.skops.build import construct, version_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["Estimator", "load_estimator"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Estimator:
    """A fitted estimator, and what it takes and gives.

    Parameters
    ----------
    fitted : object
        Of scikit-learn's interface, with `predict_proba`.
    columns : tuple of str
        Names of its inputs, in order; empty where it was fitted on bare numbers.
    n_inputs : int
    classes : tuple
        Its classes, in the order of its probabilities.
    path : Path
        Where it was loaded from.
    written_by : str
        The scikit-learn that wrote it; empty where it does not say.
    """

    fitted: Any
    columns: tuple[str, ...]
    n_inputs: int
    classes: tuple[Any, ...]
    path: Path
    written_by: str = ""

    @property
    def types(self) -> tuple[str, ...]:
        """Every type that the file names."""
        return list_types(open_archive(self.path))

    def predict_proba(self, inputs: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Probability of each of `classes`.

        Parameters
        ----------
        inputs : array, shape (n_units, n_inputs)
            In the order of `columns`. As UnitRefine and SpikeInterface do, they are rounded to float32, and what is
            infinite then is taken as missing.

        Returns
        -------
        array of float64, shape (n_units, n_classes)

        Raises
        ------
        ModelError
            If the estimator fails, as one does that was damaged, or that cannot take missing values.
        """
        table = _as_trained_on(inputs, self.columns)
        if not len(inputs):
            return np.empty((0, len(self.classes)))
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            # Imputers warn of columns that were empty in training, estimators of names that they were not fitted with.
            warnings.simplefilter("ignore")
            try:
                found = np.asarray(self.fitted.predict_proba(table), dtype=np.float64)
            except Exception as error:
                # Whatever a stranger's estimator raises here means one thing: it cannot be used.
                raise ModelError(
                    f"The model in {self.path} cannot predict: {type(error).__name__}: {_one_line(error)}.",
                ) from error
        if found.shape != (len(inputs), len(self.classes)):
            raise ModelError(f"The model in {self.path} does not give one probability for each of its classes.")
        return found


def load_estimator(path: Path, *, allow_types: Sequence[str] = ()) -> Estimator:
    """Load a fitted estimator from a ``.skops`` file, whatever scikit-learn wrote it.

    Parameters
    ----------
    path : Path
    allow_types : sequence of str
        Classes that may be built besides those of `trust.ESTIMATORS`, by full name: their code runs.

    Raises
    ------
    UntrustedModelError
        If the file names another type; nothing was built.
    ModelError
        If it is damaged, or is no fitted classifier.
    """
    archive = open_archive(path)
    audit(archive, allow_types=allow_types)
    fitted = construct(archive)
    if not hasattr(fitted, "predict_proba") or not hasattr(fitted, "classes_"):
        raise ModelError(f"{path} holds a {type(fitted).__name__}, which is no classifier that gives probabilities.")
    columns = _columns_of(fitted)
    return Estimator(
        fitted=fitted,
        columns=columns,
        n_inputs=len(columns) or int(getattr(fitted, "n_features_in_", 0)),
        classes=tuple(one.item() if isinstance(one, np.generic) else one for one in np.asarray(fitted.classes_)),
        path=path,
        written_by=version_of(archive.schema),
    )


def _columns_of(fitted: Any) -> tuple[str, ...]:
    """Names of an estimator's inputs; CatBoost and older LightGBM have words of their own."""
    first = fitted.steps[0][1] if hasattr(fitted, "steps") else fitted
    for holder, attribute in ((fitted, "feature_names_in_"), (first, "feature_names_"), (first, "feature_name_")):
        names = getattr(holder, attribute, None)
        if names is not None:
            return tuple(str(name) for name in names)
    return ()


def _as_trained_on(inputs: NDArray[np.floating[Any]], columns: tuple[str, ...]) -> Any:
    """Give numbers the form in which UnitRefine's training saw them."""
    with np.errstate(over="ignore", invalid="ignore"):
        values = np.asarray(inputs).astype(np.float32)
    values[np.isinf(values)] = np.nan
    if not columns:
        return values
    import pandas as pd

    return pd.DataFrame(values, columns=list(columns))


def _one_line(error: Exception) -> str:
    """Keep an error that goes over many lines to its first."""
    return str(error).partition("\n")[0].rstrip(".")
