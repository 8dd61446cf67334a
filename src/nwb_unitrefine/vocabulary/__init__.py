"""The vocabulary: every metric of SpikeInterface, its unit and definitions, and what archives call it. Pure data."""

from nwb_unitrefine.vocabulary.aliases import ALIASES
from nwb_unitrefine.vocabulary.lookup import (
    METRICS,
    dialect_of_columns,
    dialects,
    feature_names,
    find_aliases,
    resolve,
)
from nwb_unitrefine.vocabulary.metric import NEW, OLD, Alias, Feature, Group, Metric, Need

__all__ = [
    "ALIASES",
    "METRICS",
    "NEW",
    "OLD",
    "Alias",
    "Feature",
    "Group",
    "Metric",
    "Need",
    "dialect_of_columns",
    "dialects",
    "feature_names",
    "find_aliases",
    "resolve",
]
