"""Finding a feature by its name, and listing features."""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

from packaging.version import Version

from nwb_unitrefine.errors import FeatureError
from nwb_unitrefine.vocabulary.metrics.metric import NEW, OLD, Feature, Metric, MetricGroup
from nwb_unitrefine.vocabulary.metrics.quality import QUALITY_METRICS
from nwb_unitrefine.vocabulary.metrics.spike_trains import SPIKE_TRAIN_METRICS
from nwb_unitrefine.vocabulary.metrics.waveforms import WAVEFORM_METRICS

if TYPE_CHECKING:
    from collections.abc import Collection

    from nwb_unitrefine.vocabulary.metrics.metric import Need

__all__ = ["METRICS", "definition_of", "equal_name", "feature_names", "find_metric", "rank_name", "resolve"]

METRICS: dict[str, Metric] = {
    metric.name: metric for metric in (*SPIKE_TRAIN_METRICS, *WAVEFORM_METRICS, *QUALITY_METRICS)
}
"""Every metric by its name."""

_NEW_SINCE = Version("0.103.2")
"""The SpikeInterface that gave metrics the names and definitions of today."""

_RANK = "rank_of_"

_OLD_RELEASES = frozenset({"0.100", OLD, "0.102"})
_NEW_RELEASES = frozenset({NEW})


def resolve(name: str) -> Feature:
    """Find the feature that a name stands for.

    Parameters
    ----------
    name : str
        A metric's name, alone for today's definition, or with ``@0.101`` for that of SpikeInterface 0.100 to 0.102. A
        bare name that exists only in the old definition means that one.

    Raises
    ------
    FeatureError
        If the vocabulary has no such metric, or not in that definition.

    Examples
    --------
    >>> resolve("recovery_slope@0.101").definition
    '0.101'
    >>> resolve("peak_to_valley").name
    'peak_to_valley@0.101'
    """
    bare, _, release = name.partition("@")
    metric = find_metric(bare)
    if metric is None:
        near = get_close_matches(bare, METRICS, n=1)
        tip = (
            f"Did you mean {near[0]}?"
            if near
            else "`nwb-unitrefine features SOURCE`, or vocabulary.feature_names(), lists what is known."
        )
        raise FeatureError(f"There is no metric called {bare!r}.", tip=tip, missing=(name,))
    if not release:
        return Feature(metric, metric.definitions[0])
    definition = OLD if release in _OLD_RELEASES else NEW if release in _NEW_RELEASES else release
    if definition not in metric.definitions:
        known = ", ".join(f"{bare}@{known}" for known in metric.definitions)
        raise FeatureError(
            f"Metric {bare!r} has no definition {release!r}.", tip=f"There is: {known}.", missing=(name,)
        )
    return Feature(metric, definition)


def find_metric(name: str) -> Metric | None:
    """Find a metric, or the rank of one among the units of its recording; None where there is none of that name.

    Parameters
    ----------
    name : str
        With or without a definition.

    Examples
    --------
    >>> find_metric("rank_of_half_width@0.101").rank_of, find_metric("half")
    ('half_width', None)
    """
    bare = name.partition("@")[0]
    metric = METRICS.get(bare.removeprefix(_RANK))
    if metric is None or not bare.startswith(_RANK):
        return metric
    return replace(
        metric,
        name=bare,
        unit="",
        definition=f"Rank among the units of the recording, from 0 to 1: {metric.definition}",
        valid=(0.0, 1.0),
        scale_free=True,
        follows_recording_length=False,
        derived=True,
        rank_of=metric.name,
    )


def rank_name(name: str) -> str:
    """Name the rank of a feature among the units of its recording.

    Examples
    --------
    >>> rank_name("snr@0.101")
    'rank_of_snr@0.101'
    """
    return f"{_RANK}{name}"


def feature_names(
    *,
    definition: str = NEW,
    groups: Collection[MetricGroup] = tuple(MetricGroup),
    available: Collection[Need] | None = None,
) -> tuple[str, ...]:
    """List the features of one definition, in the vocabulary's order.

    Parameters
    ----------
    definition : str
        ``"0.105"`` or ``"0.101"``.
    groups : collection of MetricGroup
        Which groups of metrics.
    available : collection of Need, optional
        If given, only those that can be computed from these.

    Examples
    --------
    >>> feature_names(definition="0.101", groups=[MetricGroup.WAVEFORM])[-1]
    'half_width@0.101'
    """
    return tuple(
        Feature(metric, definition).name
        for metric in METRICS.values()
        if definition in metric.definitions
        and metric.group in groups
        and (available is None or metric.needs <= set(available))
    )


def equal_name(name: str, *, among: Collection[str]) -> str | None:
    """Find under which name a feature is among others: its own, or that of an equal one in the other definition.

    Examples
    --------
    >>> equal_name("snr", among=["num_spikes@0.101"]), equal_name("num_spikes", among=["num_spikes@0.101"])
    (None, 'num_spikes@0.101')
    """
    if name in among:
        return name
    bare, _, release = name.partition("@")
    metric = find_metric(bare)
    if metric is None or metric.difference or len(metric.definitions) < 2:
        return None
    other = bare if release else f"{bare}@{OLD}"
    return other if other in among else None


def definition_of(columns: Collection[str], *, release: str = "") -> str | None:
    """Find which definition the metrics of a table follow.

    Parameters
    ----------
    columns : collection of str
        Names of its columns, as SpikeInterface names metrics.
    release : str, optional
        The SpikeInterface that computed them, where that is known; anything else than a version is ignored.

    Returns
    -------
    str or None
        `NEW` or `OLD`: by the release, else by the names that exist in one definition only. None where there is no
        such name, or where there are some of each.

    Examples
    --------
    >>> definition_of(["half_width", "snr"]), definition_of(["snr"]), definition_of(["snr"], release="0.104.1")
    ('0.101', None, '0.105')
    """
    try:
        return NEW if Version(release) >= _NEW_SINCE else OLD
    except ValueError:  # no version, or one of thousands of digits
        pass
    only = {METRICS[name].definitions for name in columns if name in METRICS and len(METRICS[name].definitions) == 1}
    return next(iter(only))[0] if len(only) == 1 else None
