"""A fitted estimator out of a ``.skops`` file, ready to be given a table."""

from __future__ import annotations

import threading
import warnings
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np

from nwb_unitrefine.errors import ModelError, first_line
from nwb_unitrefine.models.skops.archive import broken, open_archive, read_content
from nwb_unitrefine.models.skops.audit import audit, list_types
from nwb_unitrefine.models.skops.boosted_trees import BoostedTrees, read_boosted_trees
from nwb_unitrefine.models.skops.build import construct, require_packages, version_of
from nwb_unitrefine.models.skops.integrity import MAX_FEATURES
from nwb_unitrefine.models.skops.isolation import IsolatedEstimator, needs_isolation

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["Estimator", "describe_fitted", "load_estimator", "load_fitted", "probabilities_of"]

MAX_CLASSES = 100
_PLAIN = (str, int, float, bool)
_ROUNDING = 1e-6

_MOST_KEPT, _MOST_KEPT_BYTES = 4, 2**26
_kept: OrderedDict[tuple[bytes, Path, frozenset[str]], Estimator] = OrderedDict()
_guard = threading.Lock()


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
    kind : str
        Name of the estimator's class.
    written_by : str
        The scikit-learn that wrote it; empty where it does not state it.
    """

    fitted: Any
    columns: tuple[str, ...]
    n_inputs: int
    classes: tuple[Any, ...]
    path: Path
    kind: str = ""
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
        # Trees of ours look at positions; importing pandas for the names would take as long as reading a file.
        named = () if isinstance(self.fitted, BoostedTrees) else self.columns
        table = _as_trained_on(inputs, named)
        if not len(inputs):
            return np.empty((0, len(self.classes)))
        try:
            found = probabilities_of(self.fitted, table)
        except ModelError:
            raise
        except Exception as error:
            # Whatever a stranger's estimator raises here means one thing: it cannot be used.
            raise ModelError(
                f"The model in {self.path} cannot predict: {type(error).__name__}: {first_line(error)}.",
            ) from error
        if found.shape != (len(inputs), len(self.classes)):
            raise ModelError(f"The model in {self.path} does not give one probability for each of its classes.")
        if np.any((found < -_ROUNDING) | (found > 1 + _ROUNDING)):
            raise ModelError(f"The model in {self.path} gives numbers that are not probabilities.")
        return found


def load_estimator(path: Path, *, allow_types: Sequence[str] = ()) -> Estimator:
    """Load a fitted estimator from a ``.skops`` file, whatever scikit-learn wrote it.

    The last few are kept, so that a file is loaded once a process as long as its content is the same.

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
        If it is damaged, or is not a fitted classifier.
    """
    content = read_content(path)
    key = (sha256(content).digest(), path, frozenset(allow_types))
    with _guard:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    estimator = _load(path, content, allow_types=allow_types)
    if len(content) <= _MOST_KEPT_BYTES and not isinstance(estimator.fitted, IsolatedEstimator):  # which is a process
        with _guard:
            _kept[key] = estimator
            while len(_kept) > _MOST_KEPT:
                _kept.popitem(last=False)
    return estimator


def _load(path: Path, content: bytes, *, allow_types: Sequence[str]) -> Estimator:
    """Load it anew."""
    archive = open_archive(path, content)
    types = audit(archive, allow_types=allow_types)
    if needs_isolation(types):
        require_packages(archive)
        isolated = IsolatedEstimator.load(path, allow_types=allow_types)
        fitted: Any = isolated
        description = dict(isolated.description)
    else:
        fitted = read_boosted_trees(archive, types) or _usable(construct(archive), path=path)
        description = describe_fitted(fitted, path=path)
    return Estimator(
        fitted=fitted,
        columns=tuple(description["columns"]),
        n_inputs=description["n_inputs"],
        classes=tuple(description["classes"]),
        path=path,
        kind=description["kind"],
        written_by=version_of(archive.schema),
    )


def load_fitted(path: Path, *, allow_types: Sequence[str] = ()) -> Any:
    """Build the estimator of a file in this process, whatever it holds; see `load_estimator`."""
    archive = open_archive(path)
    audit(archive, allow_types=allow_types)
    return _usable(construct(archive), path=path)


def _usable(fitted: Any, *, path: Path) -> Any:
    """Refuse what is built correctly and is still no classifier."""
    try:
        usable = hasattr(fitted, "predict_proba") and hasattr(fitted, "classes_")
    except Exception as error:
        # A pipeline asks its steps, and these theirs: what they raise is about a file that makes no sense.
        raise broken(path, f"its estimator fails ({type(error).__name__})") from error
    if not usable:
        raise ModelError(f"{path} holds a {type(fitted).__name__}, which is not a classifier that gives probabilities.")
    return fitted


def describe_fitted(fitted: Any, *, path: Path) -> dict[str, Any]:
    """Find out what a fitted estimator takes and gives, as plain values.

    Returns
    -------
    dict
        ``kind``, ``columns``, ``n_inputs`` and ``classes``.

    Raises
    ------
    ModelError
        If its classes or features are none.
    """
    try:
        columns = _columns_of(fitted)
        found = np.asarray(fitted.classes_)
        classes = [one.item() if isinstance(one, np.generic) else one for one in found.tolist()]
        n_inputs = len(columns) or int(getattr(fitted, "n_features_in_", 0))
    except Exception as error:
        # As above: attributes of a stranger's estimator may raise anything.
        raise broken(path, f"its estimator fails ({type(error).__name__})") from error
    if found.ndim != 1 or not 1 < len(classes) <= MAX_CLASSES or not all(type(one) in _PLAIN for one in classes):
        raise broken(path, "its classes are not a few numbers or words")
    if len(set(classes)) != len(classes) or len(set(columns)) != len(columns) or n_inputs > MAX_FEATURES:
        raise broken(path, "two of its classes or features have the same name")
    return {"kind": type(fitted).__name__, "columns": list(columns), "n_inputs": n_inputs, "classes": classes}


def probabilities_of(fitted: Any, table: Any) -> NDArray[np.float64]:
    """Have an estimator predict, quietly."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # Imputers warn of columns that were empty in training, estimators of names that they were not fitted with.
        warnings.simplefilter("ignore")
        return np.asarray(fitted.predict_proba(table), dtype=np.float64)


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
