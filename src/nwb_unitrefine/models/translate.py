"""From the state that an older (or newer) scikit-learn wrote to the state that the installed one expects.

Every change of a private attribute between two releases is one function on a dictionary. Where not the state but the
arithmetic changed, the estimator's class is exchanged for one of `numerics` that computes as its writer did.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from packaging.version import InvalidVersion, Version

__all__ = ["RETIRED", "Retired", "translate"]

RETIRED = frozenset(
    {
        "sklearn.ensemble._gb_losses.BinomialDeviance",
        "sklearn.ensemble._gb_losses.ExponentialLoss",
        "sklearn.ensemble._gb_losses.MultinomialDeviance",
    }
)
"""Classes that scikit-learn no longer has; they are kept as data until the estimator that holds them is translated."""


@dataclass(frozen=True, slots=True, eq=False)
class Retired:
    """An object of a class that no longer exists."""

    kind: str
    state: Any


def installed_version() -> Version:
    """Version of the installed scikit-learn."""
    import sklearn

    return Version(sklearn.__version__)


def translate(kind: str, state: Any, *, written_by: str) -> tuple[str, Any]:
    """Return the class to build instead of `kind`, and its state.

    Parameters
    ----------
    kind : str
        Full name of the class in the file.
    state : dict or None
        What the file says of it; not changed.
    written_by : str
        The scikit-learn that wrote it; empty when the file does not say.
    """
    if not isinstance(state, dict):
        return kind, state
    try:
        written = Version(written_by)
    except InvalidVersion:
        return kind, state
    state = dict(state)
    installed = installed_version()
    if kind == "sklearn.impute._base.SimpleImputer":
        state.setdefault("_fill_dtype", state.get("_fit_dtype"))
    if kind == "sklearn.preprocessing._data.StandardScaler":
        if written < Version("1.8.dev0") <= installed:
            kind = "nwb_unitrefine.models.numerics.StandardScalerInDouble"
        elif installed < Version("1.8.dev0") <= written:
            kind = "nwb_unitrefine.models.numerics.StandardScalerInInputType"
    if "_sklearn_version" in state:
        state["_sklearn_version"] = str(installed)
    return kind, state
