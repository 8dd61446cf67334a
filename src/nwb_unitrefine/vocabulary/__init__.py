"""The vocabulary: metrics with their units and definitions, label words, and archives' dialects. Pure data."""

from nwb_unitrefine.vocabulary.metrics.lookup import (
    METRICS,
    definition_of,
    feature_names,
    find_metric,
    rank_name,
    resolve,
)
from nwb_unitrefine.vocabulary.metrics.metric import NEW, OLD, Feature, Metric, MetricGroup, Need

__all__ = [
    "METRICS",
    "NEW",
    "OLD",
    "Feature",
    "Metric",
    "MetricGroup",
    "Need",
    "definition_of",
    "feature_names",
    "find_metric",
    "rank_name",
    "resolve",
]
