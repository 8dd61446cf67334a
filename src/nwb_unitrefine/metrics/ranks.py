"""Ranks as features: where each is from, and why one is missing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from nwb_unitrefine.records import Origin, OriginKind, Problem, ProblemCode
from nwb_unitrefine.vocabulary.metrics.ranks import MIN_UNITS, ranked_name, ranks_within

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from nwb_unitrefine.records import Features

__all__ = ["add_ranks"]


def add_ranks(features: Features, names: Sequence[str], *, recordings: NDArray[np.str_] | None = None) -> Features:
    """Give features of some names: those that are there, and ranks of those.

    Parameters
    ----------
    features : Features
        Of all units of their recording; the ranked metrics are among them.
    names : sequence of str
        Of the features to return, in their order.
    recordings : array of str, shape (n_units,), optional
        As of `ranks_within`.

    Returns
    -------
    Features
        A rank that is missing has the reason of its metric, or that there are too few units; the latter is a problem.
    """
    origins = dict.fromkeys(features.origins)
    places = {origin: place for place, origin in enumerate(origins)}
    values = np.full((len(features), len(names)), np.nan)
    origin_index = np.zeros(values.shape, dtype=np.intp)
    lacking: dict[str, int] = {}

    def place_of(origin: Origin) -> int:
        return places.setdefault(origin, len(places))

    for column, name in enumerate(names):
        if name in features.names:
            given = features.names.index(name)
            values[:, column] = features.values[:, given]
            origin_index[:, column] = [place_of(features.origins[one]) for one in features.origin_index[:, given]]
            continue
        metric = ranked_name(name)
        given = features.names.index(metric)
        metric_values = features.values[:, given]
        values[:, column] = ranks_within(metric_values, recordings)
        is_known = np.isfinite(metric_values)
        n_units = int(is_known.sum())
        too_few = place_of(Origin(OriginKind.MISSING, f"a rank needs {MIN_UNITS} units, and {n_units} have {metric}"))
        origins_given = {features.origins[one].kind for one in features.origin_index[is_known, given].tolist()}
        # What rests on raw traces cannot be computed again without them.
        kind = OriginKind.RAW if OriginKind.RAW in origins_given else OriginKind.COMPUTED
        ranked = place_of(Origin(kind, f"rank of {metric} among the {n_units} units that have it"))
        absent = [place_of(features.origins[one]) for one in features.origin_index[:, given]]
        short = is_known & np.isnan(values[:, column])
        if short.any() or not len(features):
            lacking[metric.partition("@")[0]] = n_units
        origin_index[:, column] = np.where(~is_known, absent, np.where(short, too_few, ranked))
    problems = (_too_few(lacking, len(features)),) if lacking else ()
    return replace(
        features,
        names=tuple(names),
        values=values,
        origins=tuple(places),
        origin_index=origin_index,
        problems=(*features.problems, *problems),
    )


def _too_few(lacking: dict[str, int], n_units: int) -> Problem:
    """Tell which ranks are missing, and how many units they would take."""
    listed = ", ".join(f"{name} ({n_known})" for name, n_known in lacking.items())
    what = f"A rank needs {MIN_UNITS} units of the recording with a value; missing are those of {listed}."
    if n_units < MIN_UNITS:
        what = f"Ranks need {MIN_UNITS} units of the recording, and there are {n_units}: left missing."
    return Problem(ProblemCode.FEATURES_TOO_FEW_TO_RANK, what)
