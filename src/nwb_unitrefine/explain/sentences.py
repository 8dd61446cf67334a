"""Reasons in words, with the value that shows them best."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.explain.percentiles import percentiles
from nwb_unitrefine.vocabulary import find_metric

if TYPE_CHECKING:
    from nwb_unitrefine.explain.percentiles import ClassQuantiles
    from nwb_unitrefine.explain.reasons import Reasons
    from nwb_unitrefine.records import Features

__all__ = ["telling_values"]

_UNITS_NAMED = {"sua": "single units", "mua": "multi-units", "noise": "noise"}
_REMARKABLE = 75.0
"""A value is named where it lies beyond three quarters of the units of another class, on either side."""


def telling_values(reasons: Reasons, features: Features, quantiles: ClassQuantiles | None) -> list[str]:
    """Name, for each unit, the value of its leading evidence that sets it apart most from units of another class.

    Parameters
    ----------
    reasons : Reasons
    features : Features
        What the model was given.
    quantiles : ClassQuantiles or None
        Of the training units; without them nothing is named.

    Returns
    -------
    list of str, length n_units
        As ``"isi violations ratio is 0.41, higher than 96 % of single units"``; empty where no value is remarkable.
    """
    if quantiles is None:
        return [""] * len(reasons)
    found = {label: percentiles(features, quantiles, label) for label in reasons.classes}
    return [_telling(reasons, features, found, row) for row in range(len(reasons))]


def _telling(reasons: Reasons, features: Features, found: dict[str, np.ndarray], row: int) -> str:
    """One unit's most telling value."""
    label, ranked = str(reasons.labels[row]), reasons.ranked(row)
    if not label or not ranked:
        return ""
    names = reasons.features[reasons.evidence.index(ranked[0][0])]
    best, text = _REMARKABLE, ""
    for other in (one for one in reasons.classes if one != label):
        for name in names:
            column = features.names.index(name)
            percent = float(found[other][row, column])
            beyond = max(percent, 100 - percent)
            if np.isfinite(percent) and beyond > best:
                best = beyond
                text = f"{_value(name, float(features.values[row, column]))}, {_compared(percent, other)}"
    return text


def _value(name: str, value: float) -> str:
    """A metric's value with its unit."""
    plain = name.partition("@")[0]
    metric = find_metric(plain)
    unit = f" {metric.unit}" if metric is not None and metric.unit not in {"", "count"} else ""
    return f"{plain.replace('_', ' ')} is {value:.3g}{unit}"


def _compared(percent: float, other: str) -> str:
    """Where it lies among the units of another class."""
    named = _UNITS_NAMED.get(other, other)
    higher = percent >= 50
    share = min(percent if higher else 100 - percent, 99)
    return f"{'higher' if higher else 'lower'} than {share:.0f} % of {named}"
