"""The rank of a metric among the units of a recording: what a value means there, wherever its scale lies."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.vocabulary.metrics.lookup import rank_name, resolve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["MIN_UNITS", "rank_names", "ranked_name", "ranks_within"]

MIN_UNITS = 20
"""Fewer units of a recording give no ranks: a quantile of 20 values is known to no better than ± 0.2."""


def ranked_name(name: str) -> str:
    """Name the feature that another one is the rank of; empty for a feature that is not a rank.

    Examples
    --------
    >>> ranked_name("rank_of_snr@0.101"), ranked_name("snr")
    ('snr@0.101', '')
    """
    feature = resolve(name)
    if not feature.metric.rank_of:
        return ""
    return replace(feature, metric=resolve(feature.metric.rank_of).metric).name


def ranks_within(values: NDArray[np.float64], recordings: NDArray[np.str_] | None = None) -> NDArray[np.float64]:
    """Rank values within each recording, from 0 to 1; ties share their mean rank.

    Parameters
    ----------
    values : array of float64, shape (n_units,)
        NaN or infinite where missing.
    recordings : array of str, shape (n_units,), optional
        By default, all are of one recording.

    Returns
    -------
    array of float64, shape (n_units,)
        ``(rank - 1/2) / n`` among the n units with a value; NaN without a value, and where n is below `MIN_UNITS`.

    Examples
    --------
    >>> ranks_within(np.arange(20.0))[[0, 19]].tolist()
    [0.025, 0.975]
    >>> bool(np.isnan(ranks_within(np.arange(19.0))).all())
    True
    """
    from scipy.stats import rankdata

    ranks = np.full(len(values), np.nan)
    known = np.isfinite(values)
    names = np.zeros(len(values), dtype=np.str_) if recordings is None else recordings
    for name in np.unique(names[known]):
        rows = np.flatnonzero(known & (names == name))
        if len(rows) >= MIN_UNITS:
            ranks[rows] = (rankdata(values[rows]) - 0.5) / len(rows)
    return ranks


def rank_names(names: Sequence[str]) -> tuple[str, ...]:
    """Name the ranks of metrics that are not derived from others.

    Examples
    --------
    >>> rank_names(["snr@0.101", "contamination_upper", "rank_of_snr"])
    ('rank_of_snr@0.101',)
    """
    return tuple(rank_name(name) for name in names if not resolve(name).metric.derived)
