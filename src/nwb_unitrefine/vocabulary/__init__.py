"""The vocabulary: every metric of SpikeInterface, its unit and definitions, and what archives call it. Pure data."""

from nwb_unitrefine.vocabulary.aliases import ALIASES
from nwb_unitrefine.vocabulary.metrics.lookup import (
    METRICS,
    definition_of,
    dialect_names,
    dialect_of_columns,
    feature_names,
    find_aliases,
    resolve,
)
from nwb_unitrefine.vocabulary.metrics.metric import NEW, OLD, Alias, Feature, Group, Metric, Need

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
    "definition_of",
    "dialect_names",
    "dialect_of_columns",
    "feature_names",
    "find_aliases",
    "resolve",
]
